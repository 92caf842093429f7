package chiru_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

const interval = 41250 * time.Millisecond

// docs /events/gateway#sending-heartbeats
func TestFirstBeatIsJitteredOnEveryConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		var offsets []time.Duration
		opened := time.Now()
		for range 60 {
			wait(90 * time.Second)
			b.mustBeLive()
			first := slices.IndexFunc(sent(s, 1), func(p gatewaytest.Payload) bool { return p.At.After(opened) })
			if first < 0 {
				t.Fatalf("no beat came in 90 s\n%s", b.history())
			}
			offsets = append(offsets, sent(s, 1)[first].At.Sub(opened))
			opened = time.Now()
			s.Conns()[0].Cut()
		}
		slices.Sort(offsets)
		if low, high := offsets[0], offsets[len(offsets)-1]; low > interval/4 || high < interval*3/4 || high > interval {
			t.Errorf("first beats came %v to %v after the connection opened, want them spread over [0, %v)", low, high, interval)
		}
		for i := 1; i < len(offsets); i++ {
			if offsets[i] == offsets[i-1] {
				t.Errorf("two connections beat first after exactly %v", offsets[i])
			}
		}
	})
}

// docs /events/gateway#sending-heartbeats
func TestBeatsKeepTheirScheduleForTwoQuietDays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(48 * time.Hour)
		b.mustBeLive()
		beats := sent(s, 1)
		if want := int(48 * time.Hour / interval); len(beats) < want {
			t.Errorf("got %d beats, want %d", len(beats), want)
		}
		for i := 1; i < len(beats); i++ {
			if gap := beats[i].At.Sub(beats[i-1].At); gap != interval {
				t.Fatalf("beat %d came %v after the one before, want exactly %v", i, gap, interval)
			}
		}
		if s.Accepted() != 1 {
			t.Errorf("the shard connected %d times, want once", s.Accepted())
		}
		sentEvents, acks := of[*chiru.HeartbeatSent](b), of[*chiru.HeartbeatAck](b)
		if n := len(sentEvents); n != len(beats) || len(acks) != n || sentEvents[n-1].Count != n || acks[n-1].Count != n {
			t.Errorf("got %d HeartbeatSent and %d HeartbeatAck for %d beats", len(sentEvents), len(acks), len(beats))
		}
		b.stop()
	})
}

// docs /events/gateway#sending-heartbeats
func TestBeatBeforeTheFirstDispatchIsNull(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{ReadyDelay: 5 * time.Minute})
		b := launch(t, s, nil)
		wait(4 * time.Minute)
		beats := sent(s, 1)
		if len(beats) < 5 {
			t.Fatalf("got %d beats in 4 minutes", len(beats))
		}
		for _, p := range beats {
			if string(p.Data) != "null" {
				t.Errorf("a beat before READY carried %s, want null", p.Data)
			}
		}
		if e := of[*chiru.HeartbeatSent](b)[0]; e.Sequence != chiru.NoSequence {
			t.Errorf("HeartbeatSent says %d, want NoSequence", e.Sequence)
		}
		wait(3 * time.Minute)
		b.mustBeLive()
		if last := sent(s, 1)[len(sent(s, 1))-1]; string(last.Data) != "1" {
			t.Errorf("the beat after READY carried %s, want 1", last.Data)
		}
		b.stop()
	})
}

func TestReadyDelayedTenMinutesIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{ReadyDelay: 10 * time.Minute})
		b := launch(t, s, nil)
		wait(11 * time.Minute)
		b.mustBeLive()
		if got := b.stats.Snapshot(); got.Identifies != 1 || got.Connections != 1 {
			t.Errorf("got %d identifies on %d connections, want one on one (docs /events/gateway#sending-heartbeats)", got.Identifies, got.Connections)
		}
		b.stop()
	})
}

func TestBeatCarriesWhatTheConsumerHasAndNotMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil, unbuffered)
		wait(time.Second)
		b.freeze()
		for range 10 {
			s.Dispatch(0, "MESSAGE_CREATE", json.RawMessage(`{}`))
		}
		wait(time.Minute)
		had := of[*chiru.Dispatch](b)
		last := sent(s, 1)[len(sent(s, 1))-1]
		var d int64
		if err := json.Unmarshal(last.Data, &d); err != nil || d != had[len(had)-1].Sequence || d > 3 {
			t.Errorf("the beat carried %s; the consumer has %d of 11", last.Data, had[len(had)-1].Sequence)
		}
		b.thaw()
		wait(time.Minute)
		if last := sent(s, 1)[len(sent(s, 1))-1]; string(last.Data) != "11" {
			t.Errorf("the beat carried %s, want 11", last.Data)
		}
		b.stop()
	})
}

func TestEventsOfADeadSessionCountForNoHeartbeatOfTheNewOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil, unbuffered)
		wait(time.Second)
		b.freeze()
		for range 10 {
			s.Dispatch(0, "MESSAGE_CREATE", json.RawMessage(`{}`))
		}
		wait(time.Minute)
		s.Conns()[0].Send(9, false)
		wait(2 * time.Minute)
		b.mustBeLive()
		before := len(sent(s, 1))
		b.thaw() // the ten come first, then the new READY
		wait(2 * interval)
		beats := sent(s, 1)[before:]
		if len(beats) != 2 || len(readies(b)) != 2 {
			t.Fatalf("got %d beats and %d READYs, want 2 and 2\n%s", len(beats), len(readies(b)), b.history())
		}
		for _, p := range beats {
			if string(p.Data) != "1" {
				t.Errorf("a beat carried %s, want 1, the READY of the new session", p.Data)
			}
		}
		b.stop()
	})
}

// docs /events/gateway#sending-heartbeats
func TestHeartbeatRequestIsAnsweredAtOnceAndMovesNoSchedule(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(90 * time.Second)
		before := sent(s, 1)
		asked := time.Now()
		s.Conns()[0].Send(1, nil)
		wait(interval)
		beats := sent(s, 1)[len(before):]
		if len(beats) != 2 || beats[0].At != asked {
			t.Fatalf("got %d beats, the first %v after the request; want 2, the first at once", len(beats), beats[0].At.Sub(asked))
		}
		if gap := beats[1].At.Sub(before[len(before)-1].At); gap != interval {
			t.Errorf("the next scheduled beat came %v after the last, want %v", gap, interval)
		}
		b.stop()
	})
}

func TestRequestedBeatNeitherHidesNorFakesADeadConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{AckDelay: 2 * time.Second})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		beats := sent(s, 1)
		// One second before the next beat: its ACK comes after that beat.
		time.Sleep(time.Until(beats[len(beats)-1].At.Add(interval - time.Second)))
		s.Conns()[0].Send(1, nil)
		wait(3 * interval)
		b.mustBeLive()
		if s.Accepted() != 1 {
			t.Errorf("a requested beat cost the connection\n%s", b.history())
		}
		s.Conns()[0].MuteACKs()
		beats = sent(s, 1)
		time.Sleep(time.Until(beats[len(beats)-1].At.Add(interval + interval/2)))
		s.Conns()[0].Send(1, nil)
		wait(interval/2 + time.Second)
		if s.Accepted() != 2 {
			t.Errorf("a requested beat hid that the connection is dead\n%s", b.history())
		}
		b.stop()
	})
}

// docs /events/gateway#sending-heartbeats
func TestMissingAckEndsTheConnectionAfterOneIntervalAndTheSessionIsResumed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 2})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.Conns()[0].MuteACKs()
		from := time.Now()
		wait(2*interval + time.Second)
		b.mustBeLive()
		closed := sent(s, gatewaytest.OpClose)
		if len(closed) != 1 || closed[0].Close < 4000 || closed[0].At.Sub(from) > 2*interval {
			t.Errorf("the client closed %+v, want one private code within two intervals of the last ACK", closed)
		}
		lost := of[*chiru.Disconnected](b)
		if len(lost) != 1 || lost[0].Next != chiru.NextResume || !strings.Contains(lost[0].Err.Error(), "acknowledgement") {
			t.Errorf("got %v, want one Disconnected about the acknowledgement, to be resumed", lost)
		}
		if n := len(readies(b)); n != 1 {
			t.Errorf("got %d READYs, want the session kept", n)
		}
		b.checkLedger()
		b.stop()
	})
}

func TestOneDeadConnectionDoesNotPoisonLaterOnes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		s.Conns()[0].MuteACKs()
		wait(30 * time.Minute)
		b.mustBeLive()
		if s.Accepted() != 2 {
			t.Errorf("the shard connected %d times in half an hour, want twice", s.Accepted())
		}
		b.stop()
	})
}

func TestBeatsAndAcksAreCountedAnewOnEachConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		for range 3 {
			wait(3 * interval)
			s.Conns()[0].Cut()
		}
		var beats, acks []int
		for _, e := range of[*chiru.HeartbeatSent](b) {
			beats = append(beats, e.Count)
		}
		for _, e := range of[*chiru.HeartbeatAck](b) {
			acks = append(acks, e.Count)
		}
		if want := []int{1, 2, 3, 1, 2, 3, 1, 2, 3}; !slices.Equal(beats, want) || !slices.Equal(acks, want) {
			t.Errorf("got beats %v and acks %v, want %v", beats, acks, want)
		}
		b.stop()
	})
}

func TestBreaksWithABeatInFlightLeaveNoDeficit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{AckDelay: 5 * time.Second})
		b := launch(t, s, nil)
		for range 5 {
			wait(2 * time.Minute)
			n := len(sent(s, 1))
			for len(sent(s, 1)) == n {
				wait(time.Second)
			}
			s.Conns()[0].Cut() // its ACK will never come
		}
		wait(30 * time.Minute)
		b.mustBeLive()
		if s.Accepted() != 6 {
			t.Errorf("the shard connected %d times, want 6\n%s", s.Accepted(), b.history())
		}
		b.stop()
	})
}

func TestHelloArmsTheScheduleAndNotTheDial(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		var hello time.Time
		s.OnConnect(func(c *gatewaytest.Conn) {
			time.Sleep(15 * time.Second)
			hello = time.Now()
			c.Default()
		})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		b.mustBeLive()
		if first := sent(s, 1)[0].At; first.Before(hello) || first.Sub(hello) >= interval {
			t.Errorf("the first beat came %v after Hello, want within the interval", first.Sub(hello))
		}
		b.stop()
	})
}

func TestStalledConsumerStillBeats(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 20, ReplayEvents: 1 << 16})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		b.freeze()
		before := len(sent(s, 1))
		wait(10 * time.Minute)
		got := b.stats.Snapshot()
		if got.State != "live" || s.Accepted() != 1 {
			t.Fatalf("state is %q after %d connections, want live after one\n%s", got.State, s.Accepted(), b.history())
		}
		if !got.Stalled || got.Backlog > 256 || got.BacklogBytes > 4<<20 {
			t.Errorf("backlog has %d events, %d bytes, stalled %v; want it full and within 256 and 4 MiB", got.Backlog, got.BacklogBytes, got.Stalled)
		}
		beats := sent(s, 1)[before-1:]
		if want := int(10 * time.Minute / interval); len(beats)-1 < want {
			t.Errorf("got %d beats in 10 minutes, want %d", len(beats)-1, want)
		}
		for i := 1; i < len(beats); i++ {
			if gap := beats[i].At.Sub(beats[i-1].At); gap != interval {
				t.Errorf("a beat came after %v, want exactly %v", gap, interval)
			}
		}
		b.thaw()
		wait(5 * time.Minute)
		b.mustBeLive()
		if s.Accepted() != 1 {
			t.Errorf("the stall cost the connection afterwards\n%s", b.history())
		}
		if b.stats.Snapshot().Stalled {
			t.Error("stalled, though the consumer has caught up")
		}
		b.checkLedger()
		b.stop()
	})
}

func TestConnectionThatDiesBehindAStallIsFoundOutOnceItIsReadAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 20, ReplayEvents: 1 << 16})
		s.Allow("zombie") // it counts what it did not say behind our stall
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		b.freeze()
		wait(5 * time.Minute)
		s.Conns()[0].Mute()
		wait(time.Minute)
		b.thaw()
		wait(3 * interval)
		b.mustBeLive()
		if s.Accepted() != 2 {
			t.Errorf("the shard connected %d times, want twice", s.Accepted())
		}
		wait(10 * time.Second)
		b.checkLedger()
		b.stop()
	})
}

func TestHeartbeatIntervalThatCannotBeMeantEndsTheConnection(t *testing.T) {
	for _, hello := range []string{`{"heartbeat_interval":0}`, `{"heartbeat_interval":999}`, `{"heartbeat_interval":600001}`, `{"heartbeat_interval":-5}`, `{"heartbeat_interval":"soon"}`, `{"heartbeat_interval":1e30}`, `null`, `[]`} {
		t.Run(hello, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				s.OnConnect(func(c *gatewaytest.Conn) { c.Send(10, json.RawMessage(hello)) })
				b := launch(t, s, nil)
				wait(time.Minute)
				b.mustBeLive()
				lost := of[*chiru.Disconnected](b)
				if len(lost) != 1 {
					t.Fatalf("got %d Disconnected, want 1", len(lost))
				}
				if e, ok := lost[0].Err.(*chiru.ProtocolError); !ok || e.During != "hello" {
					t.Errorf("got %v, want a ProtocolError about hello", lost[0].Err)
				}
				b.stop()
			})
		})
	}
}
