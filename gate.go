package chiru

import (
	"context"
	"sync"
	"time"
)

// IdentifyGate paces new sessions: Discord takes one IDENTIFY in 5 s for each shard_id %
// max_concurrency of a token (docs /events/gateway#rate-limiting, #sharding-max-concurrency). It must
// take concurrent calls. RESUME never asks it.
type IdentifyGate interface {
	// Permit queues the shard and returns a channel that gives one Permit when its turn has come.
	// When ctx ends before Permit.Sent is called, the place or permit is given back unspent. A channel
	// closed without a permit means that the shard asks again after a second.
	Permit(ctx context.Context, shard int) <-chan Permit
}

// Permit is the right to send one IDENTIFY.
type Permit interface {
	// Sent is called once the IDENTIFY is on the wire: the 5 s count from there.
	Sent()
}

// Discord's 5 s, and a margin for the way there.
const identifySpacing = 5*time.Second + 200*time.Millisecond

// NewIdentifyGate returns a gate for all shards of one token in this process; first come, first
// served within a bucket. maxConcurrency is the one of GET /gateway/bot; below 1 it is 1. It has no goroutine of its own: timers, and the ends of contexts, move it.
func NewIdentifyGate(maxConcurrency int) IdentifyGate {
	return &gate{buckets: make([]bucket, max(maxConcurrency, 1))}
}

type gate struct {
	mu      sync.Mutex
	buckets []bucket
}

// bucket is one rate_limit_key.
type bucket struct {
	queue []*place
	given *place // has its permit, and has not sent yet
	free  time.Time
	timer *time.Timer
}

type place struct {
	gate   *gate
	bucket int
	permit chan Permit
}

func (g *gate) Permit(ctx context.Context, shard int) <-chan Permit {
	p := &place{gate: g, bucket: shard % len(g.buckets), permit: make(chan Permit, 1)}
	g.mu.Lock()
	b := &g.buckets[p.bucket]
	b.queue = append(b.queue, p)
	b.advance(g)
	g.mu.Unlock()
	context.AfterFunc(ctx, p.leave)
	return p.permit
}

// Sent starts the bucket's pause and ends the permit.
func (p *place) Sent() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	b := &p.gate.buckets[p.bucket]
	if b.given == p {
		b.given = nil
		b.free = time.Now().Add(identifySpacing)
		b.advance(p.gate)
	}
}

// leave gives the place back, with its permit if that was not spent.
func (p *place) leave() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	b := &p.gate.buckets[p.bucket]
	if b.given == p {
		b.given = nil
	}
	for i, q := range b.queue {
		if q == p {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			break
		}
	}
	b.advance(p.gate)
}

// advance gives the permit to the first in the queue, now or when the pause is over. mu is held.
func (b *bucket) advance(g *gate) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if b.given != nil || len(b.queue) == 0 {
		return
	}
	if wait := time.Until(b.free); wait > 0 {
		b.timer = time.AfterFunc(wait, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			b.advance(g)
		})
		return
	}
	b.given, b.queue = b.queue[0], b.queue[1:]
	b.given.permit <- b.given // has room: a place gets one permit at most
}
