package gatewaytest

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	goodAgent = "DiscordBot (https://example.com, 1.0)"
	goodQuery = "v=10&encoding=json"
)

// player is a client written by hand, frame by frame, so that it can break any rule.
type player struct {
	t     testing.TB
	s     *Server
	nc    net.Conn
	r     *bufio.Reader
	inbox func(typ byte, p []byte) []byte // decompresses; nil for plain text
}

// dial opens a WebSocket at the gateway or the resume URL.
func dial(t testing.TB, s *Server, base, query string, header ...string) *player {
	t.Helper()
	p, resp := handshake(t, s, base, query, header...)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: got status %d, want 101", resp.StatusCode)
	}
	return p
}

func handshake(t testing.TB, s *Server, base, query string, header ...string) (*player, *http.Response) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	addr := u.Host
	if u.Port() == "" {
		addr += ":80"
	}
	nc, err := s.Client().Transport.(*http.Transport).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatalf("dial %s: %v", addr, err)
	}
	t.Cleanup(func() { nc.Close() })
	req, _ := http.NewRequest(http.MethodGet, "http://"+u.Host+"/?"+query, nil)
	req.Header = http.Header{
		"User-Agent": {goodAgent}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if err := req.Write(nc); err != nil {
		t.Fatalf("write request: %v", err)
	}
	r := bufio.NewReader(nc)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		t.Fatalf("read response: %v", err)
	}
	return &player{t: t, s: s, nc: nc, r: r}, resp
}

// frame writes one masked frame.
func (p *player) frame(first byte, payload []byte) {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	p.nc.Write(b) // the server may be gone already; what it sent says why
}

func (p *player) text(s string) { p.frame(0x80|frameText, []byte(s)) }

func (p *player) send(op int, d any) {
	p.text(string(mustJSON(map[string]any{"op": op, "d": d})))
}

func (p *player) close(code int) {
	p.frame(0x80|frameClose, binary.BigEndian.AppendUint16(nil, uint16(code)))
}

// message is what the server sent: a payload, a close, or the end.
type message struct {
	Op    int             `json:"op"`
	S     *int64          `json:"s"`
	T     *string         `json:"t"`
	D     json.RawMessage `json:"d"`
	close int
	err   error
}

func (m message) String() string {
	switch {
	case m.err != nil:
		return m.err.Error()
	case m.close != 0:
		return fmt.Sprintf("close %d", m.close)
	case m.Op == 0 && m.T != nil && m.S != nil:
		return fmt.Sprintf("%s %d", *m.T, *m.S)
	}
	return fmt.Sprintf("op %d %s", m.Op, m.D)
}

// next reads the next message; waiting for more than an hour is the end, too.
func (p *player) next() message {
	p.t.Helper()
	p.nc.SetReadDeadline(time.Now().Add(time.Hour))
	var whole []byte
	for {
		var head [2]byte
		if _, err := io.ReadFull(p.r, head[:]); err != nil {
			return message{err: err}
		}
		n := uint64(head[1])
		switch n {
		case 126:
			var b [2]byte
			io.ReadFull(p.r, b[:])
			n = uint64(binary.BigEndian.Uint16(b[:]))
		case 127:
			var b [8]byte
			io.ReadFull(p.r, b[:])
			n = binary.BigEndian.Uint64(b[:])
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(p.r, payload); err != nil {
			return message{err: err}
		}
		typ := head[0] & 0xF
		switch typ {
		case frameClose:
			if len(payload) < 2 {
				return message{close: 1005}
			}
			return message{close: int(binary.BigEndian.Uint16(payload))}
		case framePong:
			return message{Op: -int(framePong), D: payload}
		}
		if p.inbox != nil {
			if whole = p.inbox(typ, payload); whole == nil {
				continue
			}
		} else if whole = payload; typ != frameText {
			p.t.Errorf("uncompressed message in a frame of type %d, want text", typ)
		}
		var m message
		if err := json.Unmarshal(whole, &m); err != nil {
			p.t.Fatalf("server sent %.100q: %v", whole, err)
		}
		return m
	}
}

// until reads messages up to one that prints with this prefix, and returns all of them.
func (p *player) until(prefix string) []message {
	p.t.Helper()
	var seen []message
	for {
		m := p.next()
		seen = append(seen, m)
		if strings.HasPrefix(m.String(), prefix) {
			return seen
		}
		if m.err != nil || m.close != 0 {
			p.t.Fatalf("got %v, want %s after %v", m, prefix, seen[:len(seen)-1])
		}
	}
}

func (p *player) want(prefixes ...string) message {
	p.t.Helper()
	var m message
	for _, prefix := range prefixes {
		if m = p.next(); !strings.HasPrefix(m.String(), prefix) {
			p.t.Fatalf("got %v, want %s", m, prefix)
		}
	}
	return m
}

// idle beats once at the time given by part of the interval, then every interval, for d.
func (p *player) idle(d time.Duration, seq any) {
	end := time.Now().Add(d)
	for {
		p.send(1, seq)
		if !time.Now().Add(p.s.cfg.HeartbeatInterval).Before(end) {
			break
		}
		time.Sleep(p.s.cfg.HeartbeatInterval)
	}
	time.Sleep(time.Until(end))
}

func identity(s *Server, change ...any) map[string]any {
	d := map[string]any{
		"token": s.cfg.Token, "intents": 0x331FFFF, "shard": []int{0, 1},
		"properties": map[string]string{"os": "linux", "browser": "player", "device": "player"},
	}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == nil {
			delete(d, change[i].(string))
		} else {
			d[change[i].(string)] = change[i+1]
		}
	}
	return d
}

// login opens a connection and identifies; change replaces fields of the IDENTIFY, nil removes one.
func login(t testing.TB, s *Server, change ...any) (*player, string) {
	t.Helper()
	p := dial(t, s, s.URL(), goodQuery)
	p.want("op 10")
	p.send(2, identity(s, change...))
	return p, p.ready()
}

func (p *player) ready() (sessionID string) {
	p.t.Helper()
	var d struct {
		SessionID string `json:"session_id"`
	}
	json.Unmarshal(p.want("READY 1").D, &d)
	return d.SessionID
}

func relogin(t testing.TB, s *Server, session string, seq any) *player {
	t.Helper()
	p := dial(t, s, s.ResumeURL(), goodQuery)
	p.want("op 10")
	p.send(6, map[string]any{"token": s.Token(), "session_id": session, "seq": seq})
	return p
}

// stays waits ten seconds in which the server says nothing and leaves the connection open.
func (p *player) stays() {
	p.t.Helper()
	p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	if b, err := p.r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("got byte %#x, %v; want silence", b, err)
	}
}

// rulesOf lists the distinct rules broken so far.
func rulesOf(s *Server) []string {
	var rules []string
	for _, v := range s.Violations() {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}
