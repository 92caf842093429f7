package gatewaytest

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// query is what a client's URL asks for: docs /events/gateway#connecting.
type query struct{ v, encoding, compress string }

func (q query) String() string {
	return fmt.Sprintf("v=%s&encoding=%s&compress=%s", q.v, q.encoding, q.compress)
}

// upgrade answers a WebSocket handshake, RFC 6455 section 4.2. It returns nil if there is no connection.
func (s *Server) upgrade(nc net.Conn, req *http.Request, host string) *Conn {
	key, err := base64.StdEncoding.DecodeString(req.Header.Get("Sec-WebSocket-Key"))
	switch {
	case req.Method != http.MethodGet || !req.ProtoAtLeast(1, 1) ||
		!hasToken(req.Header, "Connection", "upgrade") || !hasToken(req.Header, "Upgrade", "websocket") ||
		err != nil || len(key) != 16:
		s.httpViolation(RuleWebSocket, "%s %s is no WebSocket handshake", req.Method, req.URL)
		answer(nc, http.StatusBadRequest, nil, "")
		return nil
	case req.Header.Get("Sec-WebSocket-Version") != "13":
		s.httpViolation(RuleWebSocket, "WebSocket version %q", req.Header.Get("Sec-WebSocket-Version"))
		answer(nc, http.StatusUpgradeRequired, http.Header{"Sec-Websocket-Version": {"13"}}, "")
		return nil
	}
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	if _, err := nc.Write([]byte(head + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")); err != nil {
		return nil
	}
	q := req.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.accepted++
	c := &Conn{s: s, id: s.accepted, host: host, nc: nc, shard: shardTag(q), limit: noLimit, opened: time.Now(), gone: make(chan struct{})}
	c.turn.L = &s.mu
	c.pace.held = -1
	s.conns = append(s.conns, c)
	if e := req.Header.Get("Sec-WebSocket-Extensions"); e != "" {
		c.violation(RuleWebSocket, "offered the extension %q", e)
	}
	c.agree(q)
	s.watch(c.due())
	s.log.Info("gatewaytest: connection", "conn", c.id, "host", host, "query", c.query.String())
	return c
}

// shardTag is the shard that a client names in its URL, -1 if it does not. Discord ignores the parameter.
func shardTag(q url.Values) int {
	if shard, err := strconv.Atoi(q.Get("shard")); err == nil && shard >= 0 {
		return shard
	}
	return -1
}

// agree settles version, encoding and compression, or closes. Called with s.mu held.
func (c *Conn) agree(q url.Values) {
	c.query = query{q.Get("v"), q.Get("encoding"), q.Get("compress")}
	switch c.query.v {
	case "9", "10":
	case "6", "7", "8", "":
		// docs /reference#api-versioning: without v it is 6.
		c.violation(RuleVersion, "v is %q, 9 and 10 are current", c.query.v)
	default:
		c.fault(4012, RuleVersion, "v is %.20q", c.query.v)
		return
	}
	switch c.query.encoding {
	case "json":
	case "":
		c.violation(RuleEncoding, "encoding is not given")
	default:
		c.fault(4002, RuleEncoding, "encoding is %.20q, only json is served", c.query.encoding)
		return
	}
	c.pack, c.splitZlib = packer{presses: &c.s.presses}, c.s.cfg.SplitZlib
	switch c.query.compress {
	case "", compressZlib, compressZstd:
		c.pack.mode = c.query.compress
	default:
		c.violation(RuleCompress, "compress is %.20q", c.query.compress)
	}
}

// hasToken looks for a token in a comma-separated header.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
