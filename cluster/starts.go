package cluster

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// The pause of a bucket of chiru.NewIdentifyGate: Discord's 5 s and a margin.
	identifySpacing = 5*time.Second + 200*time.Millisecond
	// A shard that has not identified so long after its start does not hold up the next of its bucket.
	startOverdue = 10 * time.Second
	// The first shards of all buckets start together: spread like the reconnects of chiru.Run.
	spreadEach = 10 * time.Millisecond
	spreadMost = 5 * time.Second
)

// starts lets new sessions begin in the order of their ids: a shard dials when the one before it in its bucket has
// identified, and has the bucket's pause to get to the gate. Shards with a session to resume have no part in it.
type starts struct {
	budget *budget

	mu    sync.Mutex
	lines []line // by bucket
	over  bool
}

type line struct {
	shards []*shard
	away   bool // one has started, and has not identified yet
	timer  *time.Timer
	sent   time.Time // the bucket's last IDENTIFY
}

func newStarts(b *budget) *starts {
	return &starts{budget: b, lines: make([]line, b.buckets)}
}

// add queues a shard; they come in the order of their ids.
func (s *starts) add(m *shard) {
	l := &s.lines[m.id%len(s.lines)]
	l.shards = append(l.shards, m)
}

// begin starts the first of each bucket.
func (s *starts) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	spread := min(spreadEach*time.Duration(len(s.lines)-1), spreadMost)
	for i := range s.lines {
		if len(s.lines[i].shards) > 0 {
			s.arm(i, time.Duration(rand.Float64()*float64(spread)))
		}
	}
}

// identified tells that an IDENTIFY of a shard's bucket is on the wire.
func (s *starts) identified(shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket := shard % len(s.lines)
	s.lines[bucket].sent, s.lines[bucket].away = time.Now(), false
	s.next(bucket)
}

// next starts the first in line. mu is held.
func (s *starts) next(bucket int) {
	l := &s.lines[bucket]
	if s.over || len(l.shards) == 0 {
		return
	}
	close(l.shards[0].turn)
	l.shards, l.away = l.shards[1:], true
	s.arm(bucket, startOverdue)
}

// arm starts the next one after a while, unless the budget is closed and one waits for it already. mu is held.
func (s *starts) arm(bucket int, after time.Duration) {
	l := &s.lines[bucket]
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(after, func() {
		closed := !s.budget.status().ClosedUntil.IsZero()
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.over:
		case closed && l.away:
			s.arm(bucket, startOverdue)
		default:
			s.next(bucket)
		}
	})
}

func (s *starts) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for i := range s.lines {
		if t := s.lines[i].timer; t != nil {
			t.Stop()
		}
	}
}

// left is how many shards have not identified yet, and the least time until the last of them may.
func (s *starts) left(now time.Time) (shards int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		n := len(l.shards)
		if l.away {
			n++
		}
		if n == 0 {
			continue
		}
		shards += n
		wait := time.Duration(n) * identifySpacing
		if l.sent.IsZero() {
			wait -= identifySpacing
		} else {
			wait -= min(now.Sub(l.sent), identifySpacing)
		}
		took = max(took, wait)
	}
	return shards, took
}

// free is when the pause of a shard's bucket is over, the zero time if none is on.
func (s *starts) free(shard int, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.lines[shard%len(s.lines)].sent
	if until := sent.Add(identifySpacing); !sent.IsZero() && until.After(now) {
		return until
	}
	return time.Time{}
}
