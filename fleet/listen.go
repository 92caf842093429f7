package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/nats-io/nats-server/v2/conf"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const listenHint = "name the users in a file (--nats-users), or listen on 127.0.0.1"

// listen says where the embedded server listens, and whom it lets in. password is this process's own, and of those who read daemon.json; it is
// empty where nobody needs any.
func (c EmbeddedConfig) listen(o *server.Options, password string) (needed string, err error) {
	o.Host, o.Port = "127.0.0.1", server.RANDOM_PORT
	if c.Listen != "" {
		if o.Host, o.Port, err = splitListen(c.Listen); err != nil {
			return "", &SetupError{"nats-listen " + c.Listen, err.Error(), "an address is host:port, as in 127.0.0.1:4222"}
		}
	}
	if c.Users != "" {
		if err := readUsers(c.Users, o); err != nil {
			hint := "it has an authorization block with users, and a tls block if wanted, as a configuration of nats-server has them"
			if _, ok := errors.AsType[*fs.PathError](err); ok {
				hint = "name a file that can be read (--nats-users)"
			}
			return "", &SetupError{c.Users, err.Error(), hint}
		}
		if err := divide(c.Name, o); err != nil {
			return "", &SetupError{c.Users, err.Error(), "docs/run.md says what a worker's user may be allowed"}
		}
	}
	if c.Listen != "" && c.Users == "" {
		if !isLoopback(o.Host) {
			return "", &SetupError{"nats-listen " + c.Listen, "other machines reach it, and there are no users", listenHint}
		}
		return "", nil
	}
	o.Users = append(o.Users, &server.User{Username: doorUser, Password: password})
	return password, nil
}

func splitListen(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no port", text)
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil // 0 is 4222 to the server
	}
	return host, int(port), nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// readUsers takes users and TLS from a configuration file of nats-server's. What else it may say would not be done, and is refused.
func readUsers(path string, into *server.Options) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	said, err := conf.ParseFile(path)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		if key != "authorization" && key != "tls" {
			return fmt.Errorf("it says %q, which chiru does not take from it", key)
		}
	}
	o, err := server.ProcessConfigFile(path)
	if err != nil {
		return err
	}
	switch {
	case o.Username != "" || o.Authorization != "" || o.AuthCallout != nil:
		return errors.New("chiru takes a list of users only")
	case len(o.Users)+len(o.Nkeys) == 0:
		return errors.New("it has no users")
	case slices.ContainsFunc(o.Users, func(u *server.User) bool { return u.Username == doorUser }):
		return fmt.Errorf("the user %q is chiru's own", doorUser)
	}
	into.Users, into.Nkeys = o.Users, o.Nkeys
	into.TLS, into.TLSConfig, into.TLSTimeout, into.TLSVerify, into.TLSMap, into.TLSPinnedCerts = o.TLS, o.TLSConfig, o.TLSTimeout, o.TLSVerify, o.TLSMap, o.TLSPinnedCerts
	return nil
}

// certificate is the server's own, in PEM; empty if it has no TLS.
func certificate(o *server.Options) string {
	if o.TLSConfig == nil || len(o.TLSConfig.Certificates) == 0 || len(o.TLSConfig.Certificates[0].Certificate) == 0 {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.TLSConfig.Certificates[0].Certificate[0]}))
}

// Options are what a connection to the door needs.
func (d Door) Options() ([]nats.Option, error) {
	var options []nats.Option
	if d.User != "" {
		options = append(options, nats.UserInfo(d.User, d.Password))
	}
	if d.Certificate == "" {
		return options, nil
	}
	block, _ := pem.Decode([]byte(d.Certificate))
	if block == nil {
		return nil, errors.New("fleet: the certificate in daemon.json is none")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	// The certificate is the one to be met, whatever host it is for.
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
	switch {
	case len(leaf.DNSNames) > 0:
		config.ServerName = leaf.DNSNames[0]
	case len(leaf.IPAddresses) > 0:
		config.ServerName = leaf.IPAddresses[0].String()
	}
	return append(options, nats.Secure(config)), nil
}
