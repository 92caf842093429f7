package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/chiru-go/chiru"
)

// ShardOf is the shard that a guild belongs to (docs /events/gateway#sharding).
func ShardOf(guild chiru.Snowflake, shards int) int {
	return int(uint64(guild) >> 22 % uint64(max(shards, 1)))
}

// plan says how many shards the bot has, and which are run here.
func (r *run) plan(found chiru.Gateway) (count int, ids []int, err error) {
	count = r.cfg.Shards
	if count == 0 {
		count = max(found.Shards, 1)
	}
	if r.cfg.Only == nil {
		for id := range count {
			ids = append(ids, id)
		}
		return count, ids, nil
	}
	ids = slices.Sorted(slices.Values(r.cfg.Only))
	if len(ids) == 0 {
		return 0, nil, &chiru.ConfigError{Field: "Only", Reason: "names no shard"}
	}
	if last := ids[len(ids)-1]; last >= count {
		return 0, nil, &chiru.ConfigError{Field: "Only", Reason: "names a shard that does not exist: Discord recommends fewer; set Shards"}
	}
	return count, ids, nil
}

const loadWait = 10 * time.Second

// stored says which shards have a session to resume.
func (r *run) stored(ctx context.Context) map[int]bool {
	found := map[int]bool{}
	store := r.cfg.Shard.Store
	if store == nil {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, loadWait)
	defer cancel()
	var mu sync.Mutex
	var loads sync.WaitGroup
	for _, s := range r.shards {
		loads.Go(func() {
			// A store that fails is logged by chiru.Run, which asks again.
			cfg := s.config()
			got, err := store.Load(ctx, cfg.SessionKey())
			mu.Lock()
			defer mu.Unlock()
			if err == nil && cfg.Resumes(got) {
				found[s.id] = true
			}
		})
	}
	loads.Wait()
	return found
}
