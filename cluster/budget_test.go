package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// note is a BudgetStore that can be asked, and can fail.
type note struct {
	mu    sync.Mutex
	text  []byte
	fails error
	hangs bool
	takes time.Duration

	killed bool // nothing is written any more, as if the process were gone
}

func (n *note) Load(ctx context.Context) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text, n.fails
}

func (n *note) Save(ctx context.Context, text []byte) error {
	n.mu.Lock()
	hangs, fails := n.hangs, n.fails
	n.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(n.takes) // in fake time
	n.mu.Lock()
	defer n.mu.Unlock()
	if fails == nil && !n.killed {
		n.text = text
	}
	return fails
}

func (n *note) left(t *testing.T) int {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	var l struct{ Version, Left int }
	if err := json.Unmarshal(n.text, &l); err != nil || l.Version != 1 {
		t.Fatalf("the count is %s: %v", n.text, err)
	}
	return l.Left
}

// The identifies of the day reach the floor; a supervisor starts the process again and again. docs
// /events/gateway#session-start-limit-object
func TestProcessRestartedInALoopSpendsNoIdentifyBeyondTheFloor(t *testing.T) {
	for _, store := range []cluster.BudgetStore{nil, new(note)} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: 4, MaxConcurrency: 4, SessionLimit: 30, Record: 1 << 16})
			for range 50 {
				f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor, cfg.Budget = 5, store })
				wait(5 * time.Minute) // slow enough to be no burst
				f.stop()
			}
			if n := len(identifies(s)); n != 25 {
				t.Errorf("%d identifies of 30 were sent, want 25", n)
			}
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor, cfg.Budget = 5, store })
			wait(time.Minute)
			st := f.Status()
			reset := 24*time.Hour - 50*5*time.Minute - time.Minute
			if st.Live != 0 || st.Budget.Left != 5 || st.Budget.Floor != 5 || st.Budget.Total != 30 || st.Budget.Why == "" ||
				st.Budget.ClosedUntil.Sub(st.At).Round(time.Second) != reset {
				t.Errorf("live %d, budget %+v, open in %v; want none live, 5 left, and open in %v", st.Live, st.Budget, st.Budget.ClosedUntil.Sub(st.At), reset)
			}
			if st.Left < reset.Round(time.Second)-time.Second || st.Health() == nil {
				t.Errorf("left are %v, health %v", st.Left, st.Health())
			}
			// It goes on by itself.
			wait(reset + 10*time.Second)
			f.mustBeLive(4)
			if n := len(identifies(s)); n != 29 {
				t.Errorf("%d identifies, want 4 more once the day is over", n)
			}
		})
	}
}

// Processes that are killed at any moment, and an API that says what was left at the beginning: what counts is what was
// written down before each IDENTIFY. docs /events/gateway#session-start-limit-object
func TestProcessKilledInALoopSpendsNoIdentifyBeyondTheFloor(t *testing.T) {
	for seed := range uint64(20) {
		inBubble(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, SessionLimit: 10, Record: 1 << 16})
			a, client := asking(s)
			a.answer = lagging(t, s, time.Now())
			n := new(note)
			for range 60 {
				n = &note{text: n.text, takes: time.Duration(rng.IntN(300)) * time.Millisecond}
				f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor, cfg.Budget, cfg.Shard.HTTPClient = 3, n, client })
				lives := time.Duration(rng.IntN(20)) * time.Minute
				if rng.IntN(4) > 0 { // it is killed while it identifies
					lives = time.Duration(rng.IntN(600)) * time.Millisecond
				}
				wait(lives)
				n.mu.Lock()
				n.killed = true
				n.mu.Unlock()
				f.stop()
				wait(time.Duration(rng.IntN(20)) * time.Second)
			}
			if got := len(identifies(s)); got > 7 || got < 2 || n.left(t) != 3 {
				t.Errorf("seed %d: %d identifies of 10 were sent and %d are left, want 7 at most and 3", seed, got, n.left(t))
			}
		})
	}
}

// The API may say what was left a while ago.
func TestCountOfTheProcessBeforeOutlivesAnAPIThatLagsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, SessionLimit: 10})
		began := time.Now()
		a, client := asking(s)
		a.answer = lagging(t, s, began)
		n := new(note)
		for range 20 {
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor, cfg.Budget, cfg.Shard.HTTPClient = 3, n, client })
			wait(7 * time.Minute)
			f.stop()
		}
		if got := len(identifies(s)); got != 7 {
			t.Errorf("%d identifies, want 7 of 10", got)
		}
		if n.left(t) != 3 {
			t.Errorf("the count says %d are left, want 3", n.left(t))
		}
	})
}

// lagging is an API that goes on saying what was left at the beginning.
func lagging(t *testing.T, s *gatewaytest.Server, began time.Time) func(int64) *http.Response {
	return func(int64) *http.Response {
		text := `{"url":"` + s.URL() + `","shards":2,"session_start_limit":{"total":10,"remaining":10,"reset_after":` +
			jsonOf(t, (24*time.Hour-time.Since(began)).Milliseconds()) + `,"max_concurrency":2}}`
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}
	}
}

func TestOwnCountOutlivesAnAPIThatLagsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, SessionLimit: 10})
		a, client := asking(s)
		a.answer = lagging(t, s, time.Now())
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor, cfg.Shard.HTTPClient = 3, client })
		for range 20 {
			wait(10 * time.Minute)
			for _, c := range s.Conns() {
				if c.SessionID() != "" {
					c.Close(4009, "")
				}
			}
		}
		if got := len(identifies(s)); got != 7 || a.n.Load() < 4 {
			t.Errorf("%d identifies after %d answers, want 7 of 10", got, a.n.Load())
		}
		if left := f.Status().Budget.Left; left != 3 {
			t.Errorf("%d are left, want 3", left)
		}
	})
}

// A new day begins while one shard has taken an identify and waits for the caller's gate: the API does not know of it yet.
func TestIdentifyOnItsWayCountsOfTheNewDay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, SessionLimit: 100, Record: 1 << 16})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Gate = slowGate{} })
		wait(24*time.Hour - 2*time.Second)
		f.mustBeLive(2)
		lose := func(shard int) {
			for _, c := range s.Conns() {
				if c.Shard() == shard {
					c.Close(4009, "")
				}
			}
		}
		lose(0)
		wait(2*time.Second + time.Millisecond) // the day is over, and shard 0 waits
		if f.states()["awaitSlot"] != 1 {
			t.Fatalf("%v, want one at the gate", f.states())
		}
		lose(1)
		wait(time.Second)
		if left := f.Status().Budget.Left; left != 98 {
			t.Errorf("%d are left of the new day's 100, want 98 with one on its way and one more", left)
		}
	})
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Times in the count are clamped to the longest legal wait, and a count of another bot, format or day is none.
func TestCountsThatCannotBeMeantStopNobody(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l map[string]any)
		closed time.Duration
	}{
		"as saved":                       {func(l map[string]any) {}, 24 * time.Hour},
		"a year ahead":                   {func(l map[string]any) { l["reset_at"] = time.Now().Add(365 * 24 * time.Hour) }, 24 * time.Hour},
		"yesterday's":                    {func(l map[string]any) { l["reset_at"] = time.Now().Add(-time.Second) }, 0},
		"of a day that ends just before": {func(l map[string]any) { l["reset_at"] = time.Now().Add(24*time.Hour - 4*time.Minute) }, 24 * time.Hour},
		"of the day before":              {func(l map[string]any) { l["reset_at"] = time.Now().Add(24*time.Hour - 6*time.Minute) }, 0},
		"of another bot":                 {func(l map[string]any) { l["bot"] = "0123" }, 0},
		"of version 2":                   {func(l map[string]any) { l["version"] = 2 }, 0},
		"not of its type":                {func(l map[string]any) { l["left"] = "none" }, 0},
	} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{})
			n := new(note)
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
			wait(10 * time.Second)
			f.mustBeLive(1)
			f.stop()
			var l map[string]any
			if err := json.Unmarshal(n.text, &l); err != nil {
				t.Fatal(err)
			}
			l["left"] = 0
			c.change(l)
			n.text = []byte(jsonOf(t, l))
			f = launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
			wait(10 * time.Second)
			st := f.Status()
			var closed time.Duration
			if !st.Budget.ClosedUntil.IsZero() {
				closed = st.Budget.ClosedUntil.Sub(st.At)
			}
			if diff := closed - c.closed; diff > 30*time.Second || diff < -30*time.Second {
				t.Errorf("%s: closed for %v, want %v", name, closed, c.closed)
			}
		})
	}
}

func TestAnIdentifyIsWrittenDownBeforeItIsSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2})
		n := &note{takes: time.Second}
		var sent atomic.Int64
		s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) {
			if left, want := n.left(t), 1000-int(sent.Add(1)); left != want {
				t.Errorf("at an IDENTIFY the count says %d of 1000 are left, want %d", left, want)
			}
			c.Default()
		}).Keep()
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
		wait(15 * time.Second)
		f.mustBeLive(2)
		if n.left(t) != 998 {
			t.Errorf("the count says %d are left, want 998", n.left(t))
		}
	})
}

// A process that starts just after the one before keeps the pause of each bucket. The referee sees to it.
func TestPausesOfTheProcessBeforeAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2})
		n := new(note)
		for range 5 {
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
			wait(700 * time.Millisecond)
			f.stop()
		}
		if got := len(identifies(s)); got != 2 {
			t.Errorf("%d identifies within 3.5 s, want one in each bucket", got)
		}
		var l map[string]any
		if err := json.Unmarshal(n.text, &l); err != nil {
			t.Fatal(err)
		}
		l["identified"] = map[string]string{"0": "2999-01-01T00:00:00Z", "1": "2999-01-01T00:00:00Z"} // a clock has jumped
		n.text = []byte(jsonOf(t, l))
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
		wait(5100 * time.Millisecond)
		f.mustBeLive(0)
		wait(200 * time.Millisecond)
		f.mustBeLive(2)
	})
}

// A stand-in for Discord may know of no limit.
func TestAPIThatNamesNoLimitStopsNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		a, client := asking(s)
		a.answer = func(int64) *http.Response {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"url":"` + s.URL() + `","shards":2}`))}
		}
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.HTTPClient = client })
		wait(10 * time.Second)
		f.mustBeLive(2)
	})
}

// A store that fails or hangs delays, and stops nothing.
func TestFailingBudgetStoreStopsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 1})
		n := &note{fails: errors.New("disk full")}
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
		wait(time.Second)
		f.mustBeLive(1)
	})
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 1})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Budget = &note{hangs: true} })
		wait(9 * time.Second)
		if st := f.states(); st["awaitSlot"] != 1 {
			t.Errorf("before the store's 10 s are over: %v", st)
		}
		wait(2 * time.Second)
		f.mustBeLive(1)
	})
	inBubble(t, func(t *testing.T) { // nor a stop
		s := serve(t, gatewaytest.Config{Shards: 2})
		n := new(note)
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
		wait(5 * time.Second)
		n.mu.Lock()
		n.hangs = true
		n.mu.Unlock()
		wait(2 * time.Second)
		f.stop()
	})
}

// docs /events/gateway#resuming: a RESUME is no IDENTIFY.
func TestResumeNeverWaitsForTheBudget(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 3, MaxConcurrency: 3, SessionLimit: 10})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor = 7 })
		wait(time.Second)
		f.mustBeLive(3)
		if f.Status().Budget.ClosedUntil.IsZero() {
			t.Fatal("the budget is open")
		}
		for range 3 {
			for _, c := range s.Conns() {
				c.Cut()
			}
			wait(2 * time.Second)
			f.mustBeLive(3)
		}
		if n := len(identifies(s)); n != 3 {
			t.Errorf("%d identifies, want 3", n)
		}
	})
}

// What is given back before its IDENTIFY is not spent: of a shard that leaves, or whose gate denies it.
func TestIdentifyThatIsNotSentIsGivenBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, SessionLimit: 10})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Gate = slowGate{} })
		wait(2 * time.Second)
		if left := f.Status().Budget.Left; left != 8 {
			t.Errorf("%d are left, want 8", left)
		}
		if err := f.CloseShard(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		wait(0)
		if left := f.Status().Budget.Left; left != 9 {
			t.Errorf("%d are left once the shard is gone, want 9", left)
		}
	})
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{SessionLimit: 10})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Gate = deniesTwice(new(atomic.Int64)) })
		wait(2500 * time.Millisecond)
		f.mustBeLive(1)
		if left := f.Status().Budget.Left; left != 9 {
			t.Errorf("%d are left, want 9", left)
		}
	})
}

// deniesTwice is a gate that gives no permit the first two times.
func deniesTwice(asked *atomic.Int64) chiru.IdentifyGate {
	return gateFunc(func() <-chan chiru.Permit {
		out := make(chan chiru.Permit, 1)
		if asked.Add(1) > 2 {
			out <- slowGate{}
		} else {
			close(out)
		}
		return out
	})
}

type gateFunc func() <-chan chiru.Permit

func (f gateFunc) Permit(context.Context, int) <-chan chiru.Permit { return f() }

// Several processes of one bot share what is left, whoever of them asks the API first. docs
// /events/gateway#session-start-limit-object
func TestProcessesThatShareABotStopAtTheFloorTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards, processes, limit, floor = 64, 4, 60, 20
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, SessionLimit: limit, Record: 1 << 16})
		for p := range processes {
			launch(t, s, func(cfg *cluster.Config) {
				cfg.Shards, cfg.Floor = shards, floor
				for id := p; id < shards; id += processes {
					cfg.Only = append(cfg.Only, id)
				}
			})
		}
		wait(time.Hour)
		if n := len(identifies(s)); n < limit-floor || n >= limit-floor+processes {
			t.Errorf("%d identifies, want %d and one more for each other process at most", n, limit-floor)
		}
	})
}

// Who waits for the budget keeps its place: the shards of a bucket go on in the order in which they came.
func TestShardsThatWaitForTheBudgetGoOnInTheirOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 12
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: 1, SessionLimit: 100, Record: 1 << 16})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor = 100 - shards })
		wait(2 * time.Minute)
		f.mustBeLive(shards)
		for _, id := range []int{5, 2, 11, 0, 7, 3, 9, 1} {
			for _, c := range s.Conns() {
				if c.Shard() == id {
					c.Close(4009, "")
				}
			}
			wait(time.Minute)
		}
		wait(24 * time.Hour)
		f.mustBeLive(shards)
		var order []int
		for _, p := range identifies(s)[shards:] {
			order = append(order, p.Shard)
		}
		if fmt.Sprint(order) != "[5 2 11 0 7 3 9 1]" {
			t.Errorf("they went on as %v, want the order in which they lost their sessions", order)
		}
	})
}

// The day is spent when the process starts: of each bucket one waits at the gate, and the others without a socket.
func TestShardsThatWaitForTheBudgetNeedNoSocketButOneInEachBucket(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards, concurrency = 12, 3
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: concurrency, SessionLimit: 100})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor = 100 })
		wait(time.Hour)
		if st := f.states(); st["awaitSlot"] != concurrency || st["queued"] != shards-concurrency || len(s.Conns()) != concurrency {
			t.Errorf("%v with %d sockets, want one of each of %d buckets", st, len(s.Conns()), concurrency)
		}
	})
}

// A start that the budget has stopped goes on when the day is over, whoever is left of those that waited, and whatever the
// API said last.
func TestStartGoesOnWhenTheDayIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards, concurrency = 15, 3
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: concurrency, SessionLimit: 100, Record: 1 << 16})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Floor = 91 })
		wait(time.Hour)
		if st := f.states(); st["live"] != 9 || st["awaitSlot"] != 3 || st["queued"] != 3 {
			t.Fatalf("%v, want 9 live and the next 3 at the gate", st)
		}
		s.HostDown("api", true)
		if err := f.RestartShard(t.Context(), 9); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Minute)
		s.HostDown("api", false)
		for id := 9; id < 12; id++ {
			if err := f.CloseShard(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		wait(22*time.Hour + 57*time.Minute)
		f.mustBeLive(9)
		wait(2 * time.Minute)
		f.mustBeLive(12)
	})
}

// Every session ends as soon as it has begun.
func TestBurstOfNewSessionsTripsTheBreakerBeforeTheBudgetIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 20
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, Record: 1 << 16})
		rule := s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Send(9, false) }).Keep()
		f := launch(t, s, nil)
		wait(10 * time.Minute)
		tripped := len(identifies(s))
		if tripped > 2*shards+5 || tripped < shards+5 {
			t.Errorf("%d identifies in the burst, want all shards once and %d more at most", tripped, shards+5)
		}
		st := f.Status()
		if st.Budget.ClosedUntil.IsZero() || st.Budget.Why != "sessions end as soon as they begin" || st.Health() == nil {
			t.Errorf("budget %+v, health %v", st.Budget, st.Health())
		}
		wait(24*time.Hour - 10*time.Minute)
		if n := len(identifies(s)); n > tripped+30 {
			t.Errorf("%d identifies in a day, want about one an hour after the burst's %d", n, tripped)
		}
		rule.Drop()
		wait(2 * time.Hour)
		f.mustBeLive(shards)
	})
}

// A process without sessions that a supervisor starts again and again is a burst too.
func TestBurstOverManyProcessesTripsTheBreaker(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 10
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, Record: 1 << 16})
		n := new(note)
		start := func() *fleet {
			return launch(t, s, func(cfg *cluster.Config) { cfg.Budget = n })
		}
		for range 3 * 60 * 2 {
			f := start()
			wait(30 * time.Second)
			f.stop()
		}
		if got := len(identifies(s)); got > 2*shards+5+3*12 || got < 2*shards+5 {
			t.Errorf("%d identifies in three hours, want %d in the burst and then a probe in 5 min at most", got, 2*shards+5)
		}
		var l map[string]any
		if err := json.Unmarshal(n.text, &l); err != nil {
			t.Fatal(err)
		}
		l["breaker"].(map[string]any)["until"] = "2999-01-01T00:00:00Z" // a clock has jumped
		n.text = []byte(jsonOf(t, l))
		f := start()
		wait(time.Minute)
		if left := time.Until(f.Status().Budget.ClosedUntil).Round(time.Minute); left != 59*time.Minute {
			t.Errorf("closed for %v more, want an hour at most", left)
		}
		wait(time.Hour + 10*time.Minute) // then a probe, which lasts
		f.mustBeLive(shards)
	})
}

// All sessions end together, once: that is no burst.
func TestSessionsThatAllEndTogetherAreAllBegunAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 20
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, SessionLimit: 100})
		f := launch(t, s, nil)
		wait(10 * time.Minute)
		for _, c := range s.Conns() {
			c.Close(4009, "")
		}
		wait(time.Minute)
		f.mustBeLive(shards)
		if f.Status().Budget.Why != "" {
			t.Errorf("the budget is closed: %+v", f.Status().Budget)
		}
	})
}

// A token that is reset while the cluster runs ends it when the API is asked again.
func TestTokenThatIsWrongLaterEndsRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2})
		a, client := asking(s)
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.HTTPClient = client })
		wait(time.Hour)
		f.mustBeLive(2)
		a.answer = func(int64) *http.Response {
			return &http.Response{StatusCode: 401, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}
		}
		s.Conns()[0].Close(4009, "")
		wait(time.Minute)
		if _, ok := errors.AsType[*cluster.DiscoveryError](f.err); !ok {
			t.Errorf("Run returned %v", f.err)
		}
		if n := a.n.Load(); n != 2 {
			t.Errorf("the API was asked %d times, want twice", n)
		}
	})
}

// An API that does not answer holds nobody up for long.
func TestBudgetGoesByItsOwnCountWhileTheAPIIsDown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2})
		f := launch(t, s, nil)
		wait(time.Hour)
		s.HostDown("api", true)
		for range 3 {
			s.Conns()[0].Close(4009, "")
			wait(time.Minute)
			f.mustBeLive(2)
		}
		if left := f.Status().Budget.Left; left != 995 {
			t.Errorf("%d are left, want 995", left)
		}
	})
}
