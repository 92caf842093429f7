package chiru

import (
	"io"
	"sync"
)

// readAhead reads a connection in pieces as large as it gives, where the WebSocket library asks for 4 KiB
// at a time, and tells before it may have to wait.
type readAhead struct {
	io.ReadWriteCloser
	waits func() // nil until the connection is open
	more  bool   // the last read was full, so there is more; only then a buffer waits with the next
	buf   *[aheadMost]byte
	rest  []byte // of buf, not yet taken
}

const (
	aheadMost  = 64 << 10
	aheadAsked = 4 << 10 // by the library, when it does not know how much there is
)

var aheadPool = sync.Pool{New: func() any { return new([aheadMost]byte) }}

func (r *readAhead) Read(p []byte) (int, error) {
	if len(r.rest) > 0 {
		return r.take(p), nil
	}
	if r.waits != nil {
		r.waits()
	}
	if !r.more || len(p) >= aheadMost {
		n, err := r.ReadWriteCloser.Read(p)
		r.more = n == len(p) && n <= aheadAsked
		return n, err
	}
	r.buf = aheadPool.Get().(*[aheadMost]byte)
	n, err := r.ReadWriteCloser.Read(r.buf[:])
	r.rest, r.more = r.buf[:n], n == aheadMost
	return r.take(p), err
}

func (r *readAhead) take(p []byte) int {
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		aheadPool.Put(r.buf)
		r.buf = nil
	}
	return n
}
