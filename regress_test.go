package chiru_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// silentPeer accepts connections and answers nothing.
func silentPeer(t *testing.T) (address string, accepted chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() {
		l.Close()
		for c := range accepted {
			c.Close()
		}
	})
	return l.Addr().String(), accepted
}

// Net/http goes on with a dial whose request is over; ours ends with Run.
func TestDialEndsWithRunThoughThePeerNeverAnswers(t *testing.T) {
	for name, configure := range map[string]func(cfg *chiru.Config, peer string){
		"upgrade": func(cfg *chiru.Config, peer string) { cfg.URL = "ws://" + peer },
		"tls":     func(cfg *chiru.Config, peer string) { cfg.URL = "wss://" + peer },
		"proxy": func(cfg *chiru.Config, peer string) {
			cfg.URL = "wss://gateway.discord.test"
			cfg.HTTPClient = &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: peer})}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			peer, accepted := silentPeer(t)
			cfg := chiru.Config{Token: "x"}
			configure(&cfg, peer)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = chiru.Run(ctx, cfg, nil, make(chan chiru.IncomingEvent))
			}()
			c := <-accepted
			defer c.Close()
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			cancel()
			<-ended
			if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("5 s after Run returned its socket is still open")
			}
		})
	}
}

// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
func TestPresenceThatDiscordClosedForIsInNoLaterIdentify(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		b.outbound <- &chiru.PresenceUpdate{Status: chiru.StatusIdle}
		wait(time.Second)
		s.On(3, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Close(4002, "") })
		b.outbound <- &chiru.PresenceUpdate{Activities: []chiru.Activity{{Name: "poison"}}}
		wait(time.Minute)
		s.Conns()[0].Send(9, false)
		wait(time.Minute)
		b.mustBeLive()
		identifies := sent(s, 2)
		last := string(identifies[len(identifies)-1].Data)
		if len(identifies) != 2 || strings.Contains(last, "poison") || !strings.Contains(last, `"idle"`) {
			t.Errorf("the later IDENTIFY is %s, want the presence before", last)
		}
		b.stop()
	})
}

func TestRawPresenceThatWaitsSurvivesANewSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		for i := range 6 {
			b.outbound <- raw(3, fmt.Sprintf(`{"since":null,"activities":[{"name":"%d","type":0}],"status":"online","afk":false}`, i))
		}
		wait(time.Second)
		s.Conns()[0].Send(9, false)
		wait(2 * time.Minute)
		b.mustBeLive()
		got := sent(s, 3)
		if len(got) != 6 || !strings.Contains(string(got[5].Data), `"5"`) {
			t.Errorf("got %d presences, want 6, the waiting one too", len(got))
		}
		b.stop()
	})
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

func TestEventsStopsTheShardThoughItsLoopPanics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		stats := new(chiru.Stats)
		func() {
			defer func() { _ = recover() }()
			for range chiru.Events(t.Context(), chiru.Config{URL: s.URL(), Token: s.Token(), HTTPClient: s.Client(), Stats: stats}) {
				panic("the caller's own")
			}
		}()
		if got := stats.Snapshot().State; got != "ended" {
			t.Errorf("state is %q once the loop is left, want ended", got)
		}
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

func TestCloseOfAPeerThatDoesNotAnswerTakesAQuarterSecond(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		s.Conns()[0].Mute()
		from := time.Now()
		b.stop()
		if took := time.Since(from); took > 250*time.Millisecond {
			t.Errorf("the stop took %v, want 250 ms at most", took)
		}
		if n := len(sent(s, gatewaytest.OpClose)); n != 1 {
			t.Errorf("the peer got %d close frames, want 1", n)
		}
	})
}

func TestEveryLogLineNamesItsShard(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 4, Rate: 1, MaxConcurrency: 4})
		var log logBuffer
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Logger, cfg.ShardID, cfg.ShardCount = log.logger(), 3, 4 })
		wait(2 * time.Minute)
		s.Conns()[0].Cut()
		wait(time.Minute)
		b.stop()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) < 5 {
			t.Errorf("got %d log lines, want the life of a shard", len(lines))
		}
		for _, line := range lines {
			if !strings.Contains(line, `"shard":3`) {
				t.Errorf("no shard in %s", line)
			}
		}
		for _, e := range b.seen() {
			if e.event.Shard() != 3 {
				t.Errorf("%T is of shard %d", e.event, e.event.Shard())
			}
		}
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

// docs /events/gateway#resuming: events born during a replay may come before or after RESUMED
func TestLiveEventsAndAcksMayMixIntoAReplay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		s.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) {
			frames := []string{
				`{"op":11}`, `{"op":0,"t":"MISSED","s":2,"d":{}}`, `{"op":11}`, `{"op":0,"t":"LIVE","s":3,"d":{}}`, `{"op":1}`,
				`{"op":0,"t":"RESUMED","s":4,"d":{}}`, `{"op":11}`, `{"op":0,"t":"LATE","s":5,"d":{}}`,
			}
			for _, f := range frames {
				c.SendRaw([]byte(f))
			}
		})
		s.Conns()[0].Cut()
		wait(time.Second)
		b.mustBeLive()
		if got := strings.Join(b.types(), " "); got != "READY MISSED LIVE RESUMED LATE" {
			t.Errorf("got %s", got)
		}
		b.stop()
	})
}

// docs /events/gateway#rate-limiting: the counters are those of one connection
func TestSendLimitsBeginAnewWithEachConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		for range 2 {
			from := time.Now()
			for range 5 {
				b.outbound <- &chiru.PresenceUpdate{}
			}
			wait(0)
			if n := len(sent(s, 3)); n%5 != 0 || time.Since(from) != 0 {
				t.Errorf("got %d presences at once, want five on each connection", n)
			}
			s.Conns()[0].Cut()
			wait(time.Second)
			b.mustBeLive()
		}
		b.stop()
	})
}

func TestBackoffIsJitteredAndBeginsAnewAfterAHealthyMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		for range 2 {
			s.HostDown("", true)
			before := len(of[*chiru.Disconnected](b))
			s.Conns()[0].Cut()
			wait(20 * time.Minute)
			lost := of[*chiru.Disconnected](b)[before:]
			if lost[0].Wait != 0 || lost[0].Attempt != 1 {
				t.Errorf("the first wait after a healthy minute is %v, attempt %d; want none, 1", lost[0].Wait, lost[0].Attempt)
			}
			var sum time.Duration
			for i, d := range lost[1:] {
				ceiling := min(time.Minute, time.Second<<min(i, 6))
				if d.Wait > ceiling {
					t.Errorf("attempt %d waits %v, want %v at most", d.Attempt, d.Wait, ceiling)
				}
				if i >= 6 {
					sum += d.Wait
				}
			}
			if mean := sum / time.Duration(len(lost)-7); mean < 20*time.Second || mean > 40*time.Second {
				t.Errorf("late waits are %v in the mean, want about half a minute", mean)
			}
			s.HostDown("", false)
			wait(3 * time.Minute)
			b.mustBeLive()
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

func TestStoppingOneOfSeveralShardsLeavesTheOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 4, Rate: 4, MaxConcurrency: 2})
		gate := chiru.NewIdentifyGate(2)
		var bots [2]*bot
		for id := range bots {
			bots[id] = launch(t, s, func(cfg *chiru.Config) { cfg.ShardID, cfg.ShardCount, cfg.Gate = id, 2, gate })
		}
		wait(time.Minute)
		bots[0].stop()
		wait(time.Minute)
		bots[1].mustBeLive()
		bots[1].checkLedger()
		bots[1].stop()
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

func TestFailedDialEndsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostDown("", true)
		b := launch(t, s, nil)
		wait(10 * time.Minute)
		select {
		case <-b.ended:
			t.Fatalf("Run ended: %v", b.err)
		default:
		}
		s.HostDown("", false)
		wait(2 * time.Minute)
		b.mustBeLive()
		b.stop()
	})
}

// docs /events/gateway-events#request-guild-members
func TestRequestForTheWholeListAlwaysCarriesQueryAndLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{}, 8)
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Intents = chiru.IntentsAll })
		b.outbound <- &chiru.MemberChunkRequest{GuildID: 1}
		wait(time.Second)
		if got := string(sent(s, 8)[0].Data); got != `{"guild_id":"1","query":"","limit":0}` {
			t.Errorf("got %s", got)
		}
		b.stop()
	})
}
