package chiru_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/chiru-go/chiru"
)

// messagesHeld is how many messages of the largest size are on the heap in the worst case, besides the backlog.
var messagesHeld = map[chiru.Compression]int{
	chiru.CompressionNone: 3, chiru.CompressionZstdStream: 4, chiru.CompressionZlibStream: 5,
}

const soakWindow = 8 << 20 // that the server of the soak asks for, under zstd

// memoryBound is what one shard may hold, as docs/design.md states it.
func memoryBound(c soakConfig) int {
	return idleBound(c) + max(c.BacklogBytes, c.MaxMessage) + messagesHeld[c.Compression]*c.MaxMessage + 256*1536
}

func idleBound(c soakConfig) int {
	if c.Compression == chiru.CompressionZstdStream {
		return 2<<20 + soakWindow
	}
	return 1 << 20
}

// A stalled consumer, a bomb, a READY as large as may be, and floods: what lives on the heap stays under the
// bound, the heap under twice that, and in the end all is given back.
func TestMemoryStaysUnderItsBoundAndIsGivenBack(t *testing.T) {
	full := soakConfig{BacklogBytes: 4 << 20, MaxMessage: 64 << 20}
	if raceEnabled {
		full.MaxMessage = 8 << 20 // the race detector makes reading a message 20 times slower, not larger
	}
	for name, c := range map[string]soakConfig{"full": full, "small": {BacklogBytes: 64 << 10, MaxMessage: 1 << 20}} {
		for mode := chiru.CompressionZstdStream; mode <= chiru.CompressionNone; mode++ {
			c := c
			c.Compression = mode
			t.Run(fmt.Sprint(name, " ", mode), func(t *testing.T) {
				t.Parallel()
				soak(t, c)
			})
		}
	}
}

func soak(t *testing.T, c soakConfig) {
	floods := 5000
	if raceEnabled {
		floods = 1000
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c.URL = "ws://" + l.Addr().String()
	shard := startSoak(t, c)
	p := accept(t, l, c.Compression)
	<-p.login

	holds := func(when string, r soakReport, most int) {
		t.Helper()
		t.Logf("%s: %d KiB live of %d, heap %d KiB", when, (r.Live-shard.base.Live)>>10, most>>10, (r.Heap-shard.base.Heap)>>10)
		if got := r.Live - shard.base.Live; got > most {
			t.Errorf("%s: %d KiB live, want %d at most", when, got>>10, most>>10)
		}
	}
	// mark waits until the consumer has got everything so far.
	marks := 0
	mark := func() soakReport {
		t.Helper()
		marks++
		name := fmt.Sprint("MARK_", marks)
		p.event(name, 0)
		return shard.until(name, func(r soakReport) bool { return r.Last == name })
	}
	large := c.MaxMessage - c.MaxMessage/512

	p.ready(0)
	idle := mark()
	holds("idle", idle, idleBound(c))

	p.ready(large)
	r := mark()
	if r.BytesPayload < int64(large) || r.Session != "soaked" {
		t.Fatalf("a READY of %d bytes has not come: %+v", large, r)
	}
	kept := idleBound(c) + 3*min(c.MaxMessage, 4<<20)
	holds("after a large READY", r, kept)

	for i := range floods {
		p.event("MESSAGE_CREATE", 300)
		p.say(`{"op":1}`)
		p.say(`{"op":99,"d":{"x":1}}`)
		p.event(fmt.Sprint("KIND_", i), 0)
		p.event(fmt.Sprint("KIND_", i, strings.Repeat("_", 900)), 0)
	}
	p.crumbs("CRUMBS", 100_000)
	holds("after the floods", mark(), kept)

	// stalled sends while the consumer takes nothing, until all has come to rest with this much on the heap.
	stalled := func(when string, send func(), least, most int) {
		t.Helper()
		shard.say("stall")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			send()
		}()
		before := 0
		holds(when, shard.until(when, func(r soakReport) bool {
			rests := max(r.Live-before, before-r.Live) < 64<<10
			before = r.Live
			return rests && r.Stalled && r.Live-idle.Live >= least
		}), most)
		shard.say("read")
		<-sent
		holds("after "+when, mark(), kept)
	}
	stalled("a stall before a flood", func() {
		for range 300 { // 256 fit into the backlog
			p.event(strings.Repeat("L", 1000), 3000)
			p.event(strings.Repeat("L", 64<<10), 0)
		}
	}, 0, idleBound(c)+c.BacklogBytes+256*1536)
	stalled("a stall before large events", func() {
		for range 4 { // one in the backlog, one held, one in the reader's hand, and one that finds no room
			p.event("LARGE", large)
		}
	}, 3*large, memoryBound(c))

	seq := p.seq
	p.bomb()
	p = accept(t, l, c.Compression)
	p.resumed(seq)
	if r = mark(); !strings.Contains(r.Loss, fmt.Sprint(c.MaxMessage)) {
		t.Errorf("the bomb ended the connection with %q, want the bound to be named", r.Loss)
	}
	seq = p.seq
	p.endless()
	p = accept(t, l, c.Compression)
	p.resumed(seq)
	for range 40 {
		p.event("SMALL", 0)
	}
	r = mark()
	holds("in the end", r, idleBound(c))
	if most := 2*memoryBound(c) + 32<<20; r.Heap-shard.base.Heap > most {
		t.Errorf("the heap grew by %d KiB, want %d at most", (r.Heap-shard.base.Heap)>>10, most>>10)
	}
}
