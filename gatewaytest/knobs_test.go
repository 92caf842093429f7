package gatewaytest

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// payloadInbox decompresses what came compressed, each message by itself, and notes the sizes of both kinds.
func payloadInbox(t *testing.T, plain, packed *[]int) func(byte, []byte) []byte {
	return func(typ byte, b []byte) []byte {
		if typ == frameText {
			*plain = append(*plain, len(b))
			return b
		}
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("zlib header: %v", err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatalf("not a whole zlib stream: %v", err)
		}
		*packed = append(*packed, len(text))
		return text
	}
}

func TestPayloadCompressionPacksLargeMessagesOneByOne(t *testing.T) {
	bubble(t, Config{Guilds: 2}, func(t *testing.T, s *Server) {
		var plain, packed []int
		p := dial(t, s, s.URL(), goodQuery)
		p.inbox = payloadInbox(t, &plain, &packed)
		p.want("op 10")
		p.send(2, identity(s, "compress", true))
		id := p.ready()
		p.want("GUILD_CREATE 2", "GUILD_CREATE 3")
		s.Dispatch(0, "SMALL", nil)
		p.want("SMALL 4")
		p.nc.Close()
		synctest.Wait()
		s.Dispatch(0, "LARGE", strings.Repeat("x", payloadSize))
		p = relogin(t, s, id, 4)
		p.inbox = payloadInbox(t, &plain, &packed)
		p.want("LARGE 5", "RESUMED 6")
		if len(packed) < 3 || slices.Min(packed) < payloadSize {
			t.Errorf("compressed messages of %v bytes, want at least 3 of %d or more", packed, payloadSize)
		}
		if len(plain) < 2 || slices.Max(plain) >= payloadSize {
			t.Errorf("text messages of %v bytes, want at least 2, all below %d", plain, payloadSize)
		}
	})
}

func TestPayloadCompressionIsVoidUnderTransportCompression(t *testing.T) {
	bubble(t, Config{Guilds: 2}, func(t *testing.T, s *Server) {
		var frames int
		p := dial(t, s, s.URL(), goodQuery+"&compress=zlib-stream")
		p.inbox = zlibInbox(t, &frames)
		p.want("op 10")
		p.send(2, identity(s, "compress", true))
		p.want("READY 1", "GUILD_CREATE 2", "GUILD_CREATE 3")
	})
}

func TestOutageGuildsComeLater(t *testing.T) {
	for share, want := range map[float64]int{0: 0, 0.5: 50, 1: 100} {
		bubble(t, Config{Guilds: 100, Seed: 1, Outage: share}, func(t *testing.T, s *Server) {
			p, _ := login(t, s)
			start := time.Now()
			gone, here := map[string]bool{}, map[string]time.Duration{}
			for len(here) < 100 {
				m := p.next()
				var g struct {
					ID          string
					Unavailable bool
				}
				json.Unmarshal(m.D, &g)
				switch {
				case m.T != nil && *m.T == "GUILD_DELETE" && g.Unavailable && !gone[g.ID]:
					gone[g.ID] = true
				case m.T != nil && *m.T == "GUILD_CREATE" && here[g.ID] == 0:
					here[g.ID] = time.Since(start) + 1
					if late := time.Since(start) == OutageLasts; late != gone[g.ID] {
						t.Errorf("guild %s: GUILD_CREATE after %v, GUILD_DELETE first: %v", g.ID, time.Since(start), gone[g.ID])
					}
				default:
					t.Fatalf("got %v of guild %s", m, g.ID)
				}
			}
			if d := len(gone) - want; d < -15 || d > 15 {
				t.Errorf("share %v: %d guilds were unavailable, want about %d", share, len(gone), want)
			}
		})
	}
}

func TestOutageIsReplayedToAClientThatWasAway(t *testing.T) {
	bubble(t, Config{Guilds: 3, Outage: 1}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.want("GUILD_DELETE 2", "GUILD_DELETE 3", "GUILD_DELETE 4")
		p.nc.Close()
		time.Sleep(OutageLasts)
		p = relogin(t, s, id, 3)
		p.want("GUILD_DELETE 4", "RESUMED 5", "GUILD_CREATE 6", "GUILD_CREATE 7", "GUILD_CREATE 8")
	})
}

func TestNothingHappensInAGuildDuringItsOutage(t *testing.T) {
	bubble(t, Config{Guilds: 1, Outage: 1}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.want("GUILD_DELETE 2")
		publish(s, worldEvent{Type: "EARLY", Guild: s.guilds[0], Body: json.RawMessage("1")})
		p.want("GUILD_CREATE 3")
		publish(s, worldEvent{Type: "LATE", Guild: s.guilds[0], Body: json.RawMessage("1")})
		p.want("LATE 4")
	})
}

func TestVoiceServerFirst(t *testing.T) {
	bubble(t, Config{Guilds: 1, VoiceServerFirst: true}, func(t *testing.T, s *Server) {
		p, guild, _ := askMembers(t, s, "intents", 1) // no GUILD_VOICE_STATES
		p.send(4, obj{"guild_id": guild, "channel_id": voiceChannel(s), "self_mute": false, "self_deaf": false})
		p.want("VOICE_SERVER_UPDATE 3", "VOICE_STATE_UPDATE 4")
	})
}

func TestJoiningAFullVoiceChannelGetsNoAnswer(t *testing.T) {
	bubble(t, Config{Guilds: 1, FullVoice: true}, func(t *testing.T, s *Server) {
		p, guild, _ := askMembers(t, s)
		p.send(4, obj{"guild_id": guild, "channel_id": voiceChannel(s), "self_mute": false, "self_deaf": false})
		p.send(1, 2)
		p.want("op 11")
	})
}

func TestShuffledChunksAreComplete(t *testing.T) {
	bubble(t, Config{Guilds: 1, Members: 5500, Seed: 1, ShuffleChunks: true}, func(t *testing.T, s *Server) {
		p, _, ask := askMembers(t, s)
		first := ask(obj{"query": "", "limit": 0})
		order := []int{first.Index}
		for range first.Count - 1 {
			var c chunk
			json.Unmarshal(p.want("GUILD_MEMBERS_CHUNK").D, &c)
			order = append(order, c.Index)
		}
		if slices.IsSorted(order) {
			t.Errorf("chunks came in order: %v", order)
		}
		slices.Sort(order)
		for i, n := range order {
			if i != n {
				t.Fatalf("chunks: got %v, want 0 to %d, each once", order, first.Count-1)
			}
		}
	})
}

func TestMisplacedResumeIsNudged(t *testing.T) {
	for query, base := range map[string]func(*Server) string{goodQuery: (*Server).URL, "v=9&encoding=json": (*Server).ResumeURL} {
		bubble(t, Config{NudgeResume: 3 * time.Second}, func(t *testing.T, s *Server) {
			s.Allow(RuleResumeHost, RuleResumeQuery)
			p, id := login(t, s)
			p.nc.Close()
			synctest.Wait()
			p = dial(t, s, base(s), query)
			p.want("op 10")
			p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 1})
			p.want("RESUMED 2")
			start := time.Now()
			p.want("op 7 null")
			if got := time.Since(start); got != 3*time.Second {
				t.Errorf("%s at %s: op 7 after %v, want 3s", query, base(s), got)
			}
		})
	}
	bubble(t, Config{NudgeResume: 3 * time.Second}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		p.nc.Close()
		synctest.Wait()
		p = relogin(t, s, id, 1)
		p.want("RESUMED 2")
		time.Sleep(10 * time.Second)
		p.send(1, 2)
		p.want("op 11")
	})
}

func TestMixDecidesWhatHappens(t *testing.T) {
	bubble(t, Config{Guilds: 2, Rate: 20, Mix: "TYPING_START=1"}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.want("GUILD_CREATE 2", "GUILD_CREATE 3")
		for i := range 50 {
			p.want(fmt.Sprintf("TYPING_START %d", i+4))
		}
	})
}

// A GUILD_CREATE that ends an outage of the world is made for each session, as its first one was.
func TestGuildComesBackAsTheSessionMaySeeIt(t *testing.T) {
	for intents, want := range map[int]bool{1: false, 1 | 1<<8: true} {
		bubble(t, Config{Guilds: 1, Members: 20}, func(t *testing.T, s *Server) {
			p, _ := login(t, s, "intents", intents)
			first := p.want("GUILD_CREATE 2").D
			inject := func(typ string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				ev, ok := s.world.make(typ, s.guilds[0], time.Now())
				if !ok {
					t.Fatalf("the world makes no %s", typ)
				}
				s.publish(ev)
			}
			inject("GUILD_DELETE")
			p.want("GUILD_DELETE 3")
			inject("GUILD_CREATE")
			for _, d := range []json.RawMessage{first, p.want("GUILD_CREATE 4").D} {
				var g struct{ Presences []json.RawMessage }
				json.Unmarshal(d, &g)
				if got := len(g.Presences) > 3; got != want {
					t.Errorf("intents %#x: %d presences, others than the bot's: want %v", intents, len(g.Presences), want)
				}
			}
		})
	}
}

func TestReplayLogHoldsTwoSecondsOfRate(t *testing.T) {
	for _, c := range []struct {
		cfg    Config
		missed int
		want   string
	}{
		{Config{}, 1024, "A 2"},
		{Config{}, 1025, "op 9 false"},
		{Config{Rate: 2000}, 4000, "A 2"},
		{Config{Rate: 2000}, 4001, "op 9 false"},
		{Config{Rate: 2000, ReplayEvents: 10}, 11, "op 9 false"},
	} {
		bubble(t, c.cfg, func(t *testing.T, s *Server) {
			p, id := login(t, s)
			p.nc.Close()
			synctest.Wait()
			for range c.missed {
				s.Dispatch(0, "A", nil)
			}
			p = relogin(t, s, id, 1)
			if got := p.next().String(); got != c.want {
				t.Errorf("%d missed at rate %v: got %s, want %s", c.missed, c.cfg.Rate, got, c.want)
			}
			p.nc.Close()
			synctest.Wait()
		})
	}
}
