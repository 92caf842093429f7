package chiru_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// slowGate gives its first permit after a while, so that a test can find the shard waiting for it.
type slowGate struct {
	chiru.IdentifyGate
	first time.Duration
}

func (g *slowGate) Permit(ctx context.Context, shard int) <-chan chiru.Permit {
	wait := g.first
	g.first = 0
	if wait == 0 {
		return g.IdentifyGate.Permit(ctx, shard)
	}
	out := make(chan chiru.Permit)
	go func() {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		select {
		case p := <-g.IdentifyGate.Permit(ctx, shard):
			select {
			case out <- p:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}()
	return out
}

// place is a state of the shard's connection, and how a test gets at it there.
type place struct {
	name    string
	session bool // a session is held
	// reach arranges that f gets the connection when the shard is in this state.
	reach func(s *gatewaytest.Server, f func(*gatewaytest.Conn))
	slow  bool // needs the slow gate
}

func places() []place {
	cut := func(s *gatewaytest.Server) {
		for _, c := range s.Conns() {
			c.Cut()
		}
	}
	return []place{
		{name: "awaitHello", reach: func(s *gatewaytest.Server, f func(*gatewaytest.Conn)) { s.OnConnect(f) }},
		{name: "awaitHello of a resume", session: true, reach: func(s *gatewaytest.Server, f func(*gatewaytest.Conn)) {
			wait(time.Minute)
			s.OnConnect(f)
			cut(s)
		}},
		{name: "awaitSlot", slow: true, reach: func(s *gatewaytest.Server, f func(*gatewaytest.Conn)) {
			s.OnConnect(func(c *gatewaytest.Conn) {
				c.Default()
				time.Sleep(time.Second)
				f(c)
			})
		}},
		{name: "identifying", reach: func(s *gatewaytest.Server, f func(*gatewaytest.Conn)) {
			s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { f(c) })
		}},
		{name: "resuming", session: true, reach: func(s *gatewaytest.Server, f func(*gatewaytest.Conn)) {
			wait(time.Minute)
			s.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) { f(c) })
			cut(s)
		}},
		{name: "mid replay", session: true, reach: func(s *gatewaytest.Server, f func(*gatewaytest.Conn)) {
			wait(time.Minute)
			s.On(6, func(c *gatewaytest.Conn, d json.RawMessage) {
				var resume struct {
					SessionID string `json:"session_id"`
					Seq       int64  `json:"seq"`
				}
				if err := json.Unmarshal(d, &resume); err != nil {
					panic(err)
				}
				for _, i := range s.Issued(resume.SessionID) {
					if i.Seq == resume.Seq+1 {
						c.SendRaw(fmt.Appendf(nil, `{"op":0,"s":%d,"t":%q,"d":{}}`, i.Seq, i.Type))
					}
				}
				time.Sleep(time.Second)
				f(c)
			})
			cut(s)
			s.Dispatch(0, "MESSAGE_CREATE", map[string]any{"id": "1"})
		}},
		{name: "live", session: true, reach: func(s *gatewaytest.Server, f func(*gatewaytest.Conn)) {
			wait(70 * time.Second)
			f(s.Conns()[0])
		}},
	}
}

// each runs a test in every state; the consumer's ledger must hold in the end, and the shard be live.
func eachPlace(t *testing.T, fault func(*gatewaytest.Conn), check func(t *testing.T, p place, b *bot)) {
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 1})
				var b *bot
				start := func() {
					b = launch(t, s, func(cfg *chiru.Config) {
						if p.slow {
							cfg.Gate = &slowGate{chiru.NewIdentifyGate(1), 20 * time.Second}
						}
					})
				}
				reached := 0
				f := func(c *gatewaytest.Conn) {
					reached++
					fault(c)
				}
				if p.session {
					start()
					p.reach(s, f)
				} else {
					p.reach(s, f)
					start()
				}
				wait(3 * time.Minute)
				if reached != 1 {
					t.Fatalf("the fault happened %d times, want once\n%s", reached, b.history())
				}
				b.mustBeLive()
				b.checkLedger()
				check(t, p, b)
				b.stop()
			})
		})
	}
}

// keepsSession checks that a session, once held, was not given up.
func keepsSession(t *testing.T, p place, b *bot) {
	t.Helper()
	sessions := map[string]bool{}
	for _, d := range of[*chiru.Dispatch](b) {
		sessions[d.SessionID] = true
	}
	if len(sessions) != 1 {
		t.Errorf("got %d sessions, want the one kept\n%s", len(sessions), b.history())
	}
	for _, close := range sent(b.server, -1) {
		if close.Close == 1000 || close.Close == 1001 {
			t.Errorf("the client closed with %d, which ends the session (docs /events/gateway#initiating-a-disconnect)", close.Close)
		}
	}
}

// docs /events/gateway-events#reconnect
func TestReconnectIsFollowedByAResumeInEveryState(t *testing.T) {
	eachPlace(t, func(c *gatewaytest.Conn) { c.Send(7, nil) }, func(t *testing.T, p place, b *bot) {
		keepsSession(t, p, b)
		if n := len(of[*chiru.ReconnectRequested](b)); n != 1 {
			t.Errorf("got %d ReconnectRequested, want 1", n)
		}
	})
}

// docs /events/gateway#resuming
func TestDropIsFollowedByAResumeInEveryState(t *testing.T) {
	eachPlace(t, func(c *gatewaytest.Conn) { c.Cut() }, keepsSession)
}

// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
func TestServersOwn1000IsFollowedByAResumeInEveryState(t *testing.T) {
	eachPlace(t, func(c *gatewaytest.Conn) { c.Close(1000, "") }, func(t *testing.T, p place, b *bot) {
		if id := of[*chiru.Dispatch](b)[0].SessionID; p.session && b.stats.Snapshot().Session != id {
			t.Errorf("the session was given up\n%s", b.history())
		}
	})
}

// docs /events/gateway-events#invalid-session
func TestInvalidSessionThatMayBeResumedIsResumedInEveryState(t *testing.T) {
	eachPlace(t, func(c *gatewaytest.Conn) { c.Send(9, true) }, func(t *testing.T, p place, b *bot) {
		keepsSession(t, p, b)
		got := of[*chiru.InvalidateSession](b)
		if len(got) != 1 || !got[0].Resumable {
			t.Errorf("got %d InvalidateSession, want one, resumable", len(got))
		}
		for _, d := range of[*chiru.Disconnected](b) {
			if d.Err.Error() == "discord invalidated the session; it may be resumable" && (d.Wait < time.Second || d.Wait > 15*time.Second) {
				t.Errorf("waited %v after op 9, want 1 s at least", d.Wait)
			}
		}
	})
}

// A RESUME costs nothing, so only a plain false gives a session up.
func TestInvalidSessionThatSaysNeitherTrueNorFalseIsResumed(t *testing.T) {
	for _, payload := range []string{`{"op":9}`, `{"op":9,"d":null}`, `{"op":9,"d":{}}`, `{"op":9,"d":0}`, `{"op":9,"d":"false"}`} {
		t.Run(payload, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, nil)
				wait(2 * time.Minute)
				s.Conns()[0].SendRaw([]byte(payload))
				wait(time.Minute)
				b.mustBeLive()
				// What the simulator then says of the session is its own affair.
				if lost := of[*chiru.Disconnected](b); len(lost) == 0 || lost[0].Next != chiru.NextResume || len(sent(s, 6)) != 1 {
					t.Errorf("got %d RESUMEs after %v, want one", len(sent(s, 6)), lost)
				}
				b.stop()
			})
		})
	}
}

// docs /events/gateway-events#invalid-session
func TestInvalidSessionIsFollowedByANewOneInEveryState(t *testing.T) {
	eachPlace(t, func(c *gatewaytest.Conn) { c.Send(9, false) }, func(t *testing.T, p place, b *bot) {
		got := of[*chiru.InvalidateSession](b)
		if len(got) != 1 || got[0].Resumable {
			t.Errorf("got %d InvalidateSession, want one, not resumable", len(got))
		}
		want := 1
		if p.session {
			want = 2
		}
		if n := len(readies(b)); n != want {
			t.Errorf("got %d READYs, want %d", n, want)
		}
		for _, d := range of[*chiru.Disconnected](b) {
			if d.Next == chiru.NextIdentify && d.Wait < time.Second {
				t.Errorf("waited %v before the new session, want 1 s at least", d.Wait)
			}
		}
	})
}

func readies(b *bot) []*chiru.Dispatch {
	var out []*chiru.Dispatch
	for _, d := range of[*chiru.Dispatch](b) {
		if d.Type == "READY" {
			out = append(out, d)
		}
	}
	return out
}

func TestCancelEndsRunWithinASecondInEveryState(t *testing.T) {
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 1})
				var b *bot
				start := func() {
					b = launch(t, s, func(cfg *chiru.Config) {
						if p.slow {
							cfg.Gate = &slowGate{chiru.NewIdentifyGate(1), time.Hour}
						}
					})
				}
				silence := func(*gatewaytest.Conn) {}
				if p.session {
					start()
					p.reach(s, silence)
				} else {
					p.reach(s, silence)
					start()
				}
				wait(3 * time.Second)
				b.stop()
				if n := len(s.Conns()); n != 0 {
					wait(time.Second)
					if n := len(s.Conns()); n != 0 {
						t.Errorf("%d connections are left", n)
					}
				}
			})
		})
	}
}

func TestCancelEndsRunWhileWaitingToReconnectAndWhileDialing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostDown("", true)
		b := launch(t, s, nil)
		wait(10 * time.Minute)
		if got := b.stats.Snapshot().State; got != "waiting" && got != "dialing" {
			t.Errorf("state is %q, want waiting or dialing", got)
		}
		b.stop()

		s.HostDown("", false)
		s.HostMute("gateway", true)
		b = launch(t, s, nil)
		wait(time.Second)
		if got := b.stats.Snapshot().State; got != "dialing" {
			t.Errorf("state is %q, want dialing", got)
		}
		b.stop()
	})
}

// docs /events/gateway-events#reconnect: what is left unread comes again by the replay
func TestNothingIsReadAfterAReconnectRequest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		c := s.Conns()[0]
		c.Send(7, nil)
		for i := range 20 {
			s.Dispatch(0, "AFTER", i)
		}
		wait(time.Minute)
		b.mustBeLive()
		b.checkLedger()
		asked := false
		for _, e := range b.seen() {
			switch e := e.event.(type) {
			case *chiru.ReconnectRequested:
				asked = true
			case *chiru.Hello:
				asked = false
			case *chiru.Dispatch:
				if asked {
					t.Errorf("%s was read after op 7", e.Type)
				}
			}
		}
		if n := len(sent(s, 6)); n != 1 {
			t.Errorf("got %d RESUMEs, want 1", n)
		}
		b.stop()
	})
}

// docs /events/gateway-events#invalid-session: what crosses op 9 may be answered with 4003
func TestCloseAfterAnInvalidSessionIsPartOfIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		c := s.Conns()[0]
		c.Send(9, true)
		c.Close(4003, "")
		wait(time.Minute)
		b.mustBeLive()
		if n := len(of[*chiru.Disconnected](b)); n != 1 || len(readies(b)) != 1 {
			t.Errorf("got %d Disconnected and %d READYs, want one break and the session kept", n, len(readies(b)))
		}
		b.stop()
	})
}

func TestSecondInvalidSessionInARowGivesItUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Send(9, true) })
		s.Conns()[0].Send(9, true)
		wait(2 * time.Minute)
		b.mustBeLive()
		if len(sent(s, 6)) != 1 || len(readies(b)) != 2 {
			t.Errorf("got %d RESUMEs and %d READYs, want 1 and 2", len(sent(s, 6)), len(readies(b)))
		}
		b.stop()
	})
}

// docs /events/gateway#initiating-a-disconnect
func TestNoReconnectClosesWithACodeThatEndsTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		for _, fault := range []func(*gatewaytest.Conn){
			func(c *gatewaytest.Conn) { c.Send(7, nil) },
			func(c *gatewaytest.Conn) { c.Send(9, true) },
			func(c *gatewaytest.Conn) { c.MuteACKs() },
			func(c *gatewaytest.Conn) { c.SendRaw([]byte("{")) },
		} {
			wait(3 * time.Minute)
			b.mustBeLive()
			fault(s.Conns()[0])
		}
		wait(3 * time.Minute)
		closes := sent(s, gatewaytest.OpClose)
		if len(closes) != 4 || len(readies(b)) != 1 {
			t.Errorf("got %d closes and %d READYs, want 4 and the session kept", len(closes), len(readies(b)))
		}
		for _, c := range closes {
			if c.Close < 4000 {
				t.Errorf("closed with %d", c.Close)
			}
		}
		b.stop()
	})
}
