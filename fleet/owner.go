package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/chiru-go/chiru/cluster"
)

const (
	// Between two claims of a shard: what was wrong once may be so for a while.
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
	// A shard whose connection has ended may need so long to store what it has handed over.
	finishWait = 5 * time.Second
	// How long a shard's connection takes to end: chiru.Run says a second.
	closeWait = 3 * time.Second
)

// owner is one shard while this node has its lease: it claims it, lets the cluster connect it, and has its events stored.
type owner struct {
	f     *fleet
	shard int
	until *deadline // of the lease
	still func(context.Context) (bool, error)
}

// own keeps the shard connected until ctx ends. Whatever goes wrong on the way to the stream, and kill -9 likewise, is followed by the
// same: the connection ends so that the session goes on, the shard is claimed anew, and resumed from what the stream has.
func (o *owner) own(ctx context.Context) {
	log := o.f.log.With("shard", o.shard)
	defer o.f.gate.line.abandon(o.shard)
	defer o.f.takeCommands(ctx, o.shard)()
	pause := retryFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := o.once(ctx)
		if ctx.Err() != nil {
			return
		}
		o.f.counts[o.shard].failures.Add(1)
		if time.Since(began) > retryMost {
			pause = retryFirst
		}
		wait := time.Duration((0.5 + rand.Float64()/2) * float64(pause))
		log.Warn("shard resumed from the stream", "error", err, "wait", wait)
		if errors.Is(err, errLost) {
			return // the keeper sees it too
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		pause = min(2*pause, retryMost)
	}
}

// once is the life of one claim.
func (o *owner) once(ctx context.Context) error {
	c, err := o.f.claimShard(ctx, o.shard, o.still)
	if err != nil {
		return err
	}
	w := newWriter(o.f, o.shard, c)
	o.f.checkpoints.set(o.shard, source{c.at, w.floor, w.in, o.until})
	o.f.log.Debug("shard claimed", "shard", o.shard, "epoch", c.epoch, "session", c.at.session, "sequence", c.at.sequence)
	// What has been handed over is stored also when ctx ends; the writer goes on until in is closed.
	writing, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	ended := make(chan error, 1)
	go func() { ended <- w.run(writing) }()

	failed, err := o.connect(ctx, ended)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
	defer cancel()
	if closeErr := o.f.cluster.CloseShard(closing, o.shard); closeErr != nil && !errors.Is(closeErr, cluster.ErrNotRunning) {
		// It may go on handing over events; nobody takes them.
		o.f.log.Error("shard not closed in time", "shard", o.shard, "error", closeErr)
		abort()
		if !failed {
			<-ended
		}
		return err
	}
	close(w.in)
	if failed {
		return err
	}
	select {
	case stored := <-ended:
		if stored != nil {
			o.f.log.Warn("events left for the next owner, which has them replayed", "shard", o.shard, "error", stored)
		}
	case <-time.After(finishWait):
		abort()
		<-ended
	}
	return err
}

// connect has the cluster run the shard, at once if it has a session to resume and else when its turn has come, until ctx or the writer
// ends; failed says that it was the writer.
func (o *owner) connect(ctx context.Context, ended <-chan error) (failed bool, err error) {
	if !o.f.checkpoints.resumes(o.shard, o.f.shards) {
		waiting, stop := context.WithCancel(ctx)
		defer stop()
		select {
		case <-o.f.gate.turn(waiting, o.shard):
		case err = <-ended:
			return true, err
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	if err = o.f.cluster.RestartShard(ctx, o.shard); err != nil {
		return false, err
	}
	select {
	case err = <-ended:
		return true, err
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
