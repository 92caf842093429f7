package chiru

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// APIVersion is the gateway version that Chiru speaks.
const APIVersion = 10

// address knows where the shard connects.
type address struct {
	base    *url.URL
	query   url.Values
	trusted []string // hosts a resume URL may name
}

// query is what every connection asks for, with what the first URL asks for besides; a RESUME must ask for the same
// (docs /events/gateway#resuming).
func (c *Config) query(base *url.URL) url.Values {
	q := base.Query()
	q.Del("compress")
	q.Set("v", fmt.Sprint(APIVersion))
	q.Set("encoding", "json")
	if c.Compression != CompressionNone {
		q.Set("compress", c.Compression.String())
	}
	return q
}

// with is the URL to dial: a path and our parameters, whatever the given one has (Discord's own often have neither).
func (a *address) with(u *url.URL) string {
	full := *u
	if full.Path == "" {
		full.Path = "/"
	}
	q := full.Query()
	q.Del("compress")
	maps.Copy(q, a.query)
	full.RawQuery = q.Encode()
	return full.String()
}

func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is no URL")
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, fmt.Errorf("has scheme %q; use ws or wss", u.Scheme)
	case domain(u) == "":
		return nil, errors.New("has no host")
	case u.User != nil:
		return nil, errors.New("has a user; the gateway knows none")
	}
	return u, nil
}

// resumable says whether the token may be sent to a resume URL, which comes from the network or a
// store: never by a weaker scheme, and only to the first URL's host, to one under its parent domain, or to one that Config names.
func (a *address) resumable(text string) error {
	u, err := parseBase(text)
	if err != nil {
		return err
	}
	if u.Scheme == "ws" && a.base.Scheme != "ws" {
		return errors.New("is not encrypted")
	}
	host, base := domain(u), domain(a.base)
	if host == base || slices.ContainsFunc(a.trusted, func(h string) bool { return domain(&url.URL{Host: h}) == host }) {
		return nil
	}
	if _, parent, _ := strings.Cut(base, "."); isName(base) && isName(host) &&
		strings.Contains(parent, ".") && strings.HasSuffix(host, "."+parent) {
		return nil
	}
	return fmt.Errorf("names host %q, which is not near %q; add it to ResumeHosts if it is right", host, base)
}

// isName tells a name from an address: the zone of an IPv6 address may end like any domain.
func isName(host string) bool {
	labels := strings.Split(host, ".")
	top := labels[len(labels)-1]
	return !slices.Contains(labels, "") && !strings.ContainsAny(host, "%[]") && (top[0] < '0' || top[0] > '9')
}

func domain(u *url.URL) string {
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}
