package inflate

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
)

const (
	flateWindow = 32 << 10
	flateRead   = 1 << 10 // smallest read buffer
)

var (
	// A sync flush ends in an empty stored block, whose length fields are these bytes (docs /events/gateway#zlib-stream).
	boundary = []byte{0x00, 0x00, 0xff, 0xff}
	// An empty stored block with the final bit set.
	finalBlock = []byte{0x01, 0x00, 0x00, 0xff, 0xff}
)

// zlibStream is one zlib stream (RFC 1950) that is flushed after every message and never ends.
//
// A flate reader that meets the end of its input stays failed, and cannot be stopped in time either: after a multiple of 32 KiB of output it reads on
// before it hands out the (empty) rest. So every message is closed by a final block, which gives a clean end and proves that the message ended between two
// blocks; the next message starts over with the last 32 KiB as dictionary.
type zlibStream struct {
	in     buffer // compressed bytes of the message
	parts  int    // messages in it so far
	begun  bool   // the zlib header has been read
	src    bytes.Reader
	dec    io.Reader // also a flate.Resetter
	window []byte    // the last 32 KiB of output
}

func (z *zlibStream) push(out *buffer, msg []byte, limit int) error {
	// What does not compress is sent a little longer than it is.
	if all := len(z.in.b) + len(msg) - flateRead; z.parts > 0 && all-all>>8 > limit {
		return tooLarge("zlib-stream message in parts", limit)
	}
	copy(z.in.room(len(msg)+len(finalBlock), limit), msg)
	z.in.add(len(msg))
	z.parts++
	if !bytes.HasSuffix(z.in.b, boundary) {
		if len(z.in.b) > limit {
			return tooLarge("incomplete zlib-stream message", limit)
		}
		return z.peek(out, limit)
	}
	z.in.b = append(z.in.b, finalBlock...) // room has left it some
	body, err := z.body()
	if err != nil {
		return err
	}
	err = z.decode(out, body, limit)
	switch {
	case err == io.EOF && z.src.Len() == 0:
	case err == io.EOF:
		return corrupt("zlib-stream ended")
	case err == io.ErrUnexpectedEOF:
		return corrupt("zlib-stream message ends inside a block")
	default:
		return err
	}
	z.begun = true
	z.slide(out.b)
	z.in.b = z.in.b[:0]
	z.parts = 0
	return nil
}

// peek looks for a stream that has ended or is broken, which would otherwise be waited on for ever. It looks at 1, 2, 4, 8... parts, so that a message in many parts
// is not decompressed as many times.
func (z *zlibStream) peek(out *buffer, limit int) error {
	if z.parts&(z.parts-1) != 0 || !z.begun && len(z.in.b) < 2 {
		return nil
	}
	body, err := z.body()
	if err != nil {
		return err
	}
	err = z.decode(out, body, limit)
	out.b = out.b[:0]
	switch err {
	case io.ErrUnexpectedEOF:
		return nil
	case io.EOF:
		return corrupt("zlib-stream ended")
	}
	return err
}

// body is the message without the zlib header, which only the first one has.
func (z *zlibStream) body() ([]byte, error) {
	if z.begun {
		return z.in.b, nil
	}
	cmf, flg := z.in.b[0], z.in.b[1]
	if cmf&0x0f != 8 || cmf>>4 > 7 || (int(cmf)<<8|int(flg))%31 != 0 {
		return nil, corrupt("no zlib header: %#x", z.in.b[:2])
	}
	if flg&0x20 != 0 {
		return nil, corrupt("zlib header asks for a preset dictionary")
	}
	return z.in.b[2:], nil
}

// decode appends the output of body to out. It returns io.EOF after a final block, io.ErrUnexpectedEOF when body stops before one.
func (z *zlibStream) decode(out *buffer, body []byte, limit int) error {
	z.src.Reset(body)
	if z.dec == nil {
		z.window = make([]byte, 0, flateWindow)
		z.dec = flate.NewReader(&z.src)
	} else if err := z.dec.(flate.Resetter).Reset(&z.src, z.window); err != nil {
		return corrupt("zlib-stream: %v", err)
	}
	for {
		n, err := z.dec.Read(out.room(flateRead, limit+flateRead))
		out.add(n)
		switch {
		case len(out.b) > limit:
			return tooLarge("message", limit)
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return err
		case err != nil:
			return corrupt("zlib-stream: %v", err)
		}
	}
}

// slide appends a message to the window and keeps its last 32 KiB.
func (z *zlibStream) slide(out []byte) {
	if len(out) >= flateWindow {
		z.window = append(z.window[:0], out[len(out)-flateWindow:]...)
		return
	}
	if excess := len(z.window) + len(out) - flateWindow; excess > 0 {
		z.window = z.window[:copy(z.window, z.window[excess:])]
	}
	z.window = append(z.window, out...)
}
