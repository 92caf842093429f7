package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/chiru-go/chiru"
)

// Cluster is the shards of one bot that run in this process. The zero value is ready; its methods work while Run runs,
// from any goroutine, and say ErrNotRunning otherwise. It may run again once Run has returned.
type Cluster struct {
	mu  sync.Mutex
	run *run
}

// Run is Cluster.Run, for who needs none of a Cluster's methods.
func Run(ctx context.Context, cfg Config, inbound chan<- chiru.IncomingEvent) error {
	return new(Cluster).Run(ctx, cfg, inbound)
}

// Run asks the API for the gateway and keeps the shards connected until ctx ends or Discord refuses them for good.
//
// It blocks, as chiru.Run does; everything that it starts has ended when it returns. Events of all shards come out of
// inbound, those of each in order; it never closes inbound.
//
// Run returns context.Cause(ctx) itself when told to stop, within a second; a *DiscoveryError if the API refuses the token or makes no
// sense; a *chiru.ConfigError; and a *ShardError once Discord has refused one shard for a reason that concerns all (close
// codes 4004, 4012, 4013, 4014), or the last shard that was left. Everything else is retried.
func (c *Cluster) Run(ctx context.Context, cfg Config, inbound chan<- chiru.IncomingEvent) error {
	if inbound == nil && cfg.Inbound == nil {
		return &chiru.ConfigError{Field: "inbound", Reason: "is nil; events need a channel"}
	}
	cfg, err := cfg.settled()
	if err != nil {
		return err
	}
	r := newRun(ctx, cfg, inbound)
	c.mu.Lock()
	if c.run != nil {
		c.mu.Unlock()
		return errors.New("cluster: Run runs already; a second one needs a Cluster of its own")
	}
	c.run = r
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.run = nil
		c.mu.Unlock()
	}()
	return r.live()
}

func (c *Cluster) running() (*run, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil {
		return nil, ErrNotRunning
	}
	return c.run, nil
}

// run is one Run.
type run struct {
	cfg     Config
	log     *slog.Logger
	inbound chan<- chiru.IncomingEvent
	ctx     context.Context
	stop    context.CancelCauseFunc
	feed    feed
	calls   calls

	planned chan struct{} // closed once what follows is set
	count   int
	shards  []*shard // by id
	byID    map[int]*shard
	budget  *budget
	starts  *starts
	gate    *gate

	mu        sync.Mutex // guards what follows
	discovery error      // the last failure, until an answer comes
	askAgain  time.Time
}

func newRun(ctx context.Context, cfg Config, inbound chan<- chiru.IncomingEvent) *run {
	r := &run{cfg: cfg, log: cfg.Shard.Logger, inbound: inbound, planned: make(chan struct{})}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	return r
}

func (r *run) live() error {
	defer r.stop(ErrNotRunning)
	defer r.feed.end()
	found, err := r.discover(r.ctx)
	if err != nil {
		return err
	}
	r.showDiscovery(nil, time.Time{})
	count, ids, err := r.plan(found)
	if err != nil {
		return err
	}
	if r.cfg.Shard.URL == "" {
		r.cfg.Shard.URL = found.URL
	}
	r.budget = newBudget(r, found, len(ids), count)
	r.budget.load(r.ctx)
	r.starts = newStarts(r.budget)
	r.gate = newGate(r)
	aside, end := context.WithCancel(context.Background()) // what outlives the shards
	defer end()
	r.gate.hold(aside)
	r.count, r.byID = count, make(map[int]*shard, len(ids))
	for _, id := range ids {
		s := newShard(r, id)
		r.shards, r.byID[id] = append(r.shards, s), s
		if r.cfg.Parked {
			s.part(ErrClosed)
		}
	}
	var stored map[int]bool
	if !r.cfg.Parked {
		stored = r.stored(r.ctx)
	}
	close(r.planned)
	r.log.Info("cluster starts", "shards", len(ids), "of", count, "resumed", len(stored), "identifies_left", found.Remaining, "max_concurrency", found.MaxConcurrency)

	var shards, others sync.WaitGroup
	others.Go(func() { r.budget.keep(aside) })
	others.Go(func() { r.sample(aside) })
	for _, s := range r.shards {
		if r.cfg.Parked || stored[s.id] {
			close(s.turn)
		} else {
			r.starts.add(s)
		}
		shards.Go(func() { s.live(r.ctx) })
	}
	r.starts.begin()
	shards.Wait()
	r.gate.waiting.Wait()
	r.starts.end()
	end()
	others.Wait()
	r.calls.end(context.Cause(r.ctx))
	return context.Cause(r.ctx)
}

// over parts with a shard that Discord refuses, and ends the cluster if that concerns all, or if it was the last.
func (r *run) over(s *shard, err error) {
	e := &ShardError{Shard: s.id, Of: r.count, Err: err}
	if closed, ok := errors.AsType[*chiru.CloseError](err); ok && closed.Code == chiru.CloseInvalidShard && r.cfg.Shards > 0 {
		e.Hint = fmt.Sprintf("leave Shards unset for the number that Discord recommends, instead of %d", r.cfg.Shards)
	}
	s.part(e)
	r.log.Error("shard refused for good", "shard", s.id, "error", err)
	r.calls.drop(s.id, e)
	r.feed.tell(s.id)
	if wrong, ok := errors.AsType[*chiru.ConfigError](err); ok {
		r.stop(wrong)
	} else if concernsAll(err) || !slices.ContainsFunc(r.shards, (*shard).wanted) {
		r.stop(e)
	}
}

func (r *run) showDiscovery(err error, again time.Time) {
	r.mu.Lock()
	r.discovery, r.askAgain = err, again
	r.mu.Unlock()
}

// awaitPlan waits until it is known which shards there are.
func (r *run) awaitPlan(ctx context.Context) error {
	select {
	case <-r.planned:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.ctx.Done():
		return ErrNotRunning
	}
}

// shard is one that is run here, once Discord is known to have it.
func (r *run) shard(ctx context.Context, id int) (*shard, error) {
	if err := r.awaitPlan(ctx); err != nil {
		return nil, err
	}
	s := r.byID[id]
	if s == nil {
		return nil, fmt.Errorf("cluster: shard %d of %d does not run here", id, r.count)
	}
	return s, nil
}
