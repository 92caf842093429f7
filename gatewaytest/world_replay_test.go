package gatewaytest

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"
)

type worldReplay struct {
	t      *testing.T
	w      *world
	models map[uint64]*worldModel
	asked  bool // for events in any order: an outage may come before the news of who left
}

func newWorldReplay(t *testing.T, w *world) *worldReplay {
	r := &worldReplay{t: t, w: w, models: map[uint64]*worldModel{0: newWorldModel(t, nil)}}
	for _, id := range w.guildIDs() {
		r.models[id] = newWorldModel(t, w.guildCreate(id, worldEveryIntent, 1<<30))
	}
	return r
}

func (r *worldReplay) follow(e worldEvent, now time.Time) {
	m := r.models[e.Guild]
	m.apply(e, now)
	if e.Type == "GUILD_CREATE" {
		back := newWorldModel(r.t, r.w.guildCreate(e.Guild, worldEveryIntent, 1<<30))
		if r.asked {
			m.members = back.members
		}
		m.agree(e.Guild, back)
	}
}

// finish ends what is going on and compares what the clients have with what the world has.
func (r *worldReplay) finish(now time.Time) {
	for _, id := range r.w.guildIDs() {
		for r.w.guild(id).down != 0 || slices.ContainsFunc(r.w.news, func(n worldNews) bool { return n.guild.id == id }) {
			r.follow(r.w.nextIn(id, now), now)
		}
		r.models[id].agree(id, newWorldModel(r.t, r.w.guildCreate(id, worldEveryIntent, 1<<30)))
	}
}

// agree compares a client's picture with what GUILD_CREATE shows.
func (m *worldModel) agree(id uint64, want *worldModel) {
	m.t.Helper()
	if !maps.Equal(m.members, want.members) {
		m.t.Errorf("guild %d: got %d members, want %d, or others", id, len(m.members), len(want.members))
	}
	if !maps.Equal(m.roles, want.roles) {
		m.t.Errorf("guild %d: got roles %v, want %v", id, m.roles, want.roles)
	}
	if !maps.Equal(m.channels, want.channels) || !maps.Equal(m.threads, want.threads) {
		m.t.Errorf("guild %d: got channels %v and threads %v, want %v and %v", id, m.channels, m.threads, want.channels, want.threads)
	}
	if !maps.Equal(m.voice, want.voice) {
		m.t.Errorf("guild %d: got voice states %v, want %v", id, m.voice, want.voice)
	}
	m.agreeRare(id, want)
}

// A client that starts from GUILD_CREATE and follows the events agrees with the GUILD_CREATE it would get at the end.
func TestWorldEventsKeepAClientUpToDate(t *testing.T) {
	for _, mix := range []string{"chatty", "quiet", "raid", "every"} {
		t.Run(mix, func(t *testing.T) {
			r := newWorldReplay(t, newWorld(worldConfig{Seed: 33, Guilds: 6, Mix: mix}))
			now := worldTestStart
			for i := range 6_000 {
				if i%4 == 0 { // often several events in one millisecond
					now = now.Add(7 * time.Millisecond)
				}
				r.follow(r.w.next(now), now)
			}
			r.finish(now)
		})
	}
}

// The same holds for events that were asked for, in any order.
func TestWorldMadeEventsKeepAClientUpToDate(t *testing.T) {
	w := newWorld(worldConfig{Seed: 34, Guilds: 4})
	r := newWorldReplay(t, w)
	r.asked = true
	now := worldTestStart
	made := 0
	for i := range 8_000 {
		now = now.Add(3 * time.Millisecond)
		k := worldPick(w.dice, worldLife)
		guild := worldPick(w.dice, w.ids)
		if k.where&worldInGuild == 0 || i%20 == 0 {
			guild = 0
		}
		m := r.models[guild]
		if e, ok := w.make(k.name, guild, now); ok {
			made++
			if e.Type != k.name {
				t.Fatalf("make(%s): got %s", k.name, e.Type)
			}
			m.leaving = ""
			r.follow(e, now)
		}
	}
	if made < 5_000 {
		t.Errorf("got %d of 8000 events made, want most", made)
	}
	r.finish(now)
}

func worldListed(t *testing.T, create []byte) (members, presences int, online int) {
	t.Helper()
	var g struct {
		Members   []json.RawMessage
		Presences []struct{ Status string }
		Large     bool
	}
	if err := json.Unmarshal(create, &g); err != nil {
		t.Fatal(err)
	}
	for _, p := range g.Presences {
		if p.Status != "offline" {
			online++
		}
	}
	return len(g.Members), len(g.Presences), online
}

func TestWorldGuildCreateListsMembersByIntentAndThreshold(t *testing.T) {
	w := newWorld(worldConfig{Seed: 2, Guilds: 10})
	id := w.guildIDs()[3]
	g := w.guild(id)
	all, voice, active := len(g.members), 0, 0
	for _, m := range g.members {
		if m.at == 0 || m.voice != nil {
			voice++
		}
		if m.at == 0 || m.voice != nil || m.presence.status != 0 || len(m.roles) > 0 || m.nick != "" {
			active++
		}
	}
	if voice >= active || active >= all {
		t.Fatalf("got %d in voice, %d active, %d members, want a guild where these differ", voice, active, all)
	}
	for _, c := range []struct {
		name      string
		intents   uint64
		threshold int
		want      int
	}{
		{"every intent, small", worldEveryIntent, all, all},
		{"every intent, large", worldEveryIntent, all - 1, active},
		{"no presences, small", worldEveryIntent &^ worldIntentPresences, all, voice},
		{"no presences, large", worldEveryIntent &^ worldIntentPresences, 50, voice},
	} {
		members, presences, online := worldListed(t, w.guildCreate(id, c.intents, c.threshold))
		if members != c.want {
			t.Errorf("%s: got %d members, want %d", c.name, members, c.want)
		}
		if want := members; c.threshold >= all && presences != want || c.threshold < all && presences != online {
			t.Errorf("%s: got %d presences, %d of them online, want %d or only those online", c.name, presences, online, want)
		}
	}
}

func TestWorldGuildsAreSmallAndLarge(t *testing.T) {
	w := newWorld(worldConfig{Seed: 8, Guilds: 20})
	var sizes []int
	for _, id := range w.guildIDs() {
		sizes = append(sizes, len(w.guildCreate(id, worldEveryIntent, 250)))
	}
	slices.Sort(sizes)
	if sizes[0] > 12<<10 || sizes[3] > 16<<10 {
		t.Errorf("smallest guilds: got %v bytes, want a few KB", sizes[:4])
	}
	if big := sizes[len(sizes)-2:]; big[0] < 80<<10 || big[1] > 260<<10 {
		t.Errorf("largest guilds: got %v bytes, want 80 to 260 KB", big)
	}
}

func TestWorldGivesEveryGuildTheMembersAskedFor(t *testing.T) {
	w := newWorld(worldConfig{Seed: 8, Guilds: 3, MembersPerGuild: 700})
	for _, id := range w.guildIDs() {
		if got, _, _ := worldListed(t, w.guildCreate(id, worldEveryIntent, 1<<30)); got != 700 {
			t.Errorf("guild %d: got %d members, want 700", id, got)
		}
	}
}
