package fleet

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// gate paces the new sessions of all nodes (docs /events/gateway#sharding-max-concurrency). Who waits stands in line; the first of a bucket, if the
// day's budget has one left, takes the bucket's key, which is the right to send one IDENTIFY. It keeps the key for as long as it has not sent
// it, and once it has, lets it end by a lifetime that begins then, so the pause counts from the socket. A node that dies with a key
// costs the others its lifetime. One that was frozen in between for longer than a key lasts has lost its lease, and sends nothing
// (checkpoints.Held).
type gate struct {
	leases  *leases // with the lifetime of a key whose IDENTIFY has not been sent
	log     *slog.Logger
	buckets int
	line    *line
	budget  *budget
	broken  func() time.Time // until when the breaker is open, the zero time if it is not
	waiting sync.WaitGroup

	mu    sync.Mutex
	freed chan struct{} // closed when a bucket's key has ended
}

const (
	// From an IDENTIFY to the next of its bucket: Discord's 5 s, and a margin for the way there.
	identifySpacing = 5 * time.Second
	identifyMargin  = 200 * time.Millisecond
	// A key is renewed each second until its IDENTIFY is sent. Lifetimes are of whole seconds; this one is longer than the pause by what a renewal
	// may be late.
	permitLasts = 7 * time.Second
	permitRenew = time.Second
	// How often a key that was not free is asked for again, if its end has not been heard of.
	permitAgain = time.Second
)

func bucketKey(bucket int) string { return "identify." + strconv.Itoa(bucket) }

func newGate(f *fleet) *gate {
	return &gate{
		leases: &leases{f.js, f.kv, f.names, f.node, max(permitLasts, f.cfg.LeaseTTL)}, log: f.log, buckets: f.buckets,
		line: newLine(f), budget: newBudget(f),
		broken: func() time.Time { return f.cluster.Status().Budget.ClosedUntil }, freed: make(chan struct{}),
	}
}

// run follows what other nodes do until watching ends, and gives places up until ctx ends.
func (g *gate) run(ctx, watching context.Context) {
	changes := make(chan jetstream.KeyValueEntry, 256)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		g.leases.watch(watching, g.log, changes, lineKey, nodeKey("*"), bucketKeys, budgetKey)
	}()
	tick := time.NewTicker(lineAgain)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case entry := <-changes:
			g.see(entry)
			if len(changes) > 0 && ctx.Err() == nil {
				continue
			}
		case <-g.line.dirty:
		case <-tick.C:
			g.line.look()
		case <-ctx.Done():
		}
		for range writeTries {
			if !g.line.write(context.WithoutCancel(ctx)) {
				break
			}
		}
	}
	<-watched
}

const bucketKeys = "identify.*"

func (g *gate) see(entry jetstream.KeyValueEntry) {
	switch {
	case entry != nil && entry.Key() == budgetKey:
		g.budget.see(entry)
	case entry == nil || !strings.HasPrefix(entry.Key(), "identify."):
		g.line.see(entry)
	case entry.Operation() != jetstream.KeyValuePut:
		g.mu.Lock()
		close(g.freed)
		g.freed = make(chan struct{})
		g.mu.Unlock()
	}
}

// turn is closed when a shard with no session to resume may connect: it is the first in line, and has the pause after the IDENTIFY of the
// one before to get to the gate. Until then it needs no connection.
func (g *gate) turn(ctx context.Context, shard int) <-chan struct{} {
	due := make(chan struct{})
	g.waiting.Go(func() {
		if !g.calm(ctx) {
			return
		}
		w := g.line.join(shard, false)
		for g.line.await(ctx, w) {
			room := g.budget.await(ctx)
			if room == 0 {
				return
			}
			if g.line.before(w) < room {
				g.line.call(w)
				close(due)
				return
			}
			// The day has less left than there are buckets: it is for those that came first.
			select {
			case <-time.After(permitAgain):
			case <-ctx.Done():
			}
		}
	})
	return due
}

// calm returns true when the breaker of this node lets new sessions begin, false once ctx has ended. Who waits for it holds up nobody in line.
func (g *gate) calm(ctx context.Context) bool {
	for ctx.Err() == nil {
		until := g.broken()
		if until.IsZero() {
			return true
		}
		select {
		case <-time.After(min(max(time.Until(until), 0), closedAgain)):
		case <-ctx.Done():
		}
	}
	return false
}

// Permit implements chiru.IdentifyGate.
func (g *gate) Permit(ctx context.Context, shard int) <-chan chiru.Permit {
	out := make(chan chiru.Permit, 1)
	w := g.line.join(shard, true)
	g.waiting.Go(func() {
		defer g.line.leave(w)
		if held := g.take(ctx, w); held != nil {
			p := &permit{sent: make(chan struct{})}
			out <- p
			g.attend(ctx, held, p, w)
		}
	})
	return out
}

// take returns the key of a shard's bucket, with one of the day's identifies for it; nil once ctx has ended.
func (g *gate) take(ctx context.Context, w *waiter) *lease {
	for g.line.await(ctx, w) && g.budget.await(ctx) > 0 {
		g.mu.Lock()
		freed := g.freed
		g.mu.Unlock()
		asking, cancel := answered(ctx, askWait)
		held, err := g.leases.take(asking, bucketKey(w.shard%g.buckets))
		if held != nil {
			var spent bool
			if spent, err = g.budget.spend(asking, held.Token); spent {
				cancel()
				return held
			}
			g.giveBack(ctx, held)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			g.log.Warn("identify permit not got", "shard", w.shard, "error", err)
		}
		select {
		case <-freed:
		case <-time.After(permitAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

// attend keeps the key until its IDENTIFY is sent, or is not.
func (g *gate) attend(ctx context.Context, held *lease, p *permit, w *waiter) {
	renew := time.NewTicker(permitRenew)
	defer renew.Stop()
	for waits := true; waits; {
		select {
		case <-p.sent:
			waits = false
		case <-ctx.Done():
			waits = false
		case <-renew.C:
			g.leases.renew(ctx, []*lease{held})
		}
	}
	ending := context.WithoutCancel(ctx)
	select {
	case <-p.sent:
		g.line.leave(w)
		g.pause(ending, held)
		g.settle(ending, held.Token, true)
	default:
		g.settle(ending, held.Token, false)
		g.giveBack(ending, held)
	}
}

// pause has the key end when the next IDENTIFY of its bucket may be sent.
func (g *gate) pause(ctx context.Context, held *lease) {
	time.Sleep(identifyMargin)
	rest := *g.leases
	rest.ttl = identifySpacing
	for range 3 {
		before := held.revision
		if lost := rest.renew(ctx, []*lease{held}); len(lost) > 0 {
			g.log.Warn("identify permit had ended before its IDENTIFY was sent: another may have followed too soon", "permit", held.key)
			return
		}
		if held.revision != before && time.Until(held.deadline) > 0 {
			return
		}
	}
	g.log.Warn("pause between identifies not shortened", "permit", held.key, "lasts", g.leases.ttl)
}

func (g *gate) settle(ctx context.Context, token string, sent bool) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	if err := g.budget.settle(ctx, token, sent); err != nil {
		g.log.Warn("identify not settled in the day's count", "sent", sent, "error", err) // one sent is counted already
	}
}

func (g *gate) giveBack(ctx context.Context, held *lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWait)
	defer cancel()
	if err := g.leases.release(ctx, held); err != nil {
		g.log.Warn("identify permit not given back", "error", err) // it ends by itself
	}
}

// permit is the right to send one IDENTIFY.
type permit struct {
	once sync.Once
	sent chan struct{}
}

// Sent implements chiru.Permit.
func (p *permit) Sent() { p.once.Do(func() { close(p.sent) }) }
