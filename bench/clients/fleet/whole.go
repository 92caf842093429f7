package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/fleet"
)

// lookEvery is how often the node is asked how far it is, which costs it next to nothing.
const lookEvery = 20 * time.Millisecond

var errStored = errors.New("all events are stored")

// whole runs a node until the stream has all events. end stops it.
func whole(ctx context.Context, job client.Job, m *client.Meter, nc *nats.Conn) (end func() error, err error) {
	compression, err := chiru.ParseCompression(job.Compression)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancelCause(ctx)
	node, ended := new(fleet.Node), make(chan error, 1)
	go func() {
		ended <- node.Run(running, fleet.Config{
			Conn: nc, API: job.API(), Shards: job.Shards,
			Shard: chiru.Config{Token: client.Token, Intents: client.Intents, Compression: compression},
		})
	}()
	end = func() error {
		stop(errStored)
		if err := <-ended; !errors.Is(err, errStored) {
			return err
		}
		return nil
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for ready := false; ; {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the node has ended: %w", err)
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), end())
		case <-look.C:
		}
		for _, s := range node.Status().Shards {
			if s.Resumed > 0 {
				return nil, errors.Join(errors.New("the shard had to be resumed from the stream"), end())
			}
			if !ready && s.Received >= 1 {
				ready = true
				m.Ready()
			}
			if s.StoredEvents == int64(1+job.Events) {
				return end, nil
			}
		}
	}
}
