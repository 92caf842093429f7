package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

// NodeStatus is one node of a fleet at one moment.
type NodeStatus struct {
	Format  int       `json:"format"`
	Node    string    `json:"node"`
	Fleet   string    `json:"fleet"`
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Since   time.Time `json:"since"` // when the node started
	// Of is how many shards the bot has, 0 until that is known; Shards are those that this node has the lease of, by id.
	Of     int           `json:"of"`
	Shards []ShardStatus `json:"shards"`
	// Identifies are those of the day.
	Identifies Identifies `json:"identifies"`
	// Health is empty if the node's events come and are stored in time, and the bot's shards are all some node's. A shard that reconnects, or
	// moves, has a while for it.
	Health string `json:"health"`
	// Ready is empty if all shards that the node has deliver at this moment, and it knows of none that nobody has, or says what is lacking.
	Ready string `json:"ready"`
}

// Identifies is how many the bot may send until ResetAt.
type Identifies struct {
	Left    int       `json:"left"`
	Total   int       `json:"total"`
	ResetAt time.Time `json:"reset_at"`
}

// ShardStatus is one shard: its connection, and its events' way to the stream. Counters begin anew with the node.
type ShardStatus struct {
	Shard    int     `json:"shard"`
	State    string  `json:"state"`
	Session  string  `json:"session"`
	Received int64   `json:"received_sequence"` // of the session; -1 if none
	Latency  float64 `json:"latency_ms"`
	Rate     float64 `json:"events_per_second"`
	// Stored is up to where the stream has the session's events; StoredEvents is how many it has been given here.
	Stored       int64     `json:"stored_sequence"`
	StoredEvents int64     `json:"stored_events"`
	LastStored   time.Time `json:"last_stored"` // zero if none
	InFlight     int64     `json:"in_flight"`
	// Waiting is how long the oldest event has been on its way to the stream.
	Waiting float64 `json:"waiting_seconds"`
	// Resumed is how often the shard went back to what the stream has, and Cut how many bodies were too large for the NATS server.
	Resumed int64 `json:"resumed_from_stream"`
	// Boundaries is how often a session could not be resumed: the events between the two may be lost.
	Boundaries int64  `json:"session_boundaries"`
	Cut        int64  `json:"cut_bodies"`
	Rejected   int64  `json:"rejected_commands"` // that Discord closed the connection for
	Trouble    string `json:"trouble"`
}

// Status is this node's. It may be taken at any time, and is nearly empty while Run does not run.
func (n *Node) Status() NodeStatus {
	if f := n.running(); f != nil {
		return f.status()
	}
	return NodeStatus{Format: Format, Version: chiru.Version, At: time.Now(), Health: notYet, Ready: notYet}
}

// notYet stands for health while Run does not run.
const notYet = "the node does not run"

func (f *fleet) status() NodeStatus {
	st := NodeStatus{Format: Format, Node: f.node, Fleet: f.cfg.Name, Version: chiru.Version, At: time.Now(), Since: f.began}
	select {
	case <-f.planned:
	default:
		st.Health, st.Ready = "the stream is not ready", "the stream is not ready"
		return st
	}
	all := f.cluster.Status()
	st.Of = f.shards
	st.Identifies = Identifies{all.Budget.Left, all.Budget.Total, all.Budget.ResetAt}
	if d := f.gate.budget.latest.Load(); d != nil {
		st.Identifies = Identifies{d.Left, d.Total, d.ResetAt}
	}
	seen := f.keeper.told.Load()
	seen.date(all.Shards)
	if err := all.Health(); err != nil {
		st.Health = strings.TrimPrefix(err.Error(), "cluster: ")
	}
	for _, id := range slices.Sorted(maps.Keys(seen.held)) {
		one := ShardStatus{Shard: id, Stored: chiru.NoSequence, Received: chiru.NoSequence}
		if i := slices.IndexFunc(all.Shards, func(s cluster.ShardStatus) bool { return s.Shard == id }); i >= 0 {
			s := all.Shards[i]
			one.State, one.Session, one.Received, one.Rate, one.Trouble = s.State, s.Session, s.Sequence, s.Rate, s.Trouble
			one.Latency = float64(s.Latency.Microseconds()) / 1000
			// The cluster takes a shard that its owner has closed for one that is not wanted.
			if f.gate.line.waits(id) {
				one.State, one.Trouble = "queued", "waits for its turn to begin a session"
				if d := f.gate.budget.latest.Load(); d != nil && d.closedUntil().After(st.At) {
					one.Trouble += ": those of the day are spent, but for the floor"
					st.Health = join(st.Health, fmt.Sprintf("shard %d: %s", id, one.Trouble))
				}
			} else if errors.Is(s.Err, cluster.ErrClosed) && !s.DownSince.IsZero() && all.At.Sub(s.DownSince) > cluster.HealthGrace {
				st.Health = join(st.Health, fmt.Sprintf("shard %d: its events cannot be stored", id))
			}
		}
		if from, ok := f.checkpoints.of(id); ok {
			one.Stored = from.floor.position().sequence
		}
		c := &f.counts[id]
		one.StoredEvents, one.InFlight, one.Resumed, one.Cut = c.stored.Load(), c.flying.Load(), c.failures.Load(), c.cut.Load()
		one.Boundaries, one.Rejected = c.boundaries.Load(), c.rejected.Load()
		if last := c.last.Load(); last != 0 {
			one.LastStored = time.UnixMilli(last)
		}
		if oldest := c.oldest.Load(); oldest != 0 {
			one.Waiting = max(st.At.Sub(time.UnixMilli(oldest)), 0).Seconds()
		}
		st.Shards = append(st.Shards, one)
	}
	st.judge(f.nc.IsConnected(), seen)
	return st
}

// storedInTime is how long an event may be on its way to the stream.
const storedInTime = 10 * time.Second

// judge adds to what the cluster has found wrong: it knows nothing of the stream.
func (st *NodeStatus) judge(connected bool, seen *survey) {
	var away []string
	for _, s := range st.Shards {
		if s.Waiting > storedInTime.Seconds() {
			st.Health = join(st.Health, fmt.Sprintf("shard %d: an event has not been stored for %.0f s", s.Shard, s.Waiting))
		}
		if s.State != "live" {
			away = append(away, strconv.Itoa(s.Shard))
		}
	}
	if !connected {
		st.Health = join(st.Health, "nats is not connected")
	}
	st.Ready = join(st.Health, seen.lacking(st.At, 0))
	st.Health = join(st.Health, seen.lacking(st.At, unclaimedMost))
	switch most := 5; {
	case len(away) > most:
		st.Ready = join(st.Ready, fmt.Sprintf("shards %s and %d more are not live", strings.Join(away[:most], ", "), len(away)-most))
	case len(away) == 1:
		st.Ready = join(st.Ready, fmt.Sprintf("shard %s is not live", away[0]))
	case len(away) > 0:
		st.Ready = join(st.Ready, fmt.Sprintf("shards %s are not live", strings.Join(away, ", ")))
	}
}

func join(known, more string) string {
	if known == "" || more == "" {
		return known + more
	}
	return known + "; " + more
}

// answerStatus lets whoever asks know how the node does.
func (f *fleet) answerStatus() (*nats.Subscription, error) {
	return f.nc.Subscribe(f.names.status(), func(m *nats.Msg) {
		f.reply(m, f.status())
	})
}

// AskStatus asks all nodes of a fleet, and returns what those say that answer within a time, by their names. If there are only such as have another
// format, that is a *SetupError.
func AskStatus(ctx context.Context, nc *nats.Conn, fleet string, within time.Duration) ([]NodeStatus, error) {
	if fleet == "" {
		fleet = defaultName
	}
	if err := checkName(fleet); err != nil {
		return nil, &chiru.ConfigError{Field: "Name", Reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	inbox := nats.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.PublishRequest(names{fleet}.status(), inbox, nil); err != nil {
		return nil, err
	}
	var nodes []NodeStatus
	var other error
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrNoResponders), errors.Is(err, context.DeadlineExceeded):
			slices.SortFunc(nodes, func(a, b NodeStatus) int { return strings.Compare(a.Node, b.Node) })
			if len(nodes) == 0 {
				return nil, other
			}
			return nodes, nil
		case err != nil:
			return nodes, err
		}
		var one NodeStatus
		switch err := json.Unmarshal(m.Data, &one); {
		case err == nil && one.Format == Format:
			nodes = append(nodes, one)
		case err == nil:
			other = &SetupError{"node " + one.Node, fmt.Sprintf("its answer has format %d; this chiru knows %d", one.Format, Format), "use the chiru that the nodes run"}
		}
	}
}
