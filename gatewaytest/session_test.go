package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a test in fake time against a server whose client must break no rule.
func bubble(t *testing.T, cfg Config, test func(t *testing.T, s *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, Start(t, cfg)) })
}

func types(ms []message) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.String())
	}
	return out
}

func TestReadyThenEveryGuildOnce(t *testing.T) {
	bubble(t, Config{Guilds: 20, Seed: 7}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want(`op 10`)
		p.send(2, identity(s))
		var ready struct {
			V      int    `json:"v"`
			Resume string `json:"resume_gateway_url"`
			Shard  []int  `json:"shard"`
			Guilds []struct {
				ID          string `json:"id"`
				Unavailable bool   `json:"unavailable"`
			} `json:"guilds"`
			User        struct{ ID string } `json:"user"`
			Application struct{ ID string } `json:"application"`
		}
		if err := json.Unmarshal(p.want("READY 1").D, &ready); err != nil {
			t.Fatal(err)
		}
		if ready.V != 10 || ready.Resume != s.ResumeURL() || !slices.Equal(ready.Shard, []int{0, 1}) || len(ready.Guilds) != 20 ||
			!ready.Guilds[0].Unavailable || ready.User.ID == "" || ready.Application.ID == "" {
			t.Errorf("READY: got %+v", ready)
		}
		var order, sorted []string
		for i := range 20 {
			var guild struct{ ID string }
			json.Unmarshal(p.want(fmt.Sprintf("GUILD_CREATE %d", i+2)).D, &guild)
			order = append(order, guild.ID)
		}
		for _, g := range ready.Guilds {
			sorted = append(sorted, g.ID)
		}
		if slices.Equal(order, sorted) {
			t.Errorf("GUILD_CREATEs came in the order of READY, want a random one")
		}
		slices.Sort(order)
		slices.Sort(sorted)
		if !slices.Equal(order, sorted) {
			t.Errorf("guilds created: got %v, want %v", order, sorted)
		}
	})
}

func TestNoGuildsWithoutTheIntent(t *testing.T) {
	bubble(t, Config{Guilds: 2}, func(t *testing.T, s *Server) {
		p, _ := login(t, s, "intents", 1<<9)
		p.send(1, 1)
		p.want("op 11")
	})
}

func TestShardIsEchoedOnlyIfSent(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s, "shard", nil))
		if d := p.want("READY 1").D; strings.Contains(string(d), `"shard"`) {
			t.Errorf("READY echoes a shard nobody sent: %s", d)
		}
	})
}

func TestResumeReplaysWhatWasMissed(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		s.Dispatch(0, "A", nil)
		p.want("A 2")
		s.Conns()[0].Cut()
		if m := p.next(); m.err == nil {
			t.Errorf("after Cut: got %v, want an error", m)
		}
		s.Dispatch(0, "B", json.RawMessage(`{"b":1}`))
		s.Dispatch(1, "ELSEWHERE", nil)
		s.Dispatch(0, "C", nil)
		p = relogin(t, s, id, 2)
		s.Dispatch(0, "D", nil)
		got := types([]message{p.next(), p.next(), p.next(), p.next()})
		// D was born before or after the RESUME arrived.
		early, late := []string{"B 3", "C 4", "D 5", "RESUMED 6"}, []string{"B 3", "C 4", "RESUMED 5", "D 6"}
		if !slices.Equal(got, early) && !slices.Equal(got, late) {
			t.Errorf("replay: got %v, want %v or %v", got, early, late)
		}
		if got := len(s.Issued(id)); got != 6 {
			t.Errorf("issued: got %d, want 6", got)
		}
	})
}

func TestReplayIncludesTheGuildsNotYetSent(t *testing.T) {
	bubble(t, Config{Guilds: 200}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.want("GUILD_CREATE 2")
		s.Conns()[0].Cut()
		p = relogin(t, s, id, 2)
		seen := p.until("RESUMED")
		for len(seen) < 200 {
			seen = append(seen, p.next())
		}
		for i, m := range seen {
			if m.S == nil || *m.S != int64(i+3) {
				t.Fatalf("message %d after the resume: got %v, want s %d", i, m, i+3)
			}
		}
	})
}

func TestSessionExpiresAfterTheWindow(t *testing.T) {
	for late, want := range map[time.Duration]string{0: "RESUMED", 1: "op 9 false"} {
		bubble(t, Config{}, func(t *testing.T, s *Server) {
			p, id := login(t, s)
			p.nc.Close()
			synctest.Wait()
			time.Sleep(s.cfg.ReplayWindow + late)
			relogin(t, s, id, 1).want(want)
		})
	}
}

func TestCloseCodeDecidesTheSession(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(p *player, c *Conn)
		want string
	}{
		{"client 1000", func(p *player, _ *Conn) { p.close(1000); p.want("close 1000") }, "op 9 false"},
		{"client 1001", func(p *player, _ *Conn) { p.close(1001); p.want("close 1001") }, "op 9 false"},
		{"client 4000", func(p *player, _ *Conn) { p.close(4000); p.want("close 4000") }, "RESUMED"},
		{"client without a code", func(p *player, _ *Conn) { p.frame(0x88, nil); p.want("close 1005") }, "RESUMED"},
		{"echo of the server's 1000", func(p *player, c *Conn) { c.Close(1000, ""); p.want("close 1000"); p.close(1000) }, "RESUMED"},
		{"1000 in answer to the server's 4000", func(p *player, c *Conn) { c.Close(4000, ""); p.want("close 4000"); p.close(1000) }, "op 9 false"},
		{"server 4000 unanswered", func(p *player, c *Conn) { c.Close(4000, ""); p.want("close 4000"); p.next() }, "RESUMED"},
		{"server 4009 unanswered", func(p *player, c *Conn) { c.Close(4009, ""); p.want("close 4009"); p.next() }, "op 9 false"},
		{"socket gone", func(p *player, _ *Conn) { p.nc.Close() }, "RESUMED"},
		{"op 9 true", func(p *player, c *Conn) { c.Send(9, true); p.want("op 9 true"); p.close(4000) }, "RESUMED"},
		{"op 9 false", func(p *player, c *Conn) { c.Send(9, false); p.want("op 9 false"); p.close(4000) }, "op 9 false"},
		{"expired", func(p *player, c *Conn) { c.s.ExpireSessions(); p.close(4000) }, "op 9 false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, s *Server) {
				p, id := login(t, s)
				c.end(p, s.Conns()[0])
				synctest.Wait()
				if n := len(s.Conns()); n != 0 && c.name != "expired" {
					p.nc.Close()
				}
				relogin(t, s, id, 1).want(c.want)
			})
		})
	}
}

func TestNewestConnectionWins(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		old, id := login(t, s)
		p := relogin(t, s, id, 1)
		p.want("RESUMED 2")
		old.want("close 4000")
		s.Dispatch(0, "A", nil)
		p.want("A 3")
	})
}

func TestResumeTooFarBackIsRefused(t *testing.T) {
	for seq, want := range map[int]string{1: "op 9 false", 2: "C 3"} {
		bubble(t, Config{ReplayEvents: 2}, func(t *testing.T, s *Server) {
			p, id := login(t, s)
			p.nc.Close()
			synctest.Wait()
			for _, typ := range []string{"B", "C", "D"} {
				s.Dispatch(0, typ, nil)
			}
			relogin(t, s, id, seq).want(want)
		})
	}
}

func TestHeartbeatTrimsTheLog(t *testing.T) {
	bubble(t, Config{TrimOnHeartbeat: true}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		s.Dispatch(0, "A", nil)
		p.want("A 2")
		p.send(1, 2)
		p.want("op 11")
		p.nc.Close()
		synctest.Wait()
		relogin(t, s, id, 1).want("op 9 false")
	})
}

func TestStalledClientLosesNothing(t *testing.T) {
	bubble(t, Config{ReplayEvents: 10000}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		body := map[string]string{"x": strings.Repeat("x", 1000)}
		const events = 3000
		for range 15 {
			p.send(1, 1)
			for range events / 15 {
				s.Dispatch(0, "A", body)
			}
			time.Sleep(40 * time.Second)
		}
		acks := 0
		for next := int64(2); next < events+2 || acks < 15; {
			switch m := p.next(); {
			case m.Op == 11:
				acks++
			case m.S == nil || *m.S != next:
				t.Fatalf("got %v, want s %d", m, next)
			default:
				next++
			}
		}
	})
}

func TestConnectionThatFallsOutOfTheLogIsClosed(t *testing.T) {
	bubble(t, Config{ReplayEvents: 100}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		body := map[string]string{"x": strings.Repeat("x", 1000)}
		for range 1000 {
			s.Dispatch(0, "A", body)
			synctest.Wait()
		}
		seen := p.until("close 4000")
		for i, m := range seen[:len(seen)-1] {
			if *m.S != int64(i+2) {
				t.Fatalf("got %v, want s %d", m, i+2)
			}
		}
		if len(seen) > 300 {
			t.Errorf("delivered %d events to a client that did not read", len(seen))
		}
		relogin(t, s, id, len(seen)).want("op 9 false")
	})
}

func TestReadyWaitsWhileHeartbeatsAreAnswered(t *testing.T) {
	bubble(t, Config{ReadyDelay: 5 * time.Minute}, func(t *testing.T, s *Server) {
		start := time.Now()
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		for range 8 {
			p.send(1, nil)
			p.want("op 11")
			time.Sleep(37 * time.Second)
		}
		p.want("READY 1")
		if got := time.Since(start); got != 5*time.Minute {
			t.Errorf("READY after %v, want 5m", got)
		}
	})
}

func TestAcceptedIdentifies(t *testing.T) {
	for _, c := range []struct {
		name   string
		cfg    Config
		change []any
		want   string
	}{
		{"wrong token", Config{}, []any{"token", "x"}, "close 4004"},
		{"prefixed token", Config{}, []any{"token", "Bot gatewaytest-token"}, "READY 1"},
		{"intent not granted", Config{Intents: NoPrivileged}, nil, "close 4014"},
		{"one intent not granted", Config{Intents: 1 << 1}, []any{"intents", 1<<1 | 1<<15}, "close 4014"},
		{"granted", Config{Intents: 1 << 1}, []any{"intents", 1 << 1}, "READY"},
		{"not a multiple", Config{ShardMultiple: 16}, []any{"shard", []int{0, 17}}, "close 4010"},
		{"a multiple", Config{ShardMultiple: 16}, []any{"shard", []int{0, 32}}, "READY"},
		{"too many guilds", Config{Guilds: 3, GuildsPerShard: 2}, nil, "close 4011"},
		{"few enough guilds", Config{Guilds: 3, GuildsPerShard: 3}, nil, "READY"},
		{"no intents at all", Config{}, []any{"intents", 0}, "READY"},
		{"large threshold", Config{}, []any{"large_threshold", 250}, "READY"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, c.cfg, func(t *testing.T, s *Server) { identifying(c.want, c.change...)(t, s) })
		})
	}
}

func TestIdentifiesOfOneKeyAreSpaced(t *testing.T) {
	bubble(t, Config{MaxConcurrency: 2}, func(t *testing.T, s *Server) {
		login(t, s, "shard", []int{0, 4})
		login(t, s, "shard", []int{1, 4})
		time.Sleep(5 * time.Second)
		login(t, s, "shard", []int{2, 4})
	})
}

func TestResumeAtTheBaseHostWhileTheOtherIsInTrouble(t *testing.T) {
	base := func(t *testing.T, s *Server, id string) {
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
		p.want("RESUMED")
	}
	for name, trouble := range map[string]func(t *testing.T, s *Server){
		"down": func(_ *testing.T, s *Server) { s.HostDown("resume", true) },
		"was down": func(_ *testing.T, s *Server) {
			s.HostDown("resume", true)
			s.HostDown("resume", false)
		},
		"refuses": func(t *testing.T, s *Server) {
			s.RefuseUpgrade("resume", 503, nil)
			if _, resp := handshake(t, s, s.ResumeURL(), goodQuery); resp.StatusCode != 503 {
				t.Errorf("upgrade: got %d, want 503", resp.StatusCode)
			}
		},
		"drops": func(t *testing.T, s *Server) {
			s.OnConnect(func(c *Conn) { c.Close(1011, "") })
			dial(t, s, s.ResumeURL(), goodQuery).want("close 1011")
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, s *Server) {
				p, id := login(t, s)
				p.nc.Close()
				trouble(t, s)
				synctest.Wait()
				base(t, s, id)
			})
		})
	}
}
