package inflate

const (
	keepBytes = 192 << 10 // a buffer up to this size is kept for good; a zstd block alone takes 128 KiB
	keepCalls = 32        // a larger one is given back after this many messages that did not need it
	mostBytes = 4 << 20   // and one larger than this by Trim
)

// buffer is a byte slice used again for every message.
type buffer struct {
	b    []byte
	idle int
}

// recycle empties the buffer, or gives it back when it is large and was not needed lately.
func (b *buffer) recycle() {
	switch {
	case cap(b.b) <= keepBytes || len(b.b) > keepBytes/2:
		b.idle = 0
	case b.idle < keepCalls:
		b.idle++
	default:
		*b = buffer{}
	}
	b.b = b.b[:0]
}

func (b *buffer) trim() {
	if cap(b.b) > mostBytes {
		*b = buffer{}
	}
}

// room returns the unused part of the buffer, at least n bytes of it, growing to no more than most (or what n needs).
func (b *buffer) room(n, most int) []byte {
	if cap(b.b)-len(b.b) < n {
		size := max(len(b.b)+n, min(2*cap(b.b), most))
		b.b = append(make([]byte, 0, size), b.b...)
	}
	return b.b[len(b.b):cap(b.b)]
}

// add makes the first n bytes of room part of the buffer.
func (b *buffer) add(n int) { b.b = b.b[:len(b.b)+n] }
