package cluster

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
)

// feed tells readers which shards have changed. A slow reader misses states in between, never the newest.
type feed struct {
	mu      sync.Mutex
	over    bool
	readers map[*reader]bool
}

type reader struct {
	changed map[int]bool
	wake    chan struct{} // closed at the end
}

func (f *feed) tell(shard int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers {
		r.changed[shard] = true
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	for r := range f.readers {
		close(r.wake)
	}
	f.readers = nil
}

func (f *feed) join() *reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &reader{changed: map[int]bool{}, wake: make(chan struct{}, 1)}
	if f.over {
		close(r.wake)
		return r
	}
	if f.readers == nil {
		f.readers = map[*reader]bool{}
	}
	f.readers[r] = true
	return r
}

func (f *feed) leave(r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.readers, r)
}

// take gives the shards that have changed since the last take.
func (f *feed) take(r *reader) []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := slices.Sorted(maps.Keys(r.changed))
	clear(r.changed)
	return ids
}

// Changes yields the status of each shard that runs here, and then that of each shard whose state has changed, until ctx
// ends, the loop is left, or Run returns. A loop that is slow misses states in between, never the newest of a shard.
func (c *Cluster) Changes(ctx context.Context) iter.Seq[ShardStatus] {
	return func(yield func(ShardStatus) bool) {
		r, err := c.running()
		if err != nil {
			return
		}
		from := r.feed.join()
		defer r.feed.leave(from)
		select {
		case <-r.planned:
		case <-ctx.Done():
			return
		case <-r.ctx.Done():
			return
		}
		for _, s := range r.shards {
			if !yield(s.status()) {
				return
			}
		}
		for {
			select {
			case _, more := <-from.wake:
				for _, id := range r.feed.take(from) {
					if !yield(r.byID[id].status()) {
						return
					}
				}
				if !more {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
