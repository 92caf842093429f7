package cluster

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/chiru-go/chiru"
)

const (
	sampleEvery = 5 * time.Second
	rateSpan    = time.Minute
	// A shard is silent if so many events should have come by its usual rate, and none has.
	silentAfter = 20
	silentLeast = 15 * time.Second
)

// sample is what is kept of a Snapshot.
type sample struct {
	dispatches, handled int64
	session             string
	backlog             int
}

// flow is whether a shard's events come and are taken.
type flow struct {
	mu    sync.Mutex
	last  sample
	at    time.Time // of last
	rate  float64   // a second
	usual float64   // rate when the last event came
	came  time.Time // the last event, to a sample's precision
	stuck time.Time // since when events wait and none is taken; zero if not so
}

// sample looks at all shards again and again, until ctx ends.
func (r *run) sample(ctx context.Context) {
	t := time.NewTicker(sampleEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			for _, s := range r.shards {
				s.mu.Lock()
				stats := s.stats
				s.mu.Unlock()
				s.flow.sample(time.Now(), stats.Snapshot())
			}
		case <-ctx.Done():
			return
		}
	}
}

func (f *flow) sample(now time.Time, n chiru.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := n.Dispatches - f.last.dispatches
	if fresh < 0 || f.at.IsZero() { // a new run, or the first sample
		fresh = n.Dispatches
	}
	span := sampleEvery
	if !f.at.IsZero() {
		span = now.Sub(f.at)
	}
	if span > 0 {
		weight := 1 - math.Exp(-span.Seconds()/rateSpan.Seconds())
		f.rate += weight * (float64(fresh)/span.Seconds() - f.rate)
	}
	if fresh > 0 || n.State != "live" {
		f.came, f.usual = now, f.rate
	}
	switch {
	case n.Backlog == 0 || n.Handled != f.last.handled || n.Session != f.last.session:
		f.stuck = time.Time{}
	case f.stuck.IsZero() && f.last.backlog > 0:
		f.stuck = f.at
	}
	f.last, f.at = sample{n.Dispatches, n.Handled, n.Session, n.Backlog}, now
}

func (f *flow) rateNow() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rate
}

// stopped says since when the consumer takes nothing, and since when nothing comes though it should.
func (f *flow) stopped(now time.Time) (stuck, silent time.Time, usual float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if quiet := now.Sub(f.came); !f.came.IsZero() && quiet >= silentLeast && quiet.Seconds()*f.usual >= silentAfter {
		silent = f.came
	}
	return f.stuck, silent, f.usual
}
