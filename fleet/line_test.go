package fleet

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// change is one of the bucket.
type change struct {
	jetstream.KeyValueEntry
	key      string
	value    any
	revision uint64
	gone     bool
}

func (c change) Key() string      { return c.key }
func (c change) Revision() uint64 { return c.revision }
func (c change) Value() []byte {
	text, _ := json.Marshal(c.value)
	return text
}

func (c change) Operation() jetstream.KeyValueOp {
	if c.gone {
		return jetstream.KeyValuePurge
	}
	return jetstream.KeyValuePut
}

// queueAt is the line of node "me", of two buckets, at a time when some wait.
func queueAt(places ...place) *line {
	l := &line{
		node: "me", log: slog.New(slog.DiscardHandler), buckets: 2, ttl: 2 * time.Second,
		dirty: make(chan struct{}, 1), changed: make(chan struct{}), lives: map[string]life{}, mine: map[int]*waiter{},
	}
	for _, node := range []string{"me", "a", "b"} {
		l.see(change{key: nodeKey(node), revision: 1})
	}
	l.see(change{key: lineKey, value: lineup{Format, places}, revision: 2})
	l.see(nil)
	return l
}

func (l *line) first(shard int) bool {
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan bool, 1)
	go func() { got <- l.await(ctx, &waiter{shard: shard}) }()
	synctest.Wait()
	cancel()
	return <-got
}

func TestFirstOfItsBucketGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := queueAt(place{2, "a"}, place{4, "me"}, place{3, "me"})
		if l.first(4) {
			t.Error("shard 4 goes before shard 2, which came first")
		}
		if !l.first(3) {
			t.Error("shard 3 waits for another bucket")
		}
		l.see(change{key: lineKey, value: lineup{Format, []place{{4, "me"}, {3, "me"}}}, revision: 3})
		if !l.first(4) {
			t.Error("shard 4 waits for nobody")
		}
		l.see(change{key: lineKey, value: lineup{Format, []place{{2, "a"}, {4, "me"}}}, revision: 2})
		if !l.first(4) {
			t.Error("an older version of the line counts")
		}
	})
}

// By a delete, by a lifetime that ended while nobody watched, or before anybody did.
func TestPlaceOfANodeThatIsGoneIsPassedOver(t *testing.T) {
	for what, c := range map[string]struct {
		node  string
		gone  bool
		least time.Duration
	}{
		"signed off":   {"a", true, goneGrace},
		"unheard":      {"a", false, 4 * time.Second},
		"never heard":  {"stranger", false, goneGrace},
		"but it lives": {"b", false, 0},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := queueAt(place{2, c.node}, place{4, "me"})
				if c.gone {
					l.see(change{key: nodeKey(c.node), revision: 3, gone: true})
				}
				took := time.Duration(0)
				for ; took < 8*time.Second && !l.first(4); took += 100 * time.Millisecond {
					time.Sleep(100 * time.Millisecond)
					l.see(change{key: nodeKey("me"), revision: 4})
					l.see(change{key: nodeKey("b"), revision: 4})
					l.look()
				}
				switch {
				case c.least == 0 && took < 8*time.Second:
					t.Errorf("passed over after %v", took)
				case c.least > 0 && (took < c.least || took > c.least+200*time.Millisecond):
					t.Errorf("passed over after %v, want %v", took, c.least)
				}
				if next, _ := l.next(time.Now()); slices.Contains(next, place{2, c.node}) == (c.least > 0) {
					t.Errorf("the next version is %v", next)
				}
			})
		})
	}
}

func TestNodeWritesWhoWaitsHereAndNobodyElse(t *testing.T) {
	l := queueAt(place{2, "a"}, place{9, "me"}, place{5, "me"}, place{5, "me"}, place{6, "b"})
	kept := l.join(5, false)
	l.join(7, false)
	l.join(8, true)
	next, changed := l.next(time.Now())
	if want := []place{{2, "a"}, {5, "me"}, {6, "b"}, {7, "me"}, {8, "me"}}; !changed || !slices.Equal(next, want) {
		t.Errorf("got %v, want %v", next, want)
	}
	if again := l.join(5, true); again != kept {
		t.Error("a shard that comes to the gate has lost its place in line")
	}
	l.abandon(5)
	if l.mine[5] == nil {
		t.Error("the gate's place is given up by the owner")
	}
	l.places = next
	if next, changed := l.next(time.Now()); changed {
		t.Errorf("written again as %v", next)
	}
	// A permit that is given up late takes nothing from the next one of the shard.
	anew := l.join(5, true)
	l.leave(kept)
	if l.mine[5] != anew {
		t.Error("the shard's new place is given up by the old permit")
	}
}

func TestShardThatIsCalledAndDoesNotComeHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := queueAt()
		l.call(l.join(1, false))
		l.call(l.join(3, false))
		time.Sleep(callLasts)
		l.join(3, true)
		l.look()
		time.Sleep(time.Millisecond)
		l.look()
		if l.mine[1] != nil || l.mine[3] == nil {
			t.Errorf("%v wait, want shard 3, which has come", l.mine)
		}
	})
}

func day30(now time.Time) day {
	return day{Format: Format, Total: 100, Left: 30, ResetAt: now.Add(time.Hour), Answered: now, Out: map[string]time.Time{}}
}

func TestDayIsTheSmallerOfTheAPIsAndTheNodesCount(t *testing.T) {
	now := time.Now()
	for what, c := range map[string]struct {
		found chiru.Gateway
		out   int
		old   bool // one that is out since long
		left  int
		reset time.Duration
	}{
		"the API lags":            {chiru.Gateway{Total: 100, Remaining: 40, ResetAfter: time.Hour}, 0, false, 30, time.Hour},
		"others spend too":        {chiru.Gateway{Total: 100, Remaining: 20, ResetAfter: time.Hour}, 0, false, 20, time.Hour},
		"some are on their way":   {chiru.Gateway{Total: 100, Remaining: 20, ResetAfter: time.Hour}, 2, false, 18, time.Hour},
		"one is with the dead":    {chiru.Gateway{Total: 100, Remaining: 20, ResetAfter: time.Hour}, 2, true, 18, time.Hour},
		"a new window":            {chiru.Gateway{Total: 100, Remaining: 100, ResetAfter: 24 * time.Hour}, 0, false, 100, 24 * time.Hour},
		"the reset comes earlier": {chiru.Gateway{Total: 100, Remaining: 25, ResetAfter: 58 * time.Minute}, 0, false, 25, time.Hour},
		"no window":               {chiru.Gateway{Total: 100, Remaining: 40}, 0, false, 30, time.Hour},
		"no limit":                {chiru.Gateway{}, 0, false, 30, time.Hour},
	} {
		d := day30(now)
		for i := range c.out {
			d.Out[string(rune('a'+i))] = now.Add(-time.Second)
		}
		if c.old {
			d.Out["dead"] = now.Add(-outLasts)
		}
		d.heard(now, c.found)
		if d.Left != c.left || !d.ResetAt.Equal(now.Add(c.reset)) {
			t.Errorf("%s: %d left until %v, want %d until %v", what, d.Left, d.ResetAt.Sub(now), c.left, c.reset)
		}
	}
}

func TestDayBeginsAnewByTheNodesCountIfTheAPIIsDown(t *testing.T) {
	now := time.Now()
	d := day30(now)
	d.Out["a"] = now.Add(time.Hour)
	if d.unheard(now); d.Left != 30 || !d.fresh(now.Add(askPause-time.Second)) || d.fresh(now.Add(askPause)) {
		t.Errorf("before the reset: %+v", d)
	}
	if d.unheard(now.Add(time.Hour)); d.Left != 99 || !d.ResetAt.Equal(now.Add(25*time.Hour)) {
		t.Errorf("after the reset: %+v", d)
	}
}

func TestFloorOfTheDayIsATwentieth(t *testing.T) {
	for total, want := range map[int]int{1000: 50, 10: 1, 0: 0, 2000: 100, 21: 2} {
		d := day{Total: total, Left: want, ResetAt: time.Now()}
		if d.closedUntil().IsZero() {
			t.Errorf("of %d the last %d may be spent", total, want)
		}
		if d.Left++; !d.closedUntil().IsZero() {
			t.Errorf("of %d, %d may not be spent", total, want+1)
		}
	}
}
