package chiru

import (
	"sync"
	"time"
)

// Stats counts what one Run does. Give Config a pointer to one; any goroutine may take a Snapshot at any time.
type Stats struct {
	// OnState, if set before Run, is called after each change of State, by the goroutine of Run. It must not block.
	OnState func(Snapshot)

	mu  sync.Mutex
	now Snapshot
}

// Snapshot is a copy of the counters.
type Snapshot struct {
	// State is the shard's: "waiting", "dialing", "awaitHello", "awaitSlot", "identifying", "resuming", "live" or "ended".
	State string
	Since time.Time // of State
	// Session is the session's id, empty if there is none.
	Session string
	// Sequence is the highest received, Handled the last handed to inbound; NoSequence if none.
	Sequence, Handled int64
	// Latency is that of the last acknowledged heartbeat of the connection.
	Latency time.Duration

	Connections int64 // WebSockets opened
	Identifies  int64
	Resumes     int64
	Heartbeats  int64
	Commands    int64 // written
	Rejected    int64 // CommandRejected

	Dispatches int64 // received and not duplicates; filtered ones count
	Filtered   int64 // dropped by Config.Filter
	Duplicates int64 // dropped: the session had them
	Skipped    int64 // sequence numbers that Discord left out
	Ignored    int64 // payloads that mean nothing to Chiru
	Voided     int64 // voidable events that nobody was ready for

	BytesRead    int64 // from the WebSocket, as compressed
	BytesPayload int64 // the same, decompressed

	Backlog      int   // events that wait for inbound
	BacklogBytes int64 // their bodies
	Stalled      bool  // the backlog is full: the socket is not read

	// LastLoss is why the last connection or attempt ended, nil if none has; LastLossAt is when.
	LastLoss   error
	LastLossAt time.Time
	// Retry is when the next connection is tried; zero unless State is "waiting".
	Retry time.Time
}

// Snapshot returns the counters as they are now.
func (s *Stats) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *Stats) publish(now *Snapshot) {
	s.mu.Lock()
	changed := s.OnState != nil && s.now.State != now.State
	s.now = *now
	s.mu.Unlock()
	if changed {
		s.OnState(*now)
	}
}
