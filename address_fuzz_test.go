package chiru

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzResumable: no resume URL is sent the token unless the rule, read here a second time, lets it.
func FuzzResumable(f *testing.F) {
	for _, resume := range []string{
		"wss://gateway-us-east1-b.discord.gg", "WSS://GATEWAY-2.DISCORD.GG.:443/?x#y", "ws://gateway.discord.gg",
		"wss://x@gateway.discord.gg", "wss://gateway.discord.gg@evil.test", "wss://evil.test/.discord.gg", "wss://evil.test?.discord.gg",
		"wss://evil.test#.discord.gg", "wss://evil.test\\.discord.gg", "wss://[2001:db8::1%25x.discord.gg]", "wss://%65vil.discord.gg", "wss:gateway.discord.gg",
	} {
		f.Add("wss://gateway.discord.gg", "relay.example", resume)
	}
	f.Add("ws://10.0.1", "", "ws://8.0.1")
	f.Add("ws://[fe80::1%25a.b.c]", "", "ws://x.b.c")
	f.Fuzz(func(t *testing.T, first, trusted, resume string) {
		base, err := parseBase(first)
		if err != nil {
			return
		}
		a := &address{base: base, trusted: []string{trusted}}
		if a.resumable(resume) != nil {
			return
		}
		if u, err := parseBase(resume); err != nil || a.with(u) == "" {
			t.Fatalf("%q may be resumed at, and is no URL: %v", resume, err)
		}
		if !mayResume(t, first, trusted, resume) {
			t.Fatalf("%q may be resumed at, after %q and with %q trusted", resume, first, trusted)
		}
	})
}

// mayResume reads URLs letter by letter. The rule: wss, or ws where the first URL is ws; and the first URL's host, or a
// host under that one's parent domain, which has two labels at least and is no address, or one that is trusted.
func mayResume(t *testing.T, first, trusted, resume string) bool {
	baseScheme, base := split(t, first)
	scheme, host := split(t, resume)
	if scheme != "wss" && (scheme != "ws" || baseScheme != "ws") || host == "" {
		return false
	}
	if host == base || host == bare(t, trusted) {
		return true
	}
	below, labels := strings.Split(host, "."), strings.Split(base, ".")
	up := len(labels) - 1
	return up >= 2 && len(below) > up && slices.Equal(below[len(below)-up:], labels[1:]) &&
		!slices.Contains(slices.Concat(below, labels), "") &&
		!strings.ContainsAny(host+base, ":%[]") && !strings.ContainsAny(labels[up][:1], "0123456789")
}

func split(t *testing.T, text string) (scheme, host string) {
	scheme, rest, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if strings.Contains(rest, "@") {
		return scheme, ""
	}
	return strings.ToLower(scheme), bare(t, rest)
}

// bare is a host without its port, its brackets, a last dot and the difference of letters.
func bare(t *testing.T, host string) string {
	if end := strings.LastIndexAny(host, ":]"); end >= 0 && host[end] == ':' {
		host = host[:end]
	}
	if !strings.HasPrefix(host, "[") { // the zone of an address keeps its escapes, which only means that less is alike
		var err error
		if host, err = url.PathUnescape(host); err != nil {
			t.Logf("%q: %v", host, err)
		}
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
