package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
)

// counting is the budget of one node of a fleet whose API says what a test says.
func (f *fleet) counting(api func() (chiru.Gateway, error)) *budget {
	b := newBudget(f)
	b.since = time.Time{}
	b.ask = func(context.Context) (chiru.Gateway, error) { return api() }
	return b
}

// However late the API is to notice, and however many nodes take at once.
func TestNodesTogetherStopAtTheFloorOfTheDay(t *testing.T) {
	const nodes, floor, left = 5, 5, 40
	f := bench(t)
	var spent atomic.Int64
	var all sync.WaitGroup
	for node := range nodes {
		b := f.counting(func() (chiru.Gateway, error) {
			return chiru.Gateway{Total: 100, Remaining: left, ResetAfter: time.Hour}, nil
		})
		all.Go(func() {
			for i := range left {
				d, err := b.look(t.Context())
				if err != nil {
					t.Error(err)
				}
				if !d.closedUntil().IsZero() {
					return
				}
				token := fmt.Sprintf("%d-%d", node, i)
				ok, err := b.spend(t.Context(), token)
				if err != nil {
					t.Error(err)
				}
				if ok && i%4 == 3 { // its connection broke
					ok = false
					err = b.settle(t.Context(), token, false)
				} else if ok && i%2 == 0 {
					err = b.settle(t.Context(), token, true)
				}
				if err != nil {
					t.Error(err)
				}
				if ok {
					spent.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := spent.Load(); got != left-floor {
		t.Errorf("%d are spent, want %d", got, left-floor)
	}
}

func TestClosedDayOpensByItselfAtItsReset(t *testing.T) {
	f := bench(t)
	began := time.Now()
	const rest = 1500 * time.Millisecond
	b := f.counting(func() (chiru.Gateway, error) {
		if left := rest - time.Since(began); left > 0 {
			return chiru.Gateway{Total: 100, Remaining: 5, ResetAfter: left}, nil
		}
		return chiru.Gateway{Total: 100, Remaining: 100, ResetAfter: 24 * time.Hour}, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if b.await(ctx) == 0 {
		t.Fatal("it stays closed")
	}
	if took := time.Since(began); took < rest {
		t.Errorf("it opens after %v, want %v", took, rest)
	}
	if ok, err := b.spend(ctx, "a"); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestNobodySpendsOfADayThatIsNotKnown(t *testing.T) {
	f := bench(t)
	down := errors.New("down")
	b := f.counting(func() (chiru.Gateway, error) { return chiru.Gateway{}, down })
	if d, err := b.look(t.Context()); !errors.Is(err, down) {
		t.Errorf("got %v, %v", d, err)
	}
	if ok, err := b.spend(t.Context(), "a"); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	// Known once, the count does for a while.
	b.ask = func(context.Context) (chiru.Gateway, error) {
		return chiru.Gateway{Total: 100, Remaining: 7, ResetAfter: 24 * time.Hour}, nil
	}
	if d, err := b.look(t.Context()); !d.closedUntil().IsZero() || err != nil {
		t.Errorf("got %v, %v", d, err)
	}
	if ok, err := b.spend(t.Context(), "a"); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
}
