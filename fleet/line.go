package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// line is the order in which the shards of all nodes begin new sessions: first come, first served within a bucket of max_concurrency. All who
// wait stand in one key, so that each version of it is a whole order. A place has no lifetime of its own: it is passed over while its node
// is gone, and removed by whoever writes next.
type line struct {
	js      jetstream.JetStream
	kv      jetstream.KeyValue
	names   names
	node    string
	log     *slog.Logger
	buckets int
	ttl     time.Duration // of a node's lease

	dirty chan struct{} // who waits here has changed

	mu       sync.Mutex    // guards what follows; held for work in memory only
	changed  chan struct{} // closed when a bucket has another head
	known    bool          // what there is has been seen once
	places   []place
	revision uint64
	heads    map[int]place // by bucket
	lives    map[string]life
	mine     map[int]*waiter // by shard
}

// place is a shard's, and the node's that waits for it.
type place struct {
	Shard int    `json:"shard"`
	Node  string `json:"node"`
}

// lineup is the value of the key.
type lineup struct {
	Format int     `json:"format"`
	Places []place `json:"places"`
}

// life is what is known of a node: when its lease was renewed, or since when there is none.
type life struct{ seen, gone time.Time }

// waiter is a shard that waits on this node.
type waiter struct {
	shard  int
	since  time.Time
	called time.Time // when it was told to connect
	asked  bool      // it is connected, and at the gate
}

const (
	lineKey = "line"
	// A node may be seen to wait before it is seen to live.
	goneGrace = time.Second
	// A shard that has been told to connect, and does not get to the gate in this time, does not hold up the next of its bucket.
	callLasts = 10 * time.Second
	// Looked at besides the changes: calls, and nodes that are gone.
	lineAgain = time.Second
	// How often in a row a place is tried to be written, between nodes that come at the same time.
	writeTries = 5
)

func newLine(f *fleet) *line {
	return &line{
		js: f.js, kv: f.kv, names: f.names, node: f.node, log: f.log, buckets: f.buckets, ttl: f.cfg.LeaseTTL,
		dirty: make(chan struct{}, 1), changed: make(chan struct{}), lives: map[string]life{}, mine: map[int]*waiter{},
	}
}

// join queues a shard, behind all that wait now; one that waits keeps its place. It is the shard's while asked is unset, the gate's after.
func (l *line) join(shard int, asked bool) *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.mine[shard]
	if w == nil || w.asked {
		w = &waiter{shard: shard, since: time.Now()}
		l.mine[shard] = w
		l.stir()
	}
	w.asked = asked
	return w
}

// leave gives a place up.
func (l *line) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(w)
}

// abandon gives up the place of a shard that has not come to the gate.
func (l *line) abandon(shard int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.mine[shard]; w != nil && !w.asked {
		l.remove(w)
	}
}

// remove needs mu.
func (l *line) remove(w *waiter) {
	if l.mine[w.shard] == w {
		delete(l.mine, w.shard)
		l.stir()
	}
}

// stir has run write. mu is held.
func (l *line) stir() {
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// call notes that a shard has been told to connect.
func (l *line) call(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.called = time.Now()
}

// waits says whether a shard of this node has a place and is not connected.
func (l *line) waits(shard int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.mine[shard]
	return w != nil && !w.asked && w.called.IsZero()
}

// await returns true when a shard is the first of its bucket, false once ctx has ended.
func (l *line) await(ctx context.Context, w *waiter) bool {
	for ctx.Err() == nil {
		l.mu.Lock()
		head, some := l.heads[w.shard%l.buckets]
		changed := l.changed
		l.mu.Unlock()
		if some && head == (place{w.shard, l.node}) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return false
}

// before is how many of those that are first in their buckets came before a waiter.
func (l *line) before(w *waiter) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.places {
		if p == (place{w.shard, l.node}) {
			break
		}
		if l.heads[p.Shard%l.buckets] == p {
			n++
		}
	}
	return n
}

// see takes note of a change of the bucket; nil is the end of what was there before.
func (l *line) see(entry jetstream.KeyValueEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if entry == nil {
		l.known = true
		l.order(now)
		return
	}
	kind, name, _ := strings.Cut(entry.Key(), ".")
	gone := entry.Operation() != jetstream.KeyValuePut
	switch {
	case kind == lineKey && entry.Revision() > l.revision:
		var there lineup
		if !gone && (json.Unmarshal(entry.Value(), &there) != nil || there.Format != Format) {
			l.log.Error("order of identifies cannot be read", "key", lineKey, "revision", entry.Revision())
			return
		}
		l.places, l.revision = there.Places, entry.Revision()
	case kind == "node" && gone:
		l.lives[name] = life{gone: now}
	case kind == "node":
		l.lives[name] = life{seen: now}
	}
	l.order(now)
}

// void says that a node is gone: its places are passed over. mu is held.
func (l *line) void(node string, now time.Time) bool {
	one, known := l.lives[node]
	if !known {
		one = life{gone: now}
		l.lives[node] = one
	}
	if one.gone.IsZero() {
		return now.Sub(one.seen) > 2*l.ttl // its end was missed
	}
	return now.Sub(one.gone) >= goneGrace
}

// order finds who is first in each bucket. mu is held.
func (l *line) order(now time.Time) {
	if !l.known {
		return
	}
	heads := make(map[int]place, len(l.heads))
	for _, p := range l.places {
		bucket := p.Shard % l.buckets
		if _, taken := heads[bucket]; !taken && !l.void(p.Node, now) {
			heads[bucket] = p
		}
	}
	different := len(heads) != len(l.heads)
	for bucket, p := range heads {
		different = different || l.heads[bucket] != p
	}
	if different {
		l.heads = heads
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// look is for what changes by time alone.
func (l *line) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, w := range l.mine {
		if !w.asked && !w.called.IsZero() && now.Sub(w.called) > callLasts {
			l.remove(w)
		}
	}
	l.order(now)
	for node := range l.lives {
		if l.void(node, now) && !slices.ContainsFunc(l.places, func(p place) bool { return p.Node == node }) {
			delete(l.lives, node)
		}
	}
}

// next is the order as this node wants it: who waits here stands in it once, in the place it has or behind all others. It says whether that is
// another than the one that is there. mu is held.
func (l *line) next(now time.Time) (next []place, changed bool) {
	standing := map[int]bool{}
	for _, p := range l.places {
		switch {
		case p.Node != l.node:
			if !l.void(p.Node, now) {
				next = append(next, p)
			}
		case l.mine[p.Shard] == nil || standing[p.Shard]:
			changed = true
		default:
			standing[p.Shard] = true
			next = append(next, p)
		}
	}
	var come []*waiter
	for shard, w := range l.mine {
		if !standing[shard] {
			come = append(come, w)
		}
	}
	slices.SortFunc(come, func(a, b *waiter) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.shard, b.shard)) })
	for _, w := range come {
		next = append(next, place{w.shard, l.node})
	}
	return next, changed || len(come) > 0
}

// write has the key say who waits here. If another node was quicker, it takes that one's version, and says that it
// is to be called again.
func (l *line) write(ctx context.Context) (again bool) {
	l.mu.Lock()
	next, changed := l.next(time.Now())
	known, revision := l.known, l.revision
	l.mu.Unlock()
	if !known || !changed {
		return false
	}
	value, err := json.Marshal(lineup{Format, next})
	if err != nil {
		return false // cannot be: strings and numbers
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	m := &nats.Msg{Subject: l.names.kvSubject() + "." + lineKey, Header: nats.Header{}, Data: value}
	ack, err := l.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithRetryAttempts(0))
	if wrongLast(err) {
		var there jetstream.KeyValueEntry
		if there, err = l.kv.Get(ctx, lineKey); err == nil {
			l.see(there)
			return true
		}
	}
	if err != nil {
		l.log.Warn("place among those that wait to identify not taken or given up", "error", err) // tried again before long
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ack.Sequence > l.revision {
		l.places, l.revision = next, ack.Sequence
		l.order(time.Now())
	}
	return false
}
