package chiru_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/sessions"
)

// Observe is before the backlog: a consumer that stands still keeps nothing from it, and voidable events that nobody is
// ready for are among what it sees.
func TestObserveSeesEachEventBeforeItWaits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3})
		var seen []string
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Observe = func(event chiru.IncomingEvent) bool {
				switch e := event.(type) {
				case *chiru.Dispatch:
					if e.SessionID == "" || e.Shard() != 0 {
						t.Errorf("%s is of session %q and shard %d", e.Type, e.SessionID, e.Shard())
					}
					seen = append(seen, e.Type)
				case *chiru.Connected:
					seen = append(seen, "connected")
				case *chiru.CommandRejected:
					seen = append(seen, "rejected")
				}
				return true
			}
		}, unbuffered)
		b.freeze()
		wait(time.Second)
		b.outbound <- nil
		wait(time.Second)
		if want := []string{"connected", "READY", "GUILD_CREATE", "GUILD_CREATE", "GUILD_CREATE", "rejected"}; !slices.Equal(seen, want) {
			t.Errorf("saw %v, want %v", seen, want)
		}
		if n := len(of[*chiru.Connected](b)); n != 0 {
			t.Errorf("the consumer got %d voidable events, want none", n)
		}
	})
}

func TestObserveDropsWhatItDoesNotWantButReady(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3})
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Observe = func(chiru.IncomingEvent) bool { return false }
		})
		wait(time.Second)
		if got := b.types(); !slices.Equal(got, []string{"READY"}) {
			t.Errorf("got %v, want READY alone", got)
		}
		if n := b.stats.Snapshot(); n.Filtered != 3 || n.Dispatches != 4 || n.Handled != 4 {
			t.Errorf("%d of %d are filtered, %d handled; want 3 of 4, and 4", n.Filtered, n.Dispatches, n.Handled)
		}
		s.Conns()[0].Cut()
		wait(5 * time.Second)
		if got := b.types(); !slices.Equal(got, []string{"READY", "RESUMED"}) {
			t.Errorf("got %v, want READY and RESUMED", got)
		}
	})
}

func TestOnStateTellsEachState(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		var states []string
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Stats.OnState = func(n chiru.Snapshot) { states = append(states, n.State) }
		})
		wait(time.Second)
		s.Conns()[0].Cut()
		wait(time.Second)
		b.stop()
		want := []string{"dialing", "awaitHello", "awaitSlot", "identifying", "live", "waiting", "dialing", "awaitHello", "resuming", "live", "ended"}
		if !slices.Equal(states, want) {
			t.Errorf("states were %v, want %v", states, want)
		}
	})
}

func TestSessionKeyIsTheOneThatRunUses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		store := new(sessions.Memory)
		var key chiru.SessionKey
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Token, cfg.Store = "Bot "+cfg.Token, store
			key = cfg.SessionKey()
		})
		wait(5 * time.Second)
		b.stop()
		if got, err := store.Load(t.Context(), key); err != nil || got.ID == "" {
			t.Errorf("the store has %+v, %v under the key", got, err)
		}
	})
}
