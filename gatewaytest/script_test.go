package gatewaytest

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestRuleReplacesOnce(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		s.On(1, func(c *Conn, data json.RawMessage) { c.Send(7, string(data)) })
		p.send(1, 1)
		p.want(`op 7 "1"`)
		time.Sleep(s.cfg.HeartbeatInterval)
		p.send(1, 1)
		p.want("op 11")
	})
}

func TestRuleTimesKeepDropAndDefault(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.Allow(RuleHeartbeatBurst)
		var ran []string
		note := func(name string) func(*Conn, json.RawMessage) {
			return func(c *Conn, _ json.RawMessage) { ran = append(ran, name); c.Default() }
		}
		p, _ := login(t, s)
		beat := func() { p.send(1, 1); p.want("op 11") }
		s.On(1, note("elsewhere")).Shard(1).Keep()
		s.On(1, note("resume")).Host("resume").Keep()
		s.On(1, note("twice")).Shard(0).Host("gateway").Times(2)
		kept := s.On(1, note("kept")).Keep()
		for range 4 {
			beat()
		}
		kept.Drop()
		beat()
		if want := []string{"twice", "twice", "kept", "kept"}; !slices.Equal(ran, want) {
			t.Errorf("rules ran: got %v, want %v", ran, want)
		}
	})
}

func TestRuleOfOneShardsIdentify(t *testing.T) {
	bubble(t, Config{MaxConcurrency: 2}, func(t *testing.T, s *Server) {
		s.On(2, func(c *Conn, _ json.RawMessage) { c.Send(9, false) }).Shard(1)
		login(t, s, "shard", []int{0, 2})
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s, "shard", []int{1, 2}))
		p.want("op 9 false")
	})
}

func TestOnConnectInsteadOfHello(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.OnConnect(func(c *Conn) { c.Send(7, nil) })
		s.OnConnect(func(c *Conn) { time.Sleep(19 * time.Second); c.Default() })
		s.OnConnect(func(c *Conn) { c.Send(10, map[string]int{"heartbeat_interval": 1000}) })
		dial(t, s, s.URL(), goodQuery).want("op 7 null")
		start := time.Now()
		dial(t, s, s.URL(), goodQuery).want("op 10")
		if got := time.Since(start); got != 19*time.Second {
			t.Errorf("Hello after %v, want 19s", got)
		}
		s.Allow(RuleHeartbeatLate)
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10", "close 4000")
		if got := time.Since(start) - 19*time.Second; got != 1500*time.Millisecond {
			t.Errorf("gave a client with an interval of 1s up after %v, want 1.5s", got)
		}
	})
}

func TestConnectionWithoutHelloIsDroppedInTheEnd(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.OnConnect(func(c *Conn) {})
		start := time.Now()
		p := dial(t, s, s.URL(), goodQuery)
		if m := p.next(); m.err == nil || time.Since(start) != silence {
			t.Errorf("got %v after %v, want an error after %v", m, time.Since(start), silence)
		}
	})
}

func TestMutedConnectionsStayOpen(t *testing.T) {
	for name, mute := range map[string]func(*Conn){"all": (*Conn).Mute, "ACKs": (*Conn).MuteACKs} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, s *Server) {
				p, id := login(t, s)
				mute(s.Conns()[0])
				p.send(1, 1)
				s.Dispatch(0, "A", nil)
				if name == "ACKs" {
					p.want("A 2")
				}
				p.nc.SetReadDeadline(time.Now().Add(time.Minute))
				if b, err := p.r.ReadByte(); err == nil {
					t.Errorf("read %#x from a muted connection", b)
				}
				if n := len(s.Conns()); n != 1 {
					t.Errorf("open connections: got %d, want 1", n)
				}
				p.nc.Close()
				synctest.Wait()
				relogin(t, s, id, 1).want("A 2", "RESUMED 3")
			})
		})
	}
}

func TestHostDown(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.HostDown("resume", true)
		get := func(url string) error {
			req, _ := http.NewRequest(http.MethodGet, url, nil)
			req.Header.Set("User-Agent", goodAgent)
			resp, err := s.Client().Do(req)
			if err == nil {
				resp.Body.Close()
			}
			return err
		}
		if err := get("http://resume.discord.test/x"); err == nil {
			t.Error("a host that is down answered")
		}
		if err := get("http://gateway.discord.test/x"); err != nil {
			t.Errorf("the other host: %v", err)
		}
		s.HostDown("resume", false)
		if err := get("http://resume.discord.test/x"); err != nil {
			t.Errorf("back again: %v", err)
		}
		if err := get("http://nowhere.test/"); err == nil {
			t.Error("a host nobody made answered")
		}
	})
}

func TestHostMuteNeverAnswers(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.HostMute("", true)
		client := *s.Client()
		client.Timeout = 20 * time.Second
		start := time.Now()
		if _, err := client.Get("http://gateway.discord.test/"); err == nil || time.Since(start) != client.Timeout {
			t.Errorf("got %v after %v, want a timeout after %v", err, time.Since(start), client.Timeout)
		}
	})
}

func TestRefuseUpgrade(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.RefuseUpgrade("resume", 502, nil).Keep()
		s.RefuseUpgrade("", 307, http.Header{"Location": {"ws://elsewhere.test/"}})
		_, resp := handshake(t, s, s.URL(), goodQuery)
		if resp.StatusCode != 307 || resp.Header.Get("Location") != "ws://elsewhere.test/" {
			t.Errorf("got %d to %q, want the redirect", resp.StatusCode, resp.Header.Get("Location"))
		}
		for range 3 {
			if _, resp := handshake(t, s, s.ResumeURL(), goodQuery); resp.StatusCode != 502 {
				t.Errorf("resume host: got %d, want 502", resp.StatusCode)
			}
		}
		dial(t, s, s.URL(), goodQuery).want("op 10")
		if got := s.Accepted(); got != 1 {
			t.Errorf("accepted: got %d, want 1", got)
		}
	})
}

func TestReceivedTellsWhatTheClientSent(t *testing.T) {
	bubble(t, Config{Record: 3}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		synctest.Wait()
		p = relogin(t, s, id, 1)
		p.want("RESUMED 2")
		p.send(1, 2)
		p.want("op 11")
		p.close(4001)
		p.want("close 4001")
		got := s.Received()
		if len(got) != 3 {
			t.Fatalf("received: got %d payloads, want the newest 3", len(got))
		}
		for i, want := range []Payload{{Op: 6}, {Op: 1, Data: json.RawMessage("2")}, {Op: OpClose, Close: 4001}} {
			g := got[i]
			if g.Op != want.Op || g.Close != want.Close || want.Data != nil && string(g.Data) != string(want.Data) ||
				g.Conn != 2 || g.Host != "resume" || g.Shard != 0 {
				t.Errorf("payload %d: got %+v, want %+v on connection 2 at resume, shard 0", i, g, want)
			}
		}
		if types := s.Issued(id); !slices.Equal(types, []Issued{{1, "READY"}, {2, "RESUMED"}}) {
			t.Errorf("issued: got %v", types)
		}
	})
}

func TestScriptedReadyNeedsNoSession(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.On(2, func(c *Conn, _ json.RawMessage) {
			c.SendRaw([]byte(`{"op":0,"t":"READY","s":41,"d":{"session_id":"x"}}`))
		})
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		p.want("READY 41")
		p.send(1, 41)
		p.want("op 11")
	})
}

func TestSendKeepsItsPlaceAmongEvents(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		c := s.Conns()[0]
		for range 200 { // more than the wire holds
			s.Dispatch(0, "A", make([]byte, 1000))
		}
		c.Send(7, nil)
		s.Dispatch(0, "B", nil)
		c.Close(4000, "")
		s.Dispatch(0, "C", nil) // for the next connection
		if got := types(p.until("close")); len(got) != 203 || got[200] != "op 7 null" || got[201] != "B 202" {
			t.Errorf("got %d messages, the last %v", len(got), got[max(0, len(got)-4):])
		}
	})
}
