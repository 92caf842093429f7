package chiru

import "testing"

func TestBatchIsFullWith128MessagesOr64KiBOfBodies(t *testing.T) {
	for size, want := range map[int]int{0: 128, 1 << 9: 128, 1 << 10: 64, 4 << 10: 16, 64 << 10: 1, 1 << 20: 1} {
		b := newBatch()
		for !b.full() {
			b.add(received{what: message, dispatch: &Dispatch{Body: make([]byte, size)}})
		}
		if len(b.items) != want {
			t.Errorf("of bodies of %d bytes a batch takes %d, want %d", size, len(b.items), want)
		}
		b.free()
		if b = newBatch(); b.full() || len(b.items) > 0 || cap(b.items) > 0 && b.items[:1][0].dispatch != nil {
			t.Error("a batch that was freed has something in it")
		}
	}
}
