package fleet

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// gate paces the new sessions of all nodes: a key for each shard_id % max_concurrency is the right to send one IDENTIFY (docs
// /events/gateway#sharding-max-concurrency). It ends by its lifetime, which begins anew when the IDENTIFY has been sent, so the pause counts from
// the socket; a node that dies with it costs the others one lifetime. Within a node the cluster's own gate comes first, and has one shard of a
// bucket at a time here.
type gate struct {
	leases  *leases // with the lifetime of a permit
	log     *slog.Logger
	buckets int
	waiting sync.WaitGroup
}

const (
	// Discord's 5 s, and a margin for the way there. Lifetimes are of whole seconds.
	identifySpacing = 6 * time.Second
	// How often a key that was not free is asked for again, if its end has not been heard of.
	permitAgain = time.Second
)

func bucketKey(bucket int) string { return "identify." + strconv.Itoa(bucket) }

// Permit implements chiru.IdentifyGate.
func (g *gate) Permit(ctx context.Context, shard int) <-chan chiru.Permit {
	out := make(chan chiru.Permit, 1)
	g.waiting.Go(func() { g.lead(ctx, bucketKey(shard%g.buckets), out) })
	return out
}

// lead gets one shard its permit, and gives it back unless it is spent.
func (g *gate) lead(ctx context.Context, key string, out chan<- chiru.Permit) {
	held := g.await(ctx, key)
	if held == nil {
		return
	}
	p := &permit{sent: make(chan struct{})}
	out <- p
	select {
	case <-p.sent:
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWait)
	defer cancel()
	select {
	case <-p.sent:
		if err := g.again(ending, held); err != nil {
			g.log.Warn("pause between identifies not prolonged", "error", err)
		}
	default:
		if err := g.leases.release(ending, held); err != nil {
			g.log.Warn("identify permit not given back", "error", err) // it ends by itself
		}
	}
}

// again begins the pause anew.
func (g *gate) again(ctx context.Context, held *lease) error {
	value, err := json.Marshal(held)
	if err == nil {
		_, err = g.leases.js.PublishMsg(ctx, g.leases.put(held, value), g.leases.putOptions(held)...)
	}
	return err
}

// await is nil once ctx has ended.
func (g *gate) await(ctx context.Context, key string) *lease {
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, askWait)
		held, err := g.leases.take(asking, key)
		cancel()
		if held != nil {
			return held
		}
		if err != nil && ctx.Err() == nil {
			g.log.Warn("identify permit not got", "error", err)
		}
		g.rest(ctx, key)
	}
	return nil
}

// rest returns when the key may be free.
func (g *gate) rest(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, permitAgain)
	defer cancel()
	watcher, err := g.leases.kv.Watch(ctx, key)
	if err != nil {
		<-ctx.Done()
		return
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case entry, ok := <-watcher.Updates():
			if ok && (entry == nil || entry.Operation() == jetstream.KeyValuePut) {
				continue
			}
			return
		case <-ctx.Done():
			return
		}
	}
}

// permit is the right to send one IDENTIFY.
type permit struct {
	once sync.Once
	sent chan struct{}
}

// Sent implements chiru.Permit.
func (p *permit) Sent() { p.once.Do(func() { close(p.sent) }) }
