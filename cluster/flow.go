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
	// How long what came counts for what should come.
	usualSpan = 10 * time.Minute
	// A shard is silent if, by what has come in usualSpan, so long a silence has a chance below one in silentOdds.
	silentOdds = 10_000
	// And it is silentTimes as long as any after which events came by themselves, as far as that is remembered: who writes to
	// a small bot goes to bed at night.
	silentTimes = 2
	longestSpan = 24 * time.Hour
)

// sample is what is kept of a Snapshot.
type sample struct {
	dispatches, handled, connections int64
	session                          string
	backlog                          int
}

// flow is whether a shard's events come and are taken.
type flow struct {
	mu   sync.Mutex
	last sample
	at   time.Time // of last
	rate float64   // a second

	// Samples while live, and those of them that found an event, as far as they still count.
	samples, lively float64
	silent          int       // samples since the last event
	longest         float64   // silence that ended by itself, in samples
	came            time.Time // the last event, to a sample's precision
	stuck           time.Time // since when events wait and none is taken; zero if not so
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
	if fresh < 0 { // a new run
		fresh = n.Dispatches
	}
	f.rate += (1 - math.Exp(-sampleEvery.Seconds()/rateSpan.Seconds())) * (float64(fresh)/sampleEvery.Seconds() - f.rate)
	if n.State == "live" {
		forget := math.Exp(-sampleEvery.Seconds() / usualSpan.Seconds())
		f.samples, f.lively = f.samples*forget+1, f.lively*forget
		f.longest *= math.Exp(-sampleEvery.Seconds() / longestSpan.Seconds())
	}
	if n.Connections != f.last.connections { // it did not end by itself
		f.silent = 0
	}
	switch {
	case fresh > 0:
		f.lively++
		f.longest = max(f.longest, float64(f.silent))
		f.silent, f.came = 0, now
	case n.State == "live":
		f.silent++
	default:
		f.silent = 0
	}
	switch {
	case n.Backlog == 0 || n.Handled != f.last.handled || n.Session != f.last.session:
		f.stuck = time.Time{}
	case f.stuck.IsZero() && f.last.backlog > 0:
		f.stuck = f.at
	}
	f.last, f.at = sample{n.Dispatches, n.Handled, n.Connections, n.Session, n.Backlog}, now
}

func (f *flow) rateNow() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rate
}

// stopped says since when the consumer takes nothing, and since when nothing comes though it should; and how many of a
// hundred samples found an event.
func (f *flow) stopped() (stuck, silent time.Time, usual int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Two samples more, or a few would say too much.
	chance := f.lively / (f.samples + 2)
	length := float64(f.silent)
	if -math.Log(1-chance)*length > math.Log(silentOdds) && length > silentTimes*f.longest {
		silent = f.came
	}
	return f.stuck, silent, int(100 * chance)
}
