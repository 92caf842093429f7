package session

import "time"

// Discord closes with 4008 after 120 payloads in 60 s on one connection, heartbeats included
// (docs /events/gateway#rate-limiting). Whether its window rolls is not said, and the network may
// squeeze two payloads together, so no rolling 61 s ever hold more than 120.
const (
	sendLimit  = 120
	sendWindow = 61 * time.Second

	// Game status changes: 5 per 20 s, with the same margin.
	presenceLimit  = 5
	presenceWindow = 21 * time.Second

	// Beats asked for by op 1 that commands leave room for.
	requestedReserve = 3
)

// window remembers when the last payloads were sent: a rolling count, not a bucket, because a
// bucket of 120 lets nearly 240 through around its refill.
type window struct {
	span  time.Duration
	limit int
	sent  []time.Time // oldest first, at most limit
}

func newWindow(limit int, span time.Duration) window {
	return window{span: span, limit: limit}
}

func (w *window) add(now time.Time) {
	if len(w.sent) == w.limit {
		w.sent = append(w.sent[:0], w.sent[1:]...)
	}
	w.sent = append(w.sent, now)
}

// roomAt is when one more payload leaves keep places free; a time not after now means at once.
func (w *window) roomAt(keep int) time.Time {
	usable := max(w.limit-keep, 1)
	if len(w.sent) < usable {
		return time.Time{}
	}
	return w.sent[len(w.sent)-usable].Add(w.span)
}

// emptyAt is when nothing sent so far counts any more.
func (w *window) emptyAt() time.Time {
	if len(w.sent) == 0 {
		return time.Time{}
	}
	return w.sent[len(w.sent)-1].Add(w.span)
}

// beatReserve is the number of scheduled beats that one send window can hold; before Hello, the most that may be.
func beatReserve(interval time.Duration) int {
	interval = max(interval, minInterval)
	return int((sendWindow+interval-1)/interval) + 1
}
