// Package floor is the limit that Chiru is held against: the least that any client has to do, over the standard library
// and klauspost/compress. In order it reads a frame, inflates it, and scans it.
//
// The bare floor scans {"t":..,"s":..,"op":..,"d": in the order in which Discord writes it, takes the rest for the body,
// and delivers nothing: no copy, no allocation. The floor scans the whole body for its end, as a client must that does
// not trust the order of keys, and copies it once into memory that is the event's own, cut from slabs of 64 KiB.
//
// Both leave out: heartbeats, resuming, every check of a frame (its bits, a fragment, a control frame in between), of
// UTF-8 and of the size of a message, escapes in t, the handing over to another goroutine, deadlines, logs, counts,
// and any way to end.
package floor

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Event is what was read. Of the bare floor it is valid until the next Read.
type Event struct {
	Op   int
	Seq  int64
	Type []byte
	Body []byte
}

// Conn is one connection.
type Conn struct {
	bare    bool
	mode    string
	net     net.Conn
	in      *bufio.Reader
	frame   []byte
	text    []byte
	window  []byte
	src     bytes.Reader
	flate   io.Reader
	zlib    io.Reader
	zstd    *zstd.Decoder
	feed    feed
	slab    []byte
	begun   bool
	waiting bool
}

const (
	readBuffer = 4 << 10
	slabSize   = 64 << 10
	zstdBlock  = 128<<10 + 32
	flateKeeps = 32 << 10
)

// Dial opens a WebSocket and identifies.
func Dial(host, compression, identify string, bare bool) (*Conn, error) {
	nc, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	query := "?v=10&encoding=json"
	if compression == "zlib-stream" || compression == "zstd-stream" {
		query += "&compress=" + compression
	}
	fmt.Fprintf(nc, "GET /%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", query, host)
	c := &Conn{bare: bare, mode: compression, net: nc, in: bufio.NewReaderSize(nc, readBuffer)}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
	}
	return c, c.write([]byte(identify))
}

// write writes one text frame with a mask of zeros.
func (c *Conn) write(text []byte) error {
	head := []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	_, err := c.net.Write(append(head, text...))
	return err
}

// Read returns the next message.
func (c *Conn) Read() (Event, error) {
	binaryFrame, err := c.readFrame()
	if err != nil {
		return Event{}, err
	}
	text := c.frame
	if binaryFrame {
		if err := c.inflate(); err != nil {
			return Event{}, err
		}
		text = c.text
	}
	e, err := scan(text)
	if err != nil || c.bare {
		return e, err
	}
	end, err := skip(e.Body)
	if err != nil {
		return e, err
	}
	e.Body = c.own(e.Body[:end])
	return e, nil
}

func (c *Conn) readFrame() (binaryFrame bool, err error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return false, err
	}
	binaryFrame = head[0]&15 == 2
	n, skip := int(head[1]), 2
	switch n {
	case 126:
		if head, err = c.in.Peek(4); err != nil {
			return false, err
		}
		n, skip = int(binary.BigEndian.Uint16(head[2:])), 4
	case 127:
		if head, err = c.in.Peek(10); err != nil {
			return false, err
		}
		n, skip = int(binary.BigEndian.Uint64(head[2:])), 10
	}
	c.in.Discard(skip)
	c.frame = slices.Grow(c.frame[:0], n+5)[:n] // 5: see inflate
	_, err = io.ReadFull(c.in, c.frame)
	return binaryFrame, err
}

// inflate turns the frame into the text.
func (c *Conn) inflate() (err error) {
	c.text = c.text[:0]
	switch c.mode {
	case "payload":
		c.src.Reset(c.frame)
		if c.zlib == nil {
			if c.zlib, err = zlib.NewReader(&c.src); err != nil {
				return err
			}
		} else if err = c.zlib.(zlib.Resetter).Reset(&c.src, nil); err != nil {
			return err
		}
		return c.drain(c.zlib)
	case "zlib-stream":
		// A message is closed by an empty final block, or the decoder would read beyond it, and not go on from there.
		from := c.frame
		if !c.begun {
			from = from[2:]
			c.begun, c.flate = true, flate.NewReader(nil)
			c.window = make([]byte, 0, flateKeeps)
		}
		c.src.Reset(append(from, 1, 0, 0, 0xff, 0xff))
		c.flate.(flate.Resetter).Reset(&c.src, c.window)
		if err = c.drain(c.flate); err != nil {
			return err
		}
		c.slide()
		return nil
	}
	if c.zstd == nil {
		if c.zstd, err = zstd.NewReader(&c.feed, zstd.WithDecoderConcurrency(1)); err != nil {
			return err
		}
	}
	for c.feed = c.frame; len(c.feed) > 0; {
		if len(c.feed) >= 3 && c.feed[0]|c.feed[1]|c.feed[2] == 0 { // an empty block would be read beyond
			c.feed = c.feed[3:]
			continue
		}
		c.text = slices.Grow(c.text, zstdBlock)
		n, err := c.zstd.Read(c.text[len(c.text):cap(c.text)])
		c.text = c.text[:len(c.text)+n]
		if err != nil {
			return err
		}
	}
	return nil
}

// feed is the frame that zstd reads.
type feed []byte

func (f *feed) Read(p []byte) (int, error) {
	n := copy(p, *f)
	if *f = (*f)[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *Conn) drain(from io.Reader) error {
	for {
		c.text = slices.Grow(c.text, 512)
		n, err := from.Read(c.text[len(c.text):cap(c.text)])
		c.text = c.text[:len(c.text)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// slide keeps the last 32 KiB.
func (c *Conn) slide() {
	if len(c.text) >= flateKeeps {
		c.window = append(c.window[:0], c.text[len(c.text)-flateKeeps:]...)
		return
	}
	if over := len(c.window) + len(c.text) - flateKeeps; over > 0 {
		c.window = c.window[:copy(c.window, c.window[over:])]
	}
	c.window = append(c.window, c.text...)
}

// own copies a body into a slab.
func (c *Conn) own(body []byte) []byte {
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

var errOrder = errors.New("floor: not as Discord writes it")
