package chiru_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
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
					t.Errorf("got %d READYs and %d RESUMEs, want 2 and 0", len(readies(b)), len(sent(s, 6)))
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
		if got := sent(s, 6)[0].At; got.Before(last.Add(time.Minute)) {
			t.Errorf("resumed %v after the last payload, want 60 s at least", got.Sub(last))
		}
		b.stop()
	})
}

// docs /events/gateway#resuming
func TestDeadResumeHostIsLeftAfterTwoTriesForTheBaseHostStillWithAResume(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.HostDown("resume", true)
		s.Conns()[0].Cut()
		wait(10 * time.Second)
		b.mustBeLive()
		failed := 0
		for _, d := range of[*chiru.Disconnected](b) {
			if strings.HasPrefix(d.Err.Error(), "dial ") {
				failed++
				if !strings.Contains(d.Err.Error(), "resume.discord.test") {
					t.Errorf("%v does not name the host", d.Err)
				}
			}
		}
		resumes := sent(s, 6)
		if failed != 2 || len(resumes) != 1 || resumes[0].Host != "gateway" || len(readies(b)) != 1 {
			t.Errorf("got %d failed dials, RESUMEs %v, %d READYs; want 2 and one at the base host", failed, resumes, len(readies(b)))
		}
		b.checkLedger()
		b.stop()
	})
}

func TestSharedOutageOfAnHourGivesNoSessionUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{ReplayWindow: 2 * time.Hour})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.HostDown("", true)
		s.Conns()[0].Cut()
		wait(time.Hour)
		dials := len(of[*chiru.Disconnected](b))
		if dials < 60 || dials > 200 {
			t.Errorf("got %d attempts in an hour, want one every half minute or so", dials)
		}
		s.HostDown("", false)
		wait(70 * time.Second)
		b.mustBeLive()
		if len(readies(b)) != 1 {
			t.Errorf("the session was given up for failed dials")
		}
		b.stop()
	})
}

func TestSessionIsGivenUpAfterFiveUnansweredResumesOnBothHostsOverFiveMinutes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{ReplayWindow: 24 * time.Hour})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Cut() }).Keep()
		s.Conns()[0].Cut()
		from := time.Now()
		for len(sent(s, 2)) == 1 && time.Since(from) < time.Hour {
			wait(time.Second)
		}
		took, resumes := time.Since(from), sent(s, 6)
		hosts := map[string]int{}
		for _, p := range resumes {
			hosts[p.Host]++
		}
		if len(resumes) < 5 || hosts["gateway"] == 0 || hosts["resume"] != 2 || took < 5*time.Minute || took > 10*time.Minute {
			t.Errorf("gave up after %v and RESUMEs at %v; want 5 at least, on both hosts, over 5 minutes", took, hosts)
		}
		wait(time.Minute)
		b.mustBeLive()
		b.stop()
	})
}

func TestUnansweredResumeIsEndedAfterAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.On(6, func(*gatewaytest.Conn, json.RawMessage) {})
		s.Conns()[0].Cut()
		from := time.Now()
		wait(59 * time.Second)
		if b.stats.Snapshot().State != "resuming" {
			t.Errorf("state is %q, want resuming", b.stats.Snapshot().State)
		}
		wait(10 * time.Second)
		b.mustBeLive()
		if got := of[*chiru.Disconnected](b)[1]; !strings.Contains(got.Err.Error(), "resume") {
			t.Errorf("got %v after %v, want the RESUME to be named", got.Err, time.Since(from))
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

func TestDialThatGetsNoAnswerIsGivenUpAfterTwentySeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostMute("gateway", true)
		b := launch(t, s, nil)
		from := time.Now()
		wait(25 * time.Second)
		lost := b.seen()[0]
		if d, ok := lost.event.(*chiru.Disconnected); !ok || lost.at.Sub(from) != 20*time.Second || !strings.Contains(d.Err.Error(), "gateway.discord.test") {
			t.Errorf("got %+v after %v, want Disconnected after exactly 20 s, naming the host", lost.event, lost.at.Sub(from))
		}
		s.HostMute("gateway", false)
		wait(time.Minute)
		b.mustBeLive()
		b.stop()
	})
}

func TestRefusedUpgradeIsTriedAgainAfterWhatItAsksFor(t *testing.T) {
	for _, c := range []struct {
		status int
		header http.Header
		least  time.Duration
	}{
		{503, nil, 0},
		{503, http.Header{"Retry-After": {"42"}}, 42 * time.Second},
		{429, http.Header{"Retry-After": {"17.5"}}, 17500 * time.Millisecond},
		{500, http.Header{"Retry-After": {"never"}}, 0},
		{400, nil, 0}, {401, nil, 0}, {403, nil, 0}, {404, nil, 0}, {200, nil, 0},
		{302, http.Header{"Location": {"ws://elsewhere.test/"}}, 0},
	} {
		t.Run(fmt.Sprint(c.status, c.header), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				s.RefuseUpgrade("gateway", c.status, c.header)
				b := launch(t, s, nil)
				wait(2 * time.Minute)
				b.mustBeLive()
				lost := of[*chiru.Disconnected](b)
				if len(lost) != 1 {
					t.Fatalf("got %d Disconnected, want 1\n%s", len(lost), b.history())
				}
				refused, ok := errors.AsType[*chiru.UpgradeError](lost[0].Err)
				if !ok || refused.Status != c.status || lost[0].Wait < c.least || lost[0].Wait > c.least+time.Second {
					t.Errorf("got %v, wait %v; want status %d and a wait of %v", lost[0].Err, lost[0].Wait, c.status, c.least)
				}
				b.stop()
			})
		})
	}
}

func TestServerThatClosesOnAcceptIsNotStormed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.OnConnect(func(c *gatewaytest.Conn) { c.Close(1001, "") }).Keep()
		b := launch(t, s, nil)
		wait(time.Hour)
		if n := s.Accepted(); n < 60 || n > 200 {
			t.Errorf("connected %d times in an hour, want one every half minute or so", n)
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

// raw sends one frame to a live shard, and checks that it lives on, on the same connection or a resumed session.
func afterFrame(t *testing.T, frame string, check func(*testing.T, *gatewaytest.Server, *bot)) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.Conns()[0].SendRaw([]byte(frame))
		wait(time.Minute)
		b.mustBeLive()
		if n := len(readies(b)); n != 1 {
			t.Errorf("got %d READYs, want the session kept", n)
		}
		check(t, s, b)
		b.stop()
	})
}

func TestUnknownPayloadsChangeNothing(t *testing.T) {
	for _, frame := range []string{
		`{"op":12}`, `{"op":5,"d":{}}`, `{"op":99,"d":[1]}`, `{"op":-3}`, `{"op":"1"}`, `{"op":1.5}`, `{"op":1e40}`, `{"op":null}`,
		`{}`, `null`, `[]`, `17`, `"text"`, `true`, `{"d":{"op":7}}`, ` {"t":null,"s":null,"d":{"x":{"op":9}},"op":30,"extra":[{}]} `,
		`{"op":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
	} {
		t.Run(frame[:min(len(frame), 40)], func(t *testing.T) {
			afterFrame(t, frame, func(t *testing.T, s *gatewaytest.Server, b *bot) {
				if s.Accepted() != 1 {
					t.Errorf("it cost the connection\n%s", b.history())
				}
				if got := b.stats.Snapshot().Ignored; got != 1 {
					t.Errorf("Stats counts %d ignored payloads, want 1", got)
				}
				b.checkLedger()
			})
		})
	}
}

func TestOddDispatchesAreDeliveredRaw(t *testing.T) {
	for _, c := range []struct {
		frame, wantType, wantBody string
		sequence                  int64
	}{
		{`{"op":0,"t":"MADE_UP","s":5000,"d":null}`, "MADE_UP", `null`, 5000},
		{`{"op":0,"t":"MADE_UP","s":5000,"d":[1, 2]}`, "MADE_UP", `[1, 2]`, 5000},
		{`{"d":{"op":7,"t":"x","s":1},"s":5000,"op":0,"t":"MADE_UP"}`, "MADE_UP", `{"op":7,"t":"x","s":1}`, 5000},
		{`{"op":0,"t":"MADE_UP","s":5000}`, "MADE_UP", ``, 5000},
		{`{"op":0,"t":null,"s":5000,"d":"x"}`, "", `"x"`, 5000},
		{`{"op":0,"t":7,"s":5000,"d":7}`, "", `7`, 5000},
		{`{"op":0,"t":"RATE_LIMITED","s":null,"d":{"opcode":8}}`, "RATE_LIMITED", `{"opcode":8}`, chiru.NoSequence},
		{`{"op":0,"t":"MADE_UP","s":"12","d":{}}`, "MADE_UP", `{}`, chiru.NoSequence},
		{`{"op":0,"t":"MADE_UP","s":-4,"d":{}}`, "MADE_UP", `{}`, chiru.NoSequence},
		{`{"op":0,"t":"A\u0042C","s":5000,"d":{}}`, "ABC", `{}`, 5000},
	} {
		t.Run(c.frame, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, nil)
				wait(time.Minute)
				s.Conns()[0].SendRaw([]byte(c.frame))
				wait(time.Second)
				b.mustBeLive()
				all := of[*chiru.Dispatch](b)
				d := all[len(all)-1]
				if d.Type != c.wantType || string(d.Body) != c.wantBody || d.Sequence != c.sequence {
					t.Errorf("got %q, %d, %s; want %q, %d, %s", d.Type, d.Sequence, d.Body, c.wantType, c.sequence, c.wantBody)
				}
				b.stop()
			})
		})
	}
}

// docs /reference#consistency
func TestRepeatedAndOlderSequencesAreDroppedAndCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		for range 3 {
			s.Dispatch(0, "A", json.RawMessage(`{}`))
		}
		wait(time.Second)
		for _, seq := range []int{4, 3, 0, 1} {
			s.Conns()[0].SendRaw(fmt.Appendf(nil, `{"op":0,"t":"AGAIN","s":%d,"d":{}}`, seq))
		}
		s.Dispatch(0, "A", json.RawMessage(`{}`))
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Duplicates != 4 || got.Sequence != 5 {
			t.Errorf("got %d duplicates and sequence %d, want 4 and 5", got.Duplicates, got.Sequence)
		}
		b.checkLedger()
		b.stop()
	})
}

func TestSkippedSequencesAreCountedAndLogged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		var log logBuffer
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Logger = log.logger() })
		wait(time.Minute)
		s.Conns()[0].SendRaw([]byte(`{"op":0,"t":"LATER","s":11,"d":{}}`))
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Skipped != 9 || !strings.Contains(log.String(), "skipped") {
			t.Errorf("Stats counts %d skipped, want 9; the log says %s", got.Skipped, log.String())
		}
		b.stop()
	})
}

func TestTruncatedPayloadEndsTheConnectionAndIsResumed(t *testing.T) {
	for _, frame := range []string{`{"op":0,"t":"MESSAGE_CREATE","s":3,"d":{"a`, `{"op":11`, `garbage`, ``, "\x00\xff\xfe", `{}}`} {
		t.Run(frame, func(t *testing.T) {
			afterFrame(t, frame, func(t *testing.T, s *gatewaytest.Server, b *bot) {
				lost := of[*chiru.Disconnected](b)
				if len(lost) != 1 || s.Accepted() != 2 {
					t.Fatalf("got %d Disconnected and %d connections, want 1 and 2", len(lost), s.Accepted())
				}
				if e, ok := lost[0].Err.(*chiru.ProtocolError); !ok || lost[0].Next != chiru.NextResume {
					t.Errorf("got %v, %s; want a ProtocolError and a resume", e, lost[0].Next)
				}
				b.checkLedger()
			})
		})
	}
}

func TestCorruptCompressionEndsTheConnectionAndIsResumed(t *testing.T) {
	for _, c := range []chiru.Compression{chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
		for _, junk := range [][]byte{{0, 0, 0xff, 0xff}, bytes.Repeat([]byte{0xaa}, 1000), append(bytes.Repeat([]byte{0x55}, 50), 0, 0, 0xff, 0xff)} {
			t.Run(fmt.Sprintf("%s %d", c, len(junk)), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
					b := launch(t, s, func(cfg *chiru.Config) { cfg.Compression = c })
					wait(2 * time.Minute)
					s.Conns()[0].SendBytes(junk)
					wait(5 * time.Minute)
					b.mustBeLive()
					if len(readies(b)) != 1 {
						t.Errorf("got %d READYs, want the session kept", len(readies(b)))
					}
					b.checkLedger()
					b.stop()
				})
			})
		}
	}
}

func TestMessageOverTheBoundEndsTheConnectionAndIsResumed(t *testing.T) {
	for _, c := range []chiru.Compression{chiru.CompressionNone, chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
		t.Run(c.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, func(cfg *chiru.Config) { cfg.Compression, cfg.MaxMessage = c, 1<<16 })
				wait(2 * time.Minute)
				s.Conns()[0].SendRaw([]byte(`{"op":0,"t":"BOMB","s":2,"d":"` + strings.Repeat("A", 1<<20) + `"}`))
				wait(time.Minute)
				b.mustBeLive()
				lost := of[*chiru.Disconnected](b)
				if len(lost) != 1 || !strings.Contains(lost[0].Err.Error(), "65536") || len(readies(b)) != 1 {
					t.Errorf("got %v and %d READYs, want one loss naming the bound, and the session kept", lost, len(readies(b)))
				}
				b.stop()
			})
		})
	}
}
