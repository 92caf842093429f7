package fleet_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// effects are what workers have done, by guild: the numbers of the events in the order in which they were worked on for the first time.
type effects struct {
	mu   sync.Mutex
	by   map[string][]int
	seen int
}

func (e *effects) add(n numbered) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.by[n.Guild], n.N) {
		e.by[n.Guild] = append(e.by[n.Guild], n.N)
		e.seen++
	}
}

func (e *effects) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

// breaks is how often an event was worked on after a later one of its guild.
func (e *effects) breaks() (n int) {
	for _, numbers := range e.by {
		for i := 1; i < len(numbers); i++ {
			if numbers[i] < numbers[i-1] {
				n++
			}
		}
	}
	return n
}

// compete lets workers share events, each with several hands of its own, and drops some events on the floor as a crash would: before or after
// the work, and without an acknowledgement.
func compete(t *testing.T, s *gatewaytest.Server, cfg fleet.SubscribeConfig, events int) *effects {
	t.Helper()
	rng, _ := dice(t)
	done := &effects{by: map[string][]int{}}
	cfg.Types, cfg.Explicit, cfg.AckWait = []string{"T"}, true, time.Second
	var hands sync.WaitGroup
	ended := make(chan struct{})
	var workers []*working
	for range 3 {
		w := work(t, cfg)
		workers = append(workers, w)
		for range 4 {
			rng := rand.New(rand.NewPCG(rng.Uint64(), 0))
			hands.Go(func() {
				for {
					var event chiru.IncomingEvent
					select {
					case event = <-w.events:
					case <-ended:
						return
					}
					d := event.(*chiru.Dispatch)
					got, err := chiru.Decode[numbered](d)
					if err != nil {
						t.Error(err)
						return
					}
					luck := rng.IntN(60)
					if luck == 0 {
						continue
					}
					time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond) // the work
					done.add(got)
					if luck == 1 {
						continue
					}
					_ = w.worker.Ack(d) // that it is too late shows in the order
				}
			})
		}
	}
	number(s, "T", 0, events)
	for late := time.Now().Add(within); done.count() < events; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Errorf("%d of %d events are done", done.count(), events)
			break
		}
	}
	close(ended)
	hands.Wait()
	for _, w := range workers {
		w.end()
	}
	return done
}

func TestLanesKeepTheOrderOfAGuildAmongWorkersThatCompeteAndCrash(t *testing.T) {
	s, e := fleetOf(t, 1)
	const events = 400
	if got := compete(t, s, fleet.SubscribeConfig{Conn: e.Conn, Durable: "laned", Lanes: 8}, events); got.breaks() != 0 {
		t.Errorf("with lanes the order of a guild was broken %d times", got.breaks())
	}
	// What the same workers do without lanes: the test can tell.
	if got := compete(t, s, fleet.SubscribeConfig{Conn: e.Conn, Durable: "plain", FromNow: true}, events); got.breaks() == 0 {
		t.Error("without lanes no order was broken: the test sees nothing")
	}
}

func TestLanesHaveAllPartitionsOnceAndTheEventsOfNoGuild(t *testing.T) {
	s, e := fleetOf(t, 1)
	const guilds = 300 // of all partitions
	for _, lanes := range []int{1, 5, fleet.Partitions} {
		w := work(t, fleet.SubscribeConfig{Conn: e.Conn, Durable: "w" + string(rune('0'+lanes%10)), Lanes: lanes, Explicit: true, Types: []string{"T"}, FromNow: true})
		waitLane(t, e, "w"+string(rune('0'+lanes%10)), lanes)
		for n := range guilds {
			s.Dispatch(0, "T", map[string]any{"n": n, "guild_id": chiru.Snowflake(n + 1)})
		}
		s.Dispatch(0, "T", map[string]any{"n": guilds})
		got := map[int]int{}
		for range guilds + 1 {
			d := w.next()
			got[numberOf(t, d).N]++
			w.ack(d)
		}
		if len(got) != guilds+1 {
			t.Errorf("%d lanes: %d different events of %d", lanes, len(got), guilds+1)
		}
		w.end()
	}
}
