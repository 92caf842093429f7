package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

// plan is what all nodes must agree on, under the key of its name.
type plan struct {
	Format int `json:"format"`
	Shards int `json:"shards"`
}

const planKey = "plan"

// discover asks the API for the gateway, whose host is part of what a session must agree with.
func (f *fleet) discover(ctx context.Context) error {
	found, err := cluster.Discover(ctx, cluster.Config{Shard: f.cfg.Shard, API: f.cfg.API})
	if err != nil {
		return err
	}
	f.cfg.Shard.URL = or(f.cfg.Shard.URL, found.URL)
	f.found, f.foundAt = found, time.Now()
	f.recommended, f.buckets = max(found.Shards, 1), max(found.MaxConcurrency, 1)
	f.frame, err = frameOf(f.cfg.Shard)
	return err
}

// plan is how many shards the bot has: what stands in the bucket, or else what this node is told, or what the API recommends.
func (f *fleet) plan(ctx context.Context) (int, error) {
	pause := retryFirst
	for {
		shards, err := f.agree(ctx)
		if err == nil || ctx.Err() != nil {
			return shards, orCause(ctx, err)
		}
		if lasting(err) {
			return 0, err
		}
		f.log.Warn("number of shards not known", "error", err, "wait", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, retryMost)
	}
}

// lasting says that asking again does not help.
func lasting(err error) bool {
	_, setup := errors.AsType[*SetupError](err)
	_, config := errors.AsType[*chiru.ConfigError](err)
	_, discovery := errors.AsType[*cluster.DiscoveryError](err)
	return setup || config || discovery
}

func (f *fleet) agree(ctx context.Context) (int, error) {
	asking, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	there, revision, err := f.readPlan(asking)
	if err != nil || there.Shards > 0 && (f.cfg.Shards == 0 || f.cfg.Shards == there.Shards) {
		return there.Shards, err
	}
	want := or(f.cfg.Shards, f.recommended)
	if there.Shards > 0 {
		alive, err := f.alive(asking)
		if err != nil {
			return 0, err
		}
		if alive > 0 {
			return 0, &SetupError{"the fleet", fmt.Sprintf("it runs %d shards, not %d", there.Shards, want), "stop all nodes before you change the number of shards"}
		}
		f.log.Info("number of shards changed", "shards", want, "before", there.Shards)
	}
	return want, f.writePlan(ctx, plan{Format, want}, revision)
}

func (f *fleet) readPlan(ctx context.Context) (plan, uint64, error) {
	var there plan
	entry, err := ask(ctx, func(ctx context.Context) (jetstream.KeyValueEntry, error) { return f.kv.Get(ctx, planKey) })
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return there, 0, nil
	}
	if err != nil {
		return there, 0, err
	}
	if err := json.Unmarshal(entry.Value(), &there); err != nil || there.Format != Format || there.Shards < 1 {
		return there, 0, &SetupError{"key " + planKey, "it is not of this chiru's format", "run the chiru that wrote it, or a newer one"}
	}
	return there, entry.Revision(), nil
}

// writePlan fails if another node was quicker; its plan is then read at the next try.
func (f *fleet) writePlan(ctx context.Context, p plan, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if revision == 0 {
		_, err = f.kv.Create(ctx, planKey, value)
	} else {
		_, err = f.kv.Update(ctx, planKey, value, revision)
	}
	return err
}

// alive is how many nodes the fleet has.
func (f *fleet) alive(ctx context.Context) (int, error) {
	lister, err := f.kv.ListKeysFiltered(ctx, nodeKey("*"))
	if err != nil {
		return 0, err
	}
	n := 0
	for range lister.Keys() {
		n++
	}
	return n, nil
}

func (f *fleet) shardConfig() chiru.Config {
	cfg := f.cfg.Shard
	cfg.Store, cfg.Gate = f.checkpoints, f.gate
	return cfg
}
