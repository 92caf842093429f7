package chiru

import (
	"testing"
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

// A filtered dispatch costs no allocation on its way through the reader and the shard goroutine, a delivered one two.
func TestFilteredDispatchAllocatesNothingAndADeliveredOneTwice(t *testing.T) {
	for name, c := range map[string]struct {
		filter func(string) bool
		want   float64
	}{
		"filtered":  {func(string) bool { return false }, 0},
		"delivered": {nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := anyShard(t, nil)
			s.cfg.Filter = c.filter
			now := time.Now()
			s.m.Start(time.Now())
			s.m.Opened(now)
			s.m.Receive(now, session.Message{Op: session.OpHello, Interval: time.Minute})
			r := reader{cfg: s.cfg, addr: s.addr, names: map[string]string{}}
			text := []byte(`{"t":"MESSAGE_CREATE","op":0,"d":{"content":"hello"}}`)
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
