package gatewaytest

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
)

func worldTestID(id uint64) string { return strconv.FormatUint(id, 10) }

// On the first day of a world every kind can be made, some of them not in every guild.
func TestWorldMakesEveryKind(t *testing.T) {
	now := worldTestStart
	for _, k := range worldLife {
		w := newWorld(worldConfig{Seed: 12, Guilds: 10})
		guilds := append([]uint64{0}, w.guildIDs()...)
		made := 0
		for _, id := range guilds {
			if k.name == "GUILD_CREATE" && id != 0 {
				w.make("GUILD_DELETE", id, now)
			}
			e, ok := w.make(k.name, id, now)
			if !ok {
				continue
			}
			made++
			if e.Type != k.name || e.Guild != id && k.where != worldDirect || len(e.Body) == 0 {
				t.Errorf("make(%s, %d): got %s of guild %d", k.name, id, e.Type, e.Guild)
			}
		}
		want := 10 // guilds
		switch {
		case k.where&worldBoth == worldBoth:
			want = 11
		case k.name == "VOICE_CHANNEL_EFFECT_SEND" || strings.HasPrefix(k.name, "STAGE_INSTANCE_"):
			want = 5 // where the bot is in voice; where a stage is live, or free
		case k.name == "ENTITLEMENT_DELETE" || k.name == "SUBSCRIPTION_DELETE":
			want = 2 // two were sold before
		case k.name == "GUILD_DELETE" || k.name == "GUILD_CREATE":
			want = 2 // few at once
		}
		if made < want {
			t.Errorf("make(%s): got it in %d places, want %d", k.name, made, want)
		}
	}
}

func TestWorldMakesNothingOfTheUnknown(t *testing.T) {
	w := newWorld(worldConfig{Seed: 12, Guilds: 2})
	for _, c := range []struct {
		kind  string
		guild uint64
	}{{"READY", w.ids[0]}, {"MESSAGE_CREATE", 77}, {"CHANNEL_CREATE", 0}, {"GUILD_CREATE", w.ids[0]}} {
		if e, ok := w.make(c.kind, c.guild, worldTestStart); ok {
			t.Errorf("make(%s, %d): got %s, want nothing", c.kind, c.guild, e.Type)
		}
	}
}

// In an outage a guild is unavailable and silent; it comes back by itself, or when someone asks for its next event.
func TestWorldOutageEndsWithGuildCreate(t *testing.T) {
	w := newWorld(worldConfig{Seed: 13, Guilds: 2})
	id, now := w.ids[1], worldTestStart
	if e, ok := w.make("GUILD_DELETE", id, now); !ok || string(e.Body) != `{"id":"`+worldTestID(id)+`","unavailable":true}` {
		t.Fatalf("make(GUILD_DELETE): got %s, %v", e.Body, ok)
	}
	if got := string(w.guildCreate(id, worldEveryIntent, 50)); !strings.HasSuffix(got, `"unavailable":true}`) {
		t.Errorf("guildCreate in an outage: got %s, want an unavailable guild", got)
	}
	if e, ok := w.make("MESSAGE_CREATE", id, now); ok {
		t.Errorf("make(MESSAGE_CREATE) in an outage: got %s, want nothing", e.Type)
	}
	back := time.Duration(-1)
	for at := time.Duration(0); at < time.Minute && back < 0; at += 100 * time.Millisecond {
		switch e := w.next(now.Add(at)); {
		case e.Type == "GUILD_CREATE" && e.Guild == id:
			back = at
		case e.Guild == id:
			t.Fatalf("after %v: got %s in an outage, want silence", at, e.Type)
		}
	}
	if back < 2*time.Second || back > 20*time.Second+100*time.Millisecond {
		t.Errorf("got the guild back after %v, want 2 to 20 s", back)
	}
	w.make("GUILD_DELETE", id, now.Add(time.Minute))
	if e := w.nextIn(id, now.Add(time.Minute)); e.Type != "GUILD_CREATE" || e.Guild != id {
		t.Errorf("nextIn: got %s of guild %d, want GUILD_CREATE of %d", e.Type, e.Guild, id)
	}
}

// The bot's own op 4 puts it where it can hear effects, and takes it away.
func TestWorldMovesTheBot(t *testing.T) {
	w := newWorld(worldConfig{Seed: 14, Guilds: 1})
	id, now := w.ids[0], worldTestStart
	voice := w.guild(id).channelsOf(worldGuildVoice, worldGuildVoice)[0].id
	if _, ok := w.make("VOICE_CHANNEL_EFFECT_SEND", id, now); ok {
		t.Error("got an effect without the bot in voice")
	}
	if _, ok := w.moveBot(id, 77, "s", false, false, now.UnixMilli()); ok {
		t.Error("moveBot to no channel: got true, want false")
	}
	e, ok := w.moveBot(id, voice, "s", true, false, now.UnixMilli())
	if !ok || e.Type != "VOICE_STATE_UPDATE" || !strings.Contains(string(e.Body), `"session_id":"s"`) {
		t.Errorf("moveBot: got %v, %s", ok, e.Body)
	}
	if _, ok := w.make("VOICE_CHANNEL_EFFECT_SEND", id, now); !ok {
		t.Error("got no effect with the bot in voice")
	}
	if e, ok := w.moveBot(id, 0, "s", true, false, now.UnixMilli()); !ok || !strings.Contains(string(e.Body), `"channel_id":null`) {
		t.Errorf("moveBot to 0: got %v, %s", ok, e.Body)
	}
	if _, ok := w.moveBot(id, 0, "s", true, false, now.UnixMilli()); ok {
		t.Error("moveBot to 0 twice: got true, want false")
	}
}

// Who is banned is gone at once; the next event of the guild says so, and only then may the ban be lifted.
func TestWorldBanRemovesTheMember(t *testing.T) {
	w := newWorld(worldConfig{Seed: 15, Guilds: 4})
	id, now := w.ids[3], worldTestStart
	w.guild(id).extras.bans = nil
	user := func(e worldEvent) (id string) {
		var b struct{ User struct{ ID string } }
		if err := json.Unmarshal(e.Body, &b); err != nil {
			t.Fatal(err)
		}
		return b.User.ID
	}
	ban, ok := w.make("GUILD_BAN_ADD", id, now)
	if !ok {
		t.Fatal("make(GUILD_BAN_ADD): got nothing")
	}
	if newWorldModel(t, w.guildCreate(id, worldEveryIntent, 1<<30)).members[user(ban)] {
		t.Errorf("guildCreate: got the banned %s as a member", user(ban))
	}
	if e, ok := w.make("GUILD_BAN_REMOVE", id, now); ok {
		t.Errorf("make(GUILD_BAN_REMOVE): got %s before the removal", e.Body)
	}
	if e := w.nextIn(id, now); e.Type != "GUILD_MEMBER_REMOVE" || user(e) != user(ban) {
		t.Errorf("nextIn: got %s of %s, want GUILD_MEMBER_REMOVE of %s", e.Type, user(e), user(ban))
	}
	if e, ok := w.make("GUILD_BAN_REMOVE", id, now); !ok || user(e) != user(ban) {
		t.Errorf("make(GUILD_BAN_REMOVE): got %v, %s, want %s", ok, e.Body, user(ban))
	}
}
