package gatewaytest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// worldIntents are the bits of docs /events/gateway#list-of-intents: in a guild, and in direct messages or of no guild.
// -1 is an event that does not happen there.
var worldIntents = map[string][2]int{
	"GUILD_CREATE": {1, -1}, "GUILD_UPDATE": {1, -1}, "GUILD_DELETE": {1, -1},
	"GUILD_ROLE_CREATE": {1, -1}, "GUILD_ROLE_UPDATE": {1, -1}, "GUILD_ROLE_DELETE": {1, -1},
	"CHANNEL_CREATE": {1, -1}, "CHANNEL_UPDATE": {1, -1}, "CHANNEL_DELETE": {1, -1}, "CHANNEL_PINS_UPDATE": {1, 1 << 12},
	"THREAD_CREATE": {1, -1}, "THREAD_UPDATE": {1, -1}, "THREAD_DELETE": {1, -1},
	"THREAD_LIST_SYNC": {1, -1}, "THREAD_MEMBER_UPDATE": {1, -1}, "THREAD_MEMBERS_UPDATE": {2, -1},
	"STAGE_INSTANCE_CREATE": {1, -1}, "STAGE_INSTANCE_UPDATE": {1, -1}, "STAGE_INSTANCE_DELETE": {1, -1},
	"VOICE_CHANNEL_STATUS_UPDATE": {1, -1}, "VOICE_CHANNEL_START_TIME_UPDATE": {1, -1},
	"GUILD_MEMBER_ADD": {2, -1}, "GUILD_MEMBER_UPDATE": {2, -1}, "GUILD_MEMBER_REMOVE": {2, -1},
	"GUILD_AUDIT_LOG_ENTRY_CREATE": {4, -1}, "GUILD_BAN_ADD": {4, -1}, "GUILD_BAN_REMOVE": {4, -1},
	"GUILD_EMOJIS_UPDATE": {8, -1}, "GUILD_STICKERS_UPDATE": {8, -1}, "GUILD_SOUNDBOARD_SOUND_CREATE": {8, -1},
	"GUILD_SOUNDBOARD_SOUND_UPDATE": {8, -1}, "GUILD_SOUNDBOARD_SOUND_DELETE": {8, -1}, "GUILD_SOUNDBOARD_SOUNDS_UPDATE": {8, -1},
	"GUILD_INTEGRATIONS_UPDATE": {1 << 4, -1}, "INTEGRATION_CREATE": {1 << 4, -1}, "INTEGRATION_UPDATE": {1 << 4, -1}, "INTEGRATION_DELETE": {1 << 4, -1},
	"WEBHOOKS_UPDATE": {1 << 5, -1}, "INVITE_CREATE": {1 << 6, -1}, "INVITE_DELETE": {1 << 6, -1},
	"VOICE_STATE_UPDATE": {1 << 7, -1}, "VOICE_CHANNEL_EFFECT_SEND": {1 << 7, -1}, "PRESENCE_UPDATE": {1 << 8, -1},
	"MESSAGE_CREATE": {1 << 9, 1 << 12}, "MESSAGE_UPDATE": {1 << 9, 1 << 12}, "MESSAGE_DELETE": {1 << 9, 1 << 12}, "MESSAGE_DELETE_BULK": {1 << 9, -1},
	"MESSAGE_REACTION_ADD": {1 << 10, 1 << 13}, "MESSAGE_REACTION_REMOVE": {1 << 10, 1 << 13},
	"MESSAGE_REACTION_REMOVE_ALL": {1 << 10, 1 << 13}, "MESSAGE_REACTION_REMOVE_EMOJI": {1 << 10, 1 << 13},
	"TYPING_START": {1 << 11, 1 << 14}, "INTERACTION_CREATE": {0, 0},
	"GUILD_SCHEDULED_EVENT_CREATE": {1 << 16, -1}, "GUILD_SCHEDULED_EVENT_UPDATE": {1 << 16, -1}, "GUILD_SCHEDULED_EVENT_DELETE": {1 << 16, -1},
	"GUILD_SCHEDULED_EVENT_USER_ADD": {1 << 16, -1}, "GUILD_SCHEDULED_EVENT_USER_REMOVE": {1 << 16, -1},
	"AUTO_MODERATION_RULE_CREATE": {1 << 20, -1}, "AUTO_MODERATION_RULE_UPDATE": {1 << 20, -1}, "AUTO_MODERATION_RULE_DELETE": {1 << 20, -1},
	"AUTO_MODERATION_ACTION_EXECUTION": {1 << 21, -1},
	"MESSAGE_POLL_VOTE_ADD":            {1 << 24, 1 << 25}, "MESSAGE_POLL_VOTE_REMOVE": {1 << 24, 1 << 25},
	"APPLICATION_COMMAND_PERMISSIONS_UPDATE": {0, -1}, "USER_UPDATE": {-1, 0},
	"ENTITLEMENT_CREATE": {-1, 0}, "ENTITLEMENT_UPDATE": {-1, 0}, "ENTITLEMENT_DELETE": {-1, 0},
	"SUBSCRIPTION_CREATE": {-1, 0}, "SUBSCRIPTION_UPDATE": {-1, 0}, "SUBSCRIPTION_DELETE": {-1, 0},
}

func TestWorldEventsNameTheirGuildAndIntent(t *testing.T) {
	w := newWorld(worldConfig{Seed: 9, Guilds: 10, Mix: "every"})
	own, ownThread := 0, 0
	worldRun(w, 12_000, func(e worldEvent) {
		var body struct {
			ID      uint64 `json:",string"`
			GuildID uint64 `json:"guild_id,string"`
			User    struct {
				ID uint64 `json:",string"`
			}
			Added []struct {
				UserID uint64 `json:"user_id,string"`
			} `json:"added_members"`
			Removed []string `json:"removed_member_ids"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		of := body.GuildID
		if e.Type == "GUILD_UPDATE" || e.Type == "GUILD_CREATE" || e.Type == "GUILD_DELETE" {
			of = body.ID
		}
		if of != e.Guild && !strings.HasPrefix(e.Type, "ENTITLEMENT_") {
			t.Errorf("%s: got guild %d in the body, %d in the event", e.Type, of, e.Guild)
		}
		want := worldIntents[e.Type][0]
		if e.Guild == 0 {
			want = worldIntents[e.Type][1]
		}
		switch {
		case e.Type == "GUILD_MEMBER_UPDATE" && body.User.ID == w.bot.id:
			own++
			want = 0
		case e.Type == "THREAD_MEMBERS_UPDATE" && (len(body.Added) > 0 && body.Added[0].UserID == w.bot.id || strings.Contains(strings.Join(body.Removed, " "), worldTestID(w.bot.id))):
			ownThread++
			want |= 1
		}
		if _, known := worldIntents[e.Type]; !known || want < 0 || e.Intents != uint64(want) {
			t.Errorf("%s of guild %d: got intents %#x, want %#x", e.Type, e.Guild, e.Intents, want)
		}
	})
	if own == 0 || ownThread == 0 {
		t.Errorf("got %d GUILD_MEMBER_UPDATE and %d THREAD_MEMBERS_UPDATE of the bot itself, want some", own, ownThread)
	}
}

// A session without MESSAGE_CONTENT hears that a rule was broken, and not with what.
func TestWorldExecutionsAreBlankWithoutTheContent(t *testing.T) {
	full, matched := 0, 0
	worldRun(newWorld(worldConfig{Seed: 22, Guilds: 5, Mix: "AUTO_MODERATION_ACTION_EXECUTION=9,MESSAGE_CREATE=1,AUTO_MODERATION_RULE_UPDATE=1"}), 2_000, func(e worldEvent) {
		if e.Type != "AUTO_MODERATION_ACTION_EXECUTION" {
			return
		}
		var body, blank map[string]any
		for _, err := range []error{json.Unmarshal(e.Body, &body), json.Unmarshal(e.Blank, &blank)} {
			if err != nil {
				t.Fatalf("%v in %s, blank %s", err, e.Body, e.Blank)
			}
		}
		if body["content"] != "" {
			full++
		}
		if s, ok := body["matched_content"].(string); ok && s != "" {
			matched++
			if !strings.Contains(body["content"].(string), s) {
				t.Errorf("got matched_content %q, which is not in %q", s, body["content"])
			}
		}
		for _, k := range []string{"content", "matched_content"} {
			if s, _ := blank[k].(string); s != "" {
				t.Errorf("%s: got %q without MESSAGE_CONTENT, want nothing", k, s)
			}
			delete(body, k)
			delete(blank, k)
		}
		if !reflect.DeepEqual(body, blank) {
			t.Errorf("Body and Blank differ in more than the content:\n%s\n%s", e.Body, e.Blank)
		}
	})
	if full < 500 || matched < 100 {
		t.Errorf("got %d with content, %d with a match, want many of each", full, matched)
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
		if e.Type == "AUTO_MODERATION_ACTION_EXECUTION" {
			return
		}
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
