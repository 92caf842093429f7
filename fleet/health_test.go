package fleet

import (
	"testing"
	"time"
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
		st.judge(c.connected)
		if st.Health != c.wantHealth || st.Ready != c.ready {
			t.Errorf("%s: got %q and %q, want %q and %q", c.what, st.Health, st.Ready, c.wantHealth, c.ready)
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
