package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// BudgetStore keeps a text of some hundred bytes while no process runs: the count of the day's identifies. A file will
// do; sessions.File is one. Processes that run at the same time need one each. A failing store is logged and stops nothing.
type BudgetStore interface {
	// Load gives what was saved last; nil if nothing was.
	Load(ctx context.Context) ([]byte, error)
	// Save replaces it, whole or not at all. An IDENTIFY waits until it is written down.
	Save(ctx context.Context, text []byte) error
}

const (
	ledgerVersion = 1
	ledgerWait    = 10 * time.Second // for a store
	// At a stop it has so long from when the shards are told: Run returns within a second.
	lastLedgerWait = 900 * time.Millisecond
)

// ledger is the text of a BudgetStore.
type ledger struct {
	Version int       `json:"version"`
	Bot     string    `json:"bot"` // a hash of the token
	Total   int       `json:"total"`
	Left    int       `json:"left"`
	ResetAt time.Time `json:"reset_at"`
	// Buckets is max_concurrency; Identified is when each bucket last had an IDENTIFY, unless that is long ago.
	Buckets    int               `json:"buckets"`
	Identified map[int]time.Time `json:"identified,omitempty"`
	Breaker    breakerNote       `json:"breaker"`
}

// bot names the bot without naming its token.
func (b *budget) bot() string {
	sum := sha256.Sum256([]byte("chiru budget " + strings.TrimPrefix(b.run.cfg.Shard.Token, "Bot ")))
	return hex.EncodeToString(sum[:8])
}

// load takes what the process before has counted, if that is of the same bot and window.
func (b *budget) load(ctx context.Context) {
	if b.run.cfg.Budget == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerWait)
	defer cancel()
	text, err := b.run.cfg.Budget.Load(ctx)
	var l ledger
	if err == nil && text != nil {
		if err = json.Unmarshal(text, &l); err == nil && l.Version != ledgerVersion {
			err = fmt.Errorf("version %d, want %d", l.Version, ledgerVersion)
		}
	}
	if err != nil {
		b.run.log.Warn("count of identifies not loaded; going by the API's", "error", err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if l.Bot != b.bot() {
		return
	}
	b.remember(now, l)
	b.breaker.remember(now, l.Breaker)
	if !l.ResetAt.After(now) {
		return
	}
	// A clock may have jumped in between: no reset is further away than a window lasts.
	reset := l.ResetAt
	if most := now.Add(windowLasts); reset.After(most) {
		reset = most
	}
	if !b.windowless && b.resetAt.After(reset.Add(sameWindow)) {
		return // a new window has begun since
	}
	b.left = min(b.left, l.Left)
	b.allow()
	if b.windowless || reset.After(b.resetAt) {
		b.resetAt = reset
	}
}

// remember takes over when each bucket last had an IDENTIFY. mu is held.
func (b *budget) remember(now time.Time, l ledger) {
	for bucket, at := range l.Identified {
		if at.After(now) {
			at = now // by a clock that jumped: a pause is never longer than one
		}
		for mine := range b.buckets {
			// If there were others, each of them may have been any of ours.
			if (mine == bucket || l.Buckets != b.buckets) && at.After(b.identified[mine]) {
				b.identified[mine] = at
			}
		}
	}
}

// pauses is until when each bucket is closed, of those that are.
func (b *budget) pauses() map[int]time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	until := map[int]time.Time{}
	for bucket, at := range b.identified {
		if at = at.Add(identifySpacing); at.After(time.Now()) {
			until[bucket] = at
		}
	}
	return until
}

// keep writes the count down whenever it has changed, until ctx ends.
func (b *budget) keep(ctx context.Context) {
	if b.run.cfg.Budget == nil {
		return
	}
	patient, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	context.AfterFunc(b.run.ctx, func() { time.AfterFunc(lastLedgerWait, giveUp) })
	for {
		select {
		case <-b.dirty:
			b.write(patient)
		case <-ctx.Done():
			b.write(patient)
			return
		}
	}
}

func (b *budget) write(ctx context.Context) {
	b.mu.Lock()
	version := b.version
	l := ledger{ledgerVersion, b.bot(), b.total, b.left, b.resetAt.UTC().Round(0), b.buckets, map[int]time.Time{}, b.breaker.note(time.Now())}
	for bucket, at := range b.identified {
		if time.Since(at) < 2*identifySpacing {
			l.Identified[bucket] = at.UTC().Round(0)
		}
	}
	text, err := json.Marshal(l)
	b.mu.Unlock()
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, ledgerWait)
		err = b.run.cfg.Budget.Save(ctx, append(text, '\n'))
		cancel()
	}
	if err != nil {
		b.run.log.Warn("count of identifies not saved", "error", err)
	}
	b.mu.Lock()
	b.written = version // or given up
	close(b.saved)
	b.saved = make(chan struct{})
	b.mu.Unlock()
}

// count notes that the count has changed. mu is held.
func (b *budget) count() {
	b.version++
	select {
	case b.dirty <- struct{}{}:
	default:
	}
}

// writtenDown waits until what was taken before is in the store.
func (b *budget) writtenDown(ctx context.Context) {
	if b.run.cfg.Budget == nil {
		return
	}
	b.mu.Lock()
	version := b.version
	for b.written < version {
		saved := b.saved
		b.mu.Unlock()
		select {
		case <-saved:
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
	}
	b.mu.Unlock()
}
