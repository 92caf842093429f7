package gatewaytest

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

var worldTestStart = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

const worldEveryIntent = 53608447

// worldRun makes n events, 5 ms apart.
func worldRun(w *world, n int, see func(worldEvent)) {
	now := worldTestStart
	for range n {
		now = now.Add(5 * time.Millisecond)
		see(w.next(now))
	}
}

func worldTranscript(w *world, n int) []byte {
	var b bytes.Buffer
	worldRun(w, n, func(e worldEvent) {
		b.WriteString(e.Type)
		b.Write(e.Body)
		b.Write(e.Blank)
		b.WriteByte('\n')
	})
	return b.Bytes()
}

func TestWorldSameSeedSameBytes(t *testing.T) {
	for _, mix := range []string{"", "quiet", "raid", "every", "MESSAGE_CREATE=45,TYPING_START=10"} {
		t.Run(mix, func(t *testing.T) { worldSameBytes(t, worldConfig{Seed: 11, Guilds: 30, Mix: mix}) })
	}
}

func worldSameBytes(t *testing.T, cfg worldConfig) {
	a, b := newWorld(cfg), newWorld(cfg)
	for _, id := range b.guildIDs() { // looking at the guilds, in another order than a will, changes nothing
		b.guildCreate(id, worldEveryIntent, 50)
	}
	if x, y := worldTranscript(a, 3000), worldTranscript(b, 3000); !bytes.Equal(x, y) {
		t.Errorf("two worlds of seed 11 differ: got %d and %d bytes", len(x), len(y))
	}
	for _, id := range a.guildIDs() {
		if x, y := a.guildCreate(id, worldEveryIntent, 50), b.guildCreate(id, worldEveryIntent, 50); !bytes.Equal(x, y) {
			t.Errorf("guild %d differs: got %d and %d bytes", id, len(x), len(y))
		}
	}
}

func TestWorldOtherSeedOtherBytes(t *testing.T) {
	a, b := newWorld(worldConfig{Seed: 1, Guilds: 5}), newWorld(worldConfig{Seed: 2, Guilds: 5})
	if bytes.Equal(worldTranscript(a, 50), worldTranscript(b, 50)) {
		t.Error("seeds 1 and 2 make the same events")
	}
	if a.guildIDs()[0] == b.guildIDs()[0] {
		t.Errorf("seeds 1 and 2 have the same first guild %d", a.guildIDs()[0])
	}
}

func TestWorldGuildsSpreadOverShards(t *testing.T) {
	w := newWorld(worldConfig{Seed: 4, Guilds: 960})
	seen := map[uint64]bool{}
	for _, n := range []uint64{2, 3, 5, 8, 16, 64} {
		count := make([]int, n)
		for _, id := range w.guildIDs() {
			seen[id] = true
			count[(id>>22)%n]++
		}
		for shard, got := range count {
			if want := 960 / int(n); got < want-1 || got > want+1 {
				t.Errorf("shard %d of %d: got %d guilds, want %d", shard, n, got, want)
			}
		}
	}
	if len(seen) != 960 {
		t.Errorf("got %d different guild ids, want 960", len(seen))
	}
}

func TestWorldUnknownGuildIsNothing(t *testing.T) {
	w := newWorld(worldConfig{Seed: 4, Guilds: 2})
	if got := w.guildCreate(77, worldEveryIntent, 50); got != nil {
		t.Errorf("guildCreate(77): got %s, want nil", got)
	}
	if got := w.nextIn(77, worldTestStart); got.Type != "" {
		t.Errorf("nextIn(77): got %s, want no event", got.Type)
	}
}

func TestWorldWithoutGuildsHasDirectMessages(t *testing.T) {
	worldRun(newWorld(worldConfig{Seed: 4}), 1000, func(e worldEvent) {
		if e.Guild != 0 || len(e.Body) == 0 {
			t.Fatalf("got %s of guild %d, want an event of no guild", e.Type, e.Guild)
		}
	})
}

// What 50,000 events leave behind is no more than what 20,000 left, whatever happens most.
func TestWorldStaysSmall(t *testing.T) {
	for _, mix := range []string{"chatty", "raid", "every"} {
		t.Run(mix, func(t *testing.T) { worldStaysSmall(t, mix) })
	}
}

func worldStaysSmall(t *testing.T, mix string) {
	w := newWorld(worldConfig{Seed: 6, Guilds: 5, Mix: mix})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	worldRun(w, 20_000, func(worldEvent) {})
	before := heap()
	worldRun(w, 30_000, func(worldEvent) {})
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("30,000 more events: got %d bytes more on the heap, want less than %d", grown, 1<<20)
	}
	if len(w.news) > worldMostNews || len(w.shop.entitlements) > worldMostSales || len(w.shop.subscriptions) > worldMostSales {
		t.Errorf("got %d news, %d entitlements, %d subscriptions", len(w.news), len(w.shop.entitlements), len(w.shop.subscriptions))
	}
	for _, g := range w.guilds {
		worldGuildStaysSmall(t, g)
	}
	runtime.KeepAlive(w)
}

func worldGuildStaysSmall(t *testing.T, g *worldGuild) {
	if len(g.members) > g.most || len(g.members) < g.fewest || len(g.byUser) != len(g.members) {
		t.Errorf("guild %d: got %d members (%d by user), want %d to %d", g.id, len(g.members), len(g.byUser), g.fewest, g.most)
	}
	if len(g.channels) > g.fixed+worldMostNew || len(g.roles) > g.fixedRoles+worldMostNew || len(g.threads) > worldMostThreads || len(g.recent.all) > worldRingSize {
		t.Errorf("guild %d: got %d channels, %d roles, %d threads, %d messages", g.id, len(g.channels), len(g.roles), len(g.threads), len(g.recent.all))
	}
	x := &g.extras
	for _, c := range []struct {
		name      string
		got, most int
	}{
		{"emojis", len(x.emojis), x.most}, {"stickers", len(x.stickers), x.most}, {"sounds", len(x.sounds), x.most},
		{"events", len(x.events), 10}, {"stages", len(x.stages), len(g.channelsOf(worldStageVoice, worldStageVoice))}, {"rules", len(x.rules), worldMostRules},
		{"bans", len(x.bans), worldMostBans}, {"invites", len(x.invites), worldMostInvites}, {"integrations", len(x.integrations), worldMostIntegrations},
	} {
		if c.got > c.most {
			t.Errorf("guild %d: got %d %s, want at most %d", g.id, c.got, c.name, c.most)
		}
	}
	for _, m := range g.recent.all {
		if len(m.content) > 4000 || len(m.reactions) > worldMostReactions || m.poll != nil && len(m.poll.votes) > worldMostVotes {
			t.Errorf("message %d: got %d bytes of content, %d reactions, poll %v", m.id, len(m.content), len(m.reactions), m.poll)
		}
	}
}
