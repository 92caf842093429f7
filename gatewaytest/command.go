package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// command answers a command of a live session. Called with s.mu held.
func (s *Server) command(c *Conn, op int, d json.RawMessage, now time.Time) {
	f, ok := parseFields(d)
	if !ok {
		c.misshapen(op, "d is not an object")
		return
	}
	switch op {
	case opPresence:
		s.presence(c, f, now)
	case opVoiceState:
		s.voice(c, f, now)
	case opRequestMembers:
		s.members(c, f, now)
	case opSoundboard:
		s.soundboard(c, f)
	case opChannelInfo:
		s.channelInfo(c, f)
	}
}

func (c *Conn) misshapen(op int, format string, args ...any) {
	c.fault(4001, RulePayloadShape, "op %d: %s", op, fmt.Sprintf(format, args...))
}

// presence takes op 3: docs /events/gateway-events#update-presence. Over the limit it is dropped.
func (s *Server) presence(c *Conn, f fields, now time.Time) {
	since, hasSince := f["since"]
	_, sinceOK := f.integer("since")
	var activities []fields
	activitiesOK := json.Unmarshal(f["activities"], &activities) == nil && activities != nil
	status, _ := f.text("status")
	_, afkOK := f.boolean("afk")
	switch {
	case !hasSince || !isNull(since) && !sinceOK:
		c.misshapen(opPresence, "since is %.40s", since)
	case !activitiesOK:
		c.misshapen(opPresence, "activities is no array of objects")
	case !slices.Contains([]string{"online", "dnd", "idle", "invisible", "offline"}, status):
		c.misshapen(opPresence, "status is %.40s", f["status"])
	case !afkOK:
		c.misshapen(opPresence, "afk is %.40s", f["afk"])
	default:
		if n := c.moods.add(now, 20*time.Second, 5); n > 5 && !c.warped(now) {
			c.violation(RulePresenceRate, "%d presence updates within 20 s", n)
		}
	}
}

// own says whether the session may ask for the guild. Discord is silent about what it may not, and about a
// guild in an outage, and so are we. Called with s.mu held.
func (s *Server) own(c *Conn, op int, guild uint64) bool {
	if !c.sess.shard.covers(guild) {
		c.violation(RuleForeignGuild, "op %d for guild %d, which is not on shard %d of %d", op, guild, c.sess.shard.id, c.sess.shard.count)
		return false
	}
	g := s.world.guild(guild)
	return g != nil && g.down == 0
}

// voice answers op 4: docs /topics/voice-connections#retrieving-voice-server-information.
func (s *Server) voice(c *Conn, f fields, now time.Time) {
	guild, ok := f.id("guild_id")
	channel, inChannel := f.id("channel_id")
	mute, muteOK := f.boolean("self_mute")
	deaf, deafOK := f.boolean("self_deaf")
	raw, given := f["channel_id"]
	switch {
	case !ok:
		c.misshapen(opVoiceState, "guild_id is %.40s", f["guild_id"])
		return
	case !given || !inChannel && !isNull(raw):
		c.misshapen(opVoiceState, "channel_id is %.40s", raw)
		return
	case !muteOK || !deafOK:
		c.misshapen(opVoiceState, "self_mute or self_deaf is not a boolean")
		return
	case !s.own(c, opVoiceState, guild):
		return
	}
	if inChannel && s.cfg.FullVoice {
		return
	}
	session := s.newSessionID()
	state, ok := s.world.moveBot(guild, channel, session, deaf, mute, now.UnixMilli())
	if !ok {
		return
	}
	server := voiceServer(guild, session[:16], "voice.discord.test:443")
	if inChannel && s.cfg.VoiceServerFirst {
		s.issue(c.sess, server.Type, server.Body)
	}
	// Whether GUILD_VOICE_STATES is needed for the bot's own state is not documented; the one who asked gets it.
	if c.sess.intents&bitVoiceStates == 0 {
		s.issue(c.sess, state.Type, state.Body)
	}
	s.publish(state)
	if inChannel && !s.cfg.VoiceServerFirst {
		s.issue(c.sess, server.Type, server.Body)
	}
}

// soundboard answers op 31: docs /events/gateway-events#request-soundboard-sounds.
func (s *Server) soundboard(c *Conn, f fields) {
	guilds, ok := idList(f["guild_ids"])
	if !ok {
		c.misshapen(opSoundboard, "guild_ids is %.40s", f["guild_ids"])
		return
	}
	for _, guild := range guilds {
		if s.own(c, opSoundboard, guild) {
			s.issue(c.sess, "SOUNDBOARD_SOUNDS", mustJSON(map[string]any{
				"guild_id": fmt.Sprint(guild), "soundboard_sounds": s.listOf(guild, "soundboard_sounds"),
			}))
		}
	}
}

// channelInfo answers op 43: docs /events/gateway-events#request-channel-info.
func (s *Server) channelInfo(c *Conn, f fields) {
	guild, ok := f.id("guild_id")
	var wanted []string
	if !ok || json.Unmarshal(f["fields"], &wanted) != nil || wanted == nil {
		c.misshapen(opChannelInfo, "guild_id is %.40s, fields is %.40s", f["guild_id"], f["fields"])
		return
	}
	if !s.own(c, opChannelInfo, guild) {
		return
	}
	infos := []map[string]any{}
	for _, ch := range s.world.guild(guild).channelsOf(worldGuildVoice, worldStageVoice) {
		info := map[string]any{"id": fmt.Sprint(ch.id)}
		if slices.Contains(wanted, "status") {
			info["status"] = s.statuses[ch.id]
		}
		if slices.Contains(wanted, "voice_start_time") {
			info["voice_start_time"] = nil
			if ch.started != 0 {
				info["voice_start_time"] = ch.started
			}
		}
		infos = append(infos, info)
	}
	s.issue(c.sess, "CHANNEL_INFO", mustJSON(map[string]any{"guild_id": fmt.Sprint(guild), "channels": infos}))
}

// noteStatus remembers what a voice channel says about itself, which only CHANNEL_INFO repeats. Called with s.mu
// held.
func (s *Server) noteStatus(ev worldEvent) {
	if ev.Type != "VOICE_CHANNEL_STATUS_UPDATE" && ev.Type != "CHANNEL_DELETE" {
		return
	}
	f, _ := parseFields(ev.Body)
	id, _ := f.id("id")
	if f.null("status") {
		delete(s.statuses, id)
	} else {
		s.statuses[id] = f["status"]
	}
}

// listOf is one array of a guild, all of it. Called with s.mu held.
func (s *Server) listOf(guild uint64, name string) []json.RawMessage {
	f, _ := parseFields(s.world.guildCreate(guild, intentsKnown, 1<<30))
	var list []json.RawMessage
	if json.Unmarshal(f[name], &list) != nil || list == nil {
		list = []json.RawMessage{}
	}
	return list
}

// idList reads one snowflake or an array of them.
func idList(b json.RawMessage) ([]uint64, bool) {
	if id, ok := snowflakeOf(b); ok {
		return []uint64{id}, true
	}
	var raw []json.RawMessage
	if json.Unmarshal(b, &raw) != nil || raw == nil {
		return nil, false
	}
	ids := make([]uint64, len(raw))
	for i, r := range raw {
		id, ok := snowflakeOf(r)
		if !ok {
			return nil, false
		}
		ids[i] = id
	}
	return ids, true
}
