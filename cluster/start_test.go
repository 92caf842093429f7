package cluster_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// 256 shards in 16 buckets need 15 pauses of 5 s: no start is faster. docs /events/gateway#sharding-max-concurrency
func TestStartOf256ShardsTakesLittleMoreThanTheRuleAsks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards, concurrency = 256, 16
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: concurrency, Record: 1 << 16})
		from := time.Now()
		f := launch(t, s, nil)
		var left time.Duration
		for f.Status().Live < shards && time.Since(from) < 2*time.Minute {
			if at := time.Since(from); at >= 30*time.Second && left == 0 {
				left = f.Status().Left
				if total := at + left; total < 75*time.Second || total > 85*time.Second {
					t.Errorf("after %v it says %v are left, want about 78 s in all", at, left)
				}
			}
			if sockets := len(s.Conns()); sockets > f.Status().Live+concurrency {
				t.Fatalf("%d sockets are open for %d live shards: those that wait for their turn need none", sockets, f.Status().Live)
			}
			wait(100 * time.Millisecond)
		}
		f.mustBeLive(shards)
		took, least := time.Since(from), (shards/concurrency-1)*5*time.Second
		t.Logf("%d shards were live after %v; the rule asks for %v", shards, took, least)
		if took > least*107/100 || took < least {
			t.Errorf("it took %v, want %v at most 7 %% over", took, least)
		}
		if n := len(identifies(s)); n != shards {
			t.Errorf("%d identifies for %d shards", n, shards)
		}
		if left := f.Status().Left; left != 0 {
			t.Errorf("%v are left of a start that is over", left)
		}
	})
}

// One shard of a bucket cannot be reached: the others come up all the same.
func TestShardThatCannotBeReachedHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 4, MaxConcurrency: 1})
		var conns atomic.Int64
		s.OnConnect(func(c *gatewaytest.Conn) { // the first connection never gets a Hello
			if conns.Add(1) > 1 {
				c.Default()
			}
		}).Keep()
		f := launch(t, s, nil)
		wait(19 * time.Second)
		if st := f.states(); st["awaitHello"] != 1 || st["live"] != 2 || st["awaitSlot"] != 1 {
			t.Errorf("after 19 s: %v, want one without Hello, two live, and one at the gate", st)
		}
		wait(20 * time.Second)
		f.mustBeLive(4)
	})
}

func TestStartSaysWhoWaitsForItsTurnAndHowLong(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 3, MaxConcurrency: 1})
		f := launch(t, s, nil)
		wait(time.Second)
		st := f.Status()
		for _, shard := range st.Shards {
			want := map[int]string{0: "live", 1: "awaitSlot", 2: "queued"}[shard.Shard]
			if shard.State != want || (shard.Trouble == "") != (want == "live") {
				t.Errorf("shard %d is %s: %q; want %s", shard.Shard, shard.State, shard.Trouble, want)
			}
			if until := shard.Until.Sub(st.At).Round(100 * time.Millisecond); want == "awaitSlot" && until != 4200*time.Millisecond {
				t.Errorf("shard %d waits for %v, want the rest of the pause, 4.2s", shard.Shard, until)
			}
		}
		if st.Health() != nil {
			t.Errorf("a start under way is bad health: %v", st.Health())
		}
		if got := fmt.Sprint(st.Left.Round(100 * time.Millisecond)); got != "9.4s" {
			t.Errorf("left are %s, want two pauses less a second: 9.4s", got)
		}
		wait(9400 * time.Millisecond)
		f.mustBeLive(3)
	})
}

func TestEachShardHasAnEqualPartOfTheBacklog(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards, most = 8, 64 << 10
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, Guilds: 80, Rate: 400, ReplayEvents: 1 << 15})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.BacklogBytes = most })
		wait(time.Second)
		f.mustBeLive(shards)
		f.freeze()
		wait(30 * time.Second)
		var sum int64
		for _, shard := range f.Status().Shards {
			if !shard.Stalled || shard.BacklogBytes > most/shards || shard.BacklogBytes == 0 {
				t.Errorf("shard %d has %d bytes, stalled %v; want up to %d", shard.Shard, shard.BacklogBytes, shard.Stalled, most/shards)
			}
			sum += shard.BacklogBytes
		}
		if sum > most || sum < most/2 {
			t.Errorf("%d bytes wait, want up to %d", sum, most)
		}
		f.thaw()
		wait(10 * time.Second)
		for _, shard := range f.Status().Shards {
			if shard.Backlog > 0 || shard.Trouble != "" {
				t.Errorf("shard %d: %d events wait, %q", shard.Shard, shard.Backlog, shard.Trouble)
			}
		}
	})
}
