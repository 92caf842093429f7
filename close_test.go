package chiru_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/chiru-go/chiru"
)

// piped is a RoundTripper whose first request becomes one end of a pipe, and whose others find nobody.
type piped struct{ near net.Conn }

func (p *piped) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.near == nil {
		return nil, errors.New("nobody is there")
	}
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455, 1.3
	resp := &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: p.near, Request: req, Header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])},
	}}
	p.near = nil
	return resp, nil
}

// overPipe runs a client against the other end of its pipe.
func overPipe(t *testing.T, server func(far net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = chiru.Run(ctx, chiru.Config{
				URL: "ws://gateway.test", Token: "x", Compression: chiru.CompressionNone, HTTPClient: &http.Client{Transport: &piped{near}},
			}, nil, make(chan chiru.IncomingEvent))
		}()
		server(far)
		far.Close()
		cancel()
		<-ended
	})
}

func frame(op byte, payload string) []byte {
	return append([]byte{0x80 | op, byte(len(payload))}, payload...)
}

// closeCode reads a client's frames up to its close frame.
func closeCode(t *testing.T, r *bufio.Reader) int {
	for {
		var head [6]byte // no longer frames are sent here
		if _, err := io.ReadFull(r, head[:]); err != nil {
			t.Errorf("no close frame came: %v", err)
			return 0
		}
		payload := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(r, payload); err != nil {
			t.Error(err)
			return 0
		}
		if head[0] == 0x88 {
			return int(payload[0]^head[2])<<8 | int(payload[1]^head[3])
		}
	}
}

const hello = `{"op":10,"d":{"heartbeat_interval":600000}}`

// RFC 6455, 5.5.1: the answer typically has the same code. 1000 and 1001 end the session that is to be resumed.
func TestCloseFrameIsAnsweredWithACodeThatKeepsTheSession(t *testing.T) {
	for _, code := range []string{"\x03\xe8", "\x03\xe9", "\x0f\xa0", ""} {
		overPipe(t, func(far net.Conn) {
			go far.Write(append(frame(1, hello), frame(8, code)...))
			if got := closeCode(t, bufio.NewReader(far)); got != 4900 {
				t.Errorf("close %x was answered with %d, want 4900", code, got)
			}
		})
	}
}

// A socket that is closed with something unread is reset, which may take back what was written before.
func TestCloseCodeIsFollowedByAReadToTheEnd(t *testing.T) {
	overPipe(t, func(far net.Conn) {
		go far.Write(append(frame(1, hello), 0x81, 127, 0, 0, 0, 0, 255, 0, 0, 0)) // longer than MaxMessage
		if got := closeCode(t, bufio.NewReader(far)); got != 4900 {
			t.Errorf("a message too long was followed by close %d, want 4900", got)
		}
		for range 100 {
			if _, err := far.Write(frame(1, `{"op":11}`)); err != nil {
				t.Errorf("what came after the close frame was not read: %v", err)
				return
			}
		}
	})
}
