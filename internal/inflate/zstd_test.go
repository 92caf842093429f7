package inflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/zstd"
)

func TestZstdStreamIsOneFrame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 1))
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression, zstd.SpeedBestCompression} {
		t.Run(level.String(), func(t *testing.T) {
			s, f := newZstdSender(t, zstd.WithEncoderLevel(level)), New(Zstd, testLimit)
			for i := range 120 {
				msg := payload(rnd, 1+rnd.IntN(3000))
				switch {
				case i%50 == 7:
					msg = payload(rnd, 100_000)
				case i%50 == 11:
					msg = noise(rnd, 140_000)
				case i%50 == 13:
					msg = make([]byte, 5000)
				}
				wantMessage(t, f, s.send(t, msg), msg)
			}
			if got, want := f.Window(), 256<<10; got != want {
				t.Fatalf("Window: got %d, want %d", got, want)
			}
		})
	}
}

func TestZstdMessagesOfWholeBlocks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 2))
	s, f := newZstdSender(t), New(Zstd, testLimit)
	for _, n := range []int{128 << 10, 256 << 10, 128<<10 - 1, 128<<10 + 1, 1, 384 << 10} {
		for _, msg := range [][]byte{payload(rnd, n), noise(rnd, n), make([]byte, n)} {
			wantMessage(t, f, s.send(t, msg), msg)
		}
	}
}

func TestZstdWindows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 3))
	for _, size := range []int{zstd.MinWindowSize, 16 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, MaxWindow} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s, f := newZstdSender(t, zstd.WithWindowSize(size)), New(Zstd, testLimit)
			for i := range 20 {
				msg := payload(rnd, 1+rnd.IntN(20_000))
				if i%10 == 5 {
					msg = payload(rnd, min(2*size+77, 3<<20))
				}
				wantMessage(t, f, s.send(t, msg), msg)
			}
			if got := f.Window(); got != size {
				t.Fatalf("Window: got %d, want %d", got, size)
			}
		})
	}
}

func TestZstdWindowAbove8MiBIsRefused(t *testing.T) {
	f := New(Zstd, testLimit)
	msg := newZstdSender(t, zstd.WithWindowSize(16<<20)).send(t, []byte("hello"))
	wantFailure(t, f, msg, ErrTooLarge)
	if got, want := f.Window(), 16<<20; got != want {
		t.Fatalf("Window: got %d, want %d", got, want)
	}
	// A single-segment frame is its own window.
	f = New(Zstd, testLimit)
	wantFailure(t, f, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0x01, 0x00, 0x80, 0x00}, ErrTooLarge)
	if got, want := f.Window(), 8<<20+1; got != want {
		t.Fatalf("Window: got %d, want %d", got, want)
	}
}

func TestZstdGoesOnWithTheNextFrame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 4))
	skippable := []byte{0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'}
	emptySkippable := []byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}
	f := New(Zstd, testLimit)
	for _, sum := range []bool{false, true} {
		for _, window := range []int{256 << 10, 1 << 10, 64 << 10} {
			a, b := payload(rnd, 3000), payload(rnd, 200_000)
			s := newZstdSender(t, zstd.WithWindowSize(window), zstd.WithEncoderCRC(sum))
			wantMessage(t, f, s.send(t, a), a)
			wantMessage(t, f, s.send(t, b), b)
			wantNothing(t, f, s.end(t)) // an empty last block, and the checksum
			wantNothing(t, f, nil)
			wantNothing(t, f, emptySkippable)
			wantNothing(t, f, skippable[:8])
			wantNothing(t, f, skippable[8:10])

			// The rest of the skippable frame, another one, a whole frame, and the start of the next in one message.
			enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(sum))
			if err != nil {
				t.Fatal(err)
			}
			msg := append(bytes.Clone(skippable[10:]), skippable...)
			msg = enc.EncodeAll(a, msg) // single segment, known size
			s = newZstdSender(t, zstd.WithWindowSize(32<<10), zstd.WithEncoderCRC(sum))
			msg = append(msg, s.send(t, b)...)
			wantMessage(t, f, msg, append(bytes.Clone(a), b...))
			wantNothing(t, f, append(s.end(t), emptySkippable...))
		}
	}
	if got, want := f.Window(), 256<<10; got != want {
		t.Fatalf("Window: got %d, want that of the first frame, %d", got, want)
	}
}

func TestZstdHeaderAloneThenBlocks(t *testing.T) {
	header := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40}
	f := New(Zstd, testLimit)
	wantNothing(t, f, header)
	wantMessage(t, f, raw("hello", false), []byte("hello"))
	wantMessage(t, f, append(raw("bye", true), header...), []byte("bye"))
	wantMessage(t, f, raw("again", false), []byte("again"))
	if f.zstd.feed.block != nil {
		t.Fatal("the message is kept after Push")
	}
}

func TestZstdEmptyBlocksAreSteppedOver(t *testing.T) {
	header := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40}
	empty, emptyRun := raw("", false), []byte{0x02, 0, 0, 'x'}
	f := New(Zstd, testLimit)
	wantNothing(t, f, join(header, empty))
	wantNothing(t, f, join(empty, emptyRun, empty))
	wantMessage(t, f, join(empty, raw("hello", false), empty, emptyRun), []byte("hello"))
	wantMessage(t, f, join(raw("a", false), empty, raw("b", false)), []byte("ab"))
	wantNothing(t, f, raw("", true))
	wantMessage(t, f, join(header, raw("c", false)), []byte("c"))
	wantNothing(t, f, []byte{0x03, 0, 0, 'x'})
	wantMessage(t, f, join(header, raw("d", false)), []byte("d"))
}

func TestZstdTruncatedAnywhereIsCorrupt(t *testing.T) {
	s := newZstdSender(t, zstd.WithEncoderCRC(true))
	first, second, last := s.send(t, payload(rand.New(rand.NewPCG(20, 5)), 600)), s.send(t, []byte("hello")), s.end(t)
	whole := join(first, second, last)
	header := 6
	boundaries := map[int]bool{0: true, header: true, len(first): true, len(first) + len(second): true}
	for n := range len(whole) {
		f := New(Zstd, testLimit)
		if boundaries[n] {
			if _, _, err := f.Push(whole[:n]); err != nil {
				t.Fatalf("cut at byte %d: got %v, want no error", n, err)
			}
			continue
		}
		wantFailure(t, f, whole[:n], ErrCorrupt)
	}
}

func TestZstdCorrupt(t *testing.T) {
	header := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40}
	sized := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05} // single segment of 5 bytes
	summed := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x40}
	for _, c := range []struct {
		name string
		msg  []byte
	}{
		{"reserved header bit", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x08, 0x40, 0x01, 0x00, 0x00}},
		{"unknown dictionary", join([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x40, 0x07}, raw("hello", false))},
		{"reserved block type", join(header, []byte{0x06, 0x00, 0x00})},
		{"compressed block of 0 bytes", join(header, []byte{0x04, 0x00, 0x00})},
		{"compressed block without output", join(header, []byte{0x14, 0x00, 0x00, 0x00, 0x00})},
		{"run longer than a block", join(header, []byte{0x0a, 0x00, 0x10, 'x'})},
		{"frame shorter than announced", join(sized, raw("four", true))},
		{"frame longer than announced", join(sized, raw("sixsix", true))},
		{"frame emptier than announced", join(sized, raw("", true))},
		{"wrong checksum", join(summed, raw("hello", true), []byte{1, 2, 3, 4})},
		{"wrong checksum after an empty block", join(summed, raw("hello", false), raw("", true), []byte{1, 2, 3, 4})},
		{"another format", []byte{0x78, 0x9c, 0, 0, 0, 0xff, 0xff}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFailure(t, New(Zstd, testLimit), c.msg, ErrCorrupt) })
	}
}

func TestZstdSteadyStateDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes the decoder's sync.Pools forget at random")
	}
	rnd := rand.New(rand.NewPCG(20, 6))
	s, f := newZstdSender(t), New(Zstd, testLimit)
	var msgs [][]byte
	for range 2000 {
		msgs = append(msgs, s.send(t, payload(rnd, 500+rnd.IntN(1000))))
	}
	for _, m := range msgs[:1800] {
		if _, ok, err := f.Push(m); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	next := 1800
	got := testing.AllocsPerRun(190, func() {
		if _, ok, err := f.Push(msgs[next]); !ok || err != nil {
			t.Fatal(ok, err)
		}
		next++
	})
	if got != 0 {
		t.Fatalf("allocations per message: got %v, want 0", got)
	}
}

// A bubble fails on any goroutine left behind, and panics when something made in another one is waited on.
func TestInflatersOfTwoBubblesShareNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 7))
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			for range 3 {
				zl, zs := New(Zlib, testLimit), New(Zstd, testLimit)
				ls, ss := newZlibSender(t, 6), newZstdSender(t)
				for range 20 {
					msg := payload(rnd, 2000)
					wantMessage(t, zl, ls.send(t, msg), msg)
					wantMessage(t, zs, ss.send(t, msg), msg)
				}
				zl.Close()
				zs.Close()
			}
		})
	}
}

// raw is an uncompressed block.
func raw(s string, last bool) []byte {
	h := len(s) << 3
	if last {
		h |= 1
	}
	return append([]byte{byte(h), byte(h >> 8), byte(h >> 16)}, s...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
