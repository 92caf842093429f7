package chiru

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

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
