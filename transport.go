package chiru

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// headerMost bounds the header of an answer to an upgrade; net/http by itself takes 10 MiB.
const headerMost = 64 << 10

// ownTransport serves every Run that has no HTTPClient. It keeps no idle connections: a WebSocket
// takes its own with it. TLS sessions are kept, which makes a reconnect cheap.
var ownTransport http.RoundTripper = &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: dialWait, KeepAlive: 30 * time.Second}).DialContext,
	TLSHandshakeTimeout:   dialWait,
	ResponseHeaderTimeout: dialWait,
	DisableKeepAlives:     true,
	TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12, // docs /reference#encryption
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	},
	// Not nil: an upgrade needs HTTP/1.1.
	TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
}

// upgradeClient is client, or our own, without what could send the token elsewhere, cut a connection
// short, or outlive a request.
func upgradeClient(client *http.Client) *http.Client {
	own := http.Client{Transport: ownTransport}
	if client != nil {
		own = *client
		if own.Transport == nil {
			own.Transport = http.DefaultTransport
		}
	}
	if t, ok := own.Transport.(*http.Transport); ok {
		own.Transport = tied(t)
	}
	own.Timeout = 0
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// upgrade is one HTTP request that may become a WebSocket. It is the RoundTripper of that request, and
// keeps the socket, so that a close that hangs can be cut short: TLS's may take seconds.
type upgrade struct {
	http.RoundTripper
	ctx    context.Context
	socket io.Closer
	keep   func() bool // lets the socket outlive ctx
}

type upgradeKey struct{}

func (u *upgrade) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := u.RoundTripper.RoundTrip(req.WithContext(context.WithValue(req.Context(), upgradeKey{}, u)))
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return resp, err
	}
	if u.socket == nil {
		u.socket = resp.Body // a RoundTripper that is no http.Transport
	}
	return resp, nil
}

// tied is t with dials that end with their request. By itself an http.Transport lets a dial and its TLS
// handshake go on, for another request to use; there will be none.
func tied(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.DisableKeepAlives = true
	if t.MaxResponseHeaderBytes == 0 {
		t.MaxResponseHeaderBytes = headerMost
	}
	tie := func(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			u, ok := ctx.Value(upgradeKey{}).(*upgrade)
			if !ok {
				return dial(ctx, network, address)
			}
			socket, err := dial(u.ctx, network, address)
			if err == nil {
				u.socket = socket
				u.keep = context.AfterFunc(u.ctx, func() { _ = socket.Close() })
			}
			return socket, err
		}
	}
	if t.DialTLSContext != nil {
		t.DialTLSContext = tie(t.DialTLSContext)
	}
	if t.DialContext == nil {
		t.DialContext = new(net.Dialer).DialContext
	}
	t.DialContext = tie(t.DialContext)
	return t
}
