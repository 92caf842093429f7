package chiru

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/chiru-go/chiru/internal/session"
	"github.com/chiru-go/chiru/internal/websocket"
)

const (
	dialWait  = 20 * time.Second // from the dial to the 101
	writeWait = 10 * time.Second
	closeWait = 250 * time.Millisecond // for Discord's answer to our close frame, and for why a connection is broken
	readWait  = 2 * closeWait          // the writer's own wait may come first
)

const userAgent = "DiscordBot (https://github.com/chiru-go/chiru, " + Version + ")"

// conn is one connection and its two goroutines: one dials and then reads, one writes. The shard
// goroutine owns it: only it calls close, once, and then waits for done.
type conn struct {
	in    chan *batch   // the reader's; unbuffered, so that what is not taken is not read
	out   chan []byte   // payloads for the writer, one at a time
	wrote chan error    // the writer's answer to each; it is there before done
	pongs chan []byte   // the payload of the newest ping, for the writer
	read  chan struct{} // closed when the reader reads no more
	done  chan struct{} // closed when both goroutines have ended

	quit     chan struct{} // closed by close
	code     int           // to close with, 0 for none; set before quit is closed
	hangUp   context.CancelFunc
	watchdog *time.Timer // ends a close that takes too long

	ws     *websocket.Conn
	socket io.Closer // below ws; both are set before opened is handed over
	isOpen bool      // the shard goroutine has taken opened
}

// received is what the reader hands over.
type received struct {
	what     receivedKind
	msg      session.Message
	dispatch *Dispatch       // a dispatch that the filter lets through
	refused  error           // why READY's resume URL must not be used
	fail     session.Failure // lost
	err      error           // lost
}

type receivedKind uint8

const (
	opened  receivedKind = iota
	message              // a payload
	garbage              // no payload, though the stream goes on
	lost
)

// dial starts a connection to url. Its context is not the caller's: a stop closes with a code of its own.
func dial(url string, cfg *Config, r reader) *conn {
	ctx, hangUp := context.WithTimeout(context.Background(), dialWait)
	c := &conn{
		in: make(chan *batch), out: make(chan []byte), wrote: make(chan error, 1), pongs: make(chan []byte, 1),
		read: make(chan struct{}), done: make(chan struct{}), quit: make(chan struct{}), hangUp: hangUp,
	}
	go func() {
		defer close(c.done)
		defer hangUp()
		c.run(ctx, url, cfg, r)
	}()
	return c
}

func (c *conn) run(ctx context.Context, url string, cfg *Config, r reader) {
	fail, err := c.open(ctx, url, cfg)
	if err != nil {
		c.hand(alone(received{what: lost, fail: fail, err: err}))
		return
	}
	if !c.hand(alone(received{what: opened})) {
		c.drop()
		return
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	r.run(c)
	<-c.quit
	if c.code != 0 {
		c.ws.Drain()
	}
	close(c.read)
	<-written
}

// hand gives b to the shard goroutine; false means that it wants no more.
func (c *conn) hand(b *batch) bool {
	select {
	case c.in <- b:
		return true
	case <-c.quit:
		return false
	}
}

func (c *conn) open(ctx context.Context, url string, cfg *Config) (session.Failure, error) {
	u := &upgrade{RoundTripper: cfg.HTTPClient.Transport, ctx: ctx}
	client := *cfg.HTTPClient
	client.Transport = u
	ws, resp, err := websocket.Dial(ctx, &client, url, http.Header{"User-Agent": {userAgent}}, cfg.MaxMessage)
	if err == nil {
		c.ws, c.socket = ws, u.socket
		if u.keep != nil {
			u.keep()
		}
		return session.Failure{}, nil
	}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		refusal := refusedBy(resp, hostOf(url))
		return session.Failure{Kind: session.Refused, RetryAfter: refusal.RetryAfter}, refusal
	}
	return session.Failure{Kind: session.DialFailed}, dialError(url, err)
}

const day = 24 * time.Hour // the longest Retry-After that is told

func refusedBy(resp *http.Response, host string) *UpgradeError {
	e := &UpgradeError{Host: host, Status: resp.StatusCode}
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, day.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(text); err == nil {
		e.RetryAfter = min(max(time.Until(at), 0), day)
	}
	return e
}

// dialError names the host and the cause, without the layers that add nothing.
func dialError(dialed string, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if op, ok := err.(*net.OpError); ok && op.Addr != nil && op.Addr.String() == hostOf(dialed) {
		err = op.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("dial %s: no answer within %v: %w", hostOf(dialed), dialWait, err)
	}
	return fmt.Errorf("dial %s: %w", hostOf(dialed), err)
}

func hostOf(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Host
	}
	return "?"
}

// write is the writer goroutine.
func (c *conn) write() {
	for {
		select {
		case <-c.quit:
			if c.code != 0 && c.ws.WriteClose(c.code) == nil {
				<-c.read // until then closing the socket might take the code back
			}
			c.drop()
			return
		case payload := <-c.out:
			err := c.bounded(c.ws.Write, payload)
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				// The reader may be about to learn why, for instance from a close frame; that is the better reason.
				c.linger(closeWait)
			}
			c.wrote <- err
		case payload := <-c.pongs:
			_ = c.bounded(c.ws.Pong, payload) // the reader learns of a connection that broke
		}
	}
}

// bounded writes, and closes the socket if that takes too long.
func (c *conn) bounded(write func([]byte) error, payload []byte) error {
	late := time.AfterFunc(writeWait, func() { _ = c.socket.Close() })
	err := write(payload)
	if !late.Stop() && err != nil {
		return fmt.Errorf("write: not done within %v: %w", writeWait, os.ErrDeadlineExceeded)
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// ping has the writer answer. Only the newest has to be: RFC 6455, 5.5.3.
func (c *conn) ping(payload []byte) {
	select {
	case <-c.pongs:
	default:
	}
	c.pongs <- bytes.Clone(payload)
}

// drop closes the socket, from below first, so that nothing above it takes its time.
func (c *conn) drop() {
	_ = c.socket.Close()
	_ = c.ws.Close()
}

// linger lets the other goroutine speak first, so that the shard closes the connection for its reason.
func (c *conn) linger(most time.Duration) {
	patience := time.NewTimer(most)
	defer patience.Stop()
	select {
	case <-c.quit:
	case <-patience.C:
	}
}

// close ends the connection, with this code unless it is 0. It does not wait: done tells.
func (c *conn) close(code int) {
	c.code = code
	c.hangUp()
	close(c.quit)
	if c.isOpen {
		c.watchdog = time.AfterFunc(closeWait, func() { _ = c.socket.Close() })
	}
}

// ended cleans up after done.
func (c *conn) ended() {
	if c.watchdog != nil {
		c.watchdog.Stop()
	}
}

// redact takes the token out of a text that came from outside.
func (c *Config) redact(text string) string {
	return strings.ReplaceAll(text, c.Token, "[token]")
}
