package chiru

import (
	"io"
	"sync"
)

// readAhead reads a connection in pieces as large as it gives, where the WebSocket library asks for 4 KiB
// at a time, and tells before it may have to wait. It has a buffer only while a read of 4 KiB leaves something.
type readAhead struct {
	io.ReadWriteCloser
	waits func() // nil until the connection is open
	buf   *[aheadMost]byte
	rest  []byte // of buf, not yet taken
}

const aheadMost = 64 << 10

var aheadPool = sync.Pool{New: func() any { return new([aheadMost]byte) }}

func (r *readAhead) Read(p []byte) (int, error) {
	if len(r.rest) > 0 {
		return r.take(p), nil
	}
	if r.waits != nil {
		r.waits()
	}
	if r.buf == nil || len(p) >= aheadMost {
		n, err := r.ReadWriteCloser.Read(p)
		if n == len(p) && r.buf == nil {
			r.buf = aheadPool.Get().(*[aheadMost]byte)
		}
		return n, err
	}
	n, err := r.ReadWriteCloser.Read(r.buf[:])
	r.rest = r.buf[:n]
	return r.take(p), err
}

// take gives the buffer back when a read has not filled it: the next one may have to wait for long.
func (r *readAhead) take(p []byte) int {
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	if len(r.rest) == 0 && cap(r.rest) > 0 {
		aheadPool.Put(r.buf)
		r.buf = nil
	}
	return n
}
