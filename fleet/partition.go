package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// How many lanes the consumers of a durable are, 0 for none.
	metaLanes = "chiru-lanes"
	// ofNoGuild stands for the partition of events of no guild.
	ofNoGuild = -1
)

// lane is the consumer of one. A durable's own name cannot have the sign between.
func lane(durable string, n int) string { return durable + "~" + strconv.Itoa(n) }

// laneOf is which partitions a lane has, of those that are wanted. Events of no guild have the first one.
func laneOf(n, lanes int, wanted []int) []int {
	var mine []int
	if n == 0 && len(wanted) == 0 {
		mine = append(mine, ofNoGuild)
	}
	for part := n; part < Partitions; part += lanes {
		if len(wanted) == 0 || slices.Contains(wanted, part) {
			mine = append(mine, part)
		}
	}
	return mine
}

// lanes hands over the events of all lanes until something fails. Of each consumer one event is out at a time, and the next follows once that
// one is acknowledged, or a dead letter, by whichever worker: so the order holds when a worker dies, too.
func (r *reading) lanes(ctx context.Context, stream jetstream.Stream) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var consumers []jetstream.Consumer
	for n := range r.cfg.Lanes {
		parts := laneOf(n, r.cfg.Lanes, r.cfg.Partitions)
		if len(parts) == 0 {
			continue
		}
		c, err := r.durable(ctx, stream, lane(r.cfg.Durable, n), r.filters(parts), 1)
		if err != nil {
			return err
		}
		consumers = append(consumers, c)
	}
	ended := make(chan error)
	for _, c := range consumers {
		go func() { ended <- r.pull(ctx, c) }()
	}
	first := <-ended
	stop(first)
	for range len(consumers) - 1 {
		<-ended
	}
	return first
}

// agrees holds a consumer that is there against what this worker takes it for.
func (r *reading) agrees(name string, have jetstream.ConsumerConfig) error {
	what := fmt.Sprintf("consumer %s of %s", name, r.names.stream())
	lanes := or(have.Metadata[metaLanes], "0")
	switch {
	case have.Metadata[metaFormat] == "":
		return &SetupError{what, "it is not chiru's", "give the durable another name"}
	case have.Metadata[metaFormat] != strconv.Itoa(Format):
		return &SetupError{what, fmt.Sprintf("it has format %s; this chiru knows %d", have.Metadata[metaFormat], Format), "use the chiru that made it, or a newer one"}
	case lanes != strconv.Itoa(r.cfg.Lanes):
		return &SetupError{what, fmt.Sprintf("it has %s lanes, not %d", lanes, r.cfg.Lanes), "all workers of a durable need the same number; another number is another durable"}
	}
	return nil
}

// other refuses a durable that is there with lanes and without them: each event would go to both.
func (r *reading) other(ctx context.Context, stream jetstream.Stream) error {
	name := lane(r.cfg.Durable, 0)
	if r.cfg.Lanes > 0 {
		name = r.cfg.Durable
	}
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	c, err := stream.Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.agrees(name, c.CachedInfo().Config)
}
