package gatewaytest

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type obj = map[string]any

var fouls = []foul{
	{"no user agent", Config{}, opening(goodQuery, "op 10", "User-Agent", "curl/8"), RuleUserAgent, "none"},
	{"no version", Config{}, opening("encoding=json", "op 10"), RuleVersion, "none"},
	{"deprecated version", Config{}, opening("v=8&encoding=json", "op 10"), RuleVersion, "none"},
	{"discontinued version", Config{}, opening("v=5&encoding=json", "close 4012"), RuleVersion, "none"},
	{"no encoding", Config{}, opening("v=10", "op 10"), RuleEncoding, "none"},
	{"etf", Config{}, opening("v=10&encoding=etf", "close 4002"), RuleEncoding, "none"},
	{"unknown compression", Config{}, opening(goodQuery+"&compress=gzip", "op 10"), RuleCompress, "none"},
	{"extension offered", Config{}, opening(goodQuery, "op 10", "Sec-WebSocket-Extensions", "permessage-deflate"), RuleWebSocket, "none"},
	{"unmasked frame", Config{}, after(func(p *player) { p.nc.Write([]byte{0x81, 0x02, '{', '}'}) }, "close 1002"), RuleWebSocket, "kept"},
	{"reserved bit", Config{}, after(func(p *player) { p.frame(0xC1, []byte("{}")) }, "close 1002"), RuleWebSocket, "kept"},
	{"unknown frame", Config{}, after(func(p *player) { p.frame(0x83, nil) }, "close 1002"), RuleWebSocket, "kept"},
	{"not UTF-8", Config{}, after(func(p *player) { p.frame(0x81, []byte("\"\xff\"")) }, "close 1007"), RuleWebSocket, "kept"},
	{"huge message", Config{}, after(func(p *player) { p.frame(0x81, make([]byte, maxClientMessage+1)) }, "close 1009"), RuleWebSocket, "kept"},
	{"reserved close code", Config{}, after(func(p *player) { p.close(1005) }, "close 1002"), RuleWebSocket, "kept"},

	{"4097 bytes", Config{}, after(func(p *player) { p.text(`{"op":1,"d":null}` + strings.Repeat(" ", 4080)) }, "close 4002"), RulePayloadSize, "kept"},
	{"not JSON", Config{}, after(func(p *player) { p.text(`{"op":1`) }, "close 4002"), RulePayload, "kept"},
	{"not an object", Config{}, after(func(p *player) { p.text(`[1]`) }, "close 4002"), RulePayload, "kept"},
	{"no op", Config{}, after(func(p *player) { p.text(`{"d":null}`) }, "close 4002"), RulePayload, "kept"},
	{"op is text", Config{}, after(func(p *player) { p.text(`{"op":"1"}`) }, "close 4002"), RulePayload, "kept"},
	{"binary message", Config{}, after(func(p *player) { p.frame(0x82, []byte(`{"op":1,"d":null}`)) }, "close 4002"), RulePayload, "kept"},
	{"unknown op", Config{}, sending(5, nil), RuleOpcode, "kept"},
	{"far op", Config{}, after(func(p *player) { p.text(`{"op":4294967297}`) }, "close 4001"), RuleOpcode, "kept"},
	{"the server's op", Config{}, sending(10, nil), RuleOpcode, "kept"},

	{"heartbeat of text", Config{}, sending(1, "1"), RulePayloadShape, "kept"},
	{"heartbeat of half", Config{}, sending(1, 1.5), RulePayloadShape, "kept"},
	{"identify of text", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, "token")
		p.want("close 4001")
	}, RulePayloadShape, "none"},
	{"resume without a session id", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(6, obj{"token": s.Token(), "seq": 1})
		p.want("close 4001")
	}, RulePayloadShape, "none"},
	{"presence without since", Config{}, sending(3, obj{"activities": []int{}, "status": "idle", "afk": false}), RulePayloadShape, "kept"},
	{"presence of no status", Config{}, sending(3, obj{"since": nil, "activities": []int{}, "status": "busy", "afk": false}), RulePayloadShape, "kept"},
	{"presence without afk", Config{}, sending(3, obj{"since": nil, "activities": []int{}, "status": "idle"}), RulePayloadShape, "kept"},
	{"presence without activities", Config{}, sending(3, obj{"since": nil, "activities": nil, "status": "idle", "afk": false}), RulePayloadShape, "kept"},
	{"voice without channel", Config{}, sending(4, obj{"guild_id": "1", "self_mute": false, "self_deaf": false}), RulePayloadShape, "kept"},
	{"voice without guild", Config{}, sending(4, obj{"channel_id": nil, "self_mute": false, "self_deaf": false}), RulePayloadShape, "kept"},
	{"voice of unknown mute", Config{}, sending(4, obj{"guild_id": "1", "channel_id": nil, "self_mute": 0, "self_deaf": false}), RulePayloadShape, "kept"},
	{"members by nothing", Config{}, sending(8, obj{"guild_id": "1", "limit": 0}), RulePayloadShape, "kept"},
	{"members by both", Config{}, sending(8, obj{"guild_id": "1", "limit": 0, "query": "", "user_ids": "1"}), RulePayloadShape, "kept"},
	{"members without limit", Config{}, sending(8, obj{"guild_id": "1", "query": ""}), RulePayloadShape, "kept"},
	{"members of no guild", Config{}, sending(8, obj{"query": "", "limit": 0}), RulePayloadShape, "kept"},
	{"members of bad ids", Config{}, sending(8, obj{"guild_id": "1", "user_ids": []string{"me"}}), RulePayloadShape, "kept"},
	{"sounds of no list", Config{}, sending(31, obj{"guild_id": "1"}), RulePayloadShape, "kept"},
	{"channel info without fields", Config{}, sending(43, obj{"guild_id": "1"}), RulePayloadShape, "kept"},
	{"command of text", Config{}, sending(8, "x"), RulePayloadShape, "kept"},

	{"before Hello", Config{}, func(t *testing.T, s *Server) {
		s.OnConnect(func(c *Conn) {})
		s.On(2, func(c *Conn, _ json.RawMessage) { c.Close(4000, "") })
		p := dial(t, s, s.URL(), goodQuery)
		p.send(2, identity(s))
		p.want("close 4000")
	}, RuleBeforeHello, "none"},
	{"command first", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(3, obj{"since": nil, "activities": []int{}, "status": "idle", "afk": false})
		p.want("close 4003")
	}, RuleNotAuthenticated, "none"},
	{"second identify", Config{}, after(func(p *player) { p.send(2, identity(p.s)) }, "close 4005"), RuleAuthenticated, "kept"},
	{"resume after identify", Config{}, after(func(p *player) {
		p.send(6, obj{"token": p.s.Token(), "session_id": "x", "seq": 1})
	}, "close 4005"), RuleAuthenticated, "kept"},
	{"identify after op 9", Config{}, func(t *testing.T, s *Server) {
		p := relogin(t, s, "nobody", 1)
		p.want("op 9 false")
		p.send(2, identity(s))
		p.want("close 4003")
	}, RuleAfterInvalid, "none"},
	{"heartbeats after op 9", Config{}, func(t *testing.T, s *Server) {
		p := relogin(t, s, "nobody", 1)
		p.want("op 9 false")
		time.Sleep(2 * time.Second)
		p.send(1, nil)
		p.want("close 4003")
	}, "", "none"},
	{"command after op 9", Config{}, func(t *testing.T, s *Server) {
		p := relogin(t, s, "nobody", 1)
		p.want("op 9 false")
		time.Sleep(2 * time.Second)
		p.send(31, map[string]any{"guild_ids": []string{"1"}})
		p.want("close 4003")
	}, RuleAfterInvalid, "none"},

	{"no properties", Config{}, identifying("READY", "properties", nil), RuleProperties, "kept"},
	{"dollar properties", Config{}, identifying("READY", "properties", obj{"$os": "l", "$browser": "p", "$device": "p"}), RuleProperties, "kept"},
	{"large threshold 251", Config{}, identifying("READY", "large_threshold", 251), RuleLargeThreshold, "kept"},
	{"large threshold 49", Config{}, identifying("READY", "large_threshold", 49), RuleLargeThreshold, "kept"},
	{"no intents", Config{}, identifying("close 4013", "intents", nil), RuleIntents, "none"},
	{"intents of text", Config{}, identifying("close 4013", "intents", "1"), RuleIntents, "none"},
	{"intent 17", Config{}, identifying("close 4013", "intents", 1<<17), RuleIntents, "none"},
	{"negative intents", Config{}, identifying("close 4013", "intents", -1), RuleIntents, "none"},
	{"shard beyond the count", Config{}, identifying("close 4010", "shard", []int{1, 1}), RuleShard, "none"},
	{"negative shard", Config{}, identifying("close 4010", "shard", []int{-1, 1}), RuleShard, "none"},
	{"shard of one", Config{}, identifying("close 4010", "shard", []int{1}), RuleShard, "none"},
	{"shard of text", Config{}, identifying("close 4010", "shard", []string{"0", "1"}), RuleShard, "none"},

	{"identify too soon", Config{}, func(t *testing.T, s *Server) {
		login(t, s, "shard", []int{0, 2})
		time.Sleep(s.cfg.IdentifySpacing - time.Millisecond)
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s, "shard", []int{1, 2}))
		p.want("op 9 false")
		p.stays()
	}, RuleIdentifySpacing, "kept"},
	{"identify too often", Config{SessionLimit: 1}, func(t *testing.T, s *Server) {
		first, _ := login(t, s)
		time.Sleep(s.cfg.IdentifySpacing)
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		p.want("close 4004")
		first.want("close 4004")
		if s.Token() == s.cfg.Token || len(s.Sessions()) != 0 {
			t.Errorf("token %q and sessions %v outlived the daily limit", s.Token(), s.Sessions())
		}
	}, RuleSessionLimit, "dead"},

	{"resume at the base host", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		p = dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
		p.want("RESUMED 2")
	}, RuleResumeHost, "kept"},
	{"identify at the resume host", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		p.want("READY 1")
	}, RuleIdentifyHost, "kept"},
	{"resume over another query", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		p = dial(t, s, s.ResumeURL(), "v=9&encoding=json")
		p.want("op 10")
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
		p.want("RESUMED 2")
	}, RuleResumeQuery, "kept"},
	{"resume ahead", Config{}, resuming(2, "close 4007"), RuleResumeSeq, "dead"},
	{"resume below zero", Config{}, resuming(-1, "close 4007"), RuleResumeSeq, "dead"},
	{"resume of text", Config{}, resuming("1", "close 4007"), RuleResumeSeq, "dead"},

	{"121 payloads in a minute", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		for range 119 {
			p.send(31, obj{"guild_ids": []string{}})
		}
		time.Sleep(60*time.Second - 1)
		p.send(31, obj{"guild_ids": []string{}})
		p.want("close 4008")
	}, RuleRateLimit, "kept"},
	{"6 presences in 20 s", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		for range 6 {
			p.send(3, obj{"since": nil, "activities": []int{}, "status": "idle", "afk": false})
		}
		p.send(1, 1)
		p.want("op 11")
	}, RulePresenceRate, "kept"},

	{"beat before the first dispatch", Config{ReadyDelay: time.Minute}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		p.send(1, 1)
		p.want("op 11")
	}, RuleHeartbeatSequence, "kept"},
	{"beat before identify", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(1, 1)
		p.send(2, identity(s))
		p.want("op 11", "READY 1")
	}, RuleHeartbeatSequence, "kept"},
	{"beat of zero", Config{}, after(func(p *player) { p.send(1, 0) }, "op 11"), RuleHeartbeatSequence, "kept"},
	{"beat ahead", Config{}, after(func(p *player) { p.send(1, 2) }, "op 11"), RuleHeartbeatSequence, "kept"},
	{"beat ahead before resume", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		p = dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(1, 2)
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
		p.want("op 11", "RESUMED 2")
	}, RuleHeartbeatSequence, "kept"},

	{"first beat late", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		time.Sleep(55 * time.Second)
		p.send(1, 1)
		p.want("op 11")
	}, RuleHeartbeatLate, "kept"},
	{"second beat late", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		time.Sleep(55 * time.Second)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatLate, "kept"},
	{"no beat", Config{}, func(t *testing.T, s *Server) {
		start := time.Now()
		p, _ := login(t, s)
		p.want("close 4000")
		if got, want := time.Since(start), s.cfg.HeartbeatInterval*3/2; got != want {
			t.Errorf("closed after %v, want %v", got, want)
		}
	}, RuleHeartbeatLate, "kept"},
	{"two beats at once", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatBurst, "kept"},
	{"beats half an interval apart", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		time.Sleep(s.cfg.HeartbeatInterval/2 - 1)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatBurst, "kept"},
	{"two beats for one op 1", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		p.want("op 11")
		s.Conns()[0].Send(1, nil)
		p.want("op 1 ")
		p.send(1, 1)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatBurst, "kept"},
	{"op 1 unanswered", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.Conns()[0].Send(1, nil)
		p.want("op 1 ")
		time.Sleep(6 * time.Second)
	}, RuleHeartbeatRequested, "kept"},
	{"no jitter", Config{MaxConcurrency: 100}, func(t *testing.T, s *Server) {
		var players []*player
		for i := range minFirstBeats {
			p, _ := login(t, s, "shard", []int{i, 100})
			p.send(1, 1)
			players = append(players, p)
		}
		time.Sleep(s.cfg.HeartbeatInterval)
		for _, p := range players {
			p.nc.Close()
		}
		synctest.Wait()
	}, RuleHeartbeatJitter, "kept"},
	{"zombie", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.Conns()[0].MuteACKs()
		p.idle(2*s.cfg.HeartbeatInterval+time.Second, 1)
	}, RuleZombie, "kept"},
	{"zombie of a silent server", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.Conns()[0].Mute()
		p.idle(2*s.cfg.HeartbeatInterval+time.Second, 1)
	}, RuleZombie, "kept"},

	{"whole list without the intent", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		p, _ := login(t, s, "intents", 1)
		p.until("GUILD_CREATE 2")
		p.send(8, obj{"guild_id": strconv.FormatUint(s.guilds[0], 10), "query": "", "limit": 0})
		p.send(1, 2)
		p.want("op 11")
	}, RuleMembersIntent, "kept"},
	{"101 ids", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		ids := make([]string, 101)
		for i := range ids {
			ids[i] = strconv.Itoa(i + 1)
		}
		p.send(8, obj{"guild_id": strconv.FormatUint(s.guilds[0], 10), "user_ids": ids})
		p.until("GUILD_MEMBERS_CHUNK")
	}, RuleMembersIDs, "kept"},
	{"another shard's guild", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		other := int(1 - (s.guilds[0]>>22)%2)
		p, _ := login(t, s, "shard", []int{other, 2})
		p.send(31, obj{"guild_ids": []string{strconv.FormatUint(s.guilds[0], 10)}})
		p.send(1, 1)
		p.want("op 11")
	}, RuleForeignGuild, "kept"},
	{"another shard's channels", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		other := int(1 - (s.guilds[0]>>22)%2)
		p, _ := login(t, s, "shard", []int{other, 2})
		p.send(43, obj{"guild_id": strconv.FormatUint(s.guilds[0], 10), "fields": []string{"status"}})
		p.send(1, 1)
		p.want("op 11")
	}, RuleForeignGuild, "kept"},
	{"identify with compress of text", Config{}, identifying("close 4001", "compress", "true"), RulePayloadShape, "none"},
}

// blunders break no rule that could be a client's fault alone, but they have answers too.
var blunders = []foul{
	{"wrong token", Config{}, identifying("close 4004", "token", "x"), "", "none"},
	{"intent not granted", Config{Intents: NoPrivileged}, identifying("close 4014"), "", "none"},
	{"not a multiple", Config{ShardMultiple: 16}, identifying("close 4010", "shard", []int{0, 17}), "", "none"},
	{"too many guilds", Config{Guilds: 3, GuildsPerShard: 2}, identifying("close 4011"), "", "none"},
	{"resume with a wrong token", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		synctest.Wait()
		p = dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(6, obj{"token": "x", "session_id": id, "seq": 1})
		p.want("close 4004")
	}, "", "kept"},
	{"resume of nothing", Config{}, func(t *testing.T, s *Server) {
		p := relogin(t, s, "nobody", 1)
		p.want("op 9 false")
		p.stays()
	}, "", "none"},
	{"resume too late", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		time.Sleep(s.cfg.ReplayWindow + 1)
		p = relogin(t, s, id, 1)
		p.want("op 9 false")
		p.stays()
	}, "", "dead"},
	{"resume of what is not kept", Config{ReplayEvents: 2}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		synctest.Wait()
		for range 3 {
			s.Dispatch(0, "A", nil)
		}
		relogin(t, s, id, 1).want("op 9 false")
	}, "", "dead"},
	{"resume beside an open socket", Config{}, func(t *testing.T, s *Server) {
		old, id := login(t, s)
		relogin(t, s, id, 1).want("RESUMED 2")
		old.want("close 4000")
	}, "", "kept"},
	{"whole list twice", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		p, guild, ask := askMembers(t, s)
		ask(obj{"query": "", "limit": 0})
		p.send(8, obj{"guild_id": guild, "query": "", "limit": 0})
		p.want("RATE_LIMITED")
	}, "", "kept"},
	{"nonce of 33 bytes", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		_, _, ask := askMembers(t, s)
		if c := ask(obj{"query": "", "limit": 1, "nonce": strings.Repeat("n", 33)}); c.Nonce != nil {
			t.Errorf("nonce: got %q, want none", *c.Nonce)
		}
	}, "", "kept"},
	{"presences without the intent", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		_, _, ask := askMembers(t, s, "intents", 3)
		if c := ask(obj{"query": "", "limit": 1, "presences": true}); c.Presences != nil {
			t.Errorf("presences: got %d, want none", len(*c.Presences))
		}
	}, "", "kept"},
	{"joining a full channel", Config{Guilds: 1, FullVoice: true}, func(t *testing.T, s *Server) {
		p, guild, _ := askMembers(t, s)
		p.send(4, obj{"guild_id": guild, "channel_id": voiceChannel(s), "self_mute": false, "self_deaf": false})
		p.stays()
	}, "", "kept"},
	{"close 1000", Config{}, after(func(p *player) { p.close(1000) }, "close 1000"), "", "dead"},
	{"close 1001", Config{}, after(func(p *player) { p.close(1001) }, "close 1001"), "", "dead"},
	{"close 4000", Config{}, after(func(p *player) { p.close(4000) }, "close 4000"), "", "kept"},
	{"close without a code", Config{}, after(func(p *player) { p.frame(0x88, nil) }, "close 1005"), "", "kept"},
	{"echo of 1000", Config{}, after(func(p *player) { p.s.Conns()[0].Close(1000, ""); synctest.Wait(); p.close(1000) }, "close 1000"), "", "kept"},
	{"socket gone", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.nc.Close()
	}, "", "kept"},
}
