package gatewaytest

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	compressZlib = "zlib-stream"
	compressZstd = "zstd-stream"

	// zlibHistory is how far back a zlib context looks. The window of 32 KiB would allow twice that, for little.
	zlibHistory = 16 << 10
	zstdWindow  = 256 << 10

	// docs /events/gateway#payload-compression: some messages are compressed, none says which. From this size on
	// it pays.
	payloadSize = 1 << 10
)

var (
	// RFC 1950 section 2.2: deflate with a window of 32 KiB, fastest, no dictionary.
	zlibHeader = []byte{0x78, 0x01}
	// syncFlush ends every zlib-stream message: docs /events/gateway#zlib-stream.
	syncFlush = []byte{0x00, 0x00, 0xFF, 0xFF}
)

// presses are what compresses for all connections of a server in turn.
type presses struct {
	buffers sync.Pool // of *[]byte
	flate   sync.Pool // of *flate.Writer
	zlib    sync.Pool // of *zlib.Writer
}

// packer makes WebSocket messages of the payloads of one connection, whose compression context lasts as
// long as the connection does.
type packer struct {
	mode    string
	split   int
	payload bool // without a mode: large messages are compressed one by one
	// fragments, if above 1, is into how many frames the next message is cut: RFC 6455 section 5.4.
	fragments int
	// truncate cuts the next message in half. Nothing may follow it, not even a pong.
	truncate, truncated bool
	*presses

	begun bool
	past  []byte        // zlib: the end of what was sent, zlibHistory at most
	press *flate.Writer // zlib: borrowed, nil at rest
	zstd  *zstd.Encoder // made by the first message; it keeps about 0.8 MiB
	out   sink
}

// sink is where a compressor leaves what it makes.
type sink struct{ to *[]byte }

func (s *sink) Write(p []byte) (int, error) {
	*s.to = append(*s.to, p...)
	return len(p), nil
}

// append appends text to dst as one message, or several if zlib messages are to be split.
func (p *packer) append(dst, text []byte) []byte {
	p.truncated = p.truncate
	if p.mode == "" {
		if p.payload && len(text) >= payloadSize {
			return p.single(dst, text)
		}
		if p.truncated {
			text = text[:len(text)/2]
		}
		return p.frames(dst, frameText, text)
	}
	buf := p.borrow()
	p.out.to = buf
	if p.mode == compressZlib {
		p.deflate(text)
	} else {
		p.zstandard(text)
	}
	p.out.to = nil
	if p.truncated {
		*buf = (*buf)[:len(*buf)/2]
	}
	for whole, from := *buf, 0; from < len(whole); {
		to := len(whole)
		if p.mode == compressZlib && p.split > 0 {
			to = min(to, from+p.split)
		}
		// Only the last piece may look like the end of a message.
		for to < len(whole) && bytes.HasSuffix(whole[:to], syncFlush) {
			to++
		}
		dst = p.frames(dst, frameBinary, whole[from:to])
		from = to
	}
	p.giveBack(buf)
	return dst
}

// frames appends one WebSocket message.
func (p *packer) frames(dst []byte, typ byte, payload []byte) []byte {
	n := p.fragments
	p.fragments = 0
	if n < 2 {
		return appendFrame(dst, typ, payload)
	}
	for i := range n {
		from := len(dst)
		dst = appendFrame(dst, typ, payload[i*len(payload)/n:(i+1)*len(payload)/n])
		if i < n-1 {
			dst[from] &^= 0x80 // more follows
		}
		typ = frameContinuation
	}
	return dst
}

// single appends text as a zlib stream of its own: docs /events/gateway#payload-compression.
func (p *packer) single(dst, text []byte) []byte {
	buf := p.borrow()
	p.out.to = buf
	z, _ := p.zlib.Get().(*zlib.Writer)
	if z == nil {
		z, _ = zlib.NewWriterLevel(&p.out, zlib.BestSpeed) // fails only for a level that is none
	}
	z.Reset(&p.out)
	z.Write(text)
	z.Close()
	p.zlib.Put(z)
	p.out.to = nil
	if p.truncated {
		*buf = (*buf)[:len(*buf)/2]
	}
	dst = p.frames(dst, frameBinary, *buf)
	p.giveBack(buf)
	return dst
}

// deflate compresses text into the sink. An encoder is large and the history it needs is not, so a
// connection keeps the history, and borrows an encoder until rest.
func (p *packer) deflate(text []byte) {
	if !p.begun {
		p.begun = true
		p.out.Write(zlibHeader)
	}
	if p.press == nil {
		p.press, _ = p.flate.Get().(*flate.Writer)
		if p.press == nil {
			p.press, _ = flate.NewWriter(&p.out, flate.BestSpeed) // fails only for a level that is none
		}
		p.press.ResetDict(&p.out, p.past)
	}
	p.press.Write(text)
	p.press.Flush()
	if keep := zlibHistory - len(text); keep <= 0 {
		p.past = append(p.past[:0], text[-keep:]...)
	} else {
		if len(p.past) > keep {
			p.past = append(p.past[:0], p.past[len(p.past)-keep:]...)
		}
		p.past = append(p.past, text...)
	}
}

// zstandard compresses text into the sink: one frame that never ends, for the whole connection, docs
// /events/gateway#zstd-stream.
func (p *packer) zstandard(text []byte) {
	if p.zstd == nil {
		// The options are in range, so this does not fail.
		p.zstd, _ = zstd.NewWriter(&p.out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
			zstd.WithWindowSize(zstdWindow), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	}
	p.zstd.Write(text)
	p.zstd.Flush()
}

// rest ends a run of messages: what was borrowed goes back.
func (p *packer) rest() {
	if p.press != nil {
		p.flate.Put(p.press)
		p.press = nil
	}
}

// close lets go of the context.
func (p *packer) close() { p.zstd, p.past = nil, nil }

// borrow returns an empty buffer.
func (p *presses) borrow() *[]byte {
	buf, _ := p.buffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	*buf = (*buf)[:0]
	return buf
}

// giveBack keeps a buffer for the next message, unless it is a giant's.
func (p *presses) giveBack(buf *[]byte) {
	if cap(*buf) <= 4*batchBytes {
		p.buffers.Put(buf)
	}
}
