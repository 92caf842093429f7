package chiru_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

const (
	stormShards = 256
	spread      = 2550 * time.Millisecond // 10 ms for each other shard
)

// storm has 256 live shards on one simulator, each live for longer than a minute.
func storm(t *testing.T) (*gatewaytest.Server, []*bot) {
	t.Helper()
	s := serve(t, gatewaytest.Config{MaxConcurrency: 16})
	gate := chiru.NewIdentifyGate(16)
	bots := make([]*bot, stormShards)
	for id := range bots {
		bots[id] = launch(t, s, func(cfg *chiru.Config) {
			cfg.ShardID, cfg.ShardCount, cfg.Gate = id, stormShards, gate
			cfg.Compression = chiru.CompressionZlibStream
		})
	}
	wait(stormShards / 16 * 5200 * time.Millisecond)
	allLive(t, bots)
	wait(time.Minute)
	return s, bots
}

func allLive(t *testing.T, bots []*bot) {
	t.Helper()
	for _, b := range bots {
		b.mustBeLive()
	}
}

func cutAll(s *gatewaytest.Server) {
	for _, c := range s.Conns() {
		c.Cut()
	}
}

// oneSession checks that the storm cost no shard its session.
func oneSession(t *testing.T, s *gatewaytest.Server, bots []*bot) {
	t.Helper()
	if n := len(sent(s, 2)); n != stormShards {
		t.Errorf("%d IDENTIFYs were sent, want the %d of the start", n, stormShards)
	}
	for _, b := range bots {
		b.checkLedger()
	}
}

// crowd is the most of these times, in order, that lie within any 100 ms.
func crowd(at []time.Duration) int {
	most, first := 0, 0
	for i := range at {
		for at[i]-at[first] >= 100*time.Millisecond {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// unevenness is how far the share of these times, in order, that lies below any point is from what it is
// where all points are equally likely: the statistic of Kolmogorov and Smirnov.
func unevenness(at []time.Duration, over time.Duration) float64 {
	worst := 0.0
	for i, d := range at {
		even := float64(d) / float64(over)
		worst = max(worst, math.Abs(float64(i)/float64(len(at))-even), math.Abs(float64(i+1)/float64(len(at))-even))
	}
	return worst
}

// since gives when payloads came after a time, in order.
func since(from time.Time, payloads []gatewaytest.Payload) []time.Duration {
	var out []time.Duration
	for _, p := range payloads {
		if !p.At.Before(from) {
			out = append(out, p.At.Sub(from))
		}
	}
	slices.Sort(out)
	return out
}

// docs /events/gateway#resuming
func TestShardsCutTogetherResumeSpreadOutAndSpendNoIdentify(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, bots := storm(t)
		for range 3 {
			cut := time.Now()
			cutAll(s)
			wait(spread)
			allLive(t, bots)
			at := since(cut, sent(s, 6))
			if len(at) != stormShards || at[len(at)-1] > spread {
				t.Fatalf("%d RESUMEs, the last after %v; want %d within %v", len(at), at[len(at)-1], stormShards, spread)
			}
			// An even spread has 10 in 100 ms. Chance gives 33 in any, or is so uneven, once in a million runs.
			if n := crowd(at); n > 32 {
				t.Errorf("100 ms hold %d RESUMEs, want an even spread over %v", n, spread)
			}
			if u := unevenness(at, spread); u > 0.18 {
				t.Errorf("the RESUMEs are spread with an unevenness of %.2f, want 0.18 at most", u)
			}
			wait(20 * time.Second) // the second and third time, within a minute
		}
		oneSession(t, s, bots)
	})
}

func TestShardsCutTogetherResumeThoughTheFirstHostIsDownForTenMinutes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, bots := storm(t)
		s.HostDown("gateway", true)
		for range 2 {
			cutAll(s)
			wait(spread)
			allLive(t, bots)
			wait(5*time.Minute - spread)
		}
		s.HostDown("gateway", false)
		wait(time.Minute)
		allLive(t, bots)
		if n := len(sent(s, 6)); n != 2*stormShards {
			t.Errorf("%d RESUMEs were sent, want %d", n, 2*stormShards)
		}
		oneSession(t, s, bots)
	})
}

// A shard that fails just before the end of an outage waits a minute at most, so within Discord's "few
// minutes" no session is lost.
func TestShardsResumeWithinAMinuteOfATwoMinuteOutageAndSpendNoIdentify(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, bots := storm(t)
		s.HostDown("", true)
		cutAll(s)
		wait(2 * time.Minute)
		up := time.Now()
		s.HostDown("", false)
		wait(time.Minute)
		allLive(t, bots)
		at := since(up, sent(s, 6))
		if len(at) != stormShards {
			t.Errorf("%d RESUMEs were sent, want %d", len(at), stormShards)
		}
		if n := crowd(at); n > 16 {
			t.Errorf("100 ms hold %d RESUMEs, want them spread over a minute", n)
		}
		oneSession(t, s, bots)
	})
}
