package inflate

import (
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
)

// MaxWindow is the largest zstd window accepted, the size RFC 8878 section 3.1.1.1.2 recommends every decoder to support.
const MaxWindow = 8 << 20

const (
	maxBlock       = 128 << 10 // RFC 8878 section 3.1.1.2.4, also the largest output of a block
	maxFrameHeader = 18        // RFC 8878 section 3.1.1
	blockHeader    = 3
	checksumSize   = 4

	rawBlock = 0
	rleBlock = 1
)

// zstdStream is a sequence of zstd frames (RFC 8878), usually a single one that never ends (docs /events/gateway#zstd-stream).
//
// The decoder stays failed when it meets the end of its input, so it is never asked for more than it has: this type walks the frames itself and
// hands over one block at a time, with the frame's header before the first and its checksum after the last. Blocks without
// output are left out, since the decoder would go on to the next.
type zstdStream struct {
	dec      *zstd.Decoder
	feed     feed
	out      buffer
	header   [maxFrameHeader]byte
	window   int
	skip     uint32 // bytes left of a skippable frame
	inFrame  bool
	checksum bool // the frame ends in a checksum
}

// feed is the decoder's input: a frame header, then a block. It has no Len and Bytes, which would make the decoder take it for a whole file.
type feed struct{ head, block []byte }

func (f *feed) Read(p []byte) (int, error) {
	n := copy(p, f.head)
	f.head = f.head[n:]
	if n == 0 {
		n = copy(p, f.block)
		f.block = f.block[n:]
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (z *zstdStream) close() {
	if z.dec != nil {
		z.dec.Close()
	}
	*z = zstdStream{window: z.window}
}

func (z *zstdStream) push(msg []byte, limit int) (_ []byte, err error) {
	z.out.b = z.out.b[:0]
	for len(msg) > 0 && err == nil {
		switch {
		case z.skip > 0:
			n := min(uint64(z.skip), uint64(len(msg)))
			msg = msg[n:]
			z.skip -= uint32(n)
		case !z.inFrame:
			msg, err = z.startFrame(msg)
		default:
			msg, err = z.decodeBlock(&z.out, msg, limit)
		}
	}
	z.feed.block = nil
	return z.out.b, err
}

// startFrame reads a frame header and returns what follows it.
func (z *zstdStream) startFrame(msg []byte) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(msg); err == io.ErrUnexpectedEOF {
		return nil, corrupt("zstd-stream message ends inside a frame header")
	} else if err != nil {
		return nil, corrupt("zstd-stream: %v", err)
	}
	head, rest := msg[:h.HeaderSize], msg[h.HeaderSize:]
	if h.Skippable {
		z.skip = h.SkippableSize
		return rest, nil
	}
	window := h.WindowSize
	if h.SingleSegment {
		window = h.FrameContentSize // the frame is its own window
	}
	if z.window == 0 {
		z.window = int(min(window, math.MaxInt32))
	}
	if window > MaxWindow {
		return nil, tooLarge("zstd window", MaxWindow)
	}
	z.feed = feed{head: append(z.header[:0], head...)}
	if z.dec == nil {
		// Concurrency 1 is what makes the decoder run without goroutines and without reading ahead.
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(MaxWindow))
		if err != nil {
			return nil, err
		}
		z.dec = dec
	}
	if err := z.dec.Reset(&z.feed); err != nil {
		return nil, corrupt("zstd-stream: %v", err)
	}
	z.inFrame, z.checksum = true, h.HasCheckSum
	return rest, nil
}

// decodeBlock appends the output of the block at the start of msg and returns what follows it.
func (z *zstdStream) decodeBlock(out *buffer, msg []byte, limit int) ([]byte, error) {
	if len(msg) < blockHeader {
		return nil, corrupt("zstd-stream message ends inside a block header")
	}
	bits := int(msg[0]) | int(msg[1])<<8 | int(msg[2])<<16
	last, kind, size := bits&1 != 0, bits>>1&3, bits>>3
	empty := size == 0 && (kind == rawBlock || kind == rleBlock)
	end := blockHeader + size
	if kind == rleBlock {
		end = blockHeader + 1
	}
	if last && z.checksum {
		end += checksumSize
	}
	if end > len(msg) {
		return nil, corrupt("zstd-stream message ends inside a block")
	}
	block, rest := msg[:end], msg[end:]
	if empty && !last {
		return rest, nil
	}
	z.feed.block = block
	// The largest block must fit: a rest kept by the decoder could not be told from none.
	n, err := z.dec.Read(out.room(maxBlock, limit+maxBlock))
	out.add(n)
	switch {
	case len(out.b) > limit:
		return nil, tooLarge("message", limit)
	case err == io.EOF && last: // a last block without output, after the checks of the frame's size and checksum
	case err != nil:
		return nil, corrupt("zstd-stream: %v", err)
	}
	z.inFrame = !last
	return rest, nil
}
