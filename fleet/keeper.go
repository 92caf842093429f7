package fleet

import (
	"cmp"
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// keeper is the goroutine that decides which shards this node has: it renews its leases, claims free shards up to its share, and gives
// one up at a time while it has more. It alone knows the leases; each shard it has is an owner's.
type keeper struct {
	f      *fleet
	leases *leases
	shards int

	node   *lease               // that this node lives
	nodes  map[string]time.Time // alive: when that was last heard
	owners map[int]ownership    // by shard
	held   map[int]*holding
	ended  chan int       // a shard whose owner has returned
	giving sync.WaitGroup // leases that are being given back
	failed error          // why the node is not registered, or why a free shard could not be claimed; nil if nothing failed at the last try
	told   atomic.Pointer[survey]
}

// ownership is whose a shard is, and when that was last heard.
type ownership struct {
	node string
	at   time.Time
}

// holding is a shard that this node has.
type holding struct {
	lease *lease
	since time.Time
	until *deadline // the lease's, for the owner
	stop  context.CancelCauseFunc
	going bool // its owner has been told to end
}

const (
	// How long the shards of a node that is told to stop may take to get to others.
	drainWait = 15 * time.Second
	// A request of the keeper's.
	askWait = 2 * time.Second
)

func newKeeper(f *fleet, l *leases, shards int) *keeper {
	k := &keeper{
		f: f, leases: l, shards: shards, nodes: map[string]time.Time{}, owners: map[int]ownership{}, held: map[int]*holding{}, ended: make(chan int),
	}
	k.tell(time.Now())
	return k
}

// keep runs until ctx ends, and then gives up what the node has.
func (k *keeper) keep(ctx context.Context) {
	changes := make(chan jetstream.KeyValueEntry, 256)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		k.leases.watch(watching, k.f.log, changes, shardKeys, nodeKey("*"))
	}()
	// The end of a watch may wait for NATS: the shards do not wait for it.
	defer func() { stop(); k.drain(); <-watched }()
	tick := time.NewTicker(k.leases.ttl / 3)
	defer tick.Stop()
	known := false // what there is has been seen once
	for {
		select {
		case entry := <-changes:
			if entry == nil {
				known = true
				k.renew(ctx)
			} else {
				k.see(entry)
			}
			if known && len(changes) == 0 {
				k.claim(ctx)
			}
		case <-tick.C:
			k.renew(ctx)
			k.forget(time.Now())
			if known {
				k.claim(ctx)
				k.shed()
			}
			k.tell(time.Now())
		case shard := <-k.ended:
			k.over(ctx, shard)
		case <-ctx.Done():
			return
		}
	}
}

// see takes note of a change: who lives, and who has which shard.
func (k *keeper) see(entry jetstream.KeyValueEntry) {
	kind, name, _ := strings.Cut(entry.Key(), ".")
	gone := entry.Operation() != jetstream.KeyValuePut
	switch kind {
	case "node":
		if gone {
			delete(k.nodes, name)
		} else {
			k.nodes[name] = time.Now()
		}
	case "shard":
		shard, err := strconv.Atoi(name)
		if err != nil {
			return
		}
		free := k.free(shard)
		delete(k.owners, shard)
		if held, err := readLease(entry.Value()); !gone && err == nil {
			k.owners[shard] = ownership{held.Node, time.Now()}
		}
		if k.free(shard) != free {
			k.tell(time.Now())
		}
	}
}

// forget drops what must have ended by now, though its end has not been heard of: the bucket remembers an end for a minute only, and a
// watch may be broken for longer. What is there after all is refused when it is claimed.
func (k *keeper) forget(now time.Time) {
	late := func(at time.Time) bool { return now.Sub(at) > 2*k.leases.ttl }
	maps.DeleteFunc(k.nodes, func(node string, at time.Time) bool { return node != k.leases.node && late(at) })
	maps.DeleteFunc(k.owners, func(shard int, o ownership) bool { return k.held[shard] == nil && late(o.at) })
}

// renew prolongs what the node has, and has it registered.
func (k *keeper) renew(ctx context.Context) {
	k.prolong(ctx)
	if k.node == nil {
		asking, cancel := answered(ctx, k.leases.ttl/3)
		node, err := k.leases.takeOver(asking, nodeKey(k.leases.node))
		cancel()
		if err != nil || node == nil {
			k.f.log.Warn("node not registered", "node", k.leases.node, "error", err)
			k.failed = err
		} else {
			k.node, k.nodes[k.leases.node] = node, time.Now()
		}
	}
}

// prolong renews all leases together, and lets go of those that are lost.
func (k *keeper) prolong(ctx context.Context) {
	var all []*lease
	if k.node != nil {
		all = append(all, k.node)
	}
	for _, h := range k.held {
		all = append(all, h.lease)
	}
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	lost := k.leases.renew(asking, all)
	now := time.Now()
	if k.node != nil && (slices.Contains(lost, k.node) || now.After(k.node.deadline)) {
		k.node = nil
	}
	for shard, h := range k.held {
		h.until.move(h.lease.deadline)
		switch {
		case slices.Contains(lost, h.lease):
			k.end(shard, errLost)
		case now.After(h.lease.deadline):
			k.end(shard, errUnrenewed)
		}
	}
}

// claim takes free shards up to this node's share, in the time between two renewals.
func (k *keeper) claim(ctx context.Context) {
	if k.node == nil {
		return
	}
	asking, cancel := answered(ctx, k.leases.ttl/3)
	defer cancel()
	k.failed = nil
	for _, shard := range k.wanted() {
		if len(k.held) >= k.share() || ctx.Err() != nil {
			return
		}
		got, err := k.leases.takeOver(asking, shardKey(shard))
		k.failed = cmp.Or(k.failed, err)
		if lasting(err) {
			k.f.log.Error("shard not claimed", "shard", shard, "error", err)
			continue // the others are not held up by one key
		}
		if err != nil {
			if ctx.Err() == nil {
				k.f.log.Warn("shard not claimed", "shard", shard, "error", err)
			}
			return
		}
		if got == nil {
			continue // somebody was quicker, which the watch will tell
		}
		k.owners[shard] = ownership{k.leases.node, time.Now()}
		k.begin(ctx, shard, got)
	}
}

// wanted are the shards that nobody has, those first for which this node comes first.
func (k *keeper) wanted() []int {
	var free []int
	for shard := range k.shards {
		if k.free(shard) {
			free = append(free, shard)
		}
	}
	slices.SortFunc(free, func(a, b int) int { return cmp.Or(cmp.Compare(k.rank(a), k.rank(b)), cmp.Compare(a, b)) })
	return free
}

// free says that no node has the shard, as far as this one has heard.
func (k *keeper) free(shard int) bool {
	owner, taken := k.owners[shard]
	_, here := k.held[shard]
	return !here && (!taken || owner.node == k.leases.node)
}

// share is how many shards a node is to have.
func (k *keeper) share() int {
	alive := max(len(k.nodes), 1)
	return (k.shards + alive - 1) / alive
}

// rank is this node's place in the order in which nodes are to have a shard: by rendezvous, so that a node that comes or goes moves as
// few shards as possible.
func (k *keeper) rank(shard int) int {
	rank, own := 0, score(k.leases.node, shard)
	for node := range k.nodes {
		if node != k.leases.node && score(node, shard) > own {
			rank++
		}
	}
	return rank
}

func score(node string, shard int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(node))
	_, _ = h.Write(strconv.AppendInt([]byte{0}, int64(shard), 10))
	x := h.Sum64()
	// FNV alone puts the scores of neighbours next to each other.
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

// shed gives up one shard, if this node has more than its share: the one for which it comes last.
func (k *keeper) shed() {
	going := 0
	for _, h := range k.held {
		if h.going {
			going++
		}
	}
	if len(k.held) <= k.share() || going > 0 {
		return
	}
	shards := slices.Sorted(maps.Keys(k.held))
	last := slices.MaxFunc(shards, func(a, b int) int { return cmp.Compare(k.rank(a), k.rank(b)) })
	k.end(last, errShed)
}

func (k *keeper) begin(ctx context.Context, shard int, got *lease) {
	// An owner outlives ctx until the keeper has told it to end.
	owning, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	h := &holding{lease: got, since: time.Now(), until: new(deadline), stop: stop}
	h.until.move(got.deadline)
	k.held[shard] = h
	key, token := got.key, got.Token
	o := &owner{f: k.f, shard: shard, until: h.until, still: func(ctx context.Context) (bool, error) { return k.leases.holds(ctx, key, token) }}
	go func() {
		o.own(owning)
		k.ended <- shard
	}()
	k.tell(time.Now())
}

func (k *keeper) end(shard int, why error) {
	if h := k.held[shard]; !h.going {
		if why == errLost || why == errUnrenewed {
			k.f.log.Warn("shard left", "shard", shard, "error", why)
		}
		h.going = true
		h.stop(why)
	}
}

// over gives the lease of a shard back whose owner has returned.
func (k *keeper) over(ctx context.Context, shard int) {
	h := k.held[shard]
	delete(k.held, shard)
	h.stop(nil)
	k.tell(time.Now())
	k.giveBack(ctx, h.lease)
}

// giveBack ends a lease that the keeper renews no more. Nothing waits for it but the end of the node.
func (k *keeper) giveBack(ctx context.Context, held *lease) {
	k.giving.Go(func() {
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWait)
		defer cancel()
		if err := k.leases.release(asking, held); err != nil {
			k.f.log.Debug("lease not given back", "key", held.key, "error", err) // it ends by itself
		}
	})
}

// drain gives all shards up, each as soon as its events are stored: other nodes may have it from then on, and the node ends after its last. The
// leases are renewed meanwhile, so that no other node begins while this one stores.
func (k *keeper) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainWait)
	defer cancel()
	began, n := time.Now(), len(k.held)
	if k.node != nil {
		k.giveBack(ctx, k.node) // the others' shares grow by it
		k.node = nil
	}
	k.failed = errDrain
	k.tell(time.Now())
	for shard := range k.held {
		k.end(shard, errDrain)
	}
	tick := time.NewTicker(k.leases.ttl / 3)
	defer tick.Stop()
	for len(k.held) > 0 {
		select { // first: a renewal that nobody answers takes until the next
		case shard := <-k.ended:
			k.over(ctx, shard)
			continue
		default:
		}
		select {
		case shard := <-k.ended:
			k.over(ctx, shard)
		case <-tick.C:
			k.prolong(ctx)
		}
	}
	k.giving.Wait()
	if n > 0 {
		k.f.log.Info("shards left", "shards", n, "took", time.Since(began).Round(time.Millisecond))
	}
}
