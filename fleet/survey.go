package fleet

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chiru-go/chiru/cluster"
)

// survey is what the keeper sees of the fleet's shards, for those who ask how it does. It is not changed once it has been told.
type survey struct {
	shards int
	held   map[int]time.Time // by this node: since when
	free   map[int]time.Time // by no node: since when
	out    time.Time         // since when this node is not registered, and can claim nothing; zero if it is
	why    error             // why it is not, or why free shards could not be claimed, if that is known
}

func (k *keeper) tell(now time.Time) {
	before := or(k.told.Load(), new(survey))
	s := &survey{shards: k.shards, held: make(map[int]time.Time, len(k.held)), free: map[int]time.Time{}, why: k.failed}
	for shard, h := range k.held {
		s.held[shard] = h.since
	}
	for shard := range k.shards {
		if k.free(shard) {
			s.free[shard] = or(before.free[shard], now)
		}
	}
	if k.node == nil {
		s.out = or(before.out, now)
	}
	k.told.Store(s)
}

// date has no shard be away for longer than this node has it: before, it was another's.
func (s *survey) date(shards []cluster.ShardStatus) {
	for i := range shards {
		if one := &shards[i]; one.State != "live" && one.DownSince.Before(s.held[one.Shard]) {
			one.DownSince = s.held[one.Shard]
		}
	}
}

// lacking says what has been undelivered for longer than grace because nobody has it, or is empty. A node that is not registered does not
// hear what others have: it speaks of itself.
func (s *survey) lacking(now time.Time, grace time.Duration) string {
	n := 0
	for _, since := range s.free {
		if now.Sub(since) > grace {
			n++
		}
	}
	var what string
	switch out := !s.out.IsZero(); {
	case out && (n > 0 || now.Sub(s.out) > grace):
		what = "the node is not registered, so it can have no shard"
	case out || n == 0:
		return ""
	case s.shards == 1:
		what = "nobody has 1 of 1 shard"
	default:
		what = fmt.Sprintf("nobody has %d of %d shards", n, s.shards)
	}
	if s.why == nil {
		return what
	}
	what += ": " + strings.TrimPrefix(s.why.Error(), "fleet: ")
	if setup, ok := errors.AsType[*SetupError](s.why); ok && setup.Hint != "" {
		what += " (" + setup.Hint + ")"
	}
	return what
}

// unclaimedMost is how long a shard may be nobody's, and a node not registered: as long as a shard may be away, cluster.HealthGrace. A start, a
// drain (drainWait) and a hand-over, which leaves a shard free for a moment, are over well before.
const unclaimedMost = 30 * time.Second
