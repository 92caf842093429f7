package gatewaytest

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// answerEvents are the events that no world brings about, but a session, a command or a fault, in the words of
// worldEvents. What READY has beyond its documentation is what captures of it show.
var answerEvents = map[string]string{
	"READY": `
		v int
		user object USER_UPDATE
		guilds list unavailable
		session_id string
		resume_gateway_url string
		shard? ints
		application object ready_application
		session_type string
		user_settings object any
		relationships strings
		private_channels strings
		presences strings
		guild_join_requests strings
		geo_ordered_rtc_regions strings
		_trace strings`,
	"unavailable": `
		id id
		unavailable bool`,
	"ready_application": `
		id id
		flags int`,
	"RESUMED": `_trace strings`,
	"RATE_LIMITED": `
		opcode int
		retry_after number
		meta object limited_members`,
	"limited_members": `
		guild_id id
		nonce? string`,
	"GUILD_MEMBERS_CHUNK": `
		guild_id id
		members list member
		chunk_index int
		chunk_count int
		not_found? ids
		presences? list presence
		nonce? string`,
	"CHANNEL_INFO": `
		guild_id id
		channels list channel_info`,
	"channel_info": `
		id id
		status?! string
		voice_start_time?! int`,
	"SOUNDBOARD_SOUNDS": `
		guild_id id
		soundboard_sounds list sound`,
	"VOICE_SERVER_UPDATE": `
		token string
		guild_id id
		endpoint! string`,
}

func newAnswerCheck(t *testing.T) *worldCheck {
	c := newWorldCheck(t)
	source := maps.Clone(answerEvents)
	for name := range answerEvents {
		c.tables[name] = worldFieldsOf(t, source, name)
		for i, f := range c.tables[name] {
			key := name + "." + f.name
			c.counts[key] = &worldCount{}
			c.tables[name][i].counts = []*worldCount{c.counts[key]}
		}
	}
	return c
}

// Every field of the answers appears as documented; optional ones come and go, nullable ones are null and are not.
func TestAnswersHaveEveryDocumentedField(t *testing.T) {
	for typ, provoke := range answers {
		t.Run(typ, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewMemoryServer(Config{Guilds: 4, Members: 30})
				defer s.Close()
				c := newAnswerCheck(t)
				provoke(t, s, func(m message) {
					t.Helper()
					if m.T == nil || *m.T != typ {
						t.Fatalf("got %v, want %s", m, typ)
					}
					c.body(typ, m.D)
				})
				for _, m := range c.missingOf(answerEvents, typ) {
					t.Error(m)
				}
			})
		})
	}
}

// missingOf is what the table of one event, and the tables of its own that it uses, promise and has not been seen.
func (c *worldCheck) missingOf(own map[string]string, name string) []string {
	all := c.tables
	defer func() { c.tables = all }()
	c.tables = map[string][]worldField{name: all[name]}
	for _, f := range all[name] {
		if own[f.of] != "" {
			c.tables[f.of] = all[f.of]
		}
	}
	return c.missing()
}

// answers provoke each of these events in every form it has.
var answers = map[string]func(t *testing.T, s *Server, see func(message)){
	"READY": func(t *testing.T, s *Server, see func(message)) {
		for _, shard := range []any{[]int{0, 1}, nil} {
			p := dial(t, s, s.URL(), goodQuery)
			p.want("op 10")
			p.send(2, identity(s, "shard", shard))
			see(p.next())
			time.Sleep(s.cfg.IdentifySpacing)
		}
	},
	"RESUMED": func(t *testing.T, s *Server, see func(message)) {
		p, id := login(t, s, "intents", 0)
		p.nc.Close()
		see(relogin(t, s, id, 1).next())
	},
	"RATE_LIMITED": func(t *testing.T, s *Server, see func(message)) {
		p, guild := inGuild(t, s)
		p.send(8, obj{"guild_id": guild, "query": "", "limit": 0})
		p.until("GUILD_MEMBERS_CHUNK")
		for _, nonce := range []any{nil, "n"} {
			p.send(8, obj{"guild_id": guild, "query": "", "limit": 0, "nonce": nonce})
			see(p.next())
		}
	},
	"GUILD_MEMBERS_CHUNK": func(t *testing.T, s *Server, see func(message)) {
		p, guild := inGuild(t, s)
		for _, d := range []obj{
			{"query": "", "limit": 0, "presences": true, "nonce": "n"},
			{"user_ids": []string{"5", "6"}},
		} {
			d["guild_id"] = guild
			p.send(8, d)
			see(p.next())
		}
	},
	"CHANNEL_INFO": func(t *testing.T, s *Server, see func(message)) {
		p, guild := inGuild(t, s)
		for _, typ := range []string{"VOICE_CHANNEL_STATUS_UPDATE", "VOICE_CHANNEL_START_TIME_UPDATE"} {
			for field := fields(nil); field.null("status") && field.null("voice_start_time"); {
				data, err := s.InjectIn(s.Guilds()[0], typ)
				if err != nil {
					t.Fatal(err)
				}
				field, _ = parseFields(data)
				p.until(typ)
			}
		}
		for _, want := range [][]string{{"status", "voice_start_time"}, {}} {
			p.send(43, obj{"guild_id": guild, "fields": want})
			see(p.next())
		}
	},
	"SOUNDBOARD_SOUNDS": func(t *testing.T, s *Server, see func(message)) {
		p, guild := inGuild(t, s)
		p.send(31, obj{"guild_ids": []string{guild}})
		see(p.next())
	},
	"VOICE_SERVER_UPDATE": func(t *testing.T, s *Server, see func(message)) {
		p, guild := inGuild(t, s)
		p.send(4, obj{"guild_id": guild, "channel_id": voiceChannel(s), "self_mute": false, "self_deaf": false})
		p.want("VOICE_STATE_UPDATE")
		see(p.next())
		if _, err := s.InjectIn(s.Guilds()[0], "VOICE_SERVER_UPDATE"); err != nil {
			t.Fatal(err)
		}
		see(p.next())
		start := time.Now()
		see(p.next())
		if got := time.Since(start); got != time.Second {
			t.Errorf("the new server came after %v, want 1s", got)
		}
	},
}

// inGuild logs in with every intent, to the first guild.
func inGuild(t *testing.T, s *Server) (*player, string) {
	p, _ := login(t, s)
	p.until("GUILD_CREATE 5")
	return p, string(mustJSON(s.Guilds()[0]))
}

// allEvents are the 79 of docs /events/gateway-events#receive-events: those of the world and its answers.
func allEvents() []string {
	names := slices.Collect(maps.Keys(answers))
	for _, k := range worldLife {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}
