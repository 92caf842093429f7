package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/chiru-go/chiru"
)

// shard is one that is run here, again after each end that its owner wants.
type shard struct {
	r        *run
	id       int
	outbound chan chiru.OutgoingEvent
	turn     chan struct{} // closed when the shard may dial
	wake     chan struct{}
	guilds   guilds
	pulse    pulse
	flow     flow

	mu     sync.Mutex // guards what follows; held for work in memory only
	stats  *chiru.Stats
	cancel context.CancelCauseFunc // nil while no Run is on
	idle   chan struct{}           // closed while no Run is on
	closed bool                    // by CloseShard
	err    error                   // why Discord refuses it for good
	gone   chan struct{}           // closed while closed or err is set
	down   time.Time               // since when it is not live; zero while it is
	runs   int
}

func newShard(r *run, id int) *shard {
	s := &shard{
		r: r, id: id,
		outbound: make(chan chiru.OutgoingEvent), turn: make(chan struct{}), wake: make(chan struct{}, 1),
		stats: new(chiru.Stats), idle: make(chan struct{}), gone: make(chan struct{}), down: time.Now(),
	}
	close(s.idle)
	return s
}

// config is the shard's own, but for Stats.
func (s *shard) config() chiru.Config {
	cfg := s.r.cfg.Shard
	cfg.ShardID, cfg.ShardCount, cfg.Gate, cfg.Observe = s.id, s.r.count, s.r.gate, s.observe
	cfg.BacklogBytes = max(min(cfg.BacklogBytes, s.r.cfg.BacklogBytes/len(s.r.shards)), 1)
	if cfg.Filter != nil {
		cfg.Filter = s.passes
	}
	return cfg
}

// live runs the shard until ctx ends.
func (s *shard) live(ctx context.Context) {
	select {
	case <-s.turn:
	case <-s.wake:
	case <-ctx.Done():
		return
	}
	for {
		s.mu.Lock()
		parked := s.closed || s.err != nil
		s.mu.Unlock()
		if parked {
			select {
			case <-s.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := s.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != errRestart && err != ErrClosed {
			s.r.over(s, err)
		}
	}
}

// once is one Run.
func (s *shard) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cfg := s.config()
	cfg.Stats = &chiru.Stats{OnState: s.changed}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.stats, s.cancel, s.idle = cfg.Stats, cancel, make(chan struct{})
	if s.runs == 0 { // others came first
		s.down = time.Now()
	}
	s.runs++
	s.mu.Unlock()
	inbound := s.r.inbound
	if s.r.cfg.Inbound != nil {
		inbound = s.r.cfg.Inbound(s.id)
	}
	err := chiru.Run(ctx, cfg, s.outbound, inbound)
	s.mu.Lock()
	s.cancel = nil
	close(s.idle)
	s.mu.Unlock()
	s.r.feed.tell(s.id)
	return err
}

// CloseShard stops one shard and returns once it has stopped, a second later at most. With a Store its session is kept, for
// whoever runs it next. Its events that inbound has not taken by then are dropped, and replayed if the session goes on.
func (c *Cluster) CloseShard(ctx context.Context, shard int) error {
	s, err := c.shard(ctx, shard)
	if err != nil {
		return err
	}
	s.part(ErrClosed)
	s.mu.Lock()
	if s.cancel != nil {
		s.cancel(ErrClosed)
	}
	idle := s.idle
	s.mu.Unlock()
	s.r.calls.drop(s.id, ErrClosed)
	s.r.feed.tell(s.id)
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// RestartShard starts one shard anew: one that runs, is closed, waits for its next try, or that Discord has refused. With a
// Store its session is resumed, without one a new one begins, which costs an identify.
func (c *Cluster) RestartShard(ctx context.Context, shard int) error {
	s, err := c.shard(ctx, shard)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed || s.err != nil {
		s.closed, s.err, s.gone = false, nil, make(chan struct{})
	}
	if s.cancel != nil {
		s.cancel(errRestart)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	s.r.feed.tell(s.id)
	return nil
}

// part notes that the shard is not to run any more.
func (s *shard) part(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.err == nil {
		close(s.gone)
	}
	if why == ErrClosed {
		s.closed = true
	} else {
		s.err = why
	}
}

// wanted says that Discord has not refused it.
func (s *shard) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil
}

// why it does not run.
func (s *shard) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return ErrClosed
}

// changed takes note of a new state of its Run.
func (s *shard) changed(n chiru.Snapshot) {
	s.mu.Lock()
	if n.State == "live" {
		s.down = time.Time{}
	} else if s.down.IsZero() {
		s.down = time.Now()
	}
	s.mu.Unlock()
	s.r.feed.tell(s.id)
}

func (c *Cluster) shard(ctx context.Context, id int) (*shard, error) {
	r, err := c.running()
	if err != nil {
		return nil, err
	}
	return r.shard(ctx, id)
}

// pulse is what the shard's events say of its connection.
type pulse struct {
	mu       sync.Mutex
	interval time.Duration
	asked    time.Time // the oldest beat that is not acknowledged; zero if all are
}

// observe sees each event before inbound does, and says whether inbound wants it.
func (s *shard) observe(event chiru.IncomingEvent) bool {
	theirs := &s.r.cfg.Shard
	wanted := theirs.Observe == nil || theirs.Observe(event)
	switch e := event.(type) {
	case *chiru.Dispatch:
		s.watch(e)
		return wanted && (theirs.Filter == nil || !s.wants(e.Type) || theirs.Filter(e.Type))
	case *chiru.Hello:
		s.pulse.mu.Lock()
		s.pulse.interval, s.pulse.asked = e.HeartbeatInterval, time.Time{}
		s.pulse.mu.Unlock()
	case *chiru.HeartbeatSent:
		s.pulse.mu.Lock()
		if s.pulse.asked.IsZero() {
			s.pulse.asked = time.Now()
		}
		s.pulse.mu.Unlock()
	case *chiru.HeartbeatAck:
		s.pulse.mu.Lock()
		s.pulse.asked = time.Time{}
		s.pulse.mu.Unlock()
	case *chiru.Connected:
		if !e.Resumed {
			s.r.calls.renew(s.id)
		}
	case *chiru.Disconnected:
		if e.Next == chiru.NextIdentify {
			s.r.budget.ended(s.id)
		}
	case *chiru.CommandRejected:
		s.r.calls.rejected(e)
	}
	return wanted
}

// passes is Config.Filter where the caller has one: what the cluster must see passes, and observe drops it.
func (s *shard) passes(eventType string) bool {
	return s.wants(eventType) || s.r.cfg.Shard.Filter(eventType)
}

// wants says which dispatches the cluster itself must see.
func (s *shard) wants(eventType string) bool {
	switch eventType {
	case "GUILD_CREATE", "GUILD_DELETE", "GUILD_MEMBERS_CHUNK", "RATE_LIMITED":
		return true
	}
	return false
}

func (s *shard) watch(d *chiru.Dispatch) {
	switch d.Type {
	case "READY":
		s.guilds.ready(d, s.r.cfg.Shard.Intents.Has(chiru.IntentGuilds))
	case "GUILD_CREATE":
		s.guilds.create(d)
	case "GUILD_DELETE":
		s.guilds.delete(d)
	case "GUILD_MEMBERS_CHUNK":
		s.r.calls.chunk(d)
	case "RATE_LIMITED":
		s.r.calls.limited(d)
	}
}
