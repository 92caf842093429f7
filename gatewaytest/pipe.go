package gatewaytest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is how much one direction of a connection in memory holds before its writer waits.
const pipeBuffer = 64 << 10

// stream is one direction of a connection in memory. Unlike net.Pipe it has a buffer, as sockets do:
// a writer waits only for a reader that is far behind.
type stream struct {
	bufs *sync.Pool // of *[pipeBuffer]byte, held only while there are bytes in it

	mu       sync.Mutex
	changed  sync.Cond
	buf      *[pipeBuffer]byte
	r, w     int
	ended    bool  // no more writes; the reader gets what is left, then EOF
	err      error // broken: reads and writes fail at once
	readBy   alarm
	writeBy  alarm
	deafened bool // the reading side has closed
}

func newStream(bufs *sync.Pool) *stream {
	s := &stream{bufs: bufs}
	s.changed.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.err != nil:
			return 0, s.err
		case s.deafened:
			return 0, net.ErrClosed
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case s.r < s.w:
			n := copy(p, s.buf[s.r:s.w])
			s.r += n
			if s.r == s.w {
				s.release()
			}
			s.changed.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.err != nil:
			return written, s.err
		case s.ended:
			return written, net.ErrClosed
		case s.deafened:
			return written, syscall.EPIPE
		case s.writeBy.passed():
			return written, os.ErrDeadlineExceeded
		case len(p) == 0:
			return written, nil
		}
		if s.buf == nil {
			s.buf = s.bufs.Get().(*[pipeBuffer]byte)
		}
		if s.w == pipeBuffer && s.r > 0 {
			s.w = copy(s.buf[:], s.buf[s.r:s.w])
			s.r = 0
		}
		if n := copy(s.buf[s.w:], p); n > 0 {
			s.w += n
			p = p[n:]
			written += n
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

func (s *stream) release() {
	if s.buf != nil {
		s.bufs.Put(s.buf)
	}
	s.buf, s.r, s.w = nil, 0, 0
}

// end closes the writing side.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.writeBy.stop()
	s.changed.Broadcast()
}

// deafen closes the reading side: what was not read is lost.
func (s *stream) deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deafened = true
	s.readBy.stop()
	s.release()
	s.changed.Broadcast()
}

// snap breaks the direction for both sides: what was not read is lost.
func (s *stream) snap(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && !s.deafened {
		s.err = err
	}
	s.readBy.stop()
	s.writeBy.stop()
	s.release()
	s.changed.Broadcast()
}

func (s *stream) deadline(a *alarm, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.set(t, s.wake)
	s.changed.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

// alarm is a deadline that wakes whoever waits when it passes.
type alarm struct {
	at    time.Time
	timer *time.Timer
}

func (a *alarm) passed() bool { return !a.at.IsZero() && !time.Now().Before(a.at) }

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

func (a *alarm) set(t time.Time, wake func()) {
	a.stop()
	a.at = t
	if d := time.Until(t); !t.IsZero() && d > 0 {
		a.timer = time.AfterFunc(d, wake)
	}
}

// pipeConn is one end of a connection in memory.
type pipeConn struct {
	in, out       *stream
	local, remote net.Addr
}

func newPipe(bufs *sync.Pool, client, server net.Addr) (*pipeConn, *pipeConn) {
	up, down := newStream(bufs), newStream(bufs)
	return &pipeConn{in: down, out: up, local: client, remote: server},
		&pipeConn{in: up, out: down, local: server, remote: client}
}

func (c *pipeConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *pipeConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *pipeConn) LocalAddr() net.Addr         { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr        { return c.remote }

func (c *pipeConn) Close() error {
	c.out.end()
	c.in.deafen()
	return nil
}

// reset ends the connection as a lost network does: the other end reads an error, not the end.
func (c *pipeConn) reset() {
	c.out.snap(syscall.ECONNRESET)
	c.in.snap(syscall.ECONNRESET)
}

func (c *pipeConn) SetDeadline(t time.Time) error {
	c.in.deadline(&c.in.readBy, t)
	c.out.deadline(&c.out.writeBy, t)
	return nil
}

func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.deadline(&c.in.readBy, t)
	return nil
}

func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.deadline(&c.out.writeBy, t)
	return nil
}
