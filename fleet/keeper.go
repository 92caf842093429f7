package fleet

import (
	"cmp"
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
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

	node   *lease          // that this node lives
	nodes  map[string]bool // alive
	owners map[int]string  // by shard: the node
	held   map[int]*holding
	ended  chan int     // a shard whose owner has returned
	owned  atomic.Value // []int, for Status
}

// holding is a shard that this node has.
type holding struct {
	lease *lease
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
	return &keeper{
		f: f, leases: l, shards: shards, nodes: map[string]bool{}, owners: map[int]string{}, held: map[int]*holding{}, ended: make(chan int),
	}
}

// keep runs until ctx ends, and then gives up what the node has.
func (k *keeper) keep(ctx context.Context) {
	defer k.drain()
	changes := make(chan jetstream.KeyValueEntry, 256)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		k.watch(watching, changes)
	}()
	defer func() { stop(); <-watched }()
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
			if known {
				k.claim(ctx)
				k.shed()
			}
		case shard := <-k.ended:
			k.over(ctx, shard)
		case <-ctx.Done():
			return
		}
	}
}

// watch passes on each change of the bucket, and nil once all that was there before has been passed on.
func (k *keeper) watch(ctx context.Context, changes chan<- jetstream.KeyValueEntry) {
	for ctx.Err() == nil {
		watcher, err := k.leases.kv.WatchAll(ctx)
		if err == nil {
			k.pass(ctx, watcher, changes)
			_ = watcher.Stop()
		} else if ctx.Err() == nil {
			k.f.log.Warn("leases not watched", "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (k *keeper) pass(ctx context.Context, watcher jetstream.KeyWatcher, changes chan<- jetstream.KeyValueEntry) {
	for {
		select {
		case entry, ok := <-watcher.Updates():
			if !ok {
				return
			}
			select {
			case changes <- entry:
			case <-ctx.Done():
				return
			}
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
			k.nodes[name] = true
		}
	case "shard":
		shard, err := strconv.Atoi(name)
		if err != nil {
			return
		}
		delete(k.owners, shard)
		if held, err := readLease(entry.Value()); !gone && err == nil {
			k.owners[shard] = held.Node
		}
	}
}

// renew prolongs what this node has, and lets go of what it has no longer.
func (k *keeper) renew(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	if k.node == nil {
		node, err := k.leases.takeOver(asking, nodeKey(k.leases.node))
		if err != nil || node == nil {
			k.f.log.Warn("node not registered", "node", k.leases.node, "error", err)
			return
		}
		k.node = node
		k.nodes[k.leases.node] = true
	}
	all := []*lease{k.node}
	for _, h := range k.held {
		all = append(all, h.lease)
	}
	lost := k.leases.renew(asking, all)
	now := time.Now()
	if slices.Contains(lost, k.node) || now.After(k.node.deadline) {
		k.node = nil
	}
	for shard, h := range k.held {
		switch {
		case slices.Contains(lost, h.lease):
			k.end(shard, errLost)
		case now.After(h.lease.deadline):
			k.end(shard, errUnrenewed)
		}
	}
}

// claim takes free shards up to this node's share.
func (k *keeper) claim(ctx context.Context) {
	if k.node == nil {
		return
	}
	for _, shard := range k.wanted() {
		if len(k.held) >= k.share() {
			return
		}
		asking, cancel := context.WithTimeout(ctx, askWait)
		got, err := k.leases.takeOver(asking, shardKey(shard))
		cancel()
		if err != nil {
			k.f.log.Warn("shard not claimed", "shard", shard, "error", err)
			return
		}
		if got == nil {
			continue // somebody was quicker, which the watch will tell
		}
		k.owners[shard] = k.leases.node
		k.begin(ctx, shard, got)
	}
}

// wanted are the shards that nobody has, those first for which this node comes first.
func (k *keeper) wanted() []int {
	var free []int
	for shard := range k.shards {
		owner, taken := k.owners[shard]
		if _, here := k.held[shard]; !here && (!taken || owner == k.leases.node) {
			free = append(free, shard)
		}
	}
	slices.SortFunc(free, func(a, b int) int { return cmp.Or(cmp.Compare(k.rank(a), k.rank(b)), cmp.Compare(a, b)) })
	return free
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
	k.held[shard] = &holding{lease: got, stop: stop}
	key, token := got.key, got.Token
	o := &owner{f: k.f, shard: shard, still: func(ctx context.Context) (bool, error) { return k.leases.holds(ctx, key, token) }}
	go func() {
		o.own(owning)
		k.ended <- shard
	}()
	k.show()
}

func (k *keeper) end(shard int, why error) {
	if h := k.held[shard]; !h.going {
		h.going = true
		h.stop(why)
	}
}

// over gives the lease of a shard back whose owner has returned.
func (k *keeper) over(ctx context.Context, shard int) {
	h := k.held[shard]
	delete(k.held, shard)
	h.stop(nil)
	k.show()
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	if err := k.leases.release(asking, h.lease); err != nil {
		k.f.log.Debug("lease not given back", "shard", shard, "error", err) // it ends by itself
	}
}

// drain ends all owners, and gives each shard up as soon as its events are stored.
func (k *keeper) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainWait)
	defer cancel()
	if k.node != nil {
		if err := k.leases.release(ctx, k.node); err != nil {
			k.f.log.Debug("node not signed off", "error", err)
		}
	}
	for shard := range k.held {
		k.end(shard, errDrain)
	}
	for len(k.held) > 0 {
		k.over(ctx, <-k.ended)
	}
}

func (k *keeper) show() { k.owned.Store(slices.Sorted(maps.Keys(k.held))) }

func (k *keeper) shardsNow() []int {
	shards, _ := k.owned.Load().([]int)
	return shards
}
