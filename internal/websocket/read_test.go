package websocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// wire is a socket that gives what it has in pieces of the sizes that next says, and takes note of what it was asked for.
type wire struct {
	io.Writer
	has  []byte
	next func() int
	asks []int
}

func (w *wire) Read(b []byte) (int, error) {
	w.asks = append(w.asks, len(b))
	if len(w.has) == 0 {
		return 0, io.EOF
	}
	n := copy(b, w.has[:min(len(w.has), w.next())])
	w.has = w.has[n:]
	return n, nil
}

func (w *wire) Close() error { return nil }

func whole() int { return 1 << 30 }

// serverFrame is a frame without a mask.
func serverFrame(dst []byte, first byte, payload []byte) []byte {
	dst = append(dst, first)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, payload...)
}

const final = 0x80

func TestMessagesAreReadHoweverTheyAreCut(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var want, pings [][]byte
		var stream []byte
		for range 60 {
			payload := make([]byte, []int{0, 1, 125, 126, 4000, 4096, 65_535, 65_536, rng.IntN(8000), rng.IntN(300_000)}[rng.IntN(10)])
			for i := range payload {
				payload[i] = byte(rng.Uint32())
			}
			want = append(want, payload)
			op, rest := byte(1+rng.IntN(2)), payload
			for rng.IntN(4) == 0 {
				n := rng.IntN(len(rest) + 1)
				stream = serverFrame(stream, op, rest[:n])
				op, rest = continuation, rest[n:]
				if rng.IntN(2) == 0 {
					ping := payload[:min(len(payload), rng.IntN(126))]
					pings = append(pings, ping)
					stream = serverFrame(stream, final|byte(Ping), ping)
					stream = serverFrame(stream, final|pong, ping)
				}
			}
			stream = serverFrame(stream, final|op, rest)
		}
		most := 1 + rng.IntN(100_000)
		c := newConn(&wire{has: stream, next: func() int { return 1 + rng.IntN(most) }}, 300_000)
		for i := 0; i < len(want); {
			kind, data, err := c.Read()
			switch {
			case err != nil:
				t.Fatalf("seed %d, message %d: %v", seed, i, err)
			case kind == Ping:
				if !bytes.Equal(data, pings[0]) {
					t.Fatalf("seed %d, before message %d: a ping of %d bytes, want %d", seed, i, len(data), len(pings[0]))
				}
				pings = pings[1:]
			default:
				if !bytes.Equal(data, want[i]) {
					t.Fatalf("seed %d: message %d has %d bytes, or others, want %d", seed, i, len(data), len(want[i]))
				}
				i++
			}
		}
		for range 2 {
			if _, _, err := c.Read(); err != io.EOF || len(pings) > 0 {
				t.Fatalf("seed %d: after the last message %v, pings left %d", seed, err, len(pings))
			}
		}
	}
}

func TestBadFramesEndTheConnection(t *testing.T) {
	long := binary.BigEndian.AppendUint64([]byte{final | 1, 127}, 1<<63)
	for name, tt := range map[string]struct {
		stream []byte
		want   error
	}{
		"masked":                            {[]byte{final | 1, 0x80, 0, 0, 0, 0}, errMasked},
		"RSV1":                              {[]byte{final | 0x40 | 1, 0}, errReserved},
		"RSV3":                              {[]byte{final | 0x10 | 1, 0}, errReserved},
		"a ping of 126":                     {serverFrame(nil, final|9, make([]byte, 126)), errControl},
		"half a ping":                       {[]byte{9, 0}, errControl},
		"negative length":                   {long, errLength},
		"a continuation of nothing":         {[]byte{final, 0}, errOrder},
		"a message within another":          {[]byte{1, 0, final | 1, 0}, errOrder},
		"one byte too many":                 {serverFrame(nil, final|1, make([]byte, 1001)), ErrTooLong},
		"one too many, said and not sent":   {[]byte{final | 1, 126, 1001 >> 8, 1001 & 255}, ErrTooLong},
		"one too many in a second fragment": {serverFrame(serverFrame(nil, 1, make([]byte, 1000)), final, []byte{0}), ErrTooLong},
	} {
		c := newConn(&wire{has: append(tt.stream, make([]byte, 2000)...), next: whole}, 1000)
		for range 2 {
			if _, _, err := c.Read(); err != tt.want {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
	}
	for _, op := range []byte{3, 7, 11, 15} {
		c := newConn(&wire{has: []byte{final | op, 0}, next: whole}, 1000)
		if _, _, err := c.Read(); err == nil || !strings.Contains(err.Error(), fmt.Sprint("opcode ", op)) {
			t.Errorf("opcode %d: %v", op, err)
		}
	}
	for _, size := range []int{0, 1000} {
		c := newConn(&wire{has: serverFrame(serverFrame(nil, 1, make([]byte, size)), final, nil), next: whole}, 1000)
		if _, data, err := c.Read(); err != nil || len(data) != size {
			t.Errorf("a message of %d bytes: %d, %v", size, len(data), err)
		}
	}
}

func TestCloseFramesAreToldByCode(t *testing.T) {
	for _, code := range []int{1000, 1001, 1003, 1011, 1014, 3000, 4000, 4014, 4999} {
		payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), "why"...)
		c := newConn(&wire{has: serverFrame(nil, final|closing, payload), next: whole}, 1000)
		for range 2 {
			_, _, err := c.Read()
			if got, ok := errors.AsType[*CloseError](err); !ok || *got != (CloseError{code, "why"}) {
				t.Errorf("%d: %v", code, err)
			}
		}
	}
	c := newConn(&wire{has: []byte{final | closing, 0}, next: whole}, 1000)
	if _, _, err := c.Read(); err == nil || err.(*CloseError).Code != 1005 {
		t.Errorf("a close frame without a code: %v", err)
	}
	for _, payload := range [][]byte{{3}, {0, 0}, {3, 231}, {3, 236}, {3, 237}, {3, 238}, {3, 247}, {19, 136}, {255, 255}} {
		c := newConn(&wire{has: serverFrame(nil, final|closing, payload), next: whole}, 1000)
		_, _, err := c.Read()
		if _, ok := errors.AsType[*CloseError](err); ok || err == nil || err == io.EOF {
			t.Errorf("a close frame of %v: %v, want an error that is no CloseError", payload, err)
		}
	}
}

func TestSocketIsReadUpTo64KiBAtOnceAndAConnectionAtRestHolds4KiB(t *testing.T) {
	var stream []byte
	for range 100 {
		stream = serverFrame(stream, final|1, make([]byte, 2000))
	}
	w := &wire{has: stream, next: whole}
	c := newConn(w, 1<<20)
	waits, busy := 0, 0
	c.Waits = func() {
		if waits++; c.Busy() {
			busy++
		}
	}
	for range 100 {
		if _, data, err := c.Read(); err != nil || len(data) != 2000 {
			t.Fatal(len(data), err)
		}
	}
	// A buffer from the pool may be a larger one.
	if len(w.asks) > 5 || w.asks[0] != sipSize || slices.Min(w.asks[1:]) < gulpSize-sipSize || waits != len(w.asks) || busy != waits-1 {
		t.Errorf("the socket was asked for %d, told before %d of them, %d times busy", w.asks, waits, busy)
	}
	c.Waits = func() {
		if c.gulp != nil || len(c.buf) != sipSize {
			t.Errorf("a buffer of %d bytes is held while the socket is silent", len(c.buf))
		}
	}
	c.Read()
}

func TestBufferOver1MiBIsForItsMessageAlone(t *testing.T) {
	for size, kept := range map[int]bool{keptMost - extraRoom: true, keptMost + 1: false} {
		c := newConn(&wire{has: serverFrame(nil, final|1, make([]byte, size)), next: whole}, keptMost+1)
		if _, _, err := c.Read(); err != nil {
			t.Fatal(err)
		}
		if (len(c.buf) <= keptMost) != kept {
			t.Errorf("%d bytes are read into a buffer of %d", size, len(c.buf))
		}
		held := c.gulp
		c.release()
		if got := gulps.Get().(*[]byte); !kept && got == held {
			t.Errorf("a buffer of %d bytes went to the pool", len(*got))
		}
	}
}

func TestBufferOfAnySizeGrowsToTheLargestThatIsKeptBeforeItGrowsFurther(t *testing.T) {
	for _, from := range []int{gulpSize, 100_000, keptMost - 1} {
		c := newConn(&wire{}, 3*keptMost)
		buf := make([]byte, from) // as a connection with another limit may have left one in the pool
		c.gulp, c.buf = &buf, buf
		var sizes []int
		for len(c.buf) < 2*keptMost {
			c.to = len(c.buf)
			c.grow()
			sizes = append(sizes, len(c.buf))
		}
		if !slices.Contains(sizes, keptMost) {
			t.Errorf("a buffer of %d bytes grows to %d", from, sizes)
		}
	}
}

func TestBufferOver1MiBIsGivenBackThoughTheNextFrameHasBegun(t *testing.T) {
	for _, begun := range []int{1, 5, 1000, gulpSize, keptMost - 2000} {
		stream := serverFrame(nil, final|1, make([]byte, keptMost+1))
		first := len(stream) + begun
		stream = serverFrame(stream, final|1, bytes.Repeat([]byte("x"), begun+1000))
		w := &wire{has: stream}
		w.next = func() int {
			if left := first - (len(stream) - len(w.has)); left > 0 {
				return left
			}
			return 1000
		}
		c := newConn(w, 2*keptMost)
		if _, data, err := c.Read(); err != nil || len(data) != keptMost+1 {
			t.Fatal(len(data), err)
		}
		c.Waits = func() {
			if len(c.buf) > keptMost {
				t.Errorf("with %d bytes of the next frame, %d are held while the socket may be silent", begun, len(c.buf))
			}
		}
		if _, data, err := c.Read(); err != nil || len(data) != begun+1000 || bytes.Count(data, []byte("x")) != len(data) {
			t.Error(len(data), err)
		}
	}
}

func TestBufferGrowsToNoMoreThanTheLargestMessageNeeds(t *testing.T) {
	for _, most := range []int{100_000, 1 << 20, 3 << 20} {
		c := newConn(&wire{has: serverFrame(serverFrame(nil, 1, make([]byte, most)), final, nil), next: whole}, most)
		if _, data, err := c.Read(); err != nil || len(data) != most {
			t.Fatal(len(data), err)
		}
		if len(c.buf) > max(keptMost, most+extraRoom) { // one from the pool may be that large
			t.Errorf("for messages of %d bytes at most the buffer grows to %d", most, len(c.buf))
		}
	}
}

func TestLengthThatIsSaidTakesNoMemoryBeforeItIsSent(t *testing.T) {
	header := binary.BigEndian.AppendUint64([]byte{final | 2, 127}, 1<<30)
	c := newConn(&wire{has: append(header, make([]byte, 1000)...), next: whole}, 1<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := c.Read()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err != io.EOF || took > keptMost {
		t.Errorf("%v, and %d bytes of memory", err, took)
	}
}

func TestSocketThatGivesNothingForEverIsGivenUp(t *testing.T) {
	c := newConn(&wire{has: []byte{1}, next: func() int { return 0 }}, 1000)
	if _, _, err := c.Read(); err != io.ErrNoProgress {
		t.Error(err)
	}
}

// However a stream is cut into reads, the same messages come of it, and no more memory is taken than they need.
func FuzzRead(f *testing.F) {
	f.Add(serverFrame(serverFrame(nil, final|1, []byte("hello")), final|closing, []byte{15, 160}), uint64(1))
	f.Add(serverFrame(serverFrame(serverFrame(nil, 2, []byte("hel")), final|9, []byte("?")), final, []byte("lo")), uint64(2))
	f.Add(serverFrame(nil, final|2, make([]byte, 5000)), uint64(3))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		const most = 70_000
		rng := rand.New(rand.NewPCG(seed, 0))
		at := newConn(&wire{has: stream, next: whole}, most)
		by := newConn(&wire{has: stream, next: func() int { return 1 + rng.IntN(64) }}, most)
		for {
			kind, data, err := at.Read()
			cutKind, cutData, cutErr := by.Read()
			if kind != cutKind || !bytes.Equal(data, cutData) || fmt.Sprint(err) != fmt.Sprint(cutErr) {
				t.Fatalf("at once %d of %d bytes, %v; in pieces %d of %d bytes, %v", kind, len(data), err, cutKind, len(cutData), cutErr)
			}
			if len(data) > most || len(at.buf) > keptMost {
				t.Fatalf("a message of %d bytes in a buffer of %d", len(data), len(at.buf))
			}
			if err != nil {
				return
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{100, 1800, 120_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			frame := serverFrame(nil, final|1, make([]byte, size))
			stream := bytes.Repeat(frame, 1+1_000_000/size)
			w := &wire{next: whole}
			c := newConn(w, 1<<20)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if len(w.has) < 2*len(frame) {
					w.has, w.asks = append(w.has, stream...), w.asks[:0]
				}
				if _, _, err := c.Read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
