package cluster_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// deafStore never answers Load.
type deafStore struct{}

func (deafStore) Load(ctx context.Context, _ chiru.SessionKey) (chiru.Session, error) {
	<-ctx.Done()
	return chiru.Session{}, ctx.Err()
}

func (deafStore) Save(context.Context, chiru.SessionKey, chiru.Session) error { return nil }

// The cluster asks all stores at once, and then each shard asks its own, as chiru.Run does.
func TestStoreThatHangsHoldsUpTheStartForTenSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 4, MaxConcurrency: 4})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store = deafStore{} })
		wait(9900 * time.Millisecond)
		if f.Status().Of != 0 {
			t.Error("the shards are there before the store has had its 10 s")
		}
		wait(200 * time.Millisecond)
		if st := f.Status(); st.Of != 4 {
			t.Errorf("after 10.1 s there are %d shards, want 4", st.Of)
		}
		wait(10200 * time.Millisecond)
		f.mustBeLive(4)
	})
}

func TestFirstShardsOfAllBucketsDialSpreadOut(t *testing.T) {
	for _, c := range []struct {
		shards      int
		least, most time.Duration
	}{{1, 0, 0}, {64, 400 * time.Millisecond, 640 * time.Millisecond}, {1024, 4500 * time.Millisecond, 5 * time.Second}} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: c.shards, MaxConcurrency: c.shards, Record: 1 << 16, SessionLimit: 1 << 16})
			f := launch(t, s, nil)
			wait(10 * time.Second)
			f.mustBeLive(c.shards)
			sent := identifies(s)
			if took := sent[len(sent)-1].At.Sub(sent[0].At); took < c.least || took > c.most {
				t.Errorf("%d shards begin over %v, want %v to %v", c.shards, took, c.least, c.most)
			}
		})
	}
}

func TestFloorIsATwentiethOfTheDaysIdentifies(t *testing.T) {
	for _, c := range []struct{ floor, limit, want int }{{0, 1000, 50}, {0, 10, 1}, {7, 1000, 7}, {-1, 1000, 0}} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{SessionLimit: c.limit})
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor = c.floor })
			wait(time.Second)
			if got := f.Status().Budget.Floor; got != c.want {
				t.Errorf("Floor %d of %d: got %d, want %d", c.floor, c.limit, got, c.want)
			}
		})
	}
	inBubble(t, func(t *testing.T) { // without a floor the last one is spent, and no more
		s := serve(t, gatewaytest.Config{SessionLimit: 2, Shards: 3, MaxConcurrency: 3})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor = -1 })
		wait(time.Minute)
		f.mustBeLive(2)
	})
}

func TestWhatTheAPISaidCountsForFiveMinutes(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		down  bool
		asked int64
	}{{4*time.Minute + 50*time.Second, false, 1}, {5*time.Minute + 10*time.Second, false, 2}, {5*time.Minute + 10*time.Second, true, 2}} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2})
			a, client := asking(s)
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.HTTPClient = client })
			wait(c.after)
			s.HostDown("api", c.down)
			s.Conns()[0].Close(4009, "")
			wait(5 * time.Second)
			f.mustBeLive(2)
			if n := a.n.Load(); n != c.asked {
				t.Errorf("%v after the start: asked %d times, want %d", c.after, n, c.asked)
			}
			if !c.down {
				return
			}
			// After a failure it is not asked for a minute.
			s.Conns()[0].Close(4009, "")
			wait(20 * time.Second)
			if n := a.n.Load(); n != 2 {
				t.Errorf("asked %d times within the minute, want 2", n)
			}
			wait(time.Minute)
			s.Conns()[0].Close(4009, "")
			wait(time.Minute)
			if n := a.n.Load(); n != 3 {
				t.Errorf("asked %d times after the minute, want 3", n)
			}
		})
	}
}

// After a burst one shard is let through; the others wait until its session has lasted, and no longer.
func TestBreakerLetsOneThroughAndWaitsForIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 6
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards})
		rule := s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Send(9, false) }).Keep()
		f := launch(t, s, nil)
		var tripped time.Time
		for tripped.IsZero() {
			wait(100 * time.Millisecond)
			if f.Status().Budget.Why != "" {
				tripped = time.Now()
			}
		}
		rule.Drop()
		n := len(identifies(s))
		if n != 2*shards+5 {
			t.Errorf("%d identifies before the breaker, want %d", n, 2*shards+5)
		}
		wait(10*time.Minute - time.Second)
		if got := len(identifies(s)); got != n {
			t.Errorf("%d identifies while the breaker is open", got-n)
		}
		wait(2 * time.Second)
		if got := len(identifies(s)); got != n+1 {
			t.Errorf("%d identifies after 10 min, want one", got-n)
		}
		wait(5*time.Minute - 3*time.Second)
		if got := len(identifies(s)); got != n+1 {
			t.Errorf("%d identifies while the first session lasts, want one", got-n)
		}
		wait(5 * time.Second)
		f.mustBeLive(shards)
	})
}

func TestBacklogOfAllShardsIs256MiB(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 128 // a part of 2 MiB, less than a shard's own 4
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards})
		f := launch(t, s, nil)
		wait(10 * time.Second)
		f.mustBeLive(shards)
		f.freeze()
		wait(0)
		for range 20 {
			for id := range 3 {
				s.Dispatch(id, "LARGE", map[string]string{"x": strings.Repeat("x", 300<<10)})
			}
		}
		wait(time.Second)
		for id := range 3 {
			if n := f.Status().Shards[id]; n.BacklogBytes > 2<<20 || n.BacklogBytes < 2<<20-310<<10 || !n.Stalled {
				t.Errorf("shard %d keeps %d bytes, want 2 MiB and no more", id, n.BacklogBytes)
			}
		}
	})
}

func TestShardThatIsAwayFor30SecondsIsBadHealth(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2})
		f := launch(t, s, nil)
		wait(time.Minute)
		s.HostDown("", true)
		s.Conns()[0].Cut()
		wait(29 * time.Second)
		if err := f.Status().Health(); err != nil {
			t.Errorf("after 29 s: %v", err)
		}
		wait(2 * time.Second)
		if err := f.Status().Health(); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("after 31 s: %v, want the shard and why", err)
		}
		s.HostDown("", false)
		wait(time.Minute)
		if err := f.Status().Health(); err != nil {
			t.Errorf("once it is back: %v", err)
		}
	})
}
