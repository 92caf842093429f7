package websocket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestAnotherLibraryReadsWhatIsWritten(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 4096, 65_535, 65_536, 100_000}
	closed := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			closed <- err
			return
		}
		defer ws.CloseNow()
		ws.SetReadLimit(-1)
		for {
			kind, data, err := ws.Read(r.Context())
			if err != nil {
				closed <- err
				return
			}
			if err := ws.Write(r.Context(), kind, data); err != nil {
				closed <- err
				return
			}
		}
	}))
	defer s.Close()
	c, resp, err := Dial(t.Context(), s.Client(), "ws"+strings.TrimPrefix(s.URL, "http"), nil, 1<<20)
	if err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	defer c.Close()
	for _, size := range sizes {
		text := bytes.Repeat([]byte("é"), size/2+1)[:size/2*2]
		if err := c.Write(text); err != nil {
			t.Fatal(err)
		}
		if kind, data, err := c.Read(); err != nil || kind != Text || !bytes.Equal(data, text) {
			t.Fatalf("%d bytes came back as %d of kind %d, %v", len(text), len(data), kind, err)
		}
	}
	if err := c.Pong([]byte("unasked")); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteClose(4900); err != nil {
		t.Fatal(err)
	}
	c.Drain()
	if err := <-closed; websocket.CloseStatus(err) != 4900 {
		t.Errorf("the server saw %v, want 4900", err)
	}
}

func TestDialTakesNoOtherAnswerForAnUpgrade(t *testing.T) {
	for _, tt := range []struct{ answer, want string }{
		{"200 OK\r\nContent-Length: 0", "answered with 200"},
		{"101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong", "Sec-WebSocket-Accept"},
		{"101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: $", "no upgrade"},
		{"101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: $", ""}, // net/http sees no upgrade either
		{"101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: $\r\nSec-WebSocket-Extensions: permessage-deflate", "nobody asked"},
		{"101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: $\r\nSec-WebSocket-Protocol: chat", "nobody asked"},
		{"101 Switching Protocols\r\nConnection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: $", "ok"},
	} {
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				req, err := http.ReadRequest(bufio.NewReader(far))
				if err == nil {
					fmt.Fprintf(far, "HTTP/1.1 %s\r\n\r\n", strings.ReplaceAll(tt.answer, "$", acceptOf(req.Header.Get("Sec-WebSocket-Key"))))
				}
			}()
			return near, nil
		}}}
		c, _, err := Dial(t.Context(), client, "ws://gateway.test/?v=10", http.Header{"User-Agent": {"x"}}, 1000)
		if (tt.want == "ok") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.answer, err, tt.want)
		}
		if c != nil {
			c.Close()
		}
	}
}

func TestDialSaysWhatIsWrongWithAnAddress(t *testing.T) {
	for _, address := range []string{"http://gateway.test", "gateway.test", "ws://%zz"} {
		if _, _, err := Dial(t.Context(), http.DefaultClient, address, nil, 1000); err == nil {
			t.Errorf("%q was dialled", address)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDialNeedsABodyThatCanBeWritten(t *testing.T) {
	client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 101, Body: io.NopCloser(strings.NewReader("")), Header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Accept": {acceptOf(r.Header.Get("Sec-WebSocket-Key"))},
		}}, nil
	})}
	if _, _, err := Dial(t.Context(), client, "wss://gateway.test", nil, 1000); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Error(err)
	}
	client.Transport = transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })
	if _, resp, err := Dial(t.Context(), client, "wss://gateway.test", nil, 1000); err == nil || resp != nil {
		t.Error(resp, err)
	}
}

// RFC 6455, 1.3
func TestAcceptIsTheExampleOfTheRFC(t *testing.T) {
	if got := acceptOf("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}
