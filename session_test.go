package chiru_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// ready answers IDENTIFY with a READY of the test's own.
func ready(s *gatewaytest.Server, d string) {
	s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) {
		c.SendRaw([]byte(`{"op":0,"t":"READY","s":1,"d":` + d + `}`))
	})
}

func TestForeignResumeURLIsNotSentTheToken(t *testing.T) {
	for _, url := range []string{"ws://resume.evil.test", "wss://discord.test.evil.test", "http://resume.discord.test", "::", ""} {
		t.Run(url, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				s.Allow(gatewaytest.RuleResumeHost) // this READY names no host of the server's
				var log logBuffer
				ready(s, fmt.Sprintf(`{"session_id":"x","resume_gateway_url":%q}`, url))
				b := launch(t, s, func(cfg *chiru.Config) { cfg.Logger = log.logger() })
				for range 2 {
					wait(70 * time.Second)
					s.Conns()[0].Cut()
				}
				wait(30 * time.Second)
				b.mustBeLive()
				if n := len(sent(s, 6)); n == 0 || sent(s, 6)[0].Host != "gateway" {
					t.Errorf("got RESUMEs %v, want them at the base host", sent(s, 6))
				}
				if n := strings.Count(log.String(), "resume URL not used"); n != 1 {
					t.Errorf("warned %d times, want once", n)
				}
				b.stop()
			})
		})
	}
}

// docs /events/gateway-events#ready
func TestReadyReplacesSessionURLAndSequenceTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 5})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		first := b.stats.Snapshot()
		s.ExpireSessions()
		s.Conns()[0].Cut()
		wait(time.Minute)
		b.mustBeLive()
		second := b.stats.Snapshot()
		if first.Session == second.Session || second.Sequence >= first.Sequence {
			t.Errorf("first %q at %d, second %q at %d; want a new session that counts anew", first.Session, first.Sequence, second.Session, second.Sequence)
		}
		s.Conns()[0].Cut()
		wait(time.Minute)
		var d struct {
			SessionID string `json:"session_id"`
			Seq       int64  `json:"seq"`
		}
		resumes := sent(s, 6)
		if err := json.Unmarshal(resumes[len(resumes)-1].Data, &d); err != nil || d.SessionID != second.Session {
			t.Errorf("resumed %q, want %q", d.SessionID, second.Session)
		}
		b.checkLedger()
		b.stop()
	})
}

func TestEndedSessionIsFollowedByANewOneAtTheBaseHost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.ExpireSessions()
		s.Conns()[0].Cut()
		wait(time.Minute)
		b.mustBeLive()
		identifies := sent(s, 2)
		if len(identifies) != 2 || identifies[1].Host != "gateway" {
			t.Errorf("got IDENTIFYs %v, want the second at the base host too", identifies)
		}
		b.stop()
	})
}

func TestReadyWithoutASessionStillServesAndIsFollowedByANewOne(t *testing.T) {
	for _, d := range []string{`null`, `{}`, `{"session_id":7}`, `[]`, `{"session_id":"` + strings.Repeat("5", 1100) + `"}`} {
		t.Run(d[:min(len(d), 40)], func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				ready(s, d)
				b := launch(t, s, nil)
				wait(time.Minute)
				b.mustBeLive()
				if got := of[*chiru.Dispatch](b); len(got) != 1 || string(got[0].Body) != d {
					t.Errorf("got %v, want the odd READY as it came", got)
				}
				s.Conns()[0].Cut()
				wait(time.Minute)
				b.mustBeLive()
				if len(sent(s, 2)) != 2 || len(sent(s, 6)) != 0 {
					t.Errorf("got %d IDENTIFYs and %d RESUMEs, want 2 and 0", len(sent(s, 2)), len(sent(s, 6)))
				}
				b.stop()
			})
		})
	}
}

// padded is a READY of exactly this many bytes.
func padded(size int) string {
	head, tail := `{"op":0,"t":"READY","s":1,"d":{"padding":"`, `","session_id":"big","resume_gateway_url":"ws://resume.discord.test"}}`
	return head + strings.Repeat("A", size-len(head)-len(tail)) + tail
}

func TestReadyOf64MiBPassesAndALargerOneIsAskedForAnew(t *testing.T) {
	most := 64 << 20
	if raceEnabled {
		most = 4 << 20 // the race detector makes reading it 20 times slower
	}
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		for _, size := range []int{most + 1, most} {
			s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { c.SendRaw([]byte(padded(size))) })
		}
		b := launch(t, s, func(cfg *chiru.Config) {
			if raceEnabled {
				cfg.MaxMessage = most
			}
		})
		wait(time.Minute)
		b.mustBeLive()
		lost := of[*chiru.Disconnected](b)
		if len(lost) != 1 || lost[0].Next != chiru.NextIdentify || !strings.Contains(lost[0].Err.Error(), fmt.Sprint(most)) {
			t.Errorf("got %v, want one loss that names the bound, and a new session", lost)
		}
		if got := b.stats.Snapshot(); got.Session != "big" || got.BytesPayload < int64(most) || got.Identifies != 2 {
			t.Errorf("session is %q after %d bytes and %d IDENTIFYs, want big after two", got.Session, got.BytesPayload, got.Identifies)
		}
		b.stop()
	})
}

// RFC 6455, 5.5.2
func TestWebSocketPingIsAnswered(t *testing.T) {
	pong := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			pong <- err
			return
		}
		defer ws.CloseNow()
		ctx := ws.CloseRead(r.Context())
		_ = ws.Write(ctx, websocket.MessageText, []byte(`{"op":10,"d":{"heartbeat_interval":600000}}`))
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		pong <- ws.Ping(ctx)
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	inbound := make(chan chiru.IncomingEvent)
	go func() {
		defer close(ended)
		// The gate never opens, so nothing but a pong is sent.
		_ = chiru.Run(ctx, chiru.Config{
			URL: "ws" + strings.TrimPrefix(s.URL, "http"), Token: "x", Compression: chiru.CompressionNone,
			Gate: &slowGate{chiru.NewIdentifyGate(1), time.Hour},
		}, nil, inbound)
	}()
	if err := <-pong; err != nil {
		t.Errorf("the ping was not answered: %v", err)
	}
	cancel()
	<-ended
}

func TestStatsSayWhatTheConsumerHasOfThisSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostDown("", true)
		b := launch(t, s, nil)
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Handled != chiru.NoSequence || got.Sequence != chiru.NoSequence {
			t.Errorf("before READY: handled %d of %d, want none", got.Handled, got.Sequence)
		}
		s.HostDown("", false)
		wait(2 * time.Minute)
		for range 5 {
			s.Dispatch(0, "A", json.RawMessage(`{}`))
		}
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Handled != 6 || got.Sequence != 6 {
			t.Errorf("handled %d of %d, want 6 of 6", got.Handled, got.Sequence)
		}
		s.Conns()[0].Send(9, false)
		wait(time.Millisecond)
		if got := b.stats.Snapshot(); got.Handled != chiru.NoSequence {
			t.Errorf("after the session: handled %d, want none", got.Handled)
		}
		b.stop()
	})
}

func TestReadyIsHandledBeforeItIsDelivered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		inbound := make(chan chiru.IncomingEvent) // nobody reads
		stats := new(chiru.Stats)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		outbound := make(chan chiru.OutgoingEvent)
		go func() {
			defer close(ended)
			_ = chiru.Run(ctx, chiru.Config{URL: s.URL(), Token: s.Token(), HTTPClient: s.Client(), Stats: stats}, outbound, inbound)
		}()
		outbound <- &chiru.PresenceUpdate{} // taken: the shard is live
		wait(time.Minute)
		if got := stats.Snapshot(); got.State != "live" || got.Session == "" || got.Sequence != 1 || got.Handled != chiru.NoSequence || got.Backlog != 1 {
			t.Errorf("got %+v, want a live session whose READY waits", got)
		}
		cancel()
		<-ended
	})
}

// docs /events/gateway#identifying: once heartbeating, not after the first beat
func TestIdentifyFollowsHelloAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		start := time.Now()
		b := launch(t, s, nil)
		wait(time.Minute)
		if got := sent(s, 2)[0].At; got != start {
			t.Errorf("IDENTIFY came %v after the dial, want at once", got.Sub(start))
		}
		b.stop()
	})
}
