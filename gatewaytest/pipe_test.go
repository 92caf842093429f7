package gatewaytest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func pipe() (*pipeConn, *pipeConn) {
	return newPipe(&newNetwork().bufs, memoryAddr("a"), memoryAddr("b"))
}

func TestPipeCarriesEveryByteInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		sent := make([]byte, 5*pipeBuffer)
		rand.NewChaCha8([32]byte{}).Read(sent)
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(len(rest), 1+rand.IntN(9000))
				a.Write(rest[:n])
				rest = rest[n:]
			}
			a.Close()
		}()
		got, err := io.ReadAll(iotestReader{b})
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("got %d bytes and %v, want %d unchanged", len(got), err, len(sent))
		}
	})
}

// iotestReader reads in odd sizes.
type iotestReader struct{ r io.Reader }

func (r iotestReader) Read(p []byte) (int, error) { return r.r.Read(p[:1+rand.IntN(len(p))]) }

func TestPipeWriterWaitsForAFullBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		a.SetWriteDeadline(time.Now().Add(time.Minute))
		start := time.Now()
		n, err := a.Write(make([]byte, pipeBuffer+1))
		if n != pipeBuffer || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("got %d, %v after %v, want %d and a timeout after 1m", n, err, time.Since(start), pipeBuffer)
		}
		a.SetWriteDeadline(time.Time{})
		io.ReadFull(b, make([]byte, 10))
		if n, err := a.Write(make([]byte, 10)); n != 10 || err != nil {
			t.Errorf("into freed room: got %d, %v", n, err)
		}
	})
}

func TestPipeReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			b.SetReadDeadline(time.Now().Add(time.Second))
		}()
		_, err := b.Read(make([]byte, 1))
		var netErr net.Error
		if !errors.As(err, &netErr) || !netErr.Timeout() || time.Since(start) != 2*time.Second {
			t.Errorf("got %v after %v, want a timeout after 2s", err, time.Since(start))
		}
		b.SetDeadline(time.Time{})
		a.Write([]byte("x"))
		if n, err := b.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("after the deadline was lifted: got %d, %v", n, err)
		}
	})
}

func TestPipeEnds(t *testing.T) {
	one := make([]byte, 1)
	for name, c := range map[string]struct {
		end         func(a, b *pipeConn)
		read, write error // of b
	}{
		"other end closes":  {func(a, _ *pipeConn) { a.Close() }, io.EOF, syscall.EPIPE},
		"own end closes":    {func(_, b *pipeConn) { b.Close() }, net.ErrClosed, net.ErrClosed},
		"reset":             {func(a, _ *pipeConn) { a.reset() }, syscall.ECONNRESET, syscall.ECONNRESET},
		"reset after close": {func(a, b *pipeConn) { b.Close(); a.reset() }, net.ErrClosed, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pipe()
				done := make(chan error)
				go func() { _, err := b.Read(one); done <- err }()
				synctest.Wait()
				c.end(a, b)
				if err := <-done; !errors.Is(err, c.read) {
					t.Errorf("waiting read: got %v, want %v", err, c.read)
				}
				if _, err := b.Read(one); !errors.Is(err, c.read) {
					t.Errorf("next read: got %v, want %v", err, c.read)
				}
				if _, err := b.Write(one); !errors.Is(err, c.write) {
					t.Errorf("write: got %v, want %v", err, c.write)
				}
			})
		})
	}
}

func TestPipeKeepsNoBufferWhenIdle(t *testing.T) {
	a, b := pipe()
	a.Write([]byte("x"))
	b.Read(make([]byte, 1))
	if a.out.buf != nil || a.in.buf != nil {
		t.Error("an idle connection holds a buffer")
	}
}
