package chiru

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

// A filtered dispatch costs no allocation on its way through the reader and the shard goroutine, a delivered one two
// if it is large. Small ones share theirs.
func TestFilteredDispatchAllocatesNothingAndADeliveredOneTwiceAtMost(t *testing.T) {
	for name, c := range map[string]struct {
		filter func(string) bool
		size   int
		want   float64
	}{
		"filtered":         {func(string) bool { return false }, 10_000, 0},
		"delivered, small": {nil, 100, 0}, // one in eight, which AllocsPerRun rounds down
		"delivered, large": {nil, 10_000, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := anyShard(t, nil)
			s.cfg.Filter = c.filter
			now := time.Now()
			s.m.Start(time.Now())
			s.m.Opened(now)
			s.m.Receive(now, session.Message{Op: session.OpHello, Interval: time.Minute})
			r := reader{cfg: s.cfg, addr: s.addr, names: map[string]string{}}
			text := fmt.Appendf(nil, `{"t":"MESSAGE_CREATE","op":0,"d":{"content":%q}}`, strings.Repeat("A", c.size))
			if got := testing.AllocsPerRun(1000, func() {
				s.handed(now, alone(r.parse(text)))
				for s.backlog.n > 0 {
					s.delivered(s.backlog.pop())
				}
			}); got != c.want {
				t.Errorf("got %v allocations, want %v", got, c.want)
			}
		})
	}
}

// Whoever keeps one dispatch keeps no more than 64 KiB beside it, whatever came with it.
func TestDispatchThatIsKeptKeepsLittleElseAlive(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	for name, size := range map[string]func() int{
		"small": func() int { return 1 + rnd.IntN(300) },
		"mixed": func() int { return 1 + rnd.IntN(6000) },
		"worst": func() int { return slabBody - rnd.IntN(2) },
		"large": func() int { return slabBody + rnd.IntN(100_000) },
	} {
		t.Run(name, func(t *testing.T) {
			live := func() int {
				runtime.GC()
				runtime.GC() // the second frees what the first found in pools
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int(m.HeapAlloc)
			}
			const kept = 100
			all := make([]*Dispatch, 0, kept)
			s := new(slab)
			before, bodies := live(), 0
			for range kept {
				for range 20 {
					s.dispatch(make([]byte, size()))
				}
				d := s.dispatch(make([]byte, size()))
				bodies += len(d.Body)
				all = append(all, d)
				for range 20 {
					s.dispatch(make([]byte, size()))
				}
			}
			s = nil
			if got := (live() - before - bodies) / kept; got > 64<<10 {
				t.Errorf("a dispatch that is kept keeps %d bytes beside its body, want 64 KiB at most", got)
			} else {
				t.Logf("%d bytes beside the body", got)
			}
			runtime.KeepAlive(all)
		})
	}
}

func TestBodiesOfASlabDoNotOverlap(t *testing.T) {
	s := new(slab)
	for i := range 10_000 {
		d := s.dispatch(bytes.Repeat([]byte{byte(i)}, i%5000))
		again := append(d.Body, 0xff) // by the receiver, whose own it is
		if next := s.dispatch([]byte("next")); len(again) != i%5000+1 || string(next.Body) != "next" || len(d.Body) > 0 && d.Body[len(d.Body)-1] != byte(i) {
			t.Fatal("one body runs into the next")
		}
	}
}
