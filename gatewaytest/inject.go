package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Inject lets an event of this type happen in the world, in some guild of a shard, and returns its data as a
// session with every intent sees it. It goes to the sessions that traffic goes to: of the guild's shard, with the
// event's intent, past the guild's GUILD_CREATE. It is an error if there is none, and if the world cannot make
// the event: one that answers a client's payload, one that belongs to no guild for another shard than 0, or one
// whose object is not there (the error says so; another guild may have it). Of several shard counts in use the
// highest is meant.
func (s *Server) Inject(shard int, typ string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.speaker(shard)
	if sess == nil {
		return nil, fmt.Errorf("gatewaytest: inject %s: shard %d has no session that got READY", typ, shard)
	}
	k := worldKindOf(typ)
	if k == nil && typ != voiceServerUpdate {
		return nil, notInTheWorld(typ)
	}
	if k != nil && k.where&worldInGuild == 0 {
		if shard != 0 {
			return nil, fmt.Errorf("gatewaytest: inject %s: it belongs to no guild, so it comes on shard 0 only", typ)
		}
		return s.inject(0, typ)
	}
	var told []uint64
	for _, g := range sess.guilds {
		if _, early := sess.waiting[g]; !early {
			told = append(told, g)
		}
	}
	if len(told) == 0 {
		return nil, fmt.Errorf("gatewaytest: inject %s: shard %d has had no GUILD_CREATE yet", typ, shard)
	}
	// Not every guild has what every event needs, so more than one is asked.
	var data json.RawMessage
	var err error
	for _, i := range s.rng.Perm(len(told))[:min(len(told), 64)] {
		if data, err = s.inject(told[i], typ); err == nil {
			return data, nil
		}
	}
	return nil, err
}

// InjectIn is Inject in one guild; guild 0 is for an event in direct messages, or of no guild.
func (s *Server) InjectIn(guild uint64, typ string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inject(guild, typ)
}

// Guilds are the ids of the bot's guilds, oldest first.
func (s *Server) Guilds() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.guilds)
}

// inject is called with s.mu held.
func (s *Server) inject(guild uint64, typ string) (json.RawMessage, error) {
	if worldKindOf(typ) == nil && typ != voiceServerUpdate {
		return nil, notInTheWorld(typ)
	}
	if guild != 0 && !slices.Contains(s.guilds, guild) {
		return nil, fmt.Errorf("gatewaytest: inject %s: the bot is in no guild %d", typ, guild)
	}
	ev, ok := worldEvent{}, false
	if typ == voiceServerUpdate {
		ev, ok = s.loseVoice(guild)
	} else {
		ev, ok = s.world.make(typ, guild, time.Now())
	}
	if !ok {
		return nil, fmt.Errorf("gatewaytest: inject %s: impossible in guild %d now: nothing is there to be changed, no more may be added, the bot is not there, or the guild is in an outage", typ, guild)
	}
	if s.publish(ev) == 0 {
		return nil, fmt.Errorf("gatewaytest: inject %s: no session takes it: none of guild %d, without the intent, or before its GUILD_CREATE", typ, guild)
	}
	return ev.Body, nil
}

const voiceServerUpdate = "VOICE_SERVER_UPDATE"

// loseVoice takes the voice server from under the bot, who is told where the new one is a second later: docs
// /events/gateway-events#voice-server-update. Called with s.mu held.
func (s *Server) loseVoice(guild uint64) (worldEvent, bool) {
	if g := s.world.guild(guild); g == nil || g.members[0].voice == nil {
		return worldEvent{}, false
	}
	s.later(time.Second, func() { s.publish(voiceServer(guild, s.newSessionID()[:16], "voice2.discord.test:443")) })
	return voiceServer(guild, s.newSessionID()[:16], nil), true
}

// voiceServer is docs /events/gateway-events#voice-server-update, whose endpoint may be nil.
func voiceServer(guild uint64, token string, endpoint any) worldEvent {
	body := mustJSON(map[string]any{"guild_id": fmt.Sprint(guild), "token": token, "endpoint": endpoint})
	return worldEvent{Type: voiceServerUpdate, Guild: guild, Body: body}
}

func notInTheWorld(typ string) error {
	return fmt.Errorf("gatewaytest: inject %s: no such event happens by itself; Dispatch sends any", typ)
}

// speaker is a session of the shard that has had its READY, of the highest shard count. Called with s.mu held.
func (s *Server) speaker(shard int) *session {
	var found *session
	for count := range s.counts {
		for _, sess := range s.routes[shardKey{shard, count}] {
			if sess.seq > 0 && (found == nil || sess.shard.count > found.shard.count) {
				found = sess
			}
		}
	}
	return found
}
