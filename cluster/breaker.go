package cluster

import "time"

// The breaker ends a burst of new sessions before the day's budget is gone: sessions that end as soon as they begin say
// that something is wrong which further ones do not mend.
const (
	// More new sessions of shards that had one in burstSpan than there are shards, and burstSlack more, are a burst: all
	// shards may lose theirs together, once.
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

	had     map[int]bool // the shards that have begun a session
	recent  []time.Time  // new sessions of those
	open    bool
	until   time.Time // no new session before
	pause   time.Duration
	probing int // the probe's shard, -1 for none
	probed  time.Time
	trips   int
}

func newBreaker(shards int) breaker {
	return breaker{shards: shards, had: map[int]bool{}, probing: -1, pause: breakFirst}
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
	if b.had[shard] {
		for len(b.recent) > 0 && now.Sub(b.recent[0]) >= burstSpan {
			b.recent = b.recent[1:]
		}
		if len(b.recent) >= b.shards+burstSlack {
			b.trip(now)
			return b.until
		}
		b.recent = append(b.recent, now)
	}
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
	} else if b.had[shard] && len(b.recent) > 0 {
		b.recent = b.recent[:len(b.recent)-1]
	}
}

func (b *breaker) trip(now time.Time) {
	if b.open {
		b.pause = min(2*b.pause, breakMost)
	}
	b.open, b.probing, b.recent = true, -1, nil
	b.until = now.Add(b.pause)
	b.trips++
}

func (b *breaker) close() {
	b.open, b.probing = false, -1
	b.pause = max(b.pause/2, breakFirst)
}
