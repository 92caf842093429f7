package inflate

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const testLimit = 16 << 20

// flusher is the sending side of a connection: one flush per message.
type flusher interface {
	io.Writer
	Flush() error
	Close() error
}

// sender compresses messages into one stream.
type sender struct {
	buf bytes.Buffer
	w   flusher
}

func newZlibSender(t testing.TB, level int) *sender {
	t.Helper()
	s := new(sender)
	w, err := zlib.NewWriterLevel(&s.buf, level)
	if err != nil {
		t.Fatal(err)
	}
	s.w = w
	return s
}

func newZstdSender(t testing.TB, opts ...zstd.EOption) *sender {
	t.Helper()
	s := new(sender)
	opts = append([]zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(256 << 10)}, opts...)
	w, err := zstd.NewWriter(&s.buf, opts...)
	if err != nil {
		t.Fatal(err)
	}
	s.w = w
	return s
}

func (s *sender) send(t testing.TB, msg []byte) []byte {
	t.Helper()
	if _, err := s.w.Write(msg); err != nil {
		t.Fatal(err)
	}
	if err := s.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return s.take()
}

func (s *sender) end(t testing.TB) []byte {
	t.Helper()
	if err := s.w.Close(); err != nil {
		t.Fatal(err)
	}
	return s.take()
}

func (s *sender) take() []byte {
	b := bytes.Clone(s.buf.Bytes())
	s.buf.Reset()
	return b
}

// payload is text like a dispatch of about n bytes.
func payload(rnd *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		b = fmt.Appendf(b, `{"id":"%d","name":"user%d","roles":["%d"],"bot":false},`, rnd.Uint64(), rnd.IntN(1000), rnd.Uint64())
	}
	return b[:n]
}

// noise does not compress.
func noise(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

func wantMessage(t testing.TB, f *Inflater, msg, want []byte) {
	t.Helper()
	before := bytes.Clone(msg)
	got, ok, err := f.Push(msg)
	if err != nil || !ok {
		t.Fatalf("Push: got ok=%v, err=%v, want a message of %d bytes", ok, err, len(want))
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("Push: got %d bytes %.40q, want %d bytes %.40q", len(got), got, len(want), want)
	}
	if !bytes.Equal(msg, before) {
		t.Fatal("Push modified the message")
	}
}

func wantNothing(t testing.TB, f *Inflater, msg []byte) {
	t.Helper()
	if got, ok, err := f.Push(msg); got != nil || ok || err != nil {
		t.Fatalf("Push: got %d bytes, ok=%v, err=%v, want nothing yet", len(got), ok, err)
	}
}

// wantFailure also checks that the error is final.
func wantFailure(t testing.TB, f *Inflater, msg []byte, want error) {
	t.Helper()
	out, ok, err := f.Push(msg)
	if !errors.Is(err, want) || out != nil || ok {
		t.Fatalf("Push: got %d bytes, ok=%v, err=%v, want error %q", len(out), ok, err, want)
	}
	if _, _, again := f.Push([]byte("{}")); again != err {
		t.Fatalf("Push after the error: got %v, want the same error %v", again, err)
	}
	f.Close()
	if _, _, again := f.Push(nil); again != err {
		t.Fatalf("Push after Close: got %v, want the first error %v", again, err)
	}
}

func TestNoneReturnsTheMessageItself(t *testing.T) {
	f := New(None, 5)
	msg := []byte("hello")
	out, ok, err := f.Push(msg)
	if err != nil || !ok || len(out) != 5 || &out[0] != &msg[0] {
		t.Fatalf("Push: got %q, ok=%v, err=%v, want the same slice", out, ok, err)
	}
	if got := f.Window(); got != 0 {
		t.Fatalf("Window: got %d, want 0", got)
	}
	wantFailure(t, f, []byte("hello!"), ErrTooLarge)
}

func TestErrorsNameLimitOrCause(t *testing.T) {
	for _, c := range []struct {
		name string
		mode Mode
		msg  []byte
		want string
	}{
		{"none", None, make([]byte, 101), "inflate: too large: message of more than 100 bytes"},
		{"zlib limit", Zlib, newZlibSender(t, 9).send(t, make([]byte, 101)), "inflate: too large: message of more than 100 bytes"},
		{"zlib waiting", Zlib, append([]byte{0x78, 0x9c}, make([]byte, 99)...), "inflate: too large: incomplete zlib-stream message of more than 100 bytes"},
		{"zlib header", Zlib, []byte("{\"op\":10}"), "inflate: corrupt stream: no zlib header: 0x7b22"},
		{"zlib block", Zlib, []byte{0x78, 0x9c, 0x06, 0, 0, 0xff, 0xff}, "inflate: corrupt stream: zlib-stream: a deflate block is broken"},
		{"zstd limit", Zstd, newZstdSender(t).send(t, make([]byte, 101)), "inflate: too large: message of more than 100 bytes"},
		{"zstd magic", Zstd, []byte("{\"op\":10}"), "inflate: corrupt stream: zstd-stream: invalid input: magic number mismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := New(c.mode, 100).Push(c.msg)
			if err == nil || err.Error() != c.want {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestCloseIsIdempotentAndStopsPush(t *testing.T) {
	for mode, msg := range [][]byte{[]byte("hi"), newZlibSender(t, 6).send(t, []byte("hi")), newZstdSender(t).send(t, []byte("hi"))} {
		f := New(Mode(mode), testLimit)
		wantMessage(t, f, msg, []byte("hi"))
		f.Close()
		f.Close()
		if _, ok, err := f.Push(msg); ok || err == nil {
			t.Fatalf("mode %d: Push after Close: got ok=%v, err=%v, want an error", mode, ok, err)
		}
		New(Mode(mode), testLimit).Close()
	}
}

func TestLimitIsExact(t *testing.T) {
	for _, n := range []int{1, 1000, 32 << 10, 128 << 10, 128<<10 + 1, 300_000} {
		msg := payload(rand.New(rand.NewPCG(1, 1)), n)
		for mode, z := range [][]byte{msg, newZlibSender(t, 6).send(t, msg), newZstdSender(t).send(t, msg)} {
			t.Run(fmt.Sprintf("mode %d, %d bytes", mode, n), func(t *testing.T) {
				wantMessage(t, New(Mode(mode), n), z, msg)
				wantFailure(t, New(Mode(mode), n-1), z, ErrTooLarge)
			})
		}
	}
}

func TestUselessLimitsAreHarmless(t *testing.T) {
	z := newZlibSender(t, 6).send(t, []byte("hi"))
	zs := newZstdSender(t).send(t, []byte("hi"))
	for _, limit := range []int{0, -1, -1 << 31} {
		wantFailure(t, New(None, limit), []byte("hi"), ErrTooLarge)
		wantFailure(t, New(Zlib, limit), z, ErrTooLarge)
		wantFailure(t, New(Zstd, limit), zs, ErrTooLarge)
	}
	const most = int(^uint(0) >> 1)
	wantMessage(t, New(None, most), []byte("hi"), []byte("hi"))
	wantMessage(t, New(Zlib, most), z, []byte("hi"))
	wantMessage(t, New(Zstd, most), zs, []byte("hi"))
	z = newZlibSender(t, 6).send(t, make([]byte, 4<<20))
	if got := testing.AllocsPerRun(1, func() { New(Zlib, most).Push(z) }); got > 40 {
		t.Fatalf("allocations for 4 MiB without a limit: got %v, want the few of a buffer that doubles", got)
	}
}

func TestBombStopsAtTheLimit(t *testing.T) {
	const limit = 1 << 20
	bomb := make([]byte, 16<<20)
	zlibBomb := newZlibSender(t, 9).send(t, bomb)
	zstdBomb := newZstdSender(t).send(t, bomb)
	for _, c := range []struct {
		name string
		mode Mode
		msg  []byte
		most uint64 // buffers that double up to the limit, and what the decoder itself needs
	}{
		{"zlib", Zlib, zlibBomb, 3*limit + uint64(len(zlibBomb)) + 128<<10},
		{"zlib in parts", Zlib, zlibBomb[:len(zlibBomb)/2], 3*limit + uint64(len(zlibBomb)) + 128<<10},
		{"zstd", Zstd, zstdBomb, 3*limit + 1<<20},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			f := New(c.mode, limit)
			runtime.ReadMemStats(&before)
			_, _, err := f.Push(c.msg)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrTooLarge) {
				t.Fatalf("Push: got %v, want %v", err, ErrTooLarge)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > c.most || got == 0 {
				t.Fatalf("allocated %d bytes, want 1 to %d", got, c.most)
			}
		})
	}
}

func TestInflaterThatRestsHoldsNoBuffersAndGoesOn(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 3))
	for _, mode := range []Mode{Zlib, Zstd} {
		s := newZlibSender(t, 6)
		if mode == Zstd {
			s = newZstdSender(t)
		}
		f := New(mode, testLimit)
		said := payload(rnd, 40_000)
		for _, msg := range [][]byte{said[:9], said[:100], said, noise(rnd, 2*mostBytes), said, noise(rnd, 40_000), said[:30_000]} {
			wantMessage(t, f, s.send(t, msg), msg)
			f.Rest()
			if held := cap(f.zlib.out.b) + cap(f.zlib.in.b) + cap(f.zstd.out.b); held > 0 || cap(f.zlib.window) > 40<<10 {
				t.Errorf("mode %d: after a message of %d bytes it holds %d, and a window of %d", mode, len(msg), held, cap(f.zlib.window))
			}
			f.Rest()
		}
	}
	// Half a message is kept.
	s, f := newZlibSender(t, 1), New(Zlib, testLimit)
	msg := noise(rnd, 2*mostBytes)
	z := s.send(t, msg)
	wantNothing(t, f, z[:len(z)-1])
	f.Rest()
	wantMessage(t, f, z[len(z)-1:], msg)
}

func TestBufferOver1MiBIsForItsMessageAlone(t *testing.T) {
	for range 100 {
		var b buffer
		b.room(1<<20+1, testLimit)
		b.rest()
		if got := spare.Get().(*[]byte); cap(*got) > 1<<20 {
			t.Fatalf("a buffer of %d bytes is used again", cap(*got))
		}
	}
}
