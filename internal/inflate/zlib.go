package inflate

import "bytes"

// A sync flush ends in an empty stored block, whose length fields are these bytes (docs /events/gateway#zlib-stream).
var boundary = []byte{0x00, 0x00, 0xff, 0xff}

// storedMore is what bounds a message in parts beyond its limit: what does not compress is sent a little longer than it is.
const storedMore = 1 << 10

// zlibStream is one zlib stream (RFC 1950) that is flushed after every message and never ends. A message ends
// between two blocks and at a whole byte, so nothing is kept between messages but the last 32 KiB of output.
type zlibStream struct {
	in     buffer // the compressed bytes so far of a message in parts
	looked int    // how many there were when they were last looked into
	begun  bool   // the zlib header has been read
	window []byte // the last 32 KiB of output, while the stream rests
	out    buffer // the same and what follows, while messages come
}

func (z *zlibStream) push(msg []byte, limit int) ([]byte, error) {
	if len(z.in.b) > 0 || !bytes.HasSuffix(msg, boundary) {
		if err := z.join(msg, limit); err != nil {
			return nil, err
		}
		if msg = z.in.b; !bytes.HasSuffix(msg, boundary) {
			return nil, z.peek(limit)
		}
	}
	body, err := z.body(msg)
	if err != nil {
		return nil, err
	}
	start, err := z.decode(body, limit)
	if err == errShort {
		return nil, corrupt("zlib-stream message ends inside a block")
	}
	if err != nil {
		return nil, err
	}
	z.begun = true
	z.in.b, z.looked = z.in.b[:0], 0
	return z.out.b[start:], nil
}

// join adds a part to a message.
func (z *zlibStream) join(msg []byte, limit int) error {
	if all := len(z.in.b) + len(msg) - storedMore; len(z.in.b) > 0 && all-all>>8 > limit {
		return tooLarge("zlib-stream message in parts", limit)
	}
	copy(z.in.room(len(msg), limit), msg)
	z.in.add(len(msg))
	if len(z.in.b) > limit && !bytes.HasSuffix(z.in.b, boundary) {
		return tooLarge("incomplete zlib-stream message", limit)
	}
	return nil
}

// peek looks for a stream that has ended or is broken, which would otherwise be waited on for ever. It looks again when
// there is twice as much, so that a message in many parts is not decompressed as many times.
func (z *zlibStream) peek(limit int) error {
	if len(z.in.b) < 2*z.looked || !z.begun && len(z.in.b) < 2 {
		return nil
	}
	z.looked = len(z.in.b)
	body, err := z.body(z.in.b)
	if err != nil {
		return err
	}
	start, err := z.decode(body, limit)
	z.out.b = z.out.b[:start]
	if err == errShort {
		return nil
	}
	return err
}

// body is a message without the zlib header, which only the first one has.
func (z *zlibStream) body(msg []byte) ([]byte, error) {
	if z.begun {
		return msg, nil
	}
	cmf, flg := msg[0], msg[1]
	if cmf&0x0f != 8 || cmf>>4 > 7 || (int(cmf)<<8|int(flg))%31 != 0 {
		return nil, corrupt("no zlib header: %#x", msg[:2])
	}
	if flg&0x20 != 0 {
		return nil, corrupt("zlib header asks for a preset dictionary")
	}
	return msg[2:], nil
}

// decode puts the output of body behind what came before it, and tells where it starts.
func (z *zlibStream) decode(body []byte, limit int) (start int, err error) {
	b := z.out.b
	if b == nil {
		b = append(z.out.room(flateWindow, limit)[:0], z.window...)
	} else if len(b) > 3*flateWindow { // seldom enough
		b = b[:copy(b, b[len(b)-flateWindow:])]
	}
	d := deflate{in: body, out: b[:cap(b)], w: len(b), start: len(b), limit: limit}
	err = d.run()
	z.out.b = d.out[:d.w]
	switch err {
	case errEnded:
		err = corrupt("zlib-stream ended")
	case errBlock:
		err = corrupt("zlib-stream: a deflate block is broken")
	}
	return d.start, err
}

// rest keeps nothing but the window, and the parts of a message that has not come to its end.
func (z *zlibStream) rest() {
	if n := len(z.out.b); n > 0 {
		z.window = append(z.window[:0], z.out.b[max(0, n-flateWindow):]...)
	}
	z.out.rest()
	if len(z.in.b) == 0 {
		z.in.rest()
	}
}
