package chiru_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
func TestFinalCloseCodeEndsRunWithItsCause(t *testing.T) {
	for _, code := range []int{4004, 4010, 4011, 4012, 4013, 4014} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, nil)
				wait(time.Minute)
				s.Conns()[0].Close(code, "because")
				wait(time.Second)
				select {
				case <-b.ended:
				default:
					t.Fatal("Run goes on")
				}
				closed, ok := errors.AsType[*chiru.CloseError](b.err)
				if !ok || int(closed.Code) != code || closed.Reason != "because" || !closed.Code.Final() {
					t.Errorf("got %v, want a CloseError with %d and the reason", b.err, code)
				}
				wait(time.Hour)
				if s.Accepted() != 1 {
					t.Errorf("the shard connected %d times, want once", s.Accepted())
				}
			})
		})
	}
}

func TestWrongTokenEndsRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Token = "wrong" })
		wait(time.Minute)
		<-b.ended
		if closed, ok := errors.AsType[*chiru.CloseError](b.err); !ok || closed.Code != chiru.CloseAuthenticationFailed {
			t.Errorf("got %v, want 4004", b.err)
		}
		if got := b.err.Error(); !strings.Contains(got, "token") {
			t.Errorf("%q gives no hint at the token", got)
		}
	})
}

// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
func TestDeadSessionCodesBeginANewSession(t *testing.T) {
	for _, code := range []int{4006, 4007, 4009} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
				b := launch(t, s, nil)
				wait(2 * time.Minute)
				s.Conns()[0].Close(code, "")
				wait(time.Minute)
				b.mustBeLive()
				if len(readies(b)) != 2 || len(sent(s, 6)) != 0 {
					t.Fatalf("got %d READYs and %d RESUMEs, want 2 and 0", len(readies(b)), len(sent(s, 6)))
				}
				if host := sent(s, 2)[1].Host; host != "gateway" {
					t.Errorf("the new session began at the %s host", host)
				}
				b.checkLedger()
				b.stop()
			})
		})
	}
}

// docs /events/gateway#resuming
func TestOtherCloseCodesAreResumed(t *testing.T) {
	for _, code := range []int{1000, 1001, 1011, 4000, 4001, 4002, 4003, 4005, 4008, 4015, 4999} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
				b := launch(t, s, nil)
				wait(2 * time.Minute)
				s.Conns()[0].Close(code, "")
				wait(2 * time.Minute)
				b.mustBeLive()
				if len(readies(b)) != 1 || len(sent(s, 6)) != 1 || sent(s, 6)[0].Host != "resume" {
					t.Errorf("got %d READYs and RESUMEs %v, want 1 and one at the resume host", len(readies(b)), sent(s, 6))
				}
				if got := of[*chiru.Disconnected](b)[0]; !strings.Contains(got.Err.Error(), fmt.Sprint(code)) {
					t.Errorf("Disconnected says %v, want the code %d", got.Err, code)
				}
				b.checkLedger()
				b.stop()
			})
		})
	}
}

// docs /events/gateway#rate-limiting
func TestRateLimitedCloseWaitsOutTheWindow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		last := sent(s, 1)[len(sent(s, 1))-1].At
		s.Conns()[0].Close(4008, "")
		wait(2 * time.Minute)
		b.mustBeLive()
		if got := sent(s, 6)[0].At; got != last.Add(61*time.Second) {
			t.Errorf("resumed %v after the last payload, want 61 s", got.Sub(last))
		}
		b.stop()
	})
}

func TestMissingHelloIsGivenUpAfterTwentySeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.OnConnect(func(*gatewaytest.Conn) {})
		b := launch(t, s, nil)
		from := time.Now()
		wait(19 * time.Second)
		if got := b.stats.Snapshot().State; got != "awaitHello" {
			t.Errorf("state is %q, want awaitHello", got)
		}
		wait(12 * time.Second)
		b.mustBeLive()
		lost := b.seen()[0]
		if d, ok := lost.event.(*chiru.Disconnected); !ok || lost.at.Sub(from) != 20*time.Second || d.Next != chiru.NextIdentify {
			t.Errorf("got %T after %v, want Disconnected after exactly 20 s", lost.event, lost.at.Sub(from))
		}
		b.stop()
	})
}

// docs /events/gateway#identifying
func TestEndlessInvalidSessionsSpendFewIdentifies(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{SessionLimit: 1000})
		s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Send(9, false) }).Keep()
		b := launch(t, s, nil)
		wait(24 * time.Hour)
		identifies := sent(s, 2)
		if n := len(identifies); n > 560 || n < 100 {
			t.Errorf("sent %d IDENTIFYs in a day, want between 100 and 560", n)
		}
		for i := 1; i < len(identifies); i++ {
			if identifies[i].Conn == identifies[i-1].Conn || identifies[i].At.Sub(identifies[i-1].At) < 5*time.Second {
				t.Fatalf("IDENTIFY %d came %v after the last, on connection %d after %d", i, identifies[i].At.Sub(identifies[i-1].At), identifies[i].Conn, identifies[i-1].Conn)
			}
		}
		b.stop()
	})
}

func TestSecondReadyOnOneConnectionIsTheNewSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		s.Conns()[0].SendRaw([]byte(`{"op":0,"t":"READY","s":1,"d":{"session_id":"second","resume_gateway_url":"ws://resume.discord.test"}}`))
		wait(time.Second)
		b.mustBeLive()
		got := b.stats.Snapshot()
		if got.Session != "second" || got.Sequence != 1 || got.Connections != 1 {
			t.Errorf("session %q at %d, want second at 1", got.Session, got.Sequence)
		}
		b.freeze()
		b.outbound <- &chiru.RawCommand{Op: 4, Data: json.RawMessage(`{"guild_id":"1","channel_id":null,"self_mute":false,"self_deaf":false}`)}
		b.thaw()
		wait(time.Second)
		if n := len(sent(s, 4)); n != 1 {
			t.Errorf("the command was sent %d times, want once", n)
		}
		b.stop()
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
		if took := time.Since(from); took != 250*time.Millisecond {
			t.Errorf("the stop took %v, want 250 ms", took)
		}
		if n := len(sent(s, gatewaytest.OpClose)); n != 1 {
			t.Errorf("the peer got %d close frames, want 1", n)
		}
	})
}

func TestNoGoroutineOfRunIsLeftWhenItReturns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, withStore(&shelf{}))
		wait(time.Minute)
		s.Conns()[0].Mute() // so that the close takes its time
		b.stop()
		synctest.Wait()
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if strings.Contains(string(stacks), "chiru-go/chiru.") {
			t.Errorf("a goroutine is left:\n%s", stacks)
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
