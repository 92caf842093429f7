package inflate

import "sync"

const (
	leastBytes = 160 << 10 // room for the window of zlib and the largest block of either
	mostBytes  = 1 << 20   // a larger buffer is of use to no other message
)

// spare holds the buffers of connections that rest.
var spare = sync.Pool{New: func() any { b := make([]byte, 0, leastBytes); return &b }}

// buffer is a byte slice that has memory only while messages come.
type buffer struct {
	b    []byte
	home *[]byte // from spare
}

// room returns the unused part of the buffer, at least n bytes of it, growing to no more than most (or what n needs).
func (b *buffer) room(n, most int) []byte {
	if b.b == nil {
		b.home = spare.Get().(*[]byte)
		b.b = *b.home
	}
	if cap(b.b)-len(b.b) < n {
		size := max(len(b.b)+n, min(2*cap(b.b), most))
		b.b = append(make([]byte, 0, size), b.b...)
	}
	return b.b[len(b.b):cap(b.b)]
}

// add makes the first n bytes of room part of the buffer.
func (b *buffer) add(n int) { b.b = b.b[:len(b.b)+n] }

// rest gives the memory back.
func (b *buffer) rest() {
	if b.b != nil && cap(b.b) <= mostBytes {
		*b.home = b.b[:0]
		spare.Put(b.home)
	}
	*b = buffer{}
}
