package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/sessions"
)

// docs /events/gateway-events#guild-create, #guild-delete
func TestGuildsArePendingAvailableOrInAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 10, Outage: 1})
		f := launch(t, s, nil)
		check := func(when string, want cluster.Guilds) {
			t.Helper()
			wait(0)
			if got := f.Status().Shards[0].Guilds; got != want {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		wait(5 * time.Second)
		check("all in an outage", cluster.Guilds{Known: true, Unavailable: 10})
		wait(gatewaytest.OutageLasts)
		check("all back", cluster.Guilds{Known: true, Available: 10})
		guild := fmt.Sprint(s.Guilds()[0])
		s.Dispatch(0, "GUILD_DELETE", map[string]any{"id": guild, "unavailable": true})
		check("an outage of one", cluster.Guilds{Known: true, Available: 9, Unavailable: 1})
		s.Dispatch(0, "GUILD_DELETE", map[string]any{"id": guild, "unavailable": false})
		check("removed from one", cluster.Guilds{Known: true, Available: 9})
		s.Dispatch(0, "GUILD_CREATE", map[string]any{"id": 17})
		check("one joined, its id a number", cluster.Guilds{Known: true, Available: 10})
		s.Dispatch(0, "GUILD_CREATE", map[string]any{"id": "17", "unavailable": true})
		check("it comes in an outage", cluster.Guilds{Known: true, Available: 9, Unavailable: 1})
		s.Dispatch(0, "GUILD_CREATE", []int{1})
		check("no guild at all", cluster.Guilds{Known: true, Available: 9, Unavailable: 1})
	})
}

// Nothing is waited for that does not come: without the intent, or by a session that another process began.
func TestGuildsAreUnknownWithoutTheIntentAndAfterARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Intents = chiru.IntentGuildMessages })
		wait(time.Second)
		f.mustBeLive(1)
		if got := f.Status().Shards[0].Guilds; got != (cluster.Guilds{}) {
			t.Errorf("without the intent: %+v", got)
		}
	})
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3})
		store := new(sessions.Memory)
		for _, want := range []cluster.Guilds{{Known: true, Available: 3}, {}} {
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store = store })
			wait(3 * time.Second)
			f.mustBeLive(1)
			if got := f.Status().Shards[0].Guilds; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			f.stop()
		}
	})
}

// What the caller does not want stays out of inbound, though the cluster sees it.
func TestFilterAndObserveOfTheCallerCount(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Members: 3})
		observed := map[string]int{}
		f := launch(t, s, func(cfg *cluster.Config) {
			cfg.Shard.Intents = chiru.IntentsAll
			cfg.Shard.Filter = func(eventType string) bool { return eventType == "MESSAGE_CREATE" }
			cfg.Shard.Observe = func(event chiru.IncomingEvent) bool {
				if d, ok := event.(*chiru.Dispatch); ok {
					observed[d.Type]++
				}
				return true
			}
		})
		wait(time.Second)
		s.Dispatch(0, "MESSAGE_CREATE", map[string]any{"content": "hello"})
		chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: chiru.Snowflake(s.Guilds()[0]), Query: "", Limit: 3})
		if err != nil || len(chunks) != 1 {
			t.Errorf("got %d chunks, %v", len(chunks), err)
		}
		wait(time.Second)
		got := map[string]int{}
		for _, d := range of[*chiru.Dispatch](f) {
			got[d.Type]++
		}
		if fmt.Sprint(got) != "map[MESSAGE_CREATE:1 READY:1]" {
			t.Errorf("inbound got %v", got)
		}
		if fmt.Sprint(observed) != "map[GUILD_CREATE:3 GUILD_MEMBERS_CHUNK:1 MESSAGE_CREATE:1 READY:1]" {
			t.Errorf("the caller's Observe saw %v", observed)
		}
		if g := f.Status().Shards[0].Guilds; g.Available != 3 {
			t.Errorf("the cluster knows of %+v", g)
		}
	})
}

func TestASecondRunOfAClusterIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		f := launch(t, s, nil)
		wait(time.Second)
		if err := f.Run(t.Context(), configOf(s), make(chan chiru.IncomingEvent)); err == nil {
			t.Error("Run runs twice at once")
		}
		f.mustBeLive(1)
		f.stop()
		if st := f.Status(); st.Running || st.Health() != cluster.ErrNotRunning {
			t.Errorf("after the end: %+v", st)
		}
	})
}
