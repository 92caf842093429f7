// Command chiru runs Chiru over an unbuffered channel: raw, decoded, or with a filter that refuses everything.
package main

import (
	"context"
	"log"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/client"
)

func main() { client.Main(connect) }

func connect(job client.Job, m *client.Meter) error {
	compression, err := chiru.ParseCompression(job.Compression)
	if err != nil {
		return err
	}
	inbound := make(chan chiru.IncomingEvent)
	gate := chiru.NewIdentifyGate(job.Shards)
	var stats []*chiru.Stats
	for shard := range job.Shards {
		cfg := chiru.Config{
			URL: job.URL(), Token: client.Token, ShardID: shard, ShardCount: job.Shards,
			Intents: client.Intents, Compression: compression, Gate: gate,
		}
		if job.Variant == "filtered" {
			cfg.Filter = func(string) bool { return false }
			cfg.Stats = new(chiru.Stats)
			stats = append(stats, cfg.Stats)
		}
		go func() { log.Fatal(chiru.Run(context.Background(), cfg, nil, inbound)) }()
	}
	if job.Variant == "filtered" {
		go count(job, m, stats)
	}
	var lane *client.Lane
	if job.Variant != "filtered" {
		lane = m.Lane(job.Shards)
	}
	go consume(job.Variant == "decoded", m, lane, inbound)
	return nil
}

func consume(decoded bool, m *client.Meter, lane *client.Lane, inbound <-chan chiru.IncomingEvent) {
	for event := range inbound {
		d, ok := event.(*chiru.Dispatch)
		switch {
		case !ok:
		case d.Type == "READY":
			m.Ready()
		case d.Type == "RESUMED":
			m.Resumed()
		case decoded:
			w, err := witness(d)
			if err != nil {
				log.Fatal(err)
			}
			lane.Decoded(d.Sequence, w)
		default:
			lane.Raw(d.Sequence, d.Body)
		}
	}
}

// count waits until all events have been refused.
func count(job client.Job, m *client.Meter, stats []*chiru.Stats) {
	for {
		n := int64(0)
		for _, s := range stats {
			n += s.Snapshot().Filtered
		}
		if n == int64(job.Shards*job.Events) {
			m.Counted(n)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
