package chiru

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

// Run connects one shard and keeps it connected until ctx ends or Discord refuses it for good.
//
// It blocks; run it in its own goroutine, bound to the life of the bot. All goroutines it starts have
// ended when it returns. Events come out of inbound, in order; commands go into outbound, which may be
// nil, and whose closing means that no more will come. Run never closes inbound: several Runs may
// share it. Whoever wants a range over inbound to end closes it once every Run on it has returned.
//
// Run returns context.Cause(ctx) itself when told to stop, within a second; a *CloseError when
// Discord's close code is final; a *ConfigError before it dials. Everything else is retried, and
// reported as *Disconnected. On return the events that inbound has not taken are dropped; a session
// that is kept (see Config.OnStop) replays them. Panics of the caller's gate, store or filter are not recovered.
func Run(ctx context.Context, cfg Config, outbound <-chan OutgoingEvent, inbound chan<- IncomingEvent) error {
	if inbound == nil {
		return &ConfigError{Field: "inbound", Reason: "is nil; events need a channel"}
	}
	cfg, addr, presence, err := cfg.settled()
	if err != nil {
		return err
	}
	stored := loadSession(ctx, &cfg, addr)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s := &shard{
		cfg: &cfg, addr: addr, log: cfg.Logger, outbound: outbound, inbound: inbound,
		m:       session.New(rand.Float64, stored),
		names:   make(map[string]string),
		backlog: backlog{maxEvents: cfg.BacklogEvents, maxBytes: cfg.BacklogBytes},
		timer:   time.NewTimer(0),

		identity: presence,
	}
	s.m.Among(cfg.ShardCount)
	s.handled = mark{s.m.Generation(), s.m.BeatSeq()}
	s.count = cfg.Stats.Snapshot()
	s.count.Handled = s.handled.seq
	defer s.timer.Stop()
	s.startSaver()
	return s.run(ctx)
}

// Events is Run as an iterator: it yields each event, and last the error that Run returned. Breaking
// out of the loop, or ending ctx, stops the shard before the loop is left; the error is then
// context.Cause(ctx). The loop's body may take its time: heartbeats go on.
func Events(ctx context.Context, cfg Config) iter.Seq2[IncomingEvent, error] {
	return func(yield func(IncomingEvent, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		inbound := make(chan IncomingEvent)
		ended := make(chan error, 1)
		go func() {
			defer close(ended)
			ended <- Run(ctx, cfg, nil, inbound)
		}()
		defer func() {
			cancel(errors.New("the loop over Events was left"))
			for range ended {
			}
		}()
		for {
			select {
			case event := <-inbound:
				if !yield(event, nil) {
					return
				}
			case err := <-ended:
				yield(nil, err)
				return
			}
		}
	}
}
