package inflate

import "sync"

// A buffer larger than this is of use to no other message.
const mostBytes = 1 << 20

// spare holds the buffers of connections that rest.
var spare sync.Pool

// buffer is a byte slice that has memory only while messages come.
type buffer struct{ b []byte }

// room returns the unused part of the buffer, at least n bytes of it, growing to no more than most (or what n needs).
func (b *buffer) room(n, most int) []byte {
	if b.b == nil {
		if s, ok := spare.Get().(*buffer); ok {
			*b = *s
		}
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
	if n := cap(b.b); n > 0 && n <= mostBytes {
		spare.Put(&buffer{b.b[:0]})
	}
	*b = buffer{}
}
