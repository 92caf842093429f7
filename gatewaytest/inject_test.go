package gatewaytest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestInjectedEventsComeFromTheWorld(t *testing.T) {
	bubble(t, Config{Guilds: 6}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.until("GUILD_CREATE 7")
		for i, typ := range []string{"MESSAGE_CREATE", "GUILD_BAN_ADD", "USER_UPDATE", "STAGE_INSTANCE_CREATE"} {
			data, err := s.Inject(0, typ)
			if err != nil {
				t.Fatal(err)
			}
			m := p.next()
			for m.T != nil && *m.T != typ { // a ban also removes its member
				m = p.next()
			}
			if m.T == nil || string(m.D) != string(data) {
				t.Errorf("event %d: got %v %s, want %s %s", i, m, m.D, typ, data)
			}
		}
		guild := s.Guilds()[2]
		data, err := s.InjectIn(guild, "CHANNEL_CREATE")
		if err != nil {
			t.Fatal(err)
		}
		f, _ := parseFields(data)
		if got, _ := f.id("guild_id"); got != guild {
			t.Errorf("CHANNEL_CREATE in guild %d, want %d", got, guild)
		}
		if _, err := s.InjectIn(0, "MESSAGE_CREATE"); err != nil {
			t.Errorf("a direct message: %v", err)
		}
	})
}

// Every event of the world comes on demand, if not at once then after its object has been made.
func TestInjectMakesEveryEventOfTheWorld(t *testing.T) {
	bubble(t, Config{Guilds: 10}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		p.until("GUILD_CREATE 11")
		var got []string
		for _, k := range worldLife {
			if k.name == "GUILD_CREATE" {
				continue // ends the outage that GUILD_DELETE begins
			}
			if _, err := s.Inject(0, k.name); err != nil {
				t.Error(err)
				continue
			}
			for m := p.next(); ; m = p.next() {
				if m.T == nil {
					t.Fatalf("%s: got %v", k.name, m)
				}
				got = append(got, *m.T)
				if *m.T == k.name {
					break
				}
			}
		}
		if len(slices.Compact(slices.Sorted(slices.Values(got)))) < len(worldLife)-1 {
			t.Errorf("got %d types", len(got))
		}
	})
}

func TestInjectSaysWhyNot(t *testing.T) {
	bubble(t, Config{Guilds: 2, MaxConcurrency: 4}, func(t *testing.T, s *Server) {
		check := func(err error, want string) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got error %v, want one with %q", err, want)
			}
		}
		shard := func(shard int, typ string) error { _, err := s.Inject(shard, typ); return err }
		in := func(guild uint64, typ string) error { _, err := s.InjectIn(guild, typ); return err }
		guild := s.Guilds()[0]
		check(shard(0, "MESSAGE_CREATE"), "no session")
		check(in(guild, "MESSAGE_CREATE"), "no session takes it")
		p, _ := login(t, s, "intents", 1)
		p.until("GUILD_CREATE 3")
		check(shard(3, "MESSAGE_CREATE"), "shard 3 has no session")
		check(shard(0, "TYPING_START"), "without the intent")
		check(shard(0, "READY"), "Dispatch sends any")
		check(in(1, "MESSAGE_CREATE"), "in no guild 1")
		check(in(1, "NO_SUCH"), "Dispatch sends any")
		q := dial(t, s, s.URL(), goodQuery)
		q.want("op 10")
		q.send(2, identity(s, "shard", []int{1, 2}, "intents", 1<<9))
		q.ready()
		check(shard(1, "USER_UPDATE"), "shard 0 only")
	})
}

func TestAwaitReturnsEachPayloadOnce(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		start := time.Now()
		if _, ok := s.Await(2, time.Minute); ok || time.Since(start) != time.Minute {
			t.Errorf("without a client: got %v after %v, want nothing after 1m", ok, time.Since(start))
		}
		p, id := login(t, s)
		if got, ok := s.Await(2, 0); !ok || got.Op != 2 || got.Conn != 1 {
			t.Errorf("IDENTIFY that is there: got %+v %v", got, ok)
		}
		p.send(1, 1)
		p.want("op 11")
		go func() {
			time.Sleep(40 * time.Second)
			p.send(1, 1)
			p.want("op 11")
			p.close(4001)
		}()
		start = time.Now()
		for _, want := range []time.Duration{0, 40 * time.Second} {
			if got, ok := s.Await(1, time.Minute); !ok || time.Since(start) != want || !got.At.Equal(start.Add(want)) {
				t.Errorf("heartbeat: got %+v %v after %v, want it after %v", got, ok, time.Since(start), want)
			}
		}
		if got, ok := s.Await(OpClose, time.Minute); !ok || got.Close != 4001 {
			t.Errorf("close: got %+v %v, want 4001", got, ok)
		}
		synctest.Wait()
		relogin(t, s, id, 1).want("RESUMED")
		if got, ok := s.Await(6, 0); !ok || got.Host != "resume" {
			t.Errorf("RESUME: got %+v %v", got, ok)
		}
		if _, ok := s.Await(2, 0); ok {
			t.Error("the IDENTIFY was returned twice")
		}
	})
}

func TestAwaitEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{})
		go func() {
			time.Sleep(time.Second)
			s.Close()
		}()
		start := time.Now()
		if _, ok := s.Await(2, time.Hour); ok || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want nothing after 1s", ok, time.Since(start))
		}
	})
}

func TestAwaitFindsPayloadsPastTheRing(t *testing.T) {
	bubble(t, Config{Record: 2}, func(t *testing.T, s *Server) {
		s.Allow(RuleHeartbeatBurst)
		p, _ := login(t, s)
		for range 5 {
			p.send(1, json.RawMessage("1"))
			p.want("op 11")
		}
		for i := range 3 {
			if _, ok := s.Await(1, 0); ok != (i < 2) {
				t.Errorf("heartbeat %d of the newest 2: got %v", i, ok)
			}
		}
	})
}
