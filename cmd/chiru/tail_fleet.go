package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
)

// beginning is where tail --fleet begins to read.
type beginning struct {
	now bool
	at  time.Time // zero for the oldest event
}

func parseBeginning(text string) (beginning, error) {
	switch text {
	case "now":
		return beginning{now: true}, nil
	case "start":
		return beginning{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return beginning{at: time.Now().Add(-ago)}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "15:04:05", "15:04"} {
		at, err := time.ParseInLocation(layout, text, time.Local)
		if err != nil {
			continue
		}
		if at.Year() == 0 { // a time of today
			y, m, d := time.Now().Date()
			at = time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, time.Local)
		}
		if at.After(time.Now()) {
			return beginning{}, fmt.Errorf("%s is yet to come", at.Format(time.DateTime))
		}
		return beginning{at: at}, nil
	}
	return beginning{}, errors.New("must be start, now, a time as 2026-01-31T15:04:05Z or 15:04, or how long ago, as 10m")
}

// ofFleet are the flags of tail --fleet alone.
var ofFleet = []string{"from", "nats", "nats-creds", "nats-ca", "nats-cert", "nats-key", "state", "name"}

// ofShard are the flags of tail that say which shards it connects, and how: they mean nothing to tail --fleet.
var ofShard = []string{"intents", "shard", "shards", "compress", "api", "token-file"}

// tailFleet prints what the fleet's stream has, and connects no shard.
func (p *program) tailFleet(cmd *cobra.Command, t *tail) error {
	if i := slices.IndexFunc(ofShard, cmd.Flags().Changed); i >= 0 {
		f := usage("--%s and --fleet do not go together", ofShard[i])
		f.hint = "chiru run connects the shards"
		return f
	}
	logger := p.logger()
	nc, err := t.nats.connect(p, logger)
	if err != nil {
		return err
	}
	defer nc.Close()
	cfg := fleet.SubscribeConfig{Conn: nc, Name: t.nats.name, From: t.from.at, FromNow: t.from.now, Types: slices.Sorted(maps.Keys(t.types)), Logger: logger}
	w := &watch{p: p, lines: p.lines(t), types: t.types, number: int64(t.number)}
	return w.follow(cmd.Context(), func(ctx context.Context, inbound chan<- chiru.IncomingEvent) error {
		return fleet.Subscribe(ctx, cfg, inbound)
	}, func(took time.Duration) string {
		return fmt.Sprintf("%s in %v", count(w.printed.Load(), "event"), brief(took))
	})
}
