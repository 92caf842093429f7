package interop

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/chiru-go/chiru/gatewaytest"
)

// maxComplaints bounds what is kept of a library's own log.
const maxComplaints = 1000

// tally is what a library told of its sessions, one for each shard.
type tally struct {
	mu         sync.Mutex
	shards     map[int]*seen
	complaints []string
	crash      string // how the library ended by itself
}

// seen is what a library showed of one session.
type seen struct {
	types map[int64]string // by sequence number
	again int              // dispatches shown more than once
	mixed []int64          // numbers shown with two types
	unfit map[string]int   // events reported as unreadable, without a number, by type
}

func newTally() *tally { return &tally{shards: map[int]*seen{}} }

// shard is called with t.mu held.
func (t *tally) shard(id int) *seen {
	s := t.shards[id]
	if s == nil {
		s = &seen{types: map[int64]string{}, unfit: map[string]int{}}
		t.shards[id] = s
	}
	return s
}

// saw takes note of a dispatch that the library's hook for any event showed.
func (t *tally) saw(shard int, seq int64, typ string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shard(shard)
	old, again := s.types[seq]
	switch {
	case !again:
		s.types[seq] = typ
	case old == typ:
		s.again++
	default:
		s.mixed = append(s.mixed, seq)
	}
}

// unreadable takes note of a dispatch that the library reported as an error, without its number.
func (t *tally) unreadable(shard int, typ string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shard(shard).unfit[typ]++
}

// complain keeps what the library logged as wrong.
func (t *tally) complain(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.complaints) < maxComplaints {
		t.complaints = append(t.complaints, fmt.Sprintf(format, args...))
	}
}

// crashed takes note of a library that has ended by itself.
func (t *tally) crashed(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.crash = fmt.Sprintf(format, args...)
}

// dead is how the library ended by itself, "" if it has not.
func (t *tally) dead() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.crash
}

// grumbles returns the complaints, each once, with how often it came.
func (t *tally) grumbles() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := map[string]int{}
	for _, c := range t.complaints {
		count[c]++
	}
	out := make([]string, 0, len(count))
	for _, c := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%d x %.400s", count[c], c))
	}
	return out
}

// count is how many events of a shard have been shown, the unreadable among them.
func (t *tally) count(shard int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shard(shard)
	n := len(s.types)
	for _, k := range s.unfit {
		n += k
	}
	return n
}

// audit compares what a shard was shown with what its session was issued, and says what is wrong.
func (t *tally) audit(shard int, ledger []gatewaytest.Issued) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shard(shard)
	var wrong []string
	missing := map[string][]int64{}
	for _, e := range ledger {
		switch typ, ok := s.types[e.Seq]; {
		case !ok:
			missing[e.Type] = append(missing[e.Type], e.Seq)
		case typ != e.Type:
			wrong = append(wrong, fmt.Sprintf("shard %d: event %d is %s, issued as %s", shard, e.Seq, typ, e.Type))
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(missing)) {
		// What the library reported as unreadable did arrive.
		if lost := missing[typ]; len(lost) > s.unfit[typ] {
			wrong = append(wrong, fmt.Sprintf("shard %d: %s not seen: %v, reported unreadable: %d", shard, typ, lost, s.unfit[typ]))
		}
	}
	if len(s.mixed) > 0 {
		wrong = append(wrong, fmt.Sprintf("shard %d: two events under one number: %v", shard, s.mixed))
	}
	return wrong
}

// whole says whether a shard has been shown all of the ledger.
func (t *tally) whole(shard int, ledger []gatewaytest.Issued) bool {
	return len(t.audit(shard, ledger)) == 0
}

// unfit says whether the library reported any event as unreadable.
func (t *tally) unfit() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.shards {
		if len(s.unfit) > 0 {
			return true
		}
	}
	return false
}

// twice is how many dispatches of all shards were shown more than once.
func (t *tally) twice() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, s := range t.shards {
		n += s.again
	}
	return n
}
