package websocket

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// Dial opens a connection to a ws or wss address: RFC 6455, 4.1. ctx is for the dial alone. most bounds a message. An
// answer that is no upgrade comes with an error, its body closed.
func Dial(ctx context.Context, client *http.Client, address string, header http.Header, most int) (*Conn, *http.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	default:
		return nil, nil, fmt.Errorf("the address begins with %q, not ws or wss", u.Scheme)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(req.Header, header)
	nonce := make([]byte, 16)
	rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", key)
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	socket, ok := resp.Body.(io.ReadWriteCloser)
	if err := accepted(resp, key); err != nil {
		_ = resp.Body.Close()
		return nil, resp, err
	}
	if !ok {
		_ = resp.Body.Close()
		return nil, resp, fmt.Errorf("the answer's body is a %T, which cannot be written to", resp.Body)
	}
	return newConn(socket, most), resp, nil
}

// accepted checks an answer: RFC 6455, 4.1, page 19.
func accepted(resp *http.Response, key string) error {
	h := resp.Header
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("answered with %d, not 101", resp.StatusCode)
	case !lists(h, "Connection", "upgrade") || !lists(h, "Upgrade", "websocket"):
		return errors.New("the answer is no upgrade to WebSocket")
	case h.Get("Sec-WebSocket-Accept") != acceptOf(key):
		return errors.New("the answer has the wrong Sec-WebSocket-Accept")
	case h.Get("Sec-WebSocket-Extensions") != "" || h.Get("Sec-WebSocket-Protocol") != "":
		return errors.New("the answer has an extension or protocol that nobody asked for")
	}
	return nil
}

func lists(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(word), token) {
				return true
			}
		}
	}
	return false
}

func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
