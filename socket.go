package chiru

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/chiru-go/chiru/internal/session"
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
	read  chan struct{} // closed when the reader has handed over its last
	done  chan struct{} // closed when both goroutines have ended

	quit     chan struct{} // closed by close
	code     int           // to close with, 0 for none; set before quit is closed
	hangUp   context.CancelFunc
	watchdog *time.Timer // ends a close that takes too long

	ws     *websocket.Conn
	ahead  *readAhead
	socket io.Closer // below ws; all three are set before opened is handed over
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
		in: make(chan *batch), out: make(chan []byte), wrote: make(chan error, 1),
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
		_ = c.ws.CloseNow()
		return
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	r.run(c)
	close(c.read)
	<-c.quit
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
	ws, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: &client,
		HTTPHeader: http.Header{"User-Agent": {userAgent}},
	})
	if err == nil {
		ws.SetReadLimit(-1) // reader has its own bound; the library's would close with 1009
		c.ws, c.ahead, c.socket = ws, u.ahead, u.socket
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
	err = cause(err)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("dial %s: no answer within %v: %w", hostOf(dialed), dialWait, err)
	}
	return fmt.Errorf("dial %s: %w", hostOf(dialed), err)
}

// cause is err without the layers in which the WebSocket library tells of its own functions.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || !strings.HasPrefix(err.Error(), "failed to ") {
			return err
		}
		err = inner
	}
}

func hostOf(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Host
	}
	return "?"
}

func writeError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("write: not done within %v: %w", writeWait, err)
	}
	return fmt.Errorf("write: %w", cause(err))
}

// write is the writer goroutine.
func (c *conn) write() {
	for {
		select {
		case <-c.quit:
			if c.code == 0 {
				_ = c.ws.CloseNow()
			} else {
				_ = c.ws.Close(websocket.StatusCode(c.code), "")
			}
			return
		case payload := <-c.out:
			c.wrote <- c.send(payload)
		}
	}
}

func (c *conn) send(payload []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	err := c.ws.Write(ctx, websocket.MessageText, payload)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		// The reader may be about to learn why, for instance from a close frame; that is the better reason.
		c.linger(closeWait, c.read)
	}
	return err
}

// linger lets the other goroutine speak first.
func (c *conn) linger(most time.Duration, spoken <-chan struct{}) {
	patience := time.NewTimer(most)
	defer patience.Stop()
	select {
	case <-c.quit:
	case <-spoken:
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
