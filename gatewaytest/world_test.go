package gatewaytest

import (
	"bytes"
	"encoding/json"
	"reflect"
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
	cfg := worldConfig{Seed: 11, Guilds: 30}
	a, b := newWorld(cfg), newWorld(cfg)
	for _, id := range b.guildIDs() { // looking at the guilds, in another order than a will, changes nothing
		b.guildCreate(id, worldEveryIntent, 50)
	}
	if x, y := worldTranscript(a, 5000), worldTranscript(b, 5000); !bytes.Equal(x, y) {
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

func TestWorldShowsEveryKindOfEventIn20000(t *testing.T) {
	seen, mix := map[string]int{}, map[bool]int{}
	direct := 0
	worldRun(newWorld(worldConfig{Seed: 5, Guilds: 10}), 20_000, func(e worldEvent) {
		seen[e.Type]++
		mix[e.Type == "MESSAGE_CREATE"]++
		if e.Type == "MESSAGE_CREATE" && e.Guild == 0 {
			direct++
		}
	})
	for name := range worldEvents {
		if seen[name] == 0 && name != "GUILD_CREATE" {
			t.Errorf("got no %s in 20000 events", name)
		}
	}
	if direct == 0 {
		t.Error("got no direct message in 20000 events")
	}
	for name := range seen {
		if worldEvents[name] == "" {
			t.Errorf("got %s, which has no table", name)
		}
	}
	if share := float64(mix[true]) / 20_000; share < 0.42 || share > 0.52 {
		t.Errorf("MESSAGE_CREATE: got %.3f of all events, want about 0.45", share)
	}
}

func TestWorldEventsNameTheirGuildAndIntent(t *testing.T) {
	w := newWorld(worldConfig{Seed: 9, Guilds: 10})
	bot := string(w.bot.json)
	direct := map[string]uint64{
		"MESSAGE_CREATE": 1 << 12, "MESSAGE_UPDATE": 1 << 12, "MESSAGE_DELETE": 1 << 12,
		"MESSAGE_REACTION_ADD": 1 << 13, "MESSAGE_REACTION_REMOVE": 1 << 13, "TYPING_START": 1 << 14, "INTERACTION_CREATE": 0,
	}
	guild := map[string]uint64{
		"MESSAGE_CREATE": 1 << 9, "MESSAGE_UPDATE": 1 << 9, "MESSAGE_DELETE": 1 << 9, "MESSAGE_REACTION_ADD": 1 << 10,
		"MESSAGE_REACTION_REMOVE": 1 << 10, "TYPING_START": 1 << 11, "INTERACTION_CREATE": 0, "PRESENCE_UPDATE": 1 << 8,
		"VOICE_STATE_UPDATE": 1 << 7, "GUILD_MEMBER_ADD": 1 << 1, "GUILD_MEMBER_REMOVE": 1 << 1, "GUILD_MEMBER_UPDATE": 1 << 1,
		"CHANNEL_CREATE": 1, "CHANNEL_UPDATE": 1, "CHANNEL_DELETE": 1, "THREAD_CREATE": 1, "THREAD_UPDATE": 1, "THREAD_DELETE": 1,
		"GUILD_ROLE_UPDATE": 1, "GUILD_UPDATE": 1,
	}
	own := 0
	worldRun(w, 12_000, func(e worldEvent) {
		var body struct {
			ID      uint64 `json:",string"`
			GuildID uint64 `json:"guild_id,string"`
			User    json.RawMessage
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		of := body.GuildID
		if e.Type == "GUILD_UPDATE" {
			of = body.ID
		}
		if of != e.Guild {
			t.Errorf("%s: got guild %d in the body, %d in the event", e.Type, of, e.Guild)
		}
		want, ok := guild[e.Type]
		if e.Guild == 0 {
			want, ok = direct[e.Type]
		}
		if e.Type == "GUILD_MEMBER_UPDATE" && string(body.User) == bot {
			own++
			want = 0
		}
		if !ok || e.Intents != want {
			t.Errorf("%s of guild %d: got intents %#x, want %#x", e.Type, e.Guild, e.Intents, want)
		}
	})
	if own == 0 {
		t.Error("got no GUILD_MEMBER_UPDATE of the bot itself, want some")
	}
}

// worldStrip takes the five fields MESSAGE_CONTENT is about out of every message within v.
func worldStrip(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, isMessage := v["mention_roles"]; isMessage {
			for _, k := range []string{"content", "embeds", "attachments", "components", "poll"} {
				delete(v, k)
			}
		}
		for _, child := range v {
			worldStrip(child)
		}
	case []any:
		for _, child := range v {
			worldStrip(child)
		}
	}
}

// worldContent is the part of a message that needs MESSAGE_CONTENT.
type worldContent struct {
	Author struct {
		ID uint64 `json:",string"`
	}
	Mentions []struct {
		ID uint64 `json:",string"`
	}
	Content                         string
	Embeds, Attachments, Components []json.RawMessage
	Poll                            json.RawMessage
	Referenced                      *worldContent                    `json:"referenced_message"`
	Snapshots                       []struct{ Message worldContent } `json:"message_snapshots"`
}

// open reports whether the bot reads a message in a guild without MESSAGE_CONTENT.
func (c *worldContent) open(bot uint64) bool {
	for _, u := range c.Mentions {
		if u.ID == bot {
			return true
		}
	}
	return c.Author.ID == bot
}

// has reports content of the message itself and of what it forwards.
func (c *worldContent) has() bool {
	for _, s := range c.Snapshots {
		if s.Message.has() {
			return true
		}
	}
	return c.Content != "" || len(c.Embeds)+len(c.Attachments)+len(c.Components)+len(c.Poll) > 0
}

func TestWorldBlankLacksOnlyTheContent(t *testing.T) {
	w := newWorld(worldConfig{Seed: 21, Guilds: 10})
	blanks, opened, depth := 0, 0, 0
	worldRun(w, 6_000, func(e worldEvent) {
		if e.Type != "MESSAGE_CREATE" && e.Type != "MESSAGE_UPDATE" {
			if e.Blank != nil {
				t.Errorf("%s: got a Blank", e.Type)
			}
			return
		}
		shown := e.Blank
		if shown == nil {
			shown = e.Body
		}
		var full, blank map[string]any
		var all, part worldContent
		for _, err := range []error{json.Unmarshal(e.Body, &full), json.Unmarshal(shown, &blank), json.Unmarshal(e.Body, &all), json.Unmarshal(shown, &part)} {
			if err != nil {
				t.Fatalf("%s: %v", e.Type, err)
			}
		}
		for all, part := &all, &part; all != nil; all, part = all.Referenced, part.Referenced {
			depth++
			open := e.Guild == 0 || all.open(w.bot.id)
			if open && e.Guild != 0 {
				opened++
			}
			switch {
			case open && all.has() != part.has():
				t.Errorf("%s for everyone is blank without MESSAGE_CONTENT: %s", e.Type, shown)
			case !open && part.has():
				t.Errorf("%s: got content without MESSAGE_CONTENT: %s", e.Type, shown)
			case !open && all.has():
				blanks++
			}
		}
		worldStrip(full)
		worldStrip(blank)
		if !reflect.DeepEqual(full, blank) {
			t.Errorf("%s: Body and Blank differ in more than the content:\n%s\n%s", e.Type, e.Body, e.Blank)
		}
	})
	if blanks < 1000 || opened < 100 || depth < blanks+opened {
		t.Errorf("got %d blanked messages and %d of or about the bot among %d, want many of each", blanks, opened, depth)
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

// What 300,000 events leave behind is no more than what 100,000 left.
func TestWorldStaysSmall(t *testing.T) {
	w := newWorld(worldConfig{Seed: 6, Guilds: 5})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	worldRun(w, 100_000, func(worldEvent) {})
	before := heap()
	worldRun(w, 200_000, func(worldEvent) {})
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("200,000 more events: got %d bytes more on the heap, want less than %d", grown, 1<<20)
	}
	for _, g := range w.guilds {
		if len(g.members) > g.most || len(g.members) < g.fewest || len(g.byUser) != len(g.members) {
			t.Errorf("guild %d: got %d members (%d by user), want %d to %d", g.id, len(g.members), len(g.byUser), g.fewest, g.most)
		}
		if len(g.channels) > g.fixed+6 || len(g.threads) > worldMostThreads || len(g.recent.all) > worldRingSize {
			t.Errorf("guild %d: got %d channels, %d threads, %d messages", g.id, len(g.channels), len(g.threads), len(g.recent.all))
		}
		for _, m := range g.recent.all {
			if len(m.content) > 4000 || len(m.reactions) > worldMostReactions {
				t.Errorf("message %d: got %d bytes of content, %d reactions", m.id, len(m.content), len(m.reactions))
			}
		}
	}
	runtime.KeepAlive(w)
}
