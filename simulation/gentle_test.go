package simulation

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// A seed of chaos alone, as any bot library may be given it: a default client gets at least half of the nominal rate
// in any 15 s once it is there, and is never refused for good.
func TestSeededChaosLeavesADefaultClientHalfOfItsEvents(t *testing.T) {
	const rate, window = 10, 15 * time.Second
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := gatewaytest.Start(t, gatewaytest.Config{
					Seed: seed, Guilds: 3, Members: 3, Rate: rate, Mix: "quiet", Record: 1 << 16, Chaos: fmt.Sprintf("seed=%d", seed),
				})
				ctx, cancel := context.WithCancelCause(t.Context())
				inbound := make(chan chiru.IncomingEvent)
				audit := server.Audit(0)
				var run sync.WaitGroup
				run.Go(func() {
					defer close(inbound)
					err := chiru.Run(ctx, chiru.Config{
						Intents: chiru.IntentsAll, // so that all that happens comes
						URL:     server.URL() + "/?shard=0", Token: server.Token(), HTTPClient: server.Client(),
						Compression: compressions[seed%3],
					}, nil, inbound)
					if err != errEnd {
						t.Errorf("Run returned %v", err)
					}
				})
				time.AfterFunc(10*time.Minute, func() { cancel(errEnd) })
				var times []time.Time
				for event := range inbound {
					if d, ok := event.(*chiru.Dispatch); ok {
						times = append(times, time.Now())
						if err := audit.Got(d.SessionID, d.Sequence, d.Type, d.Body); err != nil {
							t.Error(err)
						}
					}
				}
				run.Wait()
				least, at := fewest(times, time.Now(), window)
				if want := int(rate * window.Seconds() / 2); least < want {
					t.Errorf("only %d events in the 15 s from %v on, want %d", least, at, want)
				}
				total := 0
				for _, n := range server.Strikes() {
					total += n
				}
				if total < 15 {
					t.Errorf("only %d faults in ten minutes", total)
				}
				t.Logf("%d faults, %d events, at least %d in any 15 s", total, len(times), least)
			})
		})
	}
}

// fewest is how many times the emptiest window before the end holds, and how long after the first it begins.
func fewest(times []time.Time, end time.Time, window time.Duration) (least int, at time.Duration) {
	least = len(times)
	first, last := 0, 0
	// A window may begin just after any of the times.
	for i := range times {
		from := times[i]
		if from.Add(window).After(end) {
			break
		}
		for first < len(times) && !times[first].After(from) {
			first++
		}
		for last < len(times) && !times[last].After(from.Add(window)) {
			last++
		}
		if last-first < least {
			least, at = last-first, from.Sub(times[0])
		}
	}
	return least, at
}
