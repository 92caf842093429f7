package chiru

import (
	"io"
	"testing"
)

func TestBatchIsFullWith32MessagesOr64KiBOfBodies(t *testing.T) {
	for size, want := range map[int]int{0: 32, 1 << 10: 32, 4 << 10: 16, 64 << 10: 1, 1 << 20: 1} {
		b := newBatch()
		for !b.full() {
			b.add(received{what: message, dispatch: &Dispatch{Body: make([]byte, size)}})
		}
		if len(b.items) != want {
			t.Errorf("of bodies of %d bytes a batch takes %d, want %d", size, len(b.items), want)
		}
		b.free()
		if b = newBatch(); b.full() || len(b.items) > 0 || b.items[:1][0].dispatch != nil {
			t.Error("a batch that was freed has something in it")
		}
	}
}

// piped is a socket of which each read is recorded.
type piped struct {
	io.WriteCloser
	has   int // bytes that are there
	reads []int
}

func (p *piped) Read(b []byte) (int, error) {
	n := min(len(b), p.has)
	p.has -= n
	p.reads = append(p.reads, len(b))
	return n, nil
}

func TestSocketIsReadUpTo64KiBAtOnceAndNothingIsHeldWhileItIsSilent(t *testing.T) {
	p := &piped{has: 200_000}
	waits := 0
	r := &readAhead{ReadWriteCloser: p, waits: func() { waits++ }}
	got := 0
	for got < 200_000 {
		n, err := r.Read(make([]byte, 4<<10))
		if n == 0 || err != nil {
			t.Fatal(n, err)
		}
		got += n
	}
	if len(p.reads) > 6 || p.reads[1] != 64<<10 || waits != len(p.reads) {
		t.Errorf("the socket was read by %d, told before %d of them; want 4 KiB, then 64 KiB each", p.reads, waits)
	}
	if r.buf != nil || r.more {
		t.Error("after a read that was not full a buffer is held")
	}
	for _, there := range []int{100, 0} {
		p.has = there
		if n, _ := r.Read(make([]byte, 4<<10)); n != there || r.more || waits != len(p.reads) {
			t.Errorf("read %d of %d bytes, a buffer is held: %v", n, there, r.buf != nil)
		}
	}
}
