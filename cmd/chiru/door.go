package main

import (
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru/fleet"
)

// follower leads a connection to the server that a chiru run embeds, wherever it is by now: each start has another port and password. The connection
// is the same all the time, so its subscriptions last. It dials, and asks for what belongs to that, in one goroutine at a time.
type follower struct {
	folder string
	door   fleet.Door // of the last Dial
}

// Dial implements nats.CustomDialer. The address is what daemon.json said once.
func (f *follower) Dial(network, _ string) (net.Conn, error) {
	door, err := fleet.ReadDoor(f.folder)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(door.URL)
	if err != nil {
		return nil, err
	}
	f.door = door
	return net.DialTimeout(network, u.Host, natsWait)
}

func (f *follower) options() ([]nats.Option, error) {
	own, err := f.door.Options()
	return append(own, nats.SetCustomDialer(f), nats.SkipHostLookup(), nats.IgnoreDiscoveredServers(), func(o *nats.Options) error {
		o.User, o.Password = "", "" // the client refuses them beside a handler
		o.UserInfo = func() (string, string) { return f.door.User, f.door.Password }
		o.RootCAsCB = f.authority
		return nil
	}), err
}

// authority is the certificate that is to be met; nil if the door names none.
func (f *follower) authority() (*x509.CertPool, error) {
	if f.door.Certificate == "" {
		return nil, nil
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(f.door.Certificate))
	return trusted, nil
}

// tellOfDaemon says when the daemon is away, and when it is back.
func tellOfDaemon(logger *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("the daemon is away; waiting for chiru run to start again", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { logger.Info("the daemon is back") }),
	}
}
