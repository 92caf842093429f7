package gatewaytest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// strikeNow lets one fault happen to a connection.
func strikeNow(t *testing.T, c *Conn, name string, seed uint64) {
	t.Helper()
	f, ok := faultNamed(name)
	if !ok {
		t.Fatalf("no fault is called %s", name)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	f.do(&strike{s: c.s, c: c, rng: rand.New(rand.NewPCG(seed, 1)), size: bombSize})
}

func TestDeckOfFaultsThatAreRefusedDoesNotGrow(t *testing.T) {
	spec, _ := parseChaos("seed=1,early=1")
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.stir(spec)
		ch := s.chaos
		l := ch.of(0)
		cards := 0
		for _, w := range spec.wishes {
			if w.at.has(stageSlot) {
				cards += w.cards(stageSlot)
			}
		}
		now := time.Now().Add(time.Hour) // the shard is well: nothing may happen before it is live
		for range 1000 {
			if w := ch.choose(l, stageSlot, now, func(fault) bool { return true }); w != nil {
				t.Fatalf("%s was let", w.fault.name)
			}
		}
		if n := len(l.decks[stageSlot]); n > cards {
			t.Errorf("the deck has %d cards, %d are all there are", n, cards)
		}
		s.Calm()
	})
}

func TestLuckIsOf16384ShardsAtMost(t *testing.T) {
	bubble(t, Config{Chaos: "cut,every=24h,early=0"}, func(t *testing.T, s *Server) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for shard := range 20_000 {
			if s.chaos.of(shard) == nil {
				t.Fatalf("shard %d has no luck", shard)
			}
		}
		if n := len(s.chaos.luck); n != 16384 {
			t.Errorf("%d shards have luck of their own", n)
		}
	})
}

func TestCloseDoesNotWaitForAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{})
		p, _ := login(t, s)
		c := s.Conns()[0]
		s.mu.Lock()
		c.stillFor(3 * time.Minute)
		s.mu.Unlock()
		p.send(1, 1)
		c.Send(11, nil)
		synctest.Wait()
		start := time.Now()
		s.Close()
		if took := time.Since(start); took > 0 {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestHiccupDoesNotShortenAStall(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		start := time.Now()
		s.mu.Lock()
		s.conns[0].stillFor(10 * time.Second)
		s.conns[0].stillFor(time.Second)
		s.mu.Unlock()
		s.Conns()[0].Send(11, nil)
		p.want("op 11")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("the stall of 10 s took %v", took)
		}
	})
}

func TestMutedConnectionIsNotStruck(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		_, id := login(t, s)
		s.Conns()[0].Mute()
		if err := s.SetChaos("close-4009*1,every=10ms"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if len(s.Strikes()) > 0 || len(s.Sessions()) != 1 || s.Sessions()[0].ID != id {
			t.Errorf("struck %v, sessions %v", s.Strikes(), s.Sessions())
		}
	})
}

func TestOddHelloBreaksNoRule(t *testing.T) {
	for seed := range uint64(40) { // all that it can say
		bubble(t, Config{}, func(t *testing.T, s *Server) {
			s.OnConnect(func(c *Conn) { strikeNow(t, c, "hello-odd", seed) })
			p := dial(t, s, s.URL(), goodQuery)
			p.want("op 10")
			time.Sleep(time.Second)
			p.close(4000)
			p.want("close 4000")
		})
	}
}

func TestNamelessClientMeetsEarlyFaultsOfASeed(t *testing.T) {
	met := map[string]bool{}
	for seed := range uint64(20) {
		bubble(t, Config{Chaos: fmt.Sprintf("seed=%d,early=1", seed)}, func(t *testing.T, s *Server) {
			s.mu.Lock()
			l := s.chaos.of(0) // the one shard there is was live for long, and has been broken now
			l.ended = l.ended.Add(-time.Hour)
			s.chaos.breaks(l, time.Now(), false)
			s.mu.Unlock()
			nc, err := s.Client().Transport.(*http.Transport).DialContext(t.Context(), "tcp", "resume.discord.test:80")
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(nc, "GET /?%s HTTP/1.1\r\nHost: h\r\nUser-Agent: %s\r\n\r\n", goodQuery, goodAgent)
			synctest.Wait()
			nc.Close()
			s.Allow(RuleWebSocket)
			for k := range s.Strikes() {
				met[k.Stage] = true
			}
			s.Calm()
		})
	}
	if !met["dial-resume"] {
		t.Errorf("struck at %v only", met)
	}
}

func TestHeartbeatsAreJudgedAgainTwoIntervalsAfterAHiccup(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.Allow(RuleHeartbeatBurst)
		p, _ := login(t, s)
		s.mu.Lock()
		s.conns[0].stillFor(time.Second)
		s.mu.Unlock()
		burst := func() int { p.send(1, 1); p.send(1, 1); synctest.Wait(); return len(s.Violations()) }
		for range 2 {
			time.Sleep(s.cfg.HeartbeatInterval)
			if n := burst(); n != 0 {
				t.Fatalf("judged %v after the hiccup", s.Violations())
			}
		}
		time.Sleep(s.cfg.HeartbeatInterval)
		if n := burst(); n != 1 {
			t.Errorf("%d violations two intervals after the hiccup: %v", n, s.Violations())
		}
	})
}

func TestClientThatFallsSilentAfterAHiccupIsClosed(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.Allow(RuleHeartbeatLate)
		p, _ := login(t, s)
		s.mu.Lock()
		s.conns[0].stillFor(time.Second)
		s.mu.Unlock()
		start := time.Now()
		p.want("close 4000")
		if took, want := time.Since(start), time.Second+2*s.cfg.HeartbeatInterval; took != want {
			t.Errorf("closed after %v, want %v", took, want)
		}
	})
}

func TestFloodOfRequestsLeavesTheSendLimitInForce(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.Allow(RuleRateLimit)
		p, _ := login(t, s)
		strikeNow(t, s.Conns()[0], "op1-flood", 1)
		for range 121 {
			p.send(1, 1)
		}
		synctest.Wait()
		if got := rulesOf(s); !slices.Equal(got, []string{RuleRateLimit}) {
			t.Errorf("broken: %v", got)
		}
	})
}

func TestOutagesOfOneHostDoNotOverlap(t *testing.T) {
	bubble(t, Config{Chaos: "base-down,every=24h"}, func(t *testing.T, s *Server) {
		s.mu.Lock()
		base, _ := faultNamed("base-down")
		all, _ := faultNamed("all-down")
		mute, _ := faultNamed("resume-mute")
		began := []bool{s.strikeHost(base), s.strikeHost(all), s.strikeHost(mute), s.strikeHost(mute)}
		s.mu.Unlock()
		if want := []bool{true, false, true, false}; !slices.Equal(began, want) {
			t.Errorf("began: %v, want %v", began, want)
		}
		time.Sleep(10 * time.Minute)
		for _, host := range []string{hostGateway, hostResume} {
			if mute, down := s.unreachable(host); mute || down || len(s.fell) > 0 {
				t.Errorf("%s is mute: %v, down: %v", host, mute, down)
			}
		}
	})
}

func TestTroubleThatATestMakesIsNoStrike(t *testing.T) {
	bubble(t, Config{Chaos: "base-down,every=24h"}, func(t *testing.T, s *Server) {
		f, _ := faultNamed("base-down")
		s.mu.Lock()
		s.strikeHost(f)
		s.mu.Unlock()
		knock := func() {
			if _, err := s.Client().Get("http://gateway.discord.test/"); err == nil {
				t.Error("the host is there")
			}
		}
		knock()
		s.HostDown(hostGateway, true)
		knock()
		time.Sleep(10 * time.Minute)
		knock()
		if n := s.Strikes()[Strike{"dial", "base-down"}]; n != 1 {
			t.Errorf("%d strikes, want 1", n)
		}
		s.HostDown(hostGateway, false)
	})
}

func TestGentleChaosBeginsItsHeartbeatsWhenItDoes(t *testing.T) {
	for given, want := range map[time.Duration][]string{0: {"41250", "2500", "41250"}, time.Minute: {"60000", "60000", "60000"}} {
		bubble(t, Config{HeartbeatInterval: given}, func(t *testing.T, s *Server) {
			for i, spec := range []string{"", "gentle,cut,every=24h,early=0", ""} {
				if err := s.SetChaos(spec); err != nil {
					t.Fatal(err)
				}
				hello := dial(t, s, s.URL(), goodQuery).want("op 10")
				if !strings.Contains(string(hello.D), want[i]) {
					t.Errorf("given %v, %q: Hello %s", given, spec, hello.D)
				}
			}
		})
	}
}

func TestNothingFollowsATruncatedMessage(t *testing.T) {
	for _, compress := range []bool{false, true} {
		p := packer{presses: new(presses), payload: compress, truncate: true, fragments: 2}
		c := &Conn{s: &Server{}, pack: p}
		text := outgoing{kind: outText, body: bytes.Repeat([]byte("ab"), payloadSize)}
		got := c.frame(nil, text)
		var whole []byte
		for rest := got; len(rest) > 0; {
			n, from := int(rest[1]), 2
			if n == 126 {
				n, from = int(rest[2])<<8|int(rest[3]), 4
			}
			whole, rest = append(whole, rest[from:from+n]...), rest[from+n:]
		}
		if got[0]&0x80 != 0 || !compress && len(whole) != payloadSize {
			t.Errorf("compress %v: %d bytes, first frame %#x", compress, len(whole), got[0])
		}
		for _, m := range []outgoing{text, {kind: outPong}, {kind: outBytes, body: []byte{1}}, {kind: outPing}} {
			if more := c.frame(nil, m); len(more) > 0 {
				t.Errorf("compress %v: kind %d follows", compress, m.kind)
			}
		}
	}
}

// What a seed wishes for happens, by name, over some seeds: clients that come back at once and live for a while.
func TestEveryFaultOfASeedHappens(t *testing.T) {
	struck := map[string]bool{}
	stagesMet := map[stage]bool{}
	wished := map[string]bool{}
	any := func(fault) bool { return true }
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			s := NewMemoryServer(Config{Chaos: fmt.Sprintf("seed=%d", seed)})
			defer s.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			ch := s.chaos
			l := ch.of(0)
			for _, w := range ch.spec.wishes {
				wished[w.fault.name] = w.fault.do != nil || w.fault.dial != nil
			}
			now := time.Now()
			draw := func(at stage) severity {
				now = now.Add(300 * time.Millisecond)
				w := ch.choose(l, at, now, any)
				if w == nil {
					return harmless
				}
				struck[w.fault.name], stagesMet[at] = true, true
				return w.fault.severity
			}
			fresh := true
			for end := now.Add(100 * time.Hour); now.Before(end); {
				way := []stage{stageDialResume, stageHelloResume, stageSlot, stageResume, stageReplay}
				if fresh {
					way = []stage{stageDial, stageHello, stageSlot, stageIdentify}
				}
				if slices.ContainsFunc(way, func(at stage) bool { return draw(at) != harmless }) {
					continue
				}
				fresh = false
				for {
					now = now.Add(ch.after(l.rng))
					if sev := draw(stageLive); sev != harmless {
						fresh = sev == ends
						break
					}
				}
			}
		})
	}
	for name, want := range wished {
		if want && !struck[name] {
			t.Errorf("%s never happened", name)
		}
	}
	for at := range stages {
		if !stagesMet[at] {
			t.Errorf("nothing ever happened at %s", at)
		}
	}
}
