package inflate

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestZlibStreamSharesOneContext(t *testing.T) {
	rnd := rand.New(rand.NewPCG(10, 1))
	for _, level := range []int{flate.NoCompression, flate.BestSpeed, 6, flate.BestCompression, flate.HuffmanOnly} {
		t.Run(fmt.Sprint("level ", level), func(t *testing.T) {
			s, f := newZlibSender(t, level), New(Zlib, testLimit)
			for i := range 150 {
				msg := payload(rnd, 1+rnd.IntN(3000))
				switch {
				case i%50 == 7:
					msg = payload(rnd, 100_000)
				case i%50 == 11:
					msg = noise(rnd, 70_000)
				}
				wantMessage(t, f, s.send(t, msg), msg)
			}
		})
	}
}

func TestZlibWaitsForTheBoundaryWhereverMessagesAreSplit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(10, 2))
	s, f := newZlibSender(t, 6), New(Zlib, testLimit)
	for range 50 {
		msg := payload(rnd, 1+rnd.IntN(400))
		z := s.send(t, msg)
		for len(z) > 1 {
			n := 1 + rnd.IntN(min(9, len(z)-1))
			wantNothing(t, f, z[:n])
			z = z[n:]
			if rnd.IntN(4) == 0 {
				wantNothing(t, f, nil)
			}
		}
		wantMessage(t, f, z, msg)
	}
}

// A flate reader that is read until its input is used up dies on exactly these messages.
func TestZlibOutputOfMultiplesOfTheWindow(t *testing.T) {
	rnd := rand.New(rand.NewPCG(10, 3))
	for _, level := range []int{flate.NoCompression, 1, 6} {
		s, f := newZlibSender(t, level), New(Zlib, testLimit)
		for _, n := range []int{32768, 32768, 65536, 1, 32767, 32768, 1000, 31768, 98304, 5, 32763, 32768} {
			msg := payload(rnd, n)
			wantMessage(t, f, s.send(t, msg), msg)
		}
	}
}

func TestZlib70000OneByteMessages(t *testing.T) {
	s, f := newZlibSender(t, 6), New(Zlib, testLimit)
	for i := range 70_000 {
		msg := []byte{byte('a' + i%7)}
		wantMessage(t, f, s.send(t, msg), msg)
	}
}

func TestZlibKeepsTheWholeWindow(t *testing.T) {
	// The third message repeats the first, whose start is then 32 KiB back.
	rnd := rand.New(rand.NewPCG(10, 4))
	first, second := noise(rnd, 1000), noise(rnd, 31_000)
	s, f := newZlibSender(t, 9), New(Zlib, testLimit)
	wantMessage(t, f, s.send(t, first), first)
	wantMessage(t, f, s.send(t, second), second)
	z := s.send(t, first)
	if len(z) > 100 {
		t.Fatalf("the encoder did not refer back: %d bytes", len(z))
	}
	wantMessage(t, f, z, first)
}

func TestZlibMessageWithoutDataDeliversNothing(t *testing.T) {
	s, f := newZlibSender(t, 6), New(Zlib, testLimit)
	wantNothing(t, f, s.send(t, nil))
	wantNothing(t, f, s.send(t, nil))
	wantMessage(t, f, s.send(t, []byte("hello")), []byte("hello"))
	wantNothing(t, f, s.send(t, nil))
	wantMessage(t, f, s.send(t, []byte("hello")), []byte("hello"))
}

func TestZlibStreamThatEndsIsCorrupt(t *testing.T) {
	t.Run("with a message", func(t *testing.T) {
		s, f := newZlibSender(t, 6), New(Zlib, testLimit)
		wantMessage(t, f, s.send(t, []byte("hello")), []byte("hello"))
		if _, err := s.w.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, f, s.end(t), ErrCorrupt)
	})
	t.Run("at once", func(t *testing.T) {
		wantFailure(t, New(Zlib, testLimit), newZlibSender(t, 6).end(t), ErrCorrupt)
	})
	t.Run("in two parts", func(t *testing.T) {
		z := newZlibSender(t, 6).end(t)
		f := New(Zlib, testLimit)
		wantNothing(t, f, z[:2])
		wantFailure(t, f, z[2:], ErrCorrupt)
	})
	t.Run("by a final block that looks like a boundary", func(t *testing.T) {
		f := New(Zlib, testLimit)
		wantFailure(t, f, []byte{0x78, 0x9c, 1, 0, 0, 0xff, 0xff}, ErrCorrupt)
	})
}

func TestZlibCorrupt(t *testing.T) {
	// A stored block of 9 bytes that holds only 4 of them, and they look like a boundary.
	short := []byte{0x78, 0x9c, 0x00, 9, 0, 0xf6, 0xff, 0x00, 0x00, 0xff, 0xff}
	good := newZlibSender(t, 6).send(t, payload(rand.New(rand.NewPCG(10, 5)), 2000))
	flipped := bytes.Clone(good)
	flipped[3] ^= 0xff
	// A fixed-code block: a match before the first byte of the stream.
	farBack := []byte{0x78, 0x9c, 0x02, 0x02, 0x00, 0x00, 0x00, 0xff, 0xff}
	for _, c := range []struct {
		name string
		msg  []byte
	}{
		{"ends inside a stored block", short},
		{"flipped bits", flipped},
		{"refers before the start", farBack},
		{"reserved block type", []byte{0x78, 0x9c, 0x06, 0x00, 0x00, 0xff, 0xff}},
		{"method 9", append([]byte{0x79, 0x9b}, good[2:]...)},
		{"window of 64 KiB", append([]byte{0x88, 0x1c}, good[2:]...)},
		{"header checksum", append([]byte{0x78, 0x9d}, good[2:]...)},
		{"preset dictionary", append([]byte{0x78, 0xbb}, good[2:]...)},
		{"bare boundary", boundary},
	} {
		t.Run(c.name, func(t *testing.T) { wantFailure(t, New(Zlib, testLimit), c.msg, ErrCorrupt) })
	}
	t.Run("second zlib header", func(t *testing.T) {
		f := New(Zlib, testLimit)
		if _, _, err := f.Push(good); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, f, good, ErrCorrupt)
	})
	t.Run("broken part without a boundary", func(t *testing.T) {
		wantFailure(t, New(Zlib, testLimit), []byte("HTTP/1.1 502 Bad Gateway"), ErrCorrupt)
	})
}

func TestZlibWaitingBytesAreBounded(t *testing.T) {
	const limit = 1000
	// One stored block that never fills.
	f := New(Zlib, limit)
	head := binary.LittleEndian.AppendUint16([]byte{0x78, 0x9c, 0x00}, 60_000)
	wantNothing(t, f, binary.LittleEndian.AppendUint16(head, 60_000^0xffff))
	for i := range limit - 7 {
		if _, _, err := f.Push([]byte{'x'}); err != nil {
			t.Fatalf("after %d bytes: %v", 7+i, err)
		}
	}
	wantFailure(t, f, []byte{'x'}, ErrTooLarge)
}

func TestZlibPartsTogetherAreBounded(t *testing.T) {
	const limit = 1 << 20
	msg := noise(rand.New(rand.NewPCG(10, 7)), limit)
	z := newZlibSender(t, 0).send(t, msg)
	f := New(Zlib, limit)
	wantNothing(t, f, z[:limit/2])
	wantMessage(t, f, z[limit/2:], msg) // longer compressed than it is

	f = New(Zlib, limit)
	wantNothing(t, f, z[:limit/2])
	rest := append(bytes.Repeat([]byte{0xaa}, limit), boundary...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wantFailure(t, f, rest, ErrTooLarge)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > limit {
		t.Errorf("allocated %d bytes for a part that is too much", got)
	}
}

func TestZlibManyPartsAreNotDecompressedManyTimes(t *testing.T) {
	msg := noise(rand.New(rand.NewPCG(10, 6)), 200_000)
	z, f := newZlibSender(t, 6).send(t, msg), New(Zlib, testLimit)
	if bytes.Contains(z[:len(z)-4], boundary) {
		t.Fatal("the sample has a boundary inside")
	}
	looks := map[int]bool{}
	for i := range len(z) - 1 {
		wantNothing(t, f, z[i:i+1])
		looks[f.zlib.looked] = true
	}
	// None, then 2, 4, 8... up to 131072 parts.
	if got, want := len(looks), 18; got != want {
		t.Fatalf("incomplete message of %d parts decompressed %d times, want %d", len(z), got-1, want-1)
	}
	wantMessage(t, f, z[len(z)-1:], msg)
}

func TestZlibSteadyStateDoesNotAllocate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(10, 7))
	s, f := newZlibSender(t, 6), New(Zlib, testLimit)
	var msgs [][]byte
	for range 600 {
		msgs = append(msgs, s.send(t, payload(rnd, 500+rnd.IntN(1000))))
	}
	for _, m := range msgs[:500] {
		if _, ok, err := f.Push(m); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	next := 500
	got := testing.AllocsPerRun(90, func() {
		if _, ok, err := f.Push(msgs[next]); !ok || err != nil {
			t.Fatal(ok, err)
		}
		next++
	})
	if got != 0 {
		t.Fatalf("allocations per message: got %v, want 0", got)
	}
}
