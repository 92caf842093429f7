package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// openGate lets everybody through.
type openGate struct{}

func (openGate) Permit(context.Context, int) <-chan chiru.Permit {
	out := make(chan chiru.Permit, 1)
	out <- openGate{}
	return out
}

func (openGate) Sent() {}

// What the gate says is all that counts: neither pauses nor the day's floor are kept besides.
func TestGateThatPacesIsAskedAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 6
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: 1, IdentifySpacing: time.Millisecond, SessionLimit: shards})
		a, client := asking(s)
		f := launch(t, s, func(cfg *cluster.Config) {
			cfg.Paced, cfg.Parked, cfg.Shard.Gate, cfg.Shard.HTTPClient = true, true, openGate{}, client
		})
		wait(0)
		for id := range shards {
			wait(10 * time.Millisecond)
			if err := f.RestartShard(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		wait(100 * time.Millisecond)
		f.mustBeLive(shards)
		if st := f.Status().Budget; !st.ClosedUntil.IsZero() {
			t.Errorf("the budget is closed: %+v", st)
		}
		wait(6 * time.Minute)
		if n := a.n.Load(); n != 1 {
			t.Errorf("the API is asked %d times, want once", n)
		}
	})
}

// A burst is a burst, whoever paces it.
func TestGateThatPacesHasTheBreakerBefore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 6
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, IdentifySpacing: time.Millisecond})
		s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Send(9, false) }).Keep()
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Paced, cfg.Shard.Gate = true, openGate{} })
		wait(5 * time.Minute)
		if n, st := len(identifies(s)), f.Status().Budget; n != 2*shards+5 || st.ClosedUntil.IsZero() {
			t.Errorf("%d identifies, and the budget is %+v; want %d, and the breaker open", n, st, 2*shards+5)
		}
	})
}

func TestPacedNeedsAGateThatCounts(t *testing.T) {
	for what, change := range map[string]func(*cluster.Config){
		"no gate": func(c *cluster.Config) { c.Shard.Gate = nil },
		"a floor": func(c *cluster.Config) { c.Floor = 5 },
		"a count": func(c *cluster.Config) { c.Budget = &note{} },
	} {
		cfg := cluster.Config{Paced: true, Shard: chiru.Config{Token: "t", Gate: openGate{}}}
		change(&cfg)
		err := cluster.Run(t.Context(), cfg, make(chan chiru.IncomingEvent))
		if wrong, ok := errors.AsType[*chiru.ConfigError](err); !ok || wrong.Field != "Paced" {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
