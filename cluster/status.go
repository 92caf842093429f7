package cluster

import (
	"time"

	"github.com/chiru-go/chiru"
)

// Status is all shards of a cluster at one moment.
type Status struct {
	At time.Time
	// Running says whether Run runs; nothing else is known if not.
	Running bool
	// Discovery is why the API does not say where the gateway is; nil once it has. It is asked again at AskAgain.
	Discovery error
	AskAgain  time.Time
	// Of is how many shards the bot has, 0 until that is known; Shards are those that run here, by id.
	Of     int
	Shards []ShardStatus
	Live   int // of Shards
	// Left is the least time until all shards that wait for their first turn have begun a session, 0 if none waits. If
	// the identifies of the day do not suffice it reaches to their reset.
	Left   time.Duration
	Budget BudgetStatus
}

// BudgetStatus is the identifies of the day (docs /events/gateway#session-start-limit-object).
type BudgetStatus struct {
	Total, Left, Floor int
	ResetAt            time.Time
	// ClosedUntil is when new sessions may begin again; zero if they may now. Why says why they may not.
	ClosedUntil time.Time
	Why         string
}

// ShardStatus is one shard: its counters, and what is wrong with it. Counters begin anew with each run of the shard.
type ShardStatus struct {
	Shard int
	chiru.Snapshot
	Guilds Guilds
	Rate   float64 // dispatches a second, over the last minute or so
	Runs   int     // how often it was started here
	// DownSince is since when it is not live, though it may be: it has lost its session, or its turn has come. Zero while it is.
	DownSince time.Time
	// Trouble is what is wrong, empty if events come and are taken. Until is when it is over or something is done about
	// it at the latest, zero if that is not known; Next is what is done then.
	Trouble string
	Until   time.Time
	Next    string
	// Err is why the shard does not run any more: ErrClosed, or a *ShardError. RestartShard starts it again.
	Err error
}

// Status is a snapshot of everything. It may be taken at any time.
func (c *Cluster) Status() Status {
	now := time.Now()
	r, err := c.running()
	if err != nil {
		return Status{At: now}
	}
	st := Status{At: now, Running: true}
	r.mu.Lock()
	st.Discovery, st.AskAgain = r.discovery, r.askAgain
	r.mu.Unlock()
	select {
	case <-r.planned:
	default:
		return st
	}
	st.Of, st.Budget = r.count, r.budget.status()
	for _, s := range r.shards {
		one := s.status()
		if one.State == "live" {
			st.Live++
		}
		st.Shards = append(st.Shards, one)
	}
	waiting, left := r.starts.left(now)
	st.Left = left
	if closed := st.Budget.ClosedUntil; waiting > 0 && closed.After(now) {
		st.Left += closed.Sub(now)
	} else if waiting > st.Budget.Left-st.Budget.Floor && st.Budget.ResetAt.After(now) {
		st.Left = max(left, st.Budget.ResetAt.Sub(now))
	}
	return st
}

func (s *shard) status() ShardStatus {
	now := time.Now()
	s.mu.Lock()
	stats, err, down, runs, on := s.stats, s.err, s.down, s.runs, s.cancel != nil
	if s.closed && err == nil {
		err = ErrClosed
	}
	s.mu.Unlock()
	st := ShardStatus{Shard: s.id, Snapshot: stats.Snapshot(), Guilds: s.guilds.count(), Runs: runs, DownSince: down, Err: err}
	if !on {
		st.State = "ended"
		if runs == 0 {
			st.State = "queued"
		}
	}
	st.Rate = s.flow.rateNow()
	s.diagnose(&st, now)
	return st
}

func (b *budget) status() BudgetStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	st := BudgetStatus{Total: b.total, Left: b.left, Floor: b.floor, ResetAt: b.resetAt}
	if until := b.until(now); !until.IsZero() {
		st.ClosedUntil, st.Why = until, "the day's session starts are spent, but for the floor"
	} else if until := b.breaker.closedUntil(now); !until.IsZero() {
		st.ClosedUntil, st.Why = until, "sessions end as soon as they begin"
	}
	return st
}
