package chiru_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

func TestNilInboundIsAConfigErrorBeforeTheDial(t *testing.T) {
	err := chiru.Run(t.Context(), chiru.Config{Token: "x", URL: "ws://127.0.0.1:1"}, nil, nil)
	if e, ok := errors.AsType[*chiru.ConfigError](err); !ok || e.Field != "inbound" {
		t.Errorf("got %v, want a ConfigError about inbound", err)
	}
}

func TestClosedOutboundMeansNoMoreCommandsAndNothingElse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
		b := launch(t, s, nil)
		close(b.outbound)
		wait(5 * time.Minute)
		s.Conns()[0].Cut()
		wait(time.Minute)
		b.mustBeLive()
		b.checkLedger()
		if n := len(of[*chiru.CommandRejected](b)); n != 0 {
			t.Errorf("got %d CommandRejected, want none", n)
		}
		b.stop()
	})
}

func TestBufferedAndUnbufferedInboundBothGetEverything(t *testing.T) {
	for name, room := range map[string]int{"unbuffered": 0, "buffer of 1": 1, "buffer of 1000": 1000} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 10})
				b := launch(t, s, nil, func(b *bot) { b.room = room })
				wait(2 * time.Minute)
				b.freeze()
				wait(2 * time.Minute)
				b.thaw()
				wait(time.Minute)
				b.checkLedger()
				b.stop()
			})
		})
	}
}

func TestVoidableEventsNeverOvertakeOrFillWhatDispatchesNeed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil, unbuffered)
		wait(time.Second)
		b.freeze()
		s.Dispatch(0, "FIRST", json.RawMessage(`{}`))
		wait(time.Second) // the consumer has it and reads no more
		s.Dispatch(0, "SECOND", json.RawMessage(`{}`))
		wait(10 * time.Minute)
		before := b.stats.Snapshot()
		if before.Voided < 20 {
			t.Errorf("got %d voided, want the beats and ACKs of 10 minutes", before.Voided)
		}
		b.thaw()
		wait(time.Second)
		var after []string
		for _, e := range b.seen() {
			if d, ok := e.event.(*chiru.Dispatch); ok {
				after = append(after, d.Type)
			} else if len(after) > 1 && after[len(after)-1] == "FIRST" {
				t.Errorf("%T came before SECOND", e.event)
			}
		}
		if got := strings.Join(after, " "); got != "READY FIRST SECOND" {
			t.Errorf("got %s, want READY FIRST SECOND", got)
		}
		b.stop()
	})
}

func TestSeveralRunsShareOneInbound(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 12, Rate: 10, Shards: 4, MaxConcurrency: 4})
		inbound := make(chan chiru.IncomingEvent)
		gate := chiru.NewIdentifyGate(4)
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 4)
		for id := range 4 {
			go func() {
				ended <- chiru.Run(ctx, chiru.Config{
					URL: s.URL(), Token: s.Token(), HTTPClient: s.Client(), ShardID: id, ShardCount: 4,
					Gate: gate, Compression: chiru.CompressionZlibStream,
				}, nil, inbound)
			}()
		}
		go func() {
			time.Sleep(5 * time.Minute)
			cancel(errStop)
			for range 4 {
				if err := <-ended; err != errStop {
					t.Errorf("a Run returned %v, want the cause", err)
				}
			}
			close(inbound)
		}()
		last := map[int]int64{}
		for event := range inbound {
			if d, ok := event.(*chiru.Dispatch); ok {
				if d.Sequence != last[d.Shard()]+1 {
					t.Fatalf("shard %d: sequence %d after %d", d.Shard(), d.Sequence, last[d.Shard()])
				}
				last[d.Shard()] = d.Sequence
			}
		}
		for id := range 4 {
			if last[id] < 100 {
				t.Errorf("shard %d got %d dispatches, want 100 at least", id, last[id])
			}
		}
	})
}

// docs /events/gateway#rate-limiting: an IDENTIFY in 5 s for each bucket
func TestSharedGateSpacesIdentifiesOfABucket(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{MaxConcurrency: 2})
		gate := chiru.NewIdentifyGate(2)
		var bots []*bot
		for id := range 6 {
			bots = append(bots, launch(t, s, func(cfg *chiru.Config) {
				cfg.ShardID, cfg.ShardCount, cfg.Gate = id, 6, gate
			}))
		}
		wait(11 * time.Second)
		for _, b := range bots {
			b.mustBeLive()
		}
		at := map[int][]time.Time{}
		for _, p := range sent(s, 2) {
			at[p.Shard%2] = append(at[p.Shard%2], p.At)
		}
		for bucket, times := range at {
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap < 5100*time.Millisecond || gap > 5250*time.Millisecond {
					t.Errorf("bucket %d: identifies %v apart, want 5.1 to 5.25 s", bucket, gap)
				}
			}
		}
	})
}

func TestEventLargerThanTheBacklogPassesAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, func(cfg *chiru.Config) { cfg.BacklogBytes = 1 << 10 }, unbuffered)
		wait(time.Second)
		b.freeze()
		big := map[string]string{"x": strings.Repeat("A", 1<<20)}
		for range 3 {
			s.Dispatch(0, "SMALL", json.RawMessage(`{}`))
			s.Dispatch(0, "BIG", big)
		}
		wait(5 * time.Minute)
		if got := b.stats.Snapshot(); got.BacklogBytes > 1<<10 && got.Backlog > 1 {
			t.Errorf("backlog has %d events of %d bytes; a large one must be alone", got.Backlog, got.BacklogBytes)
		}
		b.thaw()
		wait(time.Minute)
		b.mustBeLive()
		b.checkLedger()
		b.stop()
	})
}

func TestBacklogOfOneEventLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 10})
		b := launch(t, s, func(cfg *chiru.Config) { cfg.BacklogEvents = 1 }, unbuffered)
		wait(time.Minute)
		b.freeze()
		wait(time.Minute)
		s.Conns()[0].Cut()
		wait(time.Minute)
		b.thaw()
		wait(2 * time.Minute)
		b.mustBeLive()
		b.checkLedger()
		b.stop()
	})
}

func TestFilterDropsBeforeTheBacklogAndStillCountsTheSequence(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 10})
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Filter = func(eventType string) bool { return eventType == "MESSAGE_CREATE" }
		})
		wait(2 * time.Minute)
		s.Conns()[0].Cut()
		wait(2 * time.Minute)
		b.mustBeLive()
		seen := map[string]int{}
		for _, typ := range b.types() {
			seen[typ]++
		}
		if seen["READY"] != 1 || seen["RESUMED"] != 1 || seen["MESSAGE_CREATE"] < 100 || len(seen) != 3 {
			t.Errorf("got %v, want READY, RESUMED and MESSAGE_CREATE only", seen)
		}
		got := b.stats.Snapshot()
		issued := s.Issued(got.Session)
		if last := issued[len(issued)-1].Seq; got.Sequence != last || got.Handled != last || got.Filtered == 0 {
			t.Errorf("got sequence %d, handled %d, %d filtered; the server is at %d", got.Sequence, got.Handled, got.Filtered, last)
		}
		b.stop()
	})
}

func TestFilteredEventsBehindAWaitingOneCountOnlyOnceItIsHandedOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Filter = func(eventType string) bool { return eventType != "NOISE" }
		}, unbuffered)
		wait(time.Second)
		b.freeze()
		for _, typ := range []string{"A", "B", "NOISE", "NOISE"} {
			s.Dispatch(0, typ, json.RawMessage(`{}`))
		}
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Sequence != 5 || got.Handled > 3 {
			t.Errorf("got sequence %d, handled %d; want 5 and at most 3", got.Sequence, got.Handled)
		}
		b.thaw()
		wait(time.Second)
		if got := b.stats.Snapshot(); got.Handled != 5 {
			t.Errorf("handled %d, want 5", got.Handled)
		}
		b.stop()
	})
}

func TestBodyBelongsToTheReceiver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 10})
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Compression = chiru.CompressionZlibStream })
		wait(time.Minute)
		all := of[*chiru.Dispatch](b)
		for _, d := range all[:len(all)/2] {
			for i := range d.Body {
				d.Body[i] = 'X'
			}
		}
		wait(time.Minute)
		for i, d := range of[*chiru.Dispatch](b) {
			if spoilt := strings.Trim(string(d.Body), "X") == ""; spoilt != (i < len(all)/2) {
				t.Fatalf("dispatch %d (%s): the receiver's writing shows in another's body", i, d.Type)
			}
			if i >= len(all)/2 && !json.Valid(d.Body) {
				t.Fatalf("dispatch %d (%s) is not valid JSON", i, d.Type)
			}
		}
		b.stop()
	})
}

func TestEventsYieldsWhatRunDeliversAndEndsWithItsError(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
		cfg := chiru.Config{URL: s.URL(), Token: s.Token(), HTTPClient: s.Client()}
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var types []string
		var last error
		for event, err := range chiru.Events(ctx, cfg) {
			last = err
			if d, ok := event.(*chiru.Dispatch); ok {
				types = append(types, d.Type)
				if len(types) == 10 {
					cancel(errStop)
				}
			}
		}
		if last != errStop || types[0] != "READY" {
			t.Errorf("got %v, ended with %v; want READY first, and the cause last", types, last)
		}
		for event := range chiru.Events(t.Context(), cfg) {
			if _, ok := event.(*chiru.Dispatch); ok {
				break
			}
		}
		wait(time.Second)
		if n := len(s.Conns()); n != 0 {
			t.Errorf("leaving the loop left %d connections", n)
		}
		for event, err := range chiru.Events(t.Context(), chiru.Config{}) {
			if e, ok := errors.AsType[*chiru.ConfigError](err); !ok || event != nil || e.Field != "Token" {
				t.Errorf("got %v, %v; want a ConfigError about Token", event, err)
			}
		}
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

// What comes before Hello means nothing, so it waits for no room, and Hello not behind it.
func TestDispatchBeforeHelloHoldsUpNothingBehindAFrozenConsumer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Rate: 5, Guilds: 2})
		b := launch(t, s, func(cfg *chiru.Config) { cfg.BacklogEvents = 4 }, unbuffered)
		wait(time.Minute)
		b.freeze()
		wait(time.Minute)
		s.OnConnect(func(c *gatewaytest.Conn) {
			c.SendRaw([]byte(`{"op":0,"s":null,"t":"EARLY","d":{}}`))
			c.Default()
		})
		s.Conns()[0].Cut()
		from := time.Now()
		wait(90 * time.Second)
		beats := 0
		for _, p := range sent(s, 1) {
			if p.At.After(from.Add(41 * time.Second)) {
				beats++
			}
		}
		if beats == 0 {
			t.Errorf("no heartbeat on the new connection\n%s", b.history())
		}
		b.thaw()
		wait(time.Minute)
		b.mustBeLive()
		b.checkLedger()
		b.stop()
	})
}
