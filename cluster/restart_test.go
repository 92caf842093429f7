package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/sessions"
)

// 64 shards under 5000 events a second; the process is replaced again and again.
func TestRollingRestartSpendsNoIdentifyAndLosesAndRepeatsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 64
		rate := 5000.0
		if raceDetector {
			rate = 500
		}
		s := serve(t, gatewaytest.Config{
			Shards: shards, MaxConcurrency: shards, Guilds: 4 * shards, Members: 3, Rate: rate, Record: 1 << 15,
		})
		audits := map[int]*gatewaytest.Audit{}
		for id := range shards {
			audits[id] = s.Audit(id)
		}
		cfg := configOf(s)
		cfg.Shard.Store, cfg.Budget, cfg.Shard.Intents = new(sessions.Memory), new(note), chiru.IntentsAll
		var slowest time.Duration
		for range 5 {
			var bot cluster.Cluster
			ctx, cancel := context.WithCancelCause(context.Background())
			inbound, ended := make(chan chiru.IncomingEvent), make(chan error, 1)
			go func() {
				defer close(inbound)
				ended <- bot.Run(ctx, cfg, inbound)
			}()
			from := time.Now()
			go func() {
				for bot.Status().Live < shards {
					time.Sleep(10 * time.Millisecond)
				}
				slowest = max(slowest, time.Since(from))
				time.Sleep(4 * time.Second)
				cancel(errStop)
			}()
			for event := range inbound {
				if d, ok := event.(*chiru.Dispatch); ok {
					if err := audits[d.Shard()].Got(d.SessionID, d.Sequence, d.Type, d.Body); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := <-ended; err != errStop {
				t.Fatalf("Run returned %v", err)
			}
		}
		var got int64
		for id, a := range audits {
			got += a.Dispatches
			if a.Sessions != 1 {
				t.Errorf("shard %d had %d sessions, want 1", id, a.Sessions)
			}
		}
		if float64(got) < 10*rate {
			t.Errorf("only %d events came", got)
		}
		if n := len(identifies(s)); n != shards {
			t.Errorf("%d identifies, want the first %d", n, shards)
		}
		if slowest > 5*time.Second {
			t.Errorf("a process took %v until all shards were live, want 5 s at most", slowest)
		}
		t.Logf("%d events over 5 processes; the slowest was live after %v", got, slowest)
	})
}

// Stored sessions are resumed together, but not in one instant.
func TestStoredSessionsAreResumedSpreadOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 256
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, Record: 1 << 16})
		store := new(sessions.Memory)
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store = store })
		wait(20 * time.Second)
		f.mustBeLive(shards)
		f.stop()
		f = launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store = store })
		took := f.allLive(shards, 5*time.Second)
		at := map[time.Time]int{}
		for _, p := range s.Received() {
			if p.Op == 6 {
				at[p.At.Truncate(100*time.Millisecond)]++
			}
		}
		most := 0
		for _, n := range at {
			most = max(most, n)
		}
		if most > 30 || len(at) < 20 {
			t.Errorf("up to %d RESUMEs in 100 ms, over %d of them; want about 10", most, len(at))
		}
		t.Logf("%d shards resumed within %v, up to %d in 100 ms", shards, took, most)
	})
}

// One shard's session is gone: it alone begins a new one, by the gate.
func TestShardWithoutASessionBeginsOneBesideThoseThatResume(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 8, MaxConcurrency: 1})
		store := new(sessions.Memory)
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store = store })
		wait(time.Minute)
		f.mustBeLive(8)
		f.stop()
		cfg := configOf(s).Shard
		for _, id := range []int{2, 5, 6} {
			cfg.ShardID, cfg.ShardCount = id, 8
			if err := store.Save(t.Context(), cfg.SessionKey(), chiru.Session{}); err != nil {
				t.Fatal(err)
			}
		}
		wait(10 * time.Second)
		f = launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store = store })
		wait(time.Second)
		f.mustBeLive(6)
		if st := f.states(); st["queued"] != 1 || st["awaitSlot"] != 1 {
			t.Errorf("%v, want one at the gate and one that has not dialled", st)
		}
		wait(11 * time.Second)
		f.mustBeLive(8)
		if n := len(identifies(s)); n != 11 {
			t.Errorf("%d identifies, want 8 and 3", n)
		}
	})
}

// With other intents no stored session is of use: all begin anew, in their turn.
func TestShardsWhoseStoredSessionsAreOfNoUseWaitForTheirTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 12
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: 2})
		store := new(sessions.Memory)
		for round, intents := range []chiru.Intents{chiru.IntentsUnprivileged, chiru.IntentsAll} {
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store, cfg.Shard.Intents = store, intents })
			wait(time.Second)
			if st := f.states(); st["live"] != 2 || st["awaitSlot"] != 2 || st["queued"] != 8 || len(s.Conns()) != 4 {
				t.Errorf("round %d: %v with %d sockets, want the first two live and the next two at the gate", round, st, len(s.Conns()))
			}
			wait(30 * time.Second)
			f.mustBeLive(shards)
			f.stop()
			wait(10 * time.Second)
		}
	})
}

// A process that is told to stop while the pauses of the one before are on keeps them to its end: the referee sees to it.
func TestStopWithinThePausesOfTheProcessBeforeSendsNoIdentify(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 64
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, SessionLimit: 1 << 16})
		n := new(note)
		configure := func(cfg *cluster.Config) { cfg.Budget = n }
		for round := range 6 {
			f := launch(t, s, configure)
			wait(time.Second)
			f.mustBeLive(shards)
			f.stop()
			for range 15 {
				f := launch(t, s, configure)
				wait(250 * time.Millisecond)
				f.stop()
			}
			if n := len(identifies(s)); n != (round+1)*shards {
				t.Errorf("%d identifies, want none within the pauses of %d rounds of %d", n, round+1, shards)
			}
			wait(11 * time.Minute) // or the breaker takes it for a burst
		}
	})
}

// Two ways in which processes of one bot keep Discord's pauses: no bucket in common, or one gate. The referee sees to it.
func TestProcessesThatShareABotKeepThePauses(t *testing.T) {
	const shards, processes = 16, 2
	for name, c := range map[string]struct {
		concurrency int
		process     func(shard int) int
		gate        func(concurrency int) chiru.IdentifyGate
	}{
		"no bucket in common": {4, func(shard int) int { return shard % 4 / 2 }, func(int) chiru.IdentifyGate { return nil }},
		"one gate":            {2, func(shard int) int { return shard / 8 }, chiru.NewIdentifyGate},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: c.concurrency})
				gate := c.gate(c.concurrency)
				var fleet []*fleet
				for p := range processes {
					fleet = append(fleet, launch(t, s, func(cfg *cluster.Config) {
						cfg.Shards, cfg.Shard.Gate = shards, gate
						for id := range shards {
							if c.process(id) == p {
								cfg.Only = append(cfg.Only, id)
							}
						}
					}))
				}
				for range 3 {
					wait(6 * time.Minute) // so that it is no burst
					for _, f := range fleet {
						f.mustBeLive(shards / processes)
					}
					for _, conn := range s.Conns() {
						conn.Close(4009, "")
					}
				}
			})
		})
	}
}
