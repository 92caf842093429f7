package cluster

import (
	"slices"
	"time"
)

// The breaker ends a burst of new sessions before the day's budget is gone: sessions that end as soon as they begin say
// that something is wrong which further ones do not mend.
const (
	// More new sessions in burstSpan than two for each shard, and burstSlack more, are a burst: all shards may begin
	// together, and all lose their sessions together once.
	burstSpan  = 10 * time.Minute
	burstSlack = 5
	// Then no new session begins for breakFirst, twice as long after each failed probe.
	breakFirst = 10 * time.Minute
	breakMost  = time.Hour
	// The probe is one new session; if it lasts so long, the breaker lets all through again.
	probeLasts = 5 * time.Minute
)

type breaker struct {
	shards int

	recent  []time.Time // new sessions, of this process and those before it
	open    bool
	until   time.Time // no new session before
	pause   time.Duration
	probing int // the probe's shard, -1 for none
	probed  time.Time
}

func newBreaker(shards int) breaker {
	return breaker{shards: shards, probing: -1, pause: breakFirst}
}

// closedUntil is when the breaker may let a shard through again; the zero time if it does now.
func (b *breaker) closedUntil(now time.Time) time.Time {
	switch {
	case b.open && b.probing >= 0 && now.Sub(b.probed) < probeLasts:
		return b.probed.Add(probeLasts)
	case b.open && b.probing < 0 && now.Before(b.until):
		return b.until
	}
	return time.Time{}
}

// take lets a shard through if it may; otherwise the time is when to ask again.
func (b *breaker) take(now time.Time, shard int) time.Time {
	if b.open && b.probing >= 0 && now.Sub(b.probed) >= probeLasts {
		b.close()
	}
	if until := b.closedUntil(now); !until.IsZero() {
		return until
	}
	if b.open {
		b.probing, b.probed = shard, now
		return time.Time{}
	}
	for len(b.recent) > 0 && now.Sub(b.recent[0]) >= burstSpan {
		b.recent = b.recent[1:]
	}
	if len(b.recent) >= 2*b.shards+burstSlack {
		b.trip(now)
		return b.until
	}
	b.recent = append(b.recent, now)
	return time.Time{}
}

// ended tells that a shard's session is gone, or that none began.
func (b *breaker) ended(now time.Time, shard int) {
	if b.open && shard == b.probing && now.Sub(b.probed) < probeLasts {
		b.trip(now)
	}
}

// giveBack takes a take back: no IDENTIFY was sent.
func (b *breaker) giveBack(shard int) {
	if shard == b.probing {
		b.probing = -1
	} else if len(b.recent) > 0 {
		b.recent = b.recent[:len(b.recent)-1]
	}
}

func (b *breaker) trip(now time.Time) {
	if b.open {
		b.pause = min(2*b.pause, breakMost)
	}
	b.open, b.probing, b.recent = true, -1, nil
	b.until = now.Add(b.pause)
}

func (b *breaker) close() {
	b.open, b.probing = false, -1
	b.pause = max(b.pause/2, breakFirst)
}

// breakerNote is what the next process is to know.
type breakerNote struct {
	Until  time.Time      `json:"until,omitzero"` // open, if set
	Pause  time.Duration  `json:"pause,omitempty"`
	Recent map[string]int `json:"recent,omitempty"` // new sessions by minute, in RFC 3339
}

func (b *breaker) note(now time.Time) breakerNote {
	n := breakerNote{Recent: map[string]int{}}
	if b.open {
		n.Until, n.Pause = b.until.UTC().Round(0), b.pause
		if b.probing >= 0 { // the next process has no part in this probe
			n.Until = b.probed.Add(probeLasts).UTC().Round(0)
		}
	}
	for _, at := range b.recent {
		if now.Sub(at) < burstSpan {
			n.Recent[at.UTC().Truncate(time.Minute).Format(time.RFC3339)]++
		}
	}
	return n
}

// remember takes over a note. No wait in it is longer than the longest legal one.
func (b *breaker) remember(now time.Time, n breakerNote) {
	if !n.Until.IsZero() {
		b.open, b.until, b.pause = true, n.Until, min(max(n.Pause, breakFirst), breakMost)
		if most := now.Add(breakMost); b.until.After(most) {
			b.until = most
		}
	}
	for text, count := range n.Recent {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || now.Sub(at) >= burstSpan {
			continue
		}
		if at.After(now) {
			at = now
		}
		for range min(count, 2*b.shards+burstSlack) {
			b.recent = append(b.recent, at)
		}
	}
	slices.SortFunc(b.recent, time.Time.Compare)
}
