package cluster

import (
	"context"
	"sync"

	"github.com/chiru-go/chiru"
)

// gate is the identify gate of all shards: the queue and pause of each shard_id % max_concurrency (docs
// /events/gateway#sharding-max-concurrency), then the day's budget and its breaker. RESUME never asks it.
type gate struct {
	run     *run
	buckets chiru.IdentifyGate
	outside chiru.IdentifyGate // the caller's, or nil
	waiting sync.WaitGroup     // a goroutine for each shard that waits
}

func newGate(r *run) *gate {
	return &gate{run: r, buckets: chiru.NewIdentifyGate(r.budget.buckets), outside: r.cfg.Shard.Gate}
}

// hold keeps each bucket closed for the rest of the pause that the last IDENTIFY of the process before has begun, by a
// permit that is given back unspent. ctx must outlive the shards: one that a stop has not reached yet would take it.
func (g *gate) hold(ctx context.Context) {
	for bucket, until := range g.run.budget.pauses() {
		held, cancel := context.WithDeadline(ctx, until)
		context.AfterFunc(held, cancel)
		g.buckets.Permit(held, bucket)
	}
}

// Permit implements chiru.IdentifyGate.
func (g *gate) Permit(ctx context.Context, shard int) <-chan chiru.Permit {
	out := make(chan chiru.Permit, 1)
	g.waiting.Go(func() { g.lead(ctx, shard, out) })
	return out
}

// lead takes one shard through: its bucket's queue, the budget, the caller's gate; where that paces, the breaker and it alone. What it has taken goes back if it leaves
// without an IDENTIFY. The queue comes first, so that whoever waits for the budget keeps its place.
func (g *gate) lead(ctx context.Context, shard int, out chan<- chiru.Permit) {
	b := g.run.budget
	p := &permit{gate: g, shard: shard, sent: make(chan struct{})}
	if !g.run.cfg.Paced && !p.await(ctx, g.buckets) || !b.take(ctx, shard) {
		return
	}
	if g.outside != nil && !p.await(ctx, g.outside) {
		b.giveBack(shard)
		if ctx.Err() == nil {
			close(out)
		}
		return
	}
	b.about(shard)
	b.writtenDown(ctx)
	out <- p
	select {
	case <-p.sent:
	case <-ctx.Done():
		select {
		case <-p.sent:
		default:
			b.giveBack(shard)
		}
	}
}

// permit is those of all gates.
type permit struct {
	gate  *gate
	shard int
	inner []chiru.Permit
	once  sync.Once
	sent  chan struct{}
}

// await adds a gate's permit. It is false if there is none to be had.
func (p *permit) await(ctx context.Context, from chiru.IdentifyGate) bool {
	select {
	case inner, ok := <-from.Permit(ctx, p.shard):
		p.inner = append(p.inner, inner)
		return ok
	case <-ctx.Done():
		return false
	}
}

// Sent implements chiru.Permit.
func (p *permit) Sent() {
	p.once.Do(func() {
		close(p.sent)
		for _, inner := range p.inner {
			inner.Sent()
		}
		p.gate.run.starts.identified(p.shard)
		p.gate.run.budget.begun(p.shard)
	})
}
