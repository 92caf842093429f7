package gatewaytest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// typed is an accepted connection on which a client has typed something, and hangs up once it has heard the answer.
type typed struct {
	s   *Server
	in  *bytes.Reader
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *typed) Read(p []byte) (int, error) {
	for c.in.Len() == 0 && c.isOwed() {
		runtime.Gosched()
	}
	return c.in.Read(p)
}

// isOwed says that the server has something to write here.
func (c *typed) isOwed() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for _, conn := range c.s.conns {
		if conn.nc == c && !conn.over && (len(conn.queue) > 0 || conn.sess != nil && conn.cursor < min(conn.sess.seq, conn.limit)) {
			return true
		}
	}
	return false
}

func (c *typed) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

func (*typed) Close() error                     { return nil }
func (*typed) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (*typed) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4000} }
func (*typed) SetDeadline(time.Time) error      { return nil }
func (*typed) SetReadDeadline(time.Time) error  { return nil }
func (*typed) SetWriteDeadline(time.Time) error { return nil }

// typeIn is what the server says to an accepted connection, in all.
func typeIn(t *testing.T, s *Server, host string, in []byte) []byte {
	t.Helper()
	c := &typed{s: s, in: bytes.NewReader(in)}
	guard := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("no end to %q", in)) })
	defer guard.Stop()
	s.handle(c, host)
	return c.out.Bytes()
}

// split reads an answer's head, and gives the rest apart.
func split(t *testing.T, answer []byte) (*http.Response, []byte) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(answer))
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("the answer is no HTTP: %v: %.200q", err, answer)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		rest, _ := io.ReadAll(r)
		return resp, rest
	}
	body, err := io.ReadAll(resp.Body)
	if rest, _ := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Fatalf("a body with error %v, and then %.200q", err, rest)
	}
	return resp, body
}

func request(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n") }

func mustServe(t *testing.T, s *Server) {
	t.Helper()
	if resp, body := split(t, typeIn(t, s, hostAPI, request("GET /api/v10/gateway HTTP/1.1", "Host: discord.test", "User-Agent: "+goodAgent))); resp.StatusCode != 200 {
		t.Fatalf("afterwards: got %d %s, want 200", resp.StatusCode, body)
	}
	if resp, _ := split(t, typeIn(t, s, hostGateway, handshakeOf("/?"+goodQuery))); resp.StatusCode != 101 {
		t.Fatalf("afterwards: got %d, want 101", resp.StatusCode)
	}
}

func handshakeOf(target string) []byte {
	return request("GET "+target+" HTTP/1.1", "Host: gateway.discord.test", "User-Agent: "+goodAgent, "Connection: Upgrade",
		"Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
}

// masked is a client's frame.
func masked(first byte, payload string) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// FuzzUpgrade: whatever is typed on an accepted connection, the answer is one of HTTP's and then whole frames, no longer
// than it may be, and the server serves on.
func FuzzUpgrade(f *testing.F) {
	good := handshakeOf("/?" + goodQuery)
	f.Add(good, byte(0))
	f.Add(slices.Concat(good, masked(0x81, `{"op":1,"d":null}`), masked(0x88, "\x0f\xa0")), byte(0))
	f.Add(slices.Concat(handshakeOf("/?v=10&encoding=json&compress=zlib-stream"), masked(0x89, "ping")), byte(1))
	f.Add(slices.Concat(handshakeOf("/?v=99&encoding=etf&compress=%zz"), masked(0x81, "{")), byte(0))
	f.Add(request("GET /api/v10/gateway/bot HTTP/1.0"), byte(2))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n"), byte(0))
	f.Add([]byte("GET http://[::1%25x]:1/?a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), byte(1))
	f.Fuzz(func(t *testing.T, in []byte, host byte) {
		s := NewMemoryServer(Config{Guilds: 1, Members: 5})
		defer s.Close()
		name := []string{hostGateway, hostResume, hostAPI}[host%3]
		out := typeIn(t, s, name, in)
		if most := 64<<10 + 200*len(in); len(out) > most {
			t.Fatalf("%d bytes of answer to %d", len(out), len(in))
		}
		if len(out) > 0 {
			resp, rest := split(t, out)
			if !slices.Contains([]int{101, 200, 400, 401, 404, 405, 426}, resp.StatusCode) || resp.StatusCode == 101 && name == hostAPI {
				t.Fatalf("%s answered %d", name, resp.StatusCode)
			}
			if resp.StatusCode == 101 {
				readFrames(t, rest)
			} else if len(rest) > 0 && !json.Valid(rest) {
				t.Fatalf("the body is no JSON: %.200q", rest)
			}
		}
		mustServe(t, s)
	})
}

// readFrames holds what follows a 101 to whole, plain frames of a server, of which a close is the last.
func readFrames(t *testing.T, b []byte) {
	t.Helper()
	for closed := false; len(b) > 0; {
		head, n := 2, 0
		if len(b) >= 2 {
			if n = int(b[1]); n == 126 && len(b) >= 4 {
				head, n = 4, int(b[2])<<8|int(b[3])
			}
		}
		if len(b) < head+n || b[0]&0xF0 != 0x80 || b[1] > 126 || closed {
			t.Fatalf("no frame of a server: %.100q (after a close: %v)", b, closed)
		}
		payload := b[head : head+n]
		switch b[0] & 0xF {
		case frameText:
			if !json.Valid(payload) || !utf8.Valid(payload) {
				t.Fatalf("the server sent %q", payload)
			}
		case frameClose:
			closed = true
		case frameBinary, framePong:
		default:
			t.Fatalf("a frame of type %d", b[0]&0xF)
		}
		b = b[head+n:]
	}
}

// FuzzControl: whatever is asked of the control API, it answers with one JSON object, and the server serves on.
func FuzzControl(f *testing.F) {
	for _, r := range [][4]string{
		{"POST", "dispatch", "", `{"shard":0,"type":"MESSAGE_CREATE"}`},
		{"POST", "dispatch", "", `{"shard":0,"type":"A","data":{"a":"\ud800"}}`},
		{"POST", "dispatch", "", "{\"shard\":0,\"type\":\"A\",\"data\":\"\xff\"}"},
		{"POST", "break", "", `{"shard":0,"how":"close","code":4009}`},
		{"POST", "hosts", "", `{"host":"api","down":true,"mute":true}`},
		{"POST", "hosts", "", `{"host":"gateway","mute":true}`},
		{"GET", "ledger?session=x", "", ""},
		{"GET", "received?since=9223372036854775807", "", ""},
		{"GET", "violations", "Origin: http://evil.test", ""},
		{"GET", "../control/sessions?%zz", "Host: a", ""},
		{"POST", "dispatch", "Expect: 100-continue\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"},
	} {
		f.Add(r[0], r[1], r[2], r[3])
	}
	f.Fuzz(func(t *testing.T, method, path, header, body string) {
		s := NewMemoryServer(Config{Guilds: 1, Members: 5, Control: true})
		defer s.Close()
		p, _ := login(t, s)
		lines := []string{method + " /control/" + path + " HTTP/1.1", "Host: localhost", "User-Agent: " + goodAgent}
		if header != "" {
			lines = append(lines, header)
		}
		if !strings.Contains(strings.ToLower(header), "transfer-encoding") {
			lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
		}
		out := typeIn(t, s, hostAPI, append(request(lines...), body...))
		if most := 64<<10 + 8*len(body+path); len(out) > most {
			t.Fatalf("%d bytes of answer", len(out))
		}
		if bytes.Contains(out, []byte(s.Token())) && !strings.Contains(body+path+header+method, s.Token()) {
			t.Fatalf("the token is in %q", out)
		}
		if len(out) > 0 {
			checkControl(t, out)
		}
		for host := range memoryHosts { // what the request may have broken, a request mends
			well := fmt.Sprintf(`{"host":%q,"down":false,"mute":false}`, host)
			resp, b := split(t, typeIn(t, s, hostAPI, append(request("POST /control/hosts HTTP/1.1", "Host: localhost", fmt.Sprintf("Content-Length: %d", len(well))), well...)))
			if resp.StatusCode != 200 {
				t.Fatalf("afterwards: got %d %s, want 200", resp.StatusCode, b)
			}
		}
		mustServe(t, s)
		p.nc.Close()
	})
}

func checkControl(t *testing.T, answer []byte) {
	t.Helper()
	resp, body := split(t, answer)
	switch {
	case !slices.Contains([]int{200, 400, 403, 404, 405, 409, 413}, resp.StatusCode):
		t.Fatalf("status %d", resp.StatusCode)
	case !utf8.Valid(body) || resp.Header.Get("Content-Type") != "application/json":
		t.Fatalf("%s: %q", resp.Header.Get("Content-Type"), body)
	}
	f, ok := parseFields(body)
	text, failed := f.text("error")
	if !ok || failed == (resp.StatusCode == 200) || failed && text == "" {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
}
