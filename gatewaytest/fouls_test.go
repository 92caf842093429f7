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
	{"no user agent", Config{}, opening(goodQuery, "op 10", "User-Agent", "curl/8"), RuleUserAgent},
	{"no version", Config{}, opening("encoding=json", "op 10"), RuleVersion},
	{"deprecated version", Config{}, opening("v=8&encoding=json", "op 10"), RuleVersion},
	{"discontinued version", Config{}, opening("v=5&encoding=json", "close 4012"), RuleVersion},
	{"no encoding", Config{}, opening("v=10", "op 10"), RuleEncoding},
	{"etf", Config{}, opening("v=10&encoding=etf", "close 4002"), RuleEncoding},
	{"unknown compression", Config{}, opening(goodQuery+"&compress=gzip", "op 10"), RuleCompress},
	{"extension offered", Config{}, opening(goodQuery, "op 10", "Sec-WebSocket-Extensions", "permessage-deflate"), RuleWebSocket},
	{"unmasked frame", Config{}, after(func(p *player) { p.nc.Write([]byte{0x81, 0x02, '{', '}'}) }, "close 1002"), RuleWebSocket},
	{"reserved bit", Config{}, after(func(p *player) { p.frame(0xC1, []byte("{}")) }, "close 1002"), RuleWebSocket},
	{"unknown frame", Config{}, after(func(p *player) { p.frame(0x83, nil) }, "close 1002"), RuleWebSocket},
	{"not UTF-8", Config{}, after(func(p *player) { p.frame(0x81, []byte("\"\xff\"")) }, "close 1007"), RuleWebSocket},
	{"huge message", Config{}, after(func(p *player) { p.frame(0x81, make([]byte, maxClientMessage+1)) }, "close 1009"), RuleWebSocket},
	{"reserved close code", Config{}, after(func(p *player) { p.close(1005) }, "close 1002"), RuleWebSocket},

	{"4097 bytes", Config{}, after(func(p *player) { p.text(`{"op":1,"d":null}` + strings.Repeat(" ", 4080)) }, "close 4002"), RulePayloadSize},
	{"not JSON", Config{}, after(func(p *player) { p.text(`{"op":1`) }, "close 4002"), RulePayload},
	{"not an object", Config{}, after(func(p *player) { p.text(`[1]`) }, "close 4002"), RulePayload},
	{"no op", Config{}, after(func(p *player) { p.text(`{"d":null}`) }, "close 4002"), RulePayload},
	{"op is text", Config{}, after(func(p *player) { p.text(`{"op":"1"}`) }, "close 4002"), RulePayload},
	{"binary message", Config{}, after(func(p *player) { p.frame(0x82, []byte(`{"op":1,"d":null}`)) }, "close 4002"), RulePayload},
	{"unknown op", Config{}, sending(5, nil), RuleOpcode},
	{"far op", Config{}, after(func(p *player) { p.text(`{"op":4294967297}`) }, "close 4001"), RuleOpcode},
	{"the server's op", Config{}, sending(10, nil), RuleOpcode},

	{"heartbeat of text", Config{}, sending(1, "1"), RulePayloadShape},
	{"heartbeat of half", Config{}, sending(1, 1.5), RulePayloadShape},
	{"identify of text", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, "token")
		p.want("close 4001")
	}, RulePayloadShape},
	{"resume without a session id", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(6, obj{"token": s.Token(), "seq": 1})
		p.want("close 4001")
	}, RulePayloadShape},
	{"presence without since", Config{}, sending(3, obj{"activities": []int{}, "status": "idle", "afk": false}), RulePayloadShape},
	{"presence of no status", Config{}, sending(3, obj{"since": nil, "activities": []int{}, "status": "busy", "afk": false}), RulePayloadShape},
	{"presence without afk", Config{}, sending(3, obj{"since": nil, "activities": []int{}, "status": "idle"}), RulePayloadShape},
	{"presence without activities", Config{}, sending(3, obj{"since": nil, "activities": nil, "status": "idle", "afk": false}), RulePayloadShape},
	{"voice without channel", Config{}, sending(4, obj{"guild_id": "1", "self_mute": false, "self_deaf": false}), RulePayloadShape},
	{"voice without guild", Config{}, sending(4, obj{"channel_id": nil, "self_mute": false, "self_deaf": false}), RulePayloadShape},
	{"voice of unknown mute", Config{}, sending(4, obj{"guild_id": "1", "channel_id": nil, "self_mute": 0, "self_deaf": false}), RulePayloadShape},
	{"members by nothing", Config{}, sending(8, obj{"guild_id": "1", "limit": 0}), RulePayloadShape},
	{"members by both", Config{}, sending(8, obj{"guild_id": "1", "limit": 0, "query": "", "user_ids": "1"}), RulePayloadShape},
	{"members without limit", Config{}, sending(8, obj{"guild_id": "1", "query": ""}), RulePayloadShape},
	{"members of no guild", Config{}, sending(8, obj{"query": "", "limit": 0}), RulePayloadShape},
	{"members of bad ids", Config{}, sending(8, obj{"guild_id": "1", "user_ids": []string{"me"}}), RulePayloadShape},
	{"sounds of no list", Config{}, sending(31, obj{"guild_id": "1"}), RulePayloadShape},
	{"channel info without fields", Config{}, sending(43, obj{"guild_id": "1"}), RulePayloadShape},
	{"command of text", Config{}, sending(8, "x"), RulePayloadShape},

	{"before Hello", Config{}, func(t *testing.T, s *Server) {
		s.OnConnect(func(c *Conn) {})
		s.On(2, func(c *Conn, _ json.RawMessage) { c.Close(4000, "") })
		p := dial(t, s, s.URL(), goodQuery)
		p.send(2, identity(s))
		p.want("close 4000")
	}, RuleBeforeHello},
	{"command first", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(3, obj{"since": nil, "activities": []int{}, "status": "idle", "afk": false})
		p.want("close 4003")
	}, RuleNotAuthenticated},
	{"second identify", Config{}, after(func(p *player) { p.send(2, identity(p.s)) }, "close 4005"), RuleAuthenticated},
	{"resume after identify", Config{}, after(func(p *player) {
		p.send(6, obj{"token": p.s.Token(), "session_id": "x", "seq": 1})
	}, "close 4005"), RuleAuthenticated},
	{"identify after op 9", Config{}, func(t *testing.T, s *Server) {
		p := relogin(t, s, "nobody", 1)
		p.want("op 9 false")
		p.send(2, identity(s))
		p.want("close 4003")
	}, RuleAfterInvalid},
	{"heartbeats after op 9", Config{}, func(t *testing.T, s *Server) {
		p := relogin(t, s, "nobody", 1)
		p.want("op 9 false")
		time.Sleep(2 * time.Second)
		p.send(1, nil)
		p.want("close 4003")
	}, RuleAfterInvalid},

	{"no properties", Config{}, identifying("READY", "properties", nil), RuleProperties},
	{"dollar properties", Config{}, identifying("READY", "properties", obj{"$os": "l", "$browser": "p", "$device": "p"}), RuleProperties},
	{"large threshold 251", Config{}, identifying("READY", "large_threshold", 251), RuleLargeThreshold},
	{"large threshold 49", Config{}, identifying("READY", "large_threshold", 49), RuleLargeThreshold},
	{"no intents", Config{}, identifying("close 4013", "intents", nil), RuleIntents},
	{"intents of text", Config{}, identifying("close 4013", "intents", "1"), RuleIntents},
	{"intent 17", Config{}, identifying("close 4013", "intents", 1<<17), RuleIntents},
	{"negative intents", Config{}, identifying("close 4013", "intents", -1), RuleIntents},
	{"shard beyond the count", Config{}, identifying("close 4010", "shard", []int{1, 1}), RuleShard},
	{"negative shard", Config{}, identifying("close 4010", "shard", []int{-1, 1}), RuleShard},
	{"shard of one", Config{}, identifying("close 4010", "shard", []int{1}), RuleShard},
	{"shard of text", Config{}, identifying("close 4010", "shard", []string{"0", "1"}), RuleShard},

	{"identify too soon", Config{}, func(t *testing.T, s *Server) {
		login(t, s, "shard", []int{0, 2})
		time.Sleep(s.cfg.IdentifySpacing - time.Millisecond)
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s, "shard", []int{1, 2}))
		p.want("op 9 false")
	}, RuleIdentifySpacing},
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
	}, RuleSessionLimit},

	{"resume at the base host", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		p = dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
		p.want("RESUMED 2")
	}, RuleResumeHost},
	{"identify at the resume host", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		p.want("READY 1")
	}, RuleIdentifyHost},
	{"resume over another query", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		p = dial(t, s, s.ResumeURL(), "v=9&encoding=json")
		p.want("op 10")
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
		p.want("RESUMED 2")
	}, RuleResumeQuery},
	{"resume ahead", Config{}, resuming(2, "close 4007"), RuleResumeSeq},
	{"resume below zero", Config{}, resuming(-1, "close 4007"), RuleResumeSeq},
	{"resume of text", Config{}, resuming("1", "close 4007"), RuleResumeSeq},

	{"121 payloads in a minute", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		for range 119 {
			p.send(31, obj{"guild_ids": []string{}})
		}
		time.Sleep(60*time.Second - 1)
		p.send(31, obj{"guild_ids": []string{}})
		p.want("close 4008")
	}, RuleRateLimit},
	{"6 presences in 20 s", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		for range 6 {
			p.send(3, obj{"since": nil, "activities": []int{}, "status": "idle", "afk": false})
		}
		p.send(1, 1)
		p.want("op 11")
	}, RulePresenceRate},

	{"beat before the first dispatch", Config{ReadyDelay: time.Minute}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		p.send(1, 1)
		p.want("op 11")
	}, RuleHeartbeatSequence},
	{"beat before identify", Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(1, 1)
		p.send(2, identity(s))
		p.want("op 11", "READY 1")
	}, RuleHeartbeatSequence},
	{"beat of zero", Config{}, after(func(p *player) { p.send(1, 0) }, "op 11"), RuleHeartbeatSequence},
	{"beat ahead", Config{}, after(func(p *player) { p.send(1, 2) }, "op 11"), RuleHeartbeatSequence},
	{"beat ahead before resume", Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		p = dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(1, 2)
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
		p.want("op 11", "RESUMED 2")
	}, RuleHeartbeatSequence},

	{"first beat late", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		time.Sleep(55 * time.Second)
		p.send(1, 1)
		p.want("op 11")
	}, RuleHeartbeatLate},
	{"second beat late", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		time.Sleep(55 * time.Second)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatLate},
	{"no beat", Config{}, func(t *testing.T, s *Server) {
		start := time.Now()
		p, _ := login(t, s)
		p.want("close 4000")
		if got, want := time.Since(start), s.cfg.HeartbeatInterval*3/2; got != want {
			t.Errorf("closed after %v, want %v", got, want)
		}
	}, RuleHeartbeatLate},
	{"two beats at once", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatBurst},
	{"beats half an interval apart", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		time.Sleep(s.cfg.HeartbeatInterval/2 - 1)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatBurst},
	{"two beats for one op 1", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.send(1, 1)
		p.want("op 11")
		s.Conns()[0].Send(1, nil)
		p.want("op 1 ")
		p.send(1, 1)
		p.send(1, 1)
		p.want("op 11", "op 11")
	}, RuleHeartbeatBurst},
	{"op 1 unanswered", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.Conns()[0].Send(1, nil)
		p.want("op 1 ")
		time.Sleep(6 * time.Second)
	}, RuleHeartbeatRequested},
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
	}, RuleHeartbeatJitter},
	{"zombie", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.Conns()[0].MuteACKs()
		p.idle(2*s.cfg.HeartbeatInterval+time.Second, 1)
	}, RuleZombie},
	{"zombie of a silent server", Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.Conns()[0].Mute()
		p.idle(2*s.cfg.HeartbeatInterval+time.Second, 1)
	}, RuleZombie},

	{"whole list without the intent", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		p, _ := login(t, s, "intents", 1)
		p.until("GUILD_CREATE 2")
		p.send(8, obj{"guild_id": strconv.FormatUint(s.guilds[0], 10), "query": "", "limit": 0})
		p.send(1, 2)
		p.want("op 11")
	}, RuleMembersIntent},
	{"101 ids", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		ids := make([]string, 101)
		for i := range ids {
			ids[i] = strconv.Itoa(i + 1)
		}
		p.send(8, obj{"guild_id": strconv.FormatUint(s.guilds[0], 10), "user_ids": ids})
		p.until("GUILD_MEMBERS_CHUNK")
	}, RuleMembersIDs},
	{"another shard's guild", Config{Guilds: 1}, func(t *testing.T, s *Server) {
		other := int(1 - (s.guilds[0]>>22)%2)
		p, _ := login(t, s, "shard", []int{other, 2})
		p.send(31, obj{"guild_ids": []string{strconv.FormatUint(s.guilds[0], 10)}})
		p.send(1, 1)
		p.want("op 11")
	}, RuleForeignGuild},
}
