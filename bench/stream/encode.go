package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// The compressions, by the words of the compress query parameter where there is one.
const (
	None    = "none"
	Payload = "payload" // each message by itself: docs /events/gateway#payload-compression
	Zlib    = "zlib-stream"
	Zstd    = "zstd-stream"
)

// Discord's settings, as far as they are known: level 6, and a zstd window of 256 KiB.
const (
	level  = 6
	window = 256 << 10
)

// encoder makes the server's WebSocket frames of one connection.
type encoder struct {
	mode  string
	begun bool
	buf   bytes.Buffer
	flate *flate.Writer
	zlib  *zlib.Writer
	zstd  *zstd.Encoder
}

func newEncoder(mode string) (*encoder, error) {
	e := &encoder{mode: mode}
	var err error
	switch mode {
	case None:
	case Payload:
		e.zlib, err = zlib.NewWriterLevel(&e.buf, level)
	case Zlib:
		e.flate, err = flate.NewWriter(&e.buf, level)
	case Zstd:
		e.zstd, err = zstd.NewWriter(&e.buf, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
			zstd.WithWindowSize(window), zstd.WithEncoderLevel(zstd.SpeedDefault))
	default:
		err = fmt.Errorf("stream: unknown compression %q", mode)
	}
	return e, err
}

// write writes one message. Hello is never compressed by itself: the client has not yet asked for it.
func (e *encoder) write(w io.Writer, text []byte) (int64, error) {
	e.buf.Reset()
	first := !e.begun
	e.begun = true
	binaryFrame := true
	switch {
	case e.mode == None || e.mode == Payload && first:
		binaryFrame = false
		e.buf.Write(text)
	case e.mode == Payload:
		e.zlib.Reset(&e.buf)
		e.zlib.Write(text)
		e.zlib.Close()
	case e.mode == Zlib:
		if first {
			e.buf.Write([]byte{0x78, 0x9c}) // RFC 1950 section 2.2
		}
		e.flate.Write(text)
		e.flate.Flush()
	case e.mode == Zstd:
		e.zstd.Write(text)
		e.zstd.Flush()
	}
	head := frameHead(binaryFrame, e.buf.Len())
	n, err := w.Write(head)
	if err != nil {
		return int64(n), err
	}
	m, err := w.Write(e.buf.Bytes())
	return int64(n + m), err
}

// frameHead is RFC 6455 section 5.2, of a whole message without a mask.
func frameHead(binaryFrame bool, n int) []byte {
	head := []byte{0x81}
	if binaryFrame {
		head[0] = 0x82
	}
	switch {
	case n < 126:
		return append(head, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
}
