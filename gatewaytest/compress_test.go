package gatewaytest

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// drip is a reader that is fed message by message.
type drip struct{ b bytes.Buffer }

func (d *drip) Read(p []byte) (int, error) {
	if d.b.Len() == 0 {
		return 0, io.ErrNoProgress
	}
	return d.b.Read(p)
}

// zlibInbox decompresses with the standard library, and counts WebSocket messages.
func zlibInbox(t *testing.T, frames *int) func(byte, []byte) []byte {
	var src drip
	var z io.Reader
	return func(typ byte, p []byte) []byte {
		*frames++
		if typ != frameBinary {
			t.Errorf("compressed message in a frame of type %d, want binary", typ)
		}
		src.b.Write(p)
		if !bytes.HasSuffix(src.b.Bytes(), []byte{0, 0, 0xFF, 0xFF}) {
			return nil
		}
		if z == nil {
			var err error
			if z, err = zlib.NewReader(&src); err != nil {
				t.Fatalf("zlib header: %v", err)
			}
		}
		return readAvailable(t, z)
	}
}

// readAvailable reads one JSON value; a decompressor must not be asked for more than there is.
func readAvailable(t *testing.T, r io.Reader) []byte {
	var out []byte
	buf := make([]byte, 1<<16)
	for !json.Valid(out) {
		n, err := r.Read(buf)
		if out = append(out, buf[:n]...); err != nil {
			t.Fatalf("decompress after %d bytes: %v", len(out), err)
		}
	}
	return out
}

func TestZlibStreamIsOneContextPerConnection(t *testing.T) {
	for _, split := range []int{0, 100, 1} {
		bubble(t, Config{Guilds: 2, SplitZlib: split}, func(t *testing.T, s *Server) {
			var frames int
			p := dial(t, s, s.URL(), goodQuery+"&compress=zlib-stream")
			p.inbox = zlibInbox(t, &frames)
			p.want("op 10")
			p.send(2, identity(s))
			p.want("READY 1", "GUILD_CREATE 2", "GUILD_CREATE 3")
			if messages := 4; split == 0 && frames != messages || split != 0 && frames <= messages {
				t.Errorf("split %d: %d messages came in %d frames", split, messages, frames)
			}
			if split > 0 {
				return
			}
			before := frameSize(p, func() { s.Dispatch(0, "A", strings.Repeat("hello world ", 50)) })
			after := frameSize(p, func() { s.Dispatch(0, "A", strings.Repeat("hello world ", 50)) })
			if after >= before {
				t.Errorf("the same event took %d bytes, then %d: the context is not kept", before, after)
			}
		})
	}
}

// frameSize does something that makes the server send one message, and returns the message's length on the wire.
func frameSize(p *player, do func()) (size int) {
	inner := p.inbox
	p.inbox = func(typ byte, b []byte) []byte {
		size += len(b)
		return inner(typ, b)
	}
	do()
	p.next()
	p.inbox = inner
	return size
}

func TestZstdStreamIsOneUnfinishedFrame(t *testing.T) {
	bubble(t, Config{Guilds: 2}, func(t *testing.T, s *Server) {
		var wire, plain []byte
		var src drip
		z, err := zstd.NewReader(&src, zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		p := dial(t, s, s.URL(), goodQuery+"&compress=zstd-stream")
		p.inbox = func(typ byte, b []byte) []byte {
			if typ != frameBinary {
				t.Errorf("compressed message in a frame of type %d, want binary", typ)
			}
			wire = append(wire, b...)
			src.b.Write(b)
			m := readAvailable(t, z)
			plain = append(plain, m...)
			return m
		}
		p.want("op 10")
		var header zstd.Header
		if err := header.Decode(wire); err != nil {
			t.Fatal(err)
		}
		if header.WindowSize != 256<<10 || header.HasFCS || header.HasCheckSum || header.SingleSegment {
			t.Errorf("zstd frame header: got %+v, want a window of 256 KiB, no size and no checksum", header)
		}
		p.send(2, identity(s))
		p.want("READY 1", "GUILD_CREATE 2", "GUILD_CREATE 3")
		if n := bytes.Count(wire, []byte{0x28, 0xB5, 0x2F, 0xFD}); n != 1 {
			t.Errorf("zstd frames: got %d, want 1", n)
		}
		if len(wire)*2 > len(plain) {
			t.Errorf("%d bytes became %d: not compressed", len(plain), len(wire))
		}
	})
}

func TestRawBytesPassTheCompression(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery+"&compress=zlib-stream")
		var got [][]byte
		p.inbox = func(typ byte, b []byte) []byte {
			got = append(got, b)
			return []byte(`{"op":10}`)
		}
		p.next()
		s.Conns()[0].SendBytes([]byte("rubbish"))
		p.next()
		if string(got[1]) != "rubbish" {
			t.Errorf("got %q, want %q", got[1], "rubbish")
		}
		time.Sleep(time.Second)
	})
}
