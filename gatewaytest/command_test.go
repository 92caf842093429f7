package gatewaytest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type chunk struct {
	GuildID string `json:"guild_id"`
	Members []struct {
		User struct{ ID, Username string }
	} `json:"members"`
	Index     int      `json:"chunk_index"`
	Count     int      `json:"chunk_count"`
	Nonce     *string  `json:"nonce"`
	NotFound  []string `json:"not_found"`
	Presences *[]json.RawMessage
}

// askMembers logs in to a guild and returns it with a way to ask for its members.
func askMembers(t *testing.T, s *Server, change ...any) (*player, string, func(d obj) chunk) {
	p, _ := login(t, s, change...)
	p.want("GUILD_CREATE 2")
	guild := fmt.Sprint(s.guilds[0])
	return p, guild, func(d obj) chunk {
		t.Helper()
		d["guild_id"] = guild
		p.send(8, d)
		var c chunk
		if err := json.Unmarshal(p.want("GUILD_MEMBERS_CHUNK").D, &c); err != nil {
			t.Fatal(err)
		}
		if c.GuildID != guild || c.Index >= c.Count {
			t.Errorf("chunk of guild %s, number %d of %d; asked for guild %s", c.GuildID, c.Index, c.Count, guild)
		}
		return c
	}
}

func TestMembersByIDAndName(t *testing.T) {
	bubble(t, Config{Guilds: 1, Members: 30}, func(t *testing.T, s *Server) {
		_, _, ask := askMembers(t, s)
		all := ask(obj{"query": "", "limit": 0, "nonce": "all"})
		if len(all.Members) < 10 || all.Nonce == nil || *all.Nonce != "all" || all.Presences != nil {
			t.Fatalf("whole list: got %d members, nonce %v", len(all.Members), all.Nonce)
		}
		one := all.Members[3].User
		got := ask(obj{"user_ids": []string{one.ID, "5"}, "presences": true})
		if len(got.Members) != 1 || got.Members[0].User.ID != one.ID || len(got.NotFound) != 1 || got.NotFound[0] != "5" || got.Presences == nil {
			t.Errorf("by id: got %+v, want %s found and 5 not", got, one.ID)
		}
		if got := ask(obj{"user_ids": one.ID}); len(got.Members) != 1 || got.Nonce != nil {
			t.Errorf("by one id: got %+v", got)
		}
		if got := ask(obj{"query": strings.ToUpper(one.Username), "limit": 1}); len(got.Members) != 1 {
			t.Errorf("by name: got %+v, want one", got)
		}
		if got := ask(obj{"query": "", "limit": 2, "nonce": strings.Repeat("n", 33)}); len(got.Members) != 2 || got.Nonce != nil {
			t.Errorf("limit 2 and a nonce of 33 bytes: got %d members, nonce %v", len(got.Members), got.Nonce)
		}
	})
}

func TestWholeMemberListComesInChunks(t *testing.T) {
	bubble(t, Config{Guilds: 1, Members: 2500}, func(t *testing.T, s *Server) {
		p, guild, ask := askMembers(t, s)
		c := ask(obj{"query": "", "limit": 0})
		members := len(c.Members)
		for i := 1; i < c.Count; i++ {
			var more chunk
			json.Unmarshal(p.want("GUILD_MEMBERS_CHUNK").D, &more)
			if more.Index != i || more.Count != c.Count {
				t.Errorf("chunk %d of %d, want %d of %d", more.Index, more.Count, i, c.Count)
			}
			members += len(more.Members)
		}
		if c.Count < 2 || len(c.Members) != 1000 || members < 2000 {
			t.Errorf("got %d members in %d chunks of guild %s", members, c.Count, guild)
		}
	})
}

func TestWholeMemberListOncePer30Seconds(t *testing.T) {
	bubble(t, Config{Guilds: 1, Members: 5}, func(t *testing.T, s *Server) {
		p, guild, ask := askMembers(t, s)
		whole := obj{"query": "", "limit": 0, "nonce": "n"}
		ask(whole)
		time.Sleep(10500 * time.Millisecond)
		p.send(8, whole)
		var limited struct {
			Opcode     int     `json:"opcode"`
			RetryAfter float64 `json:"retry_after"`
			Meta       struct {
				GuildID string `json:"guild_id"`
				Nonce   string `json:"nonce"`
			} `json:"meta"`
		}
		json.Unmarshal(p.want("RATE_LIMITED").D, &limited)
		if limited.Opcode != 8 || limited.RetryAfter != 19.5 || limited.Meta.GuildID != guild || limited.Meta.Nonce != "n" {
			t.Errorf("RATE_LIMITED: got %+v, want op 8, 19.5 s, guild %s, nonce n", limited, guild)
		}
		time.Sleep(19500 * time.Millisecond)
		ask(whole)
	})
}

// voiceChannel is one of the first guild.
func voiceChannel(s *Server) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.world.guild(s.guilds[0]).channelsOf(worldGuildVoice, worldGuildVoice)[0].id)
}

func TestVoiceSoundboardAndChannelInfoAreAnswered(t *testing.T) {
	bubble(t, Config{Guilds: 1}, func(t *testing.T, s *Server) {
		p, guild, _ := askMembers(t, s)
		channel := voiceChannel(s)
		p.send(4, obj{"guild_id": guild, "channel_id": channel, "self_mute": true, "self_deaf": false})
		var state struct {
			ChannelID *string `json:"channel_id"`
			SelfMute  bool    `json:"self_mute"`
			UserID    string  `json:"user_id"`
		}
		json.Unmarshal(p.want("VOICE_STATE_UPDATE").D, &state)
		if state.ChannelID == nil || *state.ChannelID != channel || !state.SelfMute || state.UserID == "" {
			t.Errorf("VOICE_STATE_UPDATE: got %+v", state)
		}
		p.want("VOICE_SERVER_UPDATE")
		p.send(4, obj{"guild_id": guild, "channel_id": nil, "self_mute": true, "self_deaf": false})
		p.want("VOICE_STATE_UPDATE")
		p.send(31, obj{"guild_ids": []string{guild}})
		p.want("SOUNDBOARD_SOUNDS")
		p.send(43, obj{"guild_id": guild, "fields": []string{"status", "voice_start_time"}})
		p.want("CHANNEL_INFO")
		p.send(3, obj{"since": 91879201, "activities": []obj{{"name": "x", "type": 0}}, "status": "dnd", "afk": false})
		p.send(1, 2)
		p.want("op 11")
	})
}

func TestCommandsThatCrossAnInvalidSessionAreNoFault(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.Conns()[0].Send(9, true)
		synctest.Wait()
		p.send(3, obj{"since": nil, "activities": []int{}, "status": "idle", "afk": false})
		p.want("op 9 true", "close 4003")
	})
}
