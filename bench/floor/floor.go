// Package floor is the two limits that Chiru is held against: the least that any client has to do, over the standard
// library and klauspost/compress. In order it reads a frame, inflates it, and scans it.
//
// The bare floor scans {"t":..,"s":..,"op":..,"d": in the order in which Discord writes it, takes the rest for the body,
// and delivers nothing: no copy, no allocation. The floor scans the whole body for its end, as a client must that does
// not trust the order of keys, and copies it once into memory that is the event's own, cut from slabs of 64 KiB. The
// reusing floor copies it into one buffer, again and again, which leaves no work to the collector, and no event to keep.
//
// All leave out: heartbeats, resuming, every check of a frame (its bits, a fragment, a control frame in between), of
// UTF-8 and of the size of a message, escapes in t, the handing over to another goroutine, deadlines, logs, counts,
// the giving back of large buffers, and any way to end. Their read buffer is of 64 KiB, as Chiru's is while events come.
package floor

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Kind is which limit.
type Kind int

// The limits.
const (
	Bare Kind = iota
	Full
	Reusing
)

// Event is what was read. Unless it is of the full floor it is valid until the next Read.
type Event struct {
	Op         int
	Seq        int64
	Type, Body []byte
}

// Conn is one connection.
type Conn struct {
	kind        Kind
	mode        string
	in          *bufio.Reader
	frame, text []byte
	src         bytes.Reader
	flate, zlib io.Reader
	zstd        *zstd.Decoder
	// window is flate's.
	window, slab []byte
}

const (
	readBuffer = 64 << 10
	slabSize   = 64 << 10
	zstdBlock  = 128<<10 + 32
	flateKeeps = 32 << 10
)

// Dial opens a WebSocket and identifies, by a frame with a mask of zeros.
func Dial(host, compression, identify string, kind Kind) (*Conn, error) {
	nc, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(nc, "GET /?v=10&encoding=json&compress=%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", compression, host)
	c := &Conn{kind: kind, mode: compression, in: bufio.NewReaderSize(nc, readBuffer)}
	for line := []byte("status"); len(line) > 2 && err == nil; {
		line, err = c.in.ReadSlice('\n')
	}
	fmt.Fprintf(nc, "\x81\xfe%s\x00\x00\x00\x00%s", []byte{byte(len(identify) >> 8), byte(len(identify))}, identify)
	return c, err
}

// Read returns the next message.
func (c *Conn) Read() (Event, error) {
	text, err := c.readFrame()
	if err != nil {
		return Event{}, err
	}
	e, err := scan(text)
	if err != nil || c.kind == Bare {
		return e, err
	}
	end, err := skip(e.Body)
	if err == nil {
		e.Body = c.own(e.Body[:end])
	}
	return e, err
}

func (c *Conn) readFrame() ([]byte, error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return nil, err
	}
	kind, n := head[0]&15, int(head[1])
	switch n {
	case 126:
		if head, err = c.in.Peek(4); err == nil {
			n = int(binary.BigEndian.Uint16(head[2:]))
		}
	case 127:
		if head, err = c.in.Peek(10); err == nil {
			n = int(binary.BigEndian.Uint64(head[2:]))
		}
	}
	c.in.Discard(len(head))
	c.frame = slices.Grow(c.frame[:0], n+5)[:n] // 5: flate's final block
	if _, err := io.ReadFull(c.in, c.frame); err != nil || kind == 1 {
		return c.frame, err
	}
	c.text = c.text[:0]
	switch c.mode {
	case "zlib-stream":
		return c.text, c.readFlate()
	case "zstd-stream":
		return c.text, c.readZstd()
	}
	return c.text, c.readZlib()
}

func (c *Conn) readZlib() (err error) {
	c.src.Reset(c.frame)
	if c.zlib == nil {
		c.zlib, err = zlib.NewReader(&c.src)
	} else {
		err = c.zlib.(zlib.Resetter).Reset(&c.src, nil)
	}
	if err != nil {
		return err
	}
	return c.drain(c.zlib)
}

// readFlate closes the message by an empty final block, or the decoder would read beyond it, and not go on from there.
func (c *Conn) readFlate() error {
	from := append(c.frame, 1, 0, 0, 0xff, 0xff)
	if c.flate == nil {
		from, c.flate = from[2:], flate.NewReader(nil)
	}
	c.src.Reset(from)
	c.flate.(flate.Resetter).Reset(&c.src, c.window)
	err := c.drain(c.flate)
	if over := len(c.window) + len(c.text) - flateKeeps; over > 0 {
		c.window = c.window[:copy(c.window, c.window[min(over, len(c.window)):])]
	}
	c.window = append(c.window, c.text[max(0, len(c.text)-flateKeeps):]...)
	return err
}

func (c *Conn) drain(from io.Reader) error {
	for {
		c.text = slices.Grow(c.text, 512)
		n, err := from.Read(c.text[len(c.text):cap(c.text)])
		c.text = c.text[:len(c.text)+n]
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (c *Conn) readZstd() (err error) {
	c.src.Reset(c.frame)
	if c.zstd == nil {
		c.zstd, err = zstd.NewReader(&c.src, zstd.WithDecoderConcurrency(1))
	}
	for err == nil && c.src.Len() > 0 {
		// An empty block at the end would be read beyond.
		if rest := c.frame[len(c.frame)-c.src.Len():]; len(rest) >= 3 && rest[0]|rest[1]|rest[2] == 0 {
			c.src.Seek(3, io.SeekCurrent)
			continue
		}
		c.text = slices.Grow(c.text, zstdBlock)
		var n int
		n, err = c.zstd.Read(c.text[len(c.text):cap(c.text)])
		c.text = c.text[:len(c.text)+n]
	}
	return err
}

// own copies a body into a slab.
func (c *Conn) own(body []byte) []byte {
	if c.kind == Reusing {
		c.slab = append(c.slab[:0], body...)
		return c.slab
	}
	if len(body) > slabSize/4 {
		return bytes.Clone(body)
	}
	if len(body) > cap(c.slab)-len(c.slab) {
		c.slab = make([]byte, 0, slabSize)
	}
	from := len(c.slab)
	c.slab = append(c.slab, body...)
	return c.slab[from:len(c.slab):len(c.slab)]
}
