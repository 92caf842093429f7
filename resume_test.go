package chiru_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

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
		wait(time.Minute - time.Nanosecond)
		if b.stats.Snapshot().State != "resuming" {
			t.Errorf("state is %q, want resuming", b.stats.Snapshot().State)
		}
		wait(10 * time.Second)
		b.mustBeLive()
		if at, got := nth[*chiru.Disconnected](b, 1); !strings.Contains(got.Err.Error(), "resume") || at.Sub(from) != time.Minute {
			t.Errorf("got %v after %v, want the RESUME to be named after exactly a minute", got.Err, at.Sub(from))
		}
		b.stop()
	})
}

// docs /events/gateway-events#resumed
func TestResumedActsThoughItsSequenceIsNotNew(t *testing.T) {
	for _, s := range []string{"1", "null", "0"} {
		t.Run(s, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				server := serve(t, gatewaytest.Config{})
				b := launch(t, server, nil)
				wait(time.Minute)
				server.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) {
					c.SendRaw([]byte(`{"op":0,"t":"RESUMED","s":` + s + `,"d":null}`))
				})
				server.Conns()[0].Cut()
				wait(time.Second)
				b.mustBeLive()
				if got := b.types(); got[len(got)-1] != "RESUMED" {
					t.Errorf("got %v, want RESUMED last", got)
				}
				b.stop()
			})
		})
	}
}

// docs /events/gateway#resuming
// The backlog outlives the connection, so what is in it need not come again.
func TestResumeNamesWhatWasReceivedThoughTheConsumerHasLess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil, unbuffered)
		wait(time.Minute)
		b.freeze()
		for range 10 {
			s.Dispatch(0, "MESSAGE_CREATE", json.RawMessage(`{}`))
		}
		wait(time.Second)
		s.Conns()[0].Cut()
		wait(time.Minute)
		b.mustBeLive()
		if got := string(sent(s, 6)[0].Data); !strings.Contains(got, `"seq":11}`) {
			t.Errorf("got RESUME with %s, want the last of 11", got)
		}
		b.thaw()
		wait(time.Second)
		if n := b.stats.Snapshot().Duplicates; n != 0 {
			t.Errorf("%d dispatches came again", n)
		}
		b.checkLedger()
		b.stop()
	})
}

func TestReplayCutHalfwayTwiceLosesAndRepeatsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.HostDown("", true)
		s.Conns()[0].Cut()
		for i := range 30 {
			s.Dispatch(0, "MISSED", map[string]int{"n": i})
		}
		next := int64(2)
		for range 2 {
			s.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) {
				for range 10 {
					c.SendRaw(fmt.Appendf(nil, `{"op":0,"t":"MISSED","s":%d,"d":{}}`, next))
					next++
				}
				time.Sleep(100 * time.Millisecond)
				c.Cut()
			})
		}
		s.HostDown("", false)
		wait(2 * time.Minute)
		b.mustBeLive()
		b.checkLedger()
		if n := len(sent(s, 6)); n != 3 {
			t.Errorf("got %d RESUMEs, want 3", n)
		}
		b.stop()
	})
}

func TestBeatsGoOnThroughAReplayAndCarryTheHeldSequence(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		s.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) {
			for seq := 2; ; seq++ {
				time.Sleep(30 * time.Second)
				if seq == 5 {
					break
				}
				c.SendRaw(fmt.Appendf(nil, `{"op":0,"t":"MISSED","s":%d,"d":{}}`, seq))
			}
			c.Default()
		})
		s.Allow(gatewaytest.RuleHeartbeatLate, gatewaytest.RuleZombie) // while it replays by hand, the server reads nothing
		for i := range 5 {
			s.Dispatch(0, "MISSED", i)
		}
		s.Conns()[0].Cut()
		cut := time.Now()
		wait(4 * time.Minute)
		b.mustBeLive()
		b.checkLedger()
		beats := 0
		for _, e := range b.seen() {
			if sent, ok := e.event.(*chiru.HeartbeatSent); ok && e.at.After(cut) && e.at.Before(cut.Add(2*time.Minute)) {
				beats++
				if sent.Sequence < 1 {
					t.Errorf("a beat of the resuming connection carried %d, want the session's", sent.Sequence)
				}
			}
		}
		if beats < 2 {
			t.Errorf("got %d beats in two minutes of replay, want 2 at least", beats)
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
