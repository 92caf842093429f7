// Command soak is a node of a fleet with its NATS inside, as chiru run has it, that tells at intervals what memory it holds.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/fleet"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errOver = errors.New("the soak is over")

// liveWithin is how long the shards may take to be live.
const liveWithin = time.Minute

func run() error {
	var job client.SoakJob
	if err := json.Unmarshal([]byte(os.Args[1]), &job); err != nil {
		return err
	}
	compression, err := chiru.ParseCompression(job.Compression)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	folder, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e, err := fleet.Embed(ctx, fleet.EmbeddedConfig{Folder: folder, Logger: log})
	if err != nil {
		return err
	}
	defer e.Close()
	js, err := jetstream.New(e.Conn)
	if err != nil {
		return err
	}
	node, ended := new(fleet.Node), make(chan error, 1)
	go func() {
		ended <- node.Run(ctx, fleet.Config{
			Conn: e.Conn, API: job.API, Shards: job.Shards, MaxBytes: job.MaxBytes, Logger: log,
			Shard: chiru.Config{Token: job.Token, Intents: client.Intents, Compression: compression},
		})
	}()
	err = watch(ctx, job, node, js, ended)
	stop(errOver)
	if err == nil {
		if err = <-ended; errors.Is(err, errOver) {
			err = nil
		}
	}
	return err
}

// watch waits until all shards are live, and then prints samples.
func watch(ctx context.Context, job client.SoakJob, node *fleet.Node, js jetstream.JetStream, ended <-chan error) error {
	out := json.NewEncoder(os.Stdout)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	began, live := time.Now(), false
	next, looks := time.Duration(0), 0
	var least client.SoakSample
	for next <= job.For {
		select {
		case err := <-ended:
			return fmt.Errorf("the node has ended: %w", err)
		case <-look.C:
		}
		st := node.Status()
		if !live {
			if st.Ready == "" && len(st.Shards) == job.Shards {
				began, live = time.Now(), true
			} else if time.Since(began) > liveWithin {
				return fmt.Errorf("not live within %v: %s", liveWithin, st.Ready)
			}
			continue
		}
		if time.Since(began) < next-time.Duration(job.Looks-1-looks)*(job.Every/time.Duration(job.Looks)) {
			continue
		}
		heap, resident, goroutines := client.Held()
		if looks == 0 || heap < least.Heap {
			least.Heap = heap
		}
		if looks == 0 || resident < least.RSS {
			least.RSS = resident
		}
		if looks++; looks < job.Looks {
			continue
		}
		s := client.SoakSample{At: time.Since(began), Heap: least.Heap, RSS: least.RSS, Goroutines: goroutines}
		next, looks = next+job.Every, 0
		stream, err := js.Stream(ctx, "CHIRU_bot")
		if err != nil {
			return err
		}
		has := stream.CachedInfo().State
		s.Kept, s.KeptBytes, s.First = has.Msgs, has.Bytes, has.FirstSeq
		for _, shard := range st.Shards {
			s.Stored += shard.StoredEvents
			s.Resumed += shard.Resumed
			s.Boundaries += shard.Boundaries
		}
		if err := out.Encode(s); err != nil {
			return err
		}
	}
	return nil
}
