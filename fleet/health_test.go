package fleet

import (
	"errors"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

func TestHealthIsAboutEventsThatAreStoredInTime(t *testing.T) {
	for _, c := range []struct {
		what              string
		connected         bool
		health            string // of the cluster
		shards            []ShardStatus
		wantHealth, ready string
	}{
		{"no shard to have", true, "", nil, "", ""},
		{"all live", true, "", []ShardStatus{{Shard: 0, State: "live"}, {Shard: 1, State: "live", Waiting: 10}}, "", ""},
		{"one gets connected", true, "", []ShardStatus{{Shard: 0, State: "live"}, {Shard: 1, State: "resuming"}}, "", "shard 1 is not live"},
		{"one is not stored", true, "", []ShardStatus{{Shard: 3, State: "live", Waiting: 10.6}},
			"shard 3: an event has not been stored for 11 s", "shard 3: an event has not been stored for 11 s"},
		{"no nats", false, "shard 2: gone", []ShardStatus{{Shard: 2, State: "ended"}}, "shard 2: gone; nats is not connected", "shard 2: gone; nats is not connected; shard 2 is not live"},
		{"two away", true, "", []ShardStatus{{Shard: 4, State: "queued"}, {Shard: 7}}, "", "shards 4, 7 are not live"},
		{"many away", true, "", make([]ShardStatus, 9), "", "shards 0, 0, 0, 0, 0 and 4 more are not live"},
	} {
		st := NodeStatus{Health: c.health, Shards: c.shards}
		st.judge(c.connected, &survey{shards: 9})
		if st.Health != c.wantHealth || st.Ready != c.ready {
			t.Errorf("%s: got %q and %q, want %q and %q", c.what, st.Health, st.Ready, c.wantHealth, c.ready)
		}
	}
}

// A shard that nobody has is not ready at once, and bad health once it has been so for longer than a drain, a start or a hand-over takes.
func TestShardThatNobodyHasIsBadHealthAfterThirtySeconds(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	lease := &SetupError{"key shard.0", "it is not of this chiru's format", "run the newer one"}
	for _, c := range []struct {
		what          string
		seen          survey
		health, ready string
	}{
		{"all are some node's", survey{shards: 4}, "", ""},
		{"a hand-over", survey{shards: 4, free: map[int]time.Time{2: ago(3 * time.Second)}}, "", "nobody has 1 of 4 shards"},
		{"a drain", survey{shards: 2, free: map[int]time.Time{0: ago(time.Second), 1: ago(14 * time.Second)}, out: ago(15 * time.Second), why: errDrain},
			"", "the node is not registered, so it can have no shard: the node stops"},
		{"one free for long, of two", survey{shards: 4, free: map[int]time.Time{0: ago(31 * time.Second), 1: ago(time.Second)}, why: lease},
			"nobody has 1 of 4 shards: key shard.0: it is not of this chiru's format (run the newer one)",
			"nobody has 2 of 4 shards: key shard.0: it is not of this chiru's format (run the newer one)"},
		{"the only one", survey{shards: 1, free: map[int]time.Time{0: ago(31 * time.Second)}}, "nobody has 1 of 1 shard", "nobody has 1 of 1 shard"},
		{"no lease of its own", survey{shards: 4, out: ago(31 * time.Second), why: errors.New("no leader")},
			"the node is not registered, so it can have no shard: no leader", "the node is not registered, so it can have no shard: no leader"},
		{"free for long, and no lease for a moment", survey{shards: 4, free: map[int]time.Time{0: ago(time.Minute)}, out: ago(time.Second)},
			"the node is not registered, so it can have no shard", "the node is not registered, so it can have no shard"},
	} {
		st := NodeStatus{At: now}
		st.judge(true, &c.seen)
		if st.Health != c.health || st.Ready != c.ready {
			t.Errorf("%s: got %q and %q, want %q and %q", c.what, st.Health, st.Ready, c.health, c.ready)
		}
	}
}

func TestShardThatComesBackToANodeHasNotBeenAwayAllTheWhile(t *testing.T) {
	now := time.Now()
	for taken, bad := range map[time.Duration]bool{time.Second: false, 31 * time.Second: true} {
		st := cluster.Status{At: now, Running: true, Shards: []cluster.ShardStatus{
			{Shard: 0, Snapshot: chiru.Snapshot{State: "connecting"}, Trouble: "not connected", DownSince: now.Add(-time.Hour)},
			{Shard: 1, Snapshot: chiru.Snapshot{State: "live"}},
		}}
		seen := survey{shards: 2, held: map[int]time.Time{0: now.Add(-taken), 1: now}}
		seen.date(st.Shards)
		if err := st.Health(); (err != nil) != bad || !st.Shards[1].DownSince.IsZero() {
			t.Errorf("had for %v: %v, and the live shard is away since %v", taken, err, st.Shards[1].DownSince)
		}
	}
}

func TestOldestEventOnItsWayIsTold(t *testing.T) {
	var c counts
	at := time.UnixMilli(1_700_000_000_000)
	c.show([]flying{{sent: at}, {sent: at.Add(time.Second)}})
	if c.oldest.Load() != at.UnixMilli() || c.flying.Load() != 2 {
		t.Errorf("got %d of %d", c.oldest.Load(), c.flying.Load())
	}
	c.show(nil)
	if c.oldest.Load() != 0 || c.flying.Load() != 0 {
		t.Errorf("none: got %d of %d", c.oldest.Load(), c.flying.Load())
	}
}
