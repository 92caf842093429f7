package cluster

import (
	"fmt"
	"strings"
	"time"
)

// How long chiru.Run waits in a state before it gives the connection up.
const (
	dialWait   = 20 * time.Second
	helloWait  = 20 * time.Second
	resumeWait = time.Minute
)

// The steps of ShardStatus.Next.
const (
	nextRestart   = "RestartShard"
	nextTurn      = "it dials when its turn has come"
	nextReconnect = "the connection is given up, and the session resumed on another"
	nextAgain     = "it begins a session, unless another of its bucket comes first"
	nextDiscord   = "Discord begins the session"
	nextConsumer  = "whoever reads inbound takes events"
)

// diagnose says what is wrong with a shard, until when, and what is done then.
func (s *shard) diagnose(st *ShardStatus, now time.Time) {
	set := func(trouble string, until time.Time, next string) {
		st.Trouble, st.Until, st.Next = trouble, until, next
	}
	switch st.State {
	case "queued":
		_, left := s.r.starts.left(now)
		set("waits for its turn to begin a session", now.Add(left), nextTurn)
	case "ended":
		if st.Err == nil {
			set("starts again", time.Time{}, "")
			return
		}
		set(st.Err.Error(), time.Time{}, nextRestart)
	case "", "waiting":
		set("not connected", st.Retry, "it dials, to resume")
		if st.Session == "" {
			st.Next = "it dials, to begin a session"
		}
	case "dialing":
		set("dials", st.Since.Add(dialWait), "it tries again")
	case "awaitHello":
		set("waits for Hello", st.Since.Add(helloWait), nextReconnect)
	case "awaitSlot":
		set("waits for the identify gate", s.r.starts.free(s.id, now), nextAgain)
		if closed := s.r.budget.status(); closed.Why != "" {
			st.Trouble, st.Until = st.Trouble+": "+closed.Why, closed.ClosedUntil
		}
	case "identifying":
		set("waits for READY", time.Time{}, nextDiscord)
		s.unacknowledged(st, now)
	case "resuming":
		set("waits for the events it has missed", st.Since.Add(resumeWait), nextReconnect)
		s.unacknowledged(st, now)
	case "live":
		s.diagnoseLive(st, now)
	}
	if st.State != "live" && st.Err == nil && st.LastLoss != nil {
		st.Trouble += "; last loss: " + strings.TrimPrefix(st.LastLoss.Error(), "chiru: ")
	}
}

func (s *shard) diagnoseLive(st *ShardStatus, now time.Time) {
	stuck, silent, usual := s.flow.stopped()
	switch {
	case !stuck.IsZero():
		st.Trouble, st.Next = fmt.Sprintf("%d events wait for inbound, and none has been taken for %v", st.Backlog, now.Sub(stuck).Round(time.Second)), nextConsumer
	case st.Stalled:
		st.Trouble, st.Next = "the backlog is full: the socket is not read", nextConsumer
	case !silent.IsZero():
		st.Trouble, st.Next = fmt.Sprintf("no event for %v, where %d of 100 spans of %v brought some", now.Sub(silent).Round(time.Second), usual, sampleEvery), nextDiscord
	}
	s.unacknowledged(st, now)
}

// A beat that is not acknowledged for so long is worth a word.
const slowAck = 2 * time.Second

// unacknowledged says that heartbeats get no answer: a connection on which that lasts an interval is given up.
func (s *shard) unacknowledged(st *ShardStatus, now time.Time) {
	s.pulse.mu.Lock()
	asked, interval := s.pulse.asked, s.pulse.interval
	s.pulse.mu.Unlock()
	if waits := now.Sub(asked); !asked.IsZero() && waits >= min(slowAck, interval/4) {
		until := asked.Add(interval)
		if st.Until.IsZero() || until.Before(st.Until) {
			st.Trouble, st.Until, st.Next = fmt.Sprintf("a heartbeat is unanswered for %v", waits.Round(time.Second)), until, nextReconnect
		}
	}
}

// Health is nil as long as events come and are taken. It does not ask whether the process lives: a shard that has not
// been live for HealthGrace is bad, and so is one that is live but brings nothing, and a consumer that takes nothing.
func (s Status) Health() error {
	if !s.Running {
		return ErrNotRunning
	}
	if s.Discovery != nil {
		return fmt.Errorf("the gateway is not known: %w", s.Discovery)
	}
	var bad []string
	for _, shard := range s.Shards {
		switch {
		case shard.Err == ErrClosed, shard.Trouble == "":
			continue
		case shard.State == "queued" && s.Budget.ClosedUntil.IsZero(): // others come first
			continue
		case shard.State != "live" && shard.Err == nil && s.At.Sub(shard.DownSince) < HealthGrace:
			continue
		}
		bad = append(bad, fmt.Sprintf("shard %d: %s", shard.Shard, shard.Trouble))
	}
	if len(bad) == 0 {
		return nil
	}
	if most := 5; len(bad) > most {
		bad = append(bad[:most], fmt.Sprintf("and %d more", len(bad)-most))
	}
	return &HealthError{Troubles: bad, Shards: len(s.Shards)}
}

// HealthGrace is how long a shard may be away, for a reconnect say, before that is bad health.
const HealthGrace = 30 * time.Second

// HealthError says which shards deliver nothing.
type HealthError struct {
	Troubles []string
	Shards   int
}

func (e *HealthError) Error() string { return "cluster: " + strings.Join(e.Troubles, "; ") }
