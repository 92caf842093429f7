package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// budget is the identifies of the day, of all nodes: one key of the bucket, changed by compare-and-swap. RESUME has no part in it.
type budget struct {
	kv     jetstream.KeyValue
	log    *slog.Logger
	ask    func(context.Context) (chiru.Gateway, error)
	first  chiru.Gateway // the API's answer when the node started
	since  time.Time
	asking chan struct{}       // of one: the API is asked by one shard of the node at a time
	latest atomic.Pointer[day] // for Status
}

// day is the value of the key: what the API says is left, less what has been taken since. It is the smaller of that and of what the nodes have
// counted: the API may lag behind.
type day struct {
	Format   int       `json:"format"`
	Total    int       `json:"total"`
	Left     int       `json:"left"` // takes are subtracted at once
	ResetAt  time.Time `json:"reset_at"`
	Answered time.Time `json:"answered"` // when the API last answered, or last did not
	// Out are those taken, and neither sent nor given back: when, by the token of their permit. A node may have died with one.
	Out map[string]time.Time `json:"out,omitempty"`
}

const (
	budgetKey = "budget"
	// The window of the session start limit (docs /events/gateway#session-start-limit-object): no reset is further away.
	windowLasts = 24 * time.Hour
	// Two resets so close together are of one window.
	sameWindow = 5 * time.Minute
	// What the API said is asked for anew before an IDENTIFY once it is so old: others may spend of the same day.
	answerLasts = 5 * time.Minute
	// After a failure to ask, the nodes' own count is good enough for so long.
	askPause = time.Minute
	// One that is out for longer counts as sent.
	outLasts = time.Minute
	// Of the day's total, a floorShare-th is never spent: running out makes Discord end every session and reset the token.
	floorShare = 20
	// What is left where there is no limit.
	unlimited = 1 << 30
	// How often a closed budget is looked at: one may have been given back.
	closedAgain = 10 * time.Second
)

func newBudget(f *fleet) *budget {
	return &budget{
		kv: f.kv, log: f.log, first: f.found, since: f.foundAt, asking: make(chan struct{}, 1),
		ask: func(ctx context.Context) (chiru.Gateway, error) {
			return chiru.Discover(ctx, f.cfg.Shard.HTTPClient, f.cfg.API, f.cfg.Shard.Token)
		},
	}
}

// see takes note of a change of the key.
func (b *budget) see(entry jetstream.KeyValueEntry) {
	var d day
	if json.Unmarshal(entry.Value(), &d) == nil && d.Format == Format {
		b.latest.Store(&d)
	}
}

// await returns how many the day has left above its floor, once there is one; 0 once ctx has ended.
func (b *budget) await(ctx context.Context) (room int) {
	told := false
	pause := retryFirst
	for ctx.Err() == nil {
		d, err := b.look(ctx)
		until := d.closedUntil()
		switch {
		case ctx.Err() != nil:
			return 0
		case err != nil:
			b.log.Warn("identifies of the day not known", "error", err)
			until = time.Now().Add(pause)
			pause = min(2*pause, retryMost)
		case until.IsZero():
			return d.Left - d.floor()
		case !told:
			told = true
			b.log.Error("identifies of the day are spent, but for the floor", "until", until)
		}
		select {
		case <-time.After(min(max(time.Until(until), 0), time.Duration((0.5+rand.Float64()/2)*float64(closedAgain)))):
		case <-ctx.Done():
		}
	}
	return 0
}

// look is the day as it is now. It asks the API if nobody has for a while.
func (b *budget) look(ctx context.Context) (day, error) {
	select {
	case b.asking <- struct{}{}:
		defer func() { <-b.asking }()
	case <-ctx.Done():
		return day{}, ctx.Err()
	}
	d, _, err := b.read(ctx)
	if err != nil || d.fresh(time.Now()) {
		return d, err
	}
	found, err := b.first, error(nil)
	if d.Format != 0 || time.Since(b.since) > answerLasts {
		found, err = b.ask(ctx)
	}
	if ctx.Err() != nil {
		return day{}, ctx.Err()
	}
	if err != nil {
		if d.Format == 0 {
			return day{}, err
		}
		b.log.Warn("identifies left not known; going by the last count", "error", err)
	}
	var next day
	changing := b.change(ctx, func(d *day) bool {
		if now := time.Now(); err == nil {
			d.heard(now, found)
		} else {
			d.unheard(now)
		}
		next = *d
		return true
	})
	return next, changing
}

// spend takes one for a permit. It is false if there is none any more, or none that is known.
func (b *budget) spend(ctx context.Context, token string) (spent bool, err error) {
	err = b.change(ctx, func(d *day) bool {
		now := time.Now()
		spent = d.fresh(now) && d.closedUntil().IsZero()
		if spent {
			d.tidy(now)
			d.Left--
			d.Out[token] = now
		}
		return spent
	})
	return spent && err == nil, err
}

// settle notes what has become of one that was taken: it is sent, or left again.
func (b *budget) settle(ctx context.Context, token string, sent bool) error {
	return b.change(ctx, func(d *day) bool {
		if _, out := d.Out[token]; !out {
			return false // of a window before, or given up as sent
		}
		delete(d.Out, token)
		if !sent {
			d.Left++
		}
		return true
	})
}

// change writes what f makes of the day, again if another node was quicker, until ctx ends. f says whether there is anything to write.
func (b *budget) change(ctx context.Context, f func(*day) bool) error {
	for {
		d, revision, err := b.read(ctx)
		if err != nil || !f(&d) {
			return err
		}
		d.Format = Format
		value, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if revision == 0 {
			_, err = b.kv.Create(ctx, budgetKey, value)
		} else {
			_, err = b.kv.Update(ctx, budgetKey, value, revision)
		}
		if err == nil || !wrongLast(err) && !errors.Is(err, jetstream.ErrKeyExists) || ctx.Err() != nil {
			return err
		}
	}
}

// read has the day from the bucket's leader; its Format is 0 if there is none.
func (b *budget) read(ctx context.Context) (d day, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	entry, err := b.kv.Get(ctx, budgetKey)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return d, 0, nil
	case err != nil:
		return d, 0, err
	}
	if err := json.Unmarshal(entry.Value(), &d); err != nil || d.Format != Format {
		return day{}, 0, &SetupError{"key " + budgetKey, "it is not of this chiru's format", "run the chiru that wrote it, or a newer one"}
	}
	return d, entry.Revision(), nil
}

// fresh says whether what is known is good enough to spend of it.
func (d *day) fresh(now time.Time) bool {
	age := now.Sub(d.Answered)
	return d.Format != 0 && age < answerLasts && age > -answerLasts && now.Before(d.ResetAt)
}

func (d *day) floor() int { return (d.Total + floorShare - 1) / floorShare }

// closedUntil is the zero time if one may be spent.
func (d *day) closedUntil() time.Time {
	if d.Left > d.floor() {
		return time.Time{}
	}
	return d.ResetAt
}

// tidy forgets those that are out for too long.
func (d *day) tidy(now time.Time) {
	out := map[string]time.Time{}
	for token, at := range d.Out {
		if now.Sub(at) < outLasts {
			out[token] = at
		}
	}
	d.Out = out
}

// heard takes an answer of the API.
func (d *day) heard(now time.Time, found chiru.Gateway) {
	d.tidy(now)
	reset := now.Add(min(found.ResetAfter, windowLasts))
	left := found.Remaining - len(d.Out)
	if found.Total == 0 { // an API that names no limit
		left = unlimited - len(d.Out)
	}
	switch {
	case found.ResetAfter == 0: // nor a window
		reset = now.Add(windowLasts)
		if d.ResetAt.After(now) {
			reset, left = d.ResetAt, min(left, d.Left)
		}
	case d.ResetAt.After(now) && reset.Before(d.ResetAt.Add(sameWindow)):
		// The API may lag behind. Of two resets the later counts.
		left = min(left, d.Left)
		if d.ResetAt.After(reset) {
			reset = d.ResetAt
		}
	}
	d.Total, d.Left, d.ResetAt, d.Answered = found.Total, left, reset.UTC(), now.UTC()
}

// unheard has the nodes' own count do for a while.
func (d *day) unheard(now time.Time) {
	d.tidy(now)
	d.Answered = now.Add(askPause - answerLasts).UTC()
	if !now.Before(d.ResetAt) { // the day is over, by the last that was heard
		d.Left, d.ResetAt = d.Total-len(d.Out), now.Add(windowLasts).UTC()
	}
}
