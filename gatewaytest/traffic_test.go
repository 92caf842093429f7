package gatewaytest

import (
	"encoding/json"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestTrafficKeepsItsRate(t *testing.T) {
	for _, rate := range []float64{0.5, 40, 900} {
		bubble(t, Config{Guilds: 3, Rate: rate, Seed: 1, ReplayEvents: 1 << 20, Record: 1 << 20}, func(t *testing.T, s *Server) {
			p, id := login(t, s)
			go func() {
				for p.next().err == nil {
				}
			}()
			p.idle(10*time.Second, nil)
			synctest.Wait()
			// READY and three GUILD_CREATEs; every intent is there, so every event is delivered.
			want := int(rate*10) + 4
			if got := len(s.Issued(id)); got < want-int(rate*trafficStep.Seconds())-1 || got > want {
				t.Errorf("rate %v: issued %d in 10 s, want %d", rate, got, want)
			}
			p.nc.Close()
			synctest.Wait()
		})
	}
}

func TestTrafficGoesToItsShardByIntent(t *testing.T) {
	bubble(t, Config{Guilds: 16, Rate: 200, MaxConcurrency: 2}, func(t *testing.T, s *Server) {
		const guildMessages = 1 << 9
		for shard := range 2 {
			p, _ := login(t, s, "shard", []int{shard, 2}, "intents", guildMessages)
			seen := 0
			for range 200 {
				m := p.next()
				if m.T == nil {
					t.Fatalf("got %v", m)
				}
				var d struct {
					GuildID string `json:"guild_id"`
					Content string `json:"content"`
					Author  struct{ ID string }
				}
				json.Unmarshal(m.D, &d)
				guild, _ := strconv.ParseUint(d.GuildID, 10, 64)
				if guild == 0 && shard != 0 || guild != 0 && int(guild>>22%2) != shard {
					t.Fatalf("shard %d got %v of guild %q", shard, m, d.GuildID)
				}
				switch *m.T {
				case "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK":
					seen++
				case "TYPING_START", "PRESENCE_UPDATE", "GUILD_CREATE", "CHANNEL_UPDATE", "GUILD_MEMBER_ADD":
					t.Fatalf("got %v, which these intents do not cover", m)
				}
			}
			if seen < 50 {
				t.Errorf("shard %d: %d messages among 200 events", shard, seen)
			}
			p.nc.Close()
			synctest.Wait()
			s.ExpireSessions()
		}
	})
}

func TestTrafficStopsWithTheLastSession(t *testing.T) {
	bubble(t, Config{Guilds: 1, Rate: 10}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		time.Sleep(time.Minute)
		missed := len(s.Issued(id))
		if missed < 100 {
			t.Errorf("a resumable session missed %d events in a minute, want many", missed)
		}
		time.Sleep(time.Hour)
		if n := len(s.Sessions()); n != 0 {
			t.Errorf("sessions after an hour: got %d, want none", n)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.trafficAt.IsZero() {
			t.Error("traffic goes on without a session")
		}
	})
}

// publish lets an event happen by hand.
func publish(s *Server, ev worldEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(ev)
}

func TestContentIsBlankWithoutItsIntent(t *testing.T) {
	ev := worldEvent{Type: "MESSAGE_CREATE", Intents: 1 << 9, Body: json.RawMessage(`"body"`), Blank: json.RawMessage(`"blank"`)}
	for intents, want := range map[int]string{1 << 9: `"blank"`, 1<<9 | 1<<15: `"body"`} {
		bubble(t, Config{}, func(t *testing.T, s *Server) {
			p, _ := login(t, s, "intents", intents)
			publish(s, ev)
			if got := string(p.want("MESSAGE_CREATE 2").D); got != want {
				t.Errorf("intents %#x: got %s, want %s", intents, got, want)
			}
			ev := ev
			ev.Blank = nil
			publish(s, ev)
			if got := string(p.want("MESSAGE_CREATE 3").D); got != `"body"` {
				t.Errorf("intents %#x, nothing to blank: got %s, want the body", intents, got)
			}
		})
	}
}

func TestNothingHappensInAGuildBeforeItsCreate(t *testing.T) {
	bubble(t, Config{Guilds: 300}, func(t *testing.T, s *Server) {
		// A client that does not read leaves most guilds uncreated.
		p, _ := login(t, s)
		synctest.Wait()
		s.mu.Lock()
		waiting := s.sessions[s.conns[0].sess.id].unborn
		s.mu.Unlock()
		if len(waiting) == 0 {
			t.Fatal("every guild was created for a client that does not read")
		}
		last := waiting[len(waiting)-1]
		publish(s, worldEvent{Type: "EARLY", Guild: last, Body: json.RawMessage("1")})
		for range s.guilds {
			p.want("GUILD_CREATE")
		}
		publish(s, worldEvent{Type: "LATE", Guild: last, Body: json.RawMessage("1")})
		p.want("LATE 302")
	})
}
