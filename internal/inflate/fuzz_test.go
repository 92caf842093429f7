package inflate

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// messages cuts data into messages: every byte of cuts takes that many bytes, squared, and the last message the rest. No message is empty.
func messages(data, cuts []byte) [][]byte {
	var out [][]byte
	for _, c := range cuts {
		n := min(int(c)*int(c), len(data))
		if n > 0 {
			out = append(out, data[:n])
			data = data[n:]
		}
	}
	if len(data) > 0 {
		out = append(out, data)
	}
	return out
}

// blow repeats data, so that small inputs reach past the window and the block size.
func blow(data []byte, times byte) []byte {
	return bytes.Repeat(data, 1+min(int(times), (512<<10)/max(1, len(data))))
}

func FuzzZlibStream(f *testing.F) {
	f.Add([]byte(`{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}`), byte(0), []byte{3, 4}, []byte{1, 7, 2}, byte(6))
	f.Add([]byte("0123456789abcdef"), byte(255), []byte{181, 2}, []byte{255}, byte(1))
	f.Fuzz(func(t *testing.T, data []byte, times byte, cuts, splits []byte, level byte) {
		s := newZlibSender(t, int(level)%12-2)
		in := New(Zlib, testLimit)
		next := 0
		for _, msg := range messages(blow(data, times), cuts) {
			z := s.send(t, msg)
			pos := 0
			for next < len(splits) && splits[next] > 0 {
				end := min(pos+int(splits[next]), len(z)-1)
				next++
				if end > pos && !bytes.HasSuffix(z[:end], boundary) { // not at a boundary by chance
					wantNothing(t, in, z[pos:end])
					pos = end
				}
			}
			next++
			wantMessage(t, in, z[pos:], msg)
		}
	})
}

func FuzzZstdStream(f *testing.F) {
	f.Add([]byte(`{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}`), byte(0), []byte{3, 4}, byte(0x10), []byte{1})
	f.Add([]byte("0123456789abcdef"), byte(255), []byte{255, 255, 2}, byte(0x81), []byte{0, 2})
	f.Fuzz(func(t *testing.T, data []byte, times byte, cuts []byte, options byte, ends []byte) {
		fresh := func() *sender {
			return newZstdSender(t, zstd.WithWindowSize(zstd.MinWindowSize<<(options&7)),
				zstd.WithEncoderLevel(zstd.EncoderLevel(1+options>>3&3)), zstd.WithEncoderCRC(options&0x20 != 0))
		}
		s, in := fresh(), New(Zstd, testLimit)
		for i, msg := range messages(blow(data, times), cuts) {
			z := s.send(t, msg)
			if i < len(ends) {
				// End the frame: with this message, or with the next one, or in a message of its own.
				switch end := s.end(t); ends[i] % 3 {
				case 0:
					z = append(z, end...)
				case 1:
					wantMessage(t, in, z, msg)
					wantNothing(t, in, end)
					s = fresh()
					continue
				case 2:
					wantMessage(t, in, z, msg)
					s = fresh()
					z = append(end, s.send(t, msg)...)
					wantMessage(t, in, z, msg)
					continue
				}
				s = fresh()
			}
			wantMessage(t, in, z, msg)
		}
	})
}

func FuzzHostile(f *testing.F) {
	f.Add([]byte("{}"), byte(0), byte(0), byte(9))
	f.Add(join(newZlibSender(f, 6).send(f, []byte("hello")), boundary), byte(1), byte(4), byte(9))
	f.Add(newZlibSender(f, 9).send(f, make([]byte, 100_000)), byte(1), byte(1), byte(9))
	f.Add(newZstdSender(f).send(f, make([]byte, 300_000)), byte(2), byte(0), byte(18))
	f.Add(join([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40}, raw("hello", false), raw("", true)), byte(2), byte(3), byte(9))
	f.Fuzz(func(t *testing.T, data []byte, mode, part, size byte) {
		limit := 1 << (size % 20)
		in := New(Mode(mode%3), limit)
		var failed error
		for p := range slices.Chunk(data, max(1, int(part)*8)) {
			before := bytes.Clone(p)
			out, ok, err := in.Push(p)
			switch {
			case !bytes.Equal(p, before):
				t.Fatal("Push modified the message")
			case len(out) > limit:
				t.Fatalf("got %d bytes, want %d at most", len(out), limit)
			case ok && err != nil || !ok && out != nil:
				t.Fatalf("got %d bytes, ok=%v, err=%v", len(out), ok, err)
			case err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrCorrupt):
				t.Fatalf("got %v, want a known error", err)
			case failed != nil && err != failed:
				t.Fatalf("got %v after %v", err, failed)
			}
			failed = err
		}
		in.Close()
	})
}
