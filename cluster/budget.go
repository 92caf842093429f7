package cluster

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/chiru-go/chiru"
)

const (
	// The window of the session start limit (docs /events/gateway#session-start-limit-object): no reset is further away.
	windowLasts = 24 * time.Hour
	// What the API said is asked for anew before an IDENTIFY once it is so old.
	answerLasts = 5 * time.Minute
	// After a failure to ask, our own count is good enough for so long.
	askPause = time.Minute
	// Two resets so close together are of one window.
	sameWindow = 5 * time.Minute
	// Of the day's total, a floorShare-th is never spent.
	floorShare = 20
	// What is left where there is no limit.
	unlimited = 1 << 30
)

// budget is the identifies of the day: what the API says is left, less what has been taken since. It is the smaller of
// that and of what this process and those before it have counted.
type budget struct {
	run *run

	mu       sync.Mutex    // guards what follows; held for work in memory only
	changed  chan struct{} // closed when a place may be had that could not before
	total    int
	left     int // takes are subtracted at once
	out      int // taken, and neither sent nor given back
	allowed  int // to take until the API is asked again
	resetAt  time.Time
	answered time.Time // when the API last answered
	pauseTo  time.Time // it is not asked before
	asking   bool
	floor    int
	breaker  breaker

	elsewhere  bool // the day is counted by the caller's gate
	mine, all  int  // shards of this process, and of the bot
	windowless bool // the API knows of no window
	buckets    int
	identified map[int]time.Time // by bucket: the last IDENTIFY, or the last that was about to be sent

	// What is to be written down, and what is.
	version, written int
	dirty, saved     chan struct{}
}

func newBudget(r *run, found chiru.Gateway, mine, all int) *budget {
	b := &budget{
		run: r, changed: make(chan struct{}), breaker: newBreaker(mine), mine: mine, all: all,
		dirty: make(chan struct{}, 1), saved: make(chan struct{}),
		elsewhere: r.cfg.Paced, buckets: max(found.MaxConcurrency, 1), identified: map[int]time.Time{},
	}
	b.heard(time.Now(), found)
	return b
}

// heard takes an answer of the API. mu is held, or b is new.
func (b *budget) heard(now time.Time, found chiru.Gateway) {
	b.answered, b.windowless = now, found.ResetAfter == 0
	reset := now.Add(min(found.ResetAfter, windowLasts))
	left := found.Remaining - b.out
	if found.Total == 0 { // an API that names no limit
		left = unlimited - b.out
	}
	switch {
	case found.ResetAfter == 0:
		reset = now.Add(windowLasts)
		if b.resetAt.After(now) {
			reset, left = b.resetAt, min(left, b.left)
		}
	case b.resetAt.After(now) && reset.Before(b.resetAt.Add(sameWindow)):
		// The API may lag behind. Of two resets the later counts.
		left = min(left, b.left)
		if b.resetAt.After(reset) {
			reset = b.resetAt
		}
	}
	b.total, b.left, b.resetAt = found.Total, left, reset
	b.floor = b.run.cfg.Floor
	if b.floor == 0 {
		b.floor = (b.total + floorShare - 1) / floorShare
	}
	b.floor = max(b.floor, 0)
	b.allow()
}

// allow says how many may be taken before the API is asked anew: other processes spend of the same day, so half of this one's
// part, by its shards, of what is left above the floor. mu is held, or b is new.
func (b *budget) allow() {
	b.allowed = max(int(int64(b.left-b.floor)*int64(b.mine)/int64(2*b.all)), 1)
}

// take waits until one identify may be spent, and takes it. It is false once ctx has ended.
func (b *budget) take(ctx context.Context, shard int) bool {
	for ctx.Err() == nil {
		b.mu.Lock()
		now := time.Now()
		if !b.asking && !b.fresh(now) {
			b.asking = true
			b.mu.Unlock()
			b.ask(ctx)
			continue
		}
		until := b.until(now)
		if !b.asking && until.IsZero() {
			until = b.breaker.take(now, shard)
		}
		if !b.asking && until.IsZero() {
			b.left, b.out, b.allowed = b.left-1, b.out+1, b.allowed-1
			b.count()
			b.mu.Unlock()
			return true
		}
		changed := b.changed
		b.mu.Unlock()
		b.wait(ctx, until, changed)
	}
	return false
}

func (b *budget) wait(ctx context.Context, until time.Time, changed <-chan struct{}) {
	var due <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-due:
	case <-changed:
	case <-ctx.Done():
	}
}

// fresh says whether what is known of the budget is good enough to spend of it. mu is held.
func (b *budget) fresh(now time.Time) bool {
	if b.elsewhere || now.Before(b.pauseTo) {
		return true
	}
	return b.allowed > 0 && now.Sub(b.answered) < answerLasts && now.Before(b.resetAt)
}

// until is when the budget is open again, the zero time if it is. mu is held.
func (b *budget) until(now time.Time) time.Time {
	switch {
	case b.elsewhere, b.left > b.floor:
	case now.Before(b.resetAt):
		return b.resetAt
	case now.Before(b.pauseTo): // the reset is due, and the API is asked then
		return b.pauseTo
	}
	return time.Time{}
}

// ask asks the API, for all that wait.
func (b *budget) ask(ctx context.Context) {
	found, err := chiru.Discover(ctx, b.run.cfg.Shard.HTTPClient, b.run.cfg.API, b.run.cfg.Shard.Token)
	if err != nil && ctx.Err() == nil {
		b.run.log.Warn("identifies left not known; going by the last count", "error", err)
		if refused, ok := errors.AsType[*chiru.UpgradeError](err); ok && refused.Status == http.StatusUnauthorized {
			b.run.stop(lasting(err))
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.asking = false
	switch {
	case err == nil:
		b.heard(now, found)
		b.count()
	case ctx.Err() == nil:
		b.pauseTo = now.Add(max(askPause, retryAfter(err)))
		if !now.Before(b.resetAt) { // the day is over, by the last that was heard
			b.left, b.resetAt = b.total-b.out, now.Add(windowLasts)
		}
	}
	b.tell()
}

func (b *budget) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// giveBack returns one that was not sent.
func (b *budget) giveBack(shard int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.out, b.allowed = b.left+1, b.out-1, b.allowed+1
	b.count()
	b.breaker.giveBack(shard)
	b.tell()
}

// about tells that an IDENTIFY is about to be sent: the next process is to know, whatever becomes of this one.
func (b *budget) about(shard int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.identified[shard%b.buckets] = time.Now()
	b.count()
}

// begun tells that an IDENTIFY is on the wire.
func (b *budget) begun(shard int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out--
	b.identified[shard%b.buckets] = time.Now()
	b.count()
}

// ended tells that a shard's session is gone, or that none began.
func (b *budget) ended(shard int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breaker.ended(time.Now(), shard)
	b.count()
	b.tell()
}
