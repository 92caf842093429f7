package fleet_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

var cuts = flag.Int("cuts", 1, "how often a node is cut from NATS and from the gateway, for short and for long")

// held are rules that a link makes a right client break: it lets what it has held back come late and all at once, ends connections before
// their first heartbeat, and the simulator does not know that the resume host could not be reached.
var held = []string{gatewaytest.RuleHeartbeatLate, gatewaytest.RuleHeartbeatBurst, gatewaytest.RuleHeartbeatJitter, gatewaytest.RuleResumeHost}

// linked is a node that reaches NATS and the gateway over a link each.
type linked struct {
	*running
	name          string
	nats, gateway *link
}

func startLinked(t *testing.T, name string, s *gatewaytest.Server, e *fleet.Embedded, ttl time.Duration, log *slog.Logger) *linked {
	t.Helper()
	n := &linked{name: name, nats: newLink(t), gateway: newLink(t)}
	nc, err := fleet.Connect(e.Door.URL, logger(t), nats.UserInfo(e.Door.User, e.Door.Password), nats.SetCustomDialer(n.nats))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	cfg := configOf(t, s, nc)
	cfg.Node, cfg.LeaseTTL = name, ttl
	cfg.Logger = log.With("node", name)
	cfg.Shard.HTTPClient = n.gateway.client()
	n.running = start(t, cfg)
	return n
}

// A node is cut from NATS, and from the gateway, for less than its leases last and for more, by losing what is sent and by losing its connections.
// Another has the shards while it cannot store; where it can, they go on when the gateway is there again.
func TestNodeCutFromNATSOrTheGatewayLosesAndRepeatsNothing(t *testing.T) {
	const shards, ttl = 6, 2 * time.Second
	rng, seed := dice(t)
	s := discord(t, gatewaytest.Config{
		Guilds: 4 * shards, Members: 3, Shards: shards, MaxConcurrency: shards, Rate: *rate, TrimOnHeartbeat: true, HeartbeatInterval: 2 * time.Second,
		Record: 1 << 20, ReplayEvents: 1 << 20,
	}, held...)
	e := embed(t, stateOf(t))
	defer e.Close()
	nodes := []*linked{startLinked(t, "a", s, e, ttl, logger(t)), startLinked(t, "b", s, e, ttl, logger(t))}
	balanced := func(by map[string]int, live int) bool {
		return by["a"] == shards/2 && by["b"] == shards/2 && live == shards
	}
	owned(t, e.Conn, "both nodes", balanced)

	var moved, back, healed time.Duration
	var rounds []string
	by := map[linkState]int{}
	round := func(how linkState, format string, args ...any) {
		by[how]++
		rounds = append(rounds, fmt.Sprintf(format, args...))
		t.Log(rounds[len(rounds)-1])
	}
	first := rng.IntN(2)
	for n := range *cuts {
		how, what := linkStalled, "stalled"
		if (n+first)%2 == 1 {
			how, what = linkCut, "cut"
		}
		i := rng.IntN(len(nodes))
		one, other := nodes[i], nodes[1-i]

		// Shorter than its leases: it may keep its shards or lose them.
		short := between(rng, ttl/10, ttl/2)
		one.nats.turn(how)
		time.Sleep(short)
		one.nats.turn(linkOpen)
		owned(t, e.Conn, "after a short cut from NATS", balanced)
		round(how, "%s from NATS for %v", what, short)

		// As long as it takes: the other has them all, and they come back.
		one.nats.turn(how)
		began := time.Now()
		owned(t, e.Conn, "cut from NATS", func(by map[string]int, live int) bool { return by[other.name] == shards && live == shards })
		took := time.Since(began)
		time.Sleep(between(rng, 0, ttl)) // so that the other stores what is none of the node's any more
		long := time.Since(began)
		one.nats.turn(linkOpen)
		began = time.Now()
		owned(t, e.Conn, "after a long cut from NATS", balanced)
		moved, back = max(moved, took), max(back, time.Since(began))
		round(how, "%s from NATS for %v", what, long)

		for _, cut := range []time.Duration{between(rng, ttl/10, ttl/2), between(rng, 3*ttl/2, 3*ttl)} {
			one.gateway.turn(how)
			time.Sleep(cut)
			one.gateway.turn(linkOpen)
			began = time.Now()
			owned(t, e.Conn, "after a cut from the gateway", balanced)
			healed = max(healed, time.Since(began))
			round(how, "%s from the gateway for %v", what, cut)
		}
	}
	stored, _ := whole(t, s, e.Conn, shards)
	claims := oneWriterEach(t, e.Conn)
	sums := s.Sums()
	if sums.Sessions != shards {
		t.Errorf("%d sessions, want the first %d", sums.Sessions, shards)
	}
	for _, n := range nodes {
		for _, st := range n.node.Status().Shards {
			if st.Boundaries != 0 {
				t.Errorf("node %s counts %d boundaries of shard %d", n.name, st.Boundaries, st.Shard)
			}
		}
		n.end()
	}
	figures(t, "Two nodes, %d shards, leases of %v, %.0f events/s (seed %d); %d times one of them is cut off, half of the times from NATS and half "+
		"from the gateway, for less than a lease and for more: %d times what is sent waits, %d times connections end. %d events stored, each one that was "+
		"issued, once and in order; %d claims, and after each no event of one before it; %d identifies, %d resumes. Cut from NATS, its shards are live at the other after %v at most; "+
		"they are where they were %v at most after it is back, and with the gateway back they are live after %v at most.",
		shards, ttl, *rate, seed, len(rounds), by[linkStalled], by[linkCut], stored, claims, sums.Sessions, sums.Resumes, ms(moved), ms(back), ms(healed))
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// A node is away from the gateway for longer than Discord keeps what it has not acknowledged: what is lost is said, counted, and no more than what
// was issued while it was away.
func TestNodeCutFromTheGatewayForLongerThanItsReplaySaysWhatIsLost(t *testing.T) {
	const shards = 2
	keeps := int64(*rate) // of each session; two seconds of it
	s := discord(t, gatewaytest.Config{
		Guilds: 4 * shards, Members: 3, Shards: shards, MaxConcurrency: shards, Rate: *rate, TrimOnHeartbeat: true, HeartbeatInterval: time.Second,
		Record: 1 << 20, ReplayEvents: int(keeps),
	}, held...)
	e := embed(t, stateOf(t))
	defer e.Close()
	told := &kept{}
	n := startLinked(t, "a", s, e, 2*time.Second, told.logger())
	owned(t, e.Conn, "live", func(_ map[string]int, live int) bool { return live == shards })
	// Before the cut, by shard.
	stored, session := map[int]int64{}, map[int]string{}
	until(t, "events stored", func() bool {
		for _, one := range n.node.Status().Shards {
			stored[one.Shard], session[one.Shard] = one.Stored, one.Session
		}
		return stored[0] > keeps && stored[1] > keeps
	})
	n.gateway.turn(linkStalled)
	at := map[string]int64{}
	for _, one := range s.Sessions() {
		at[one.ID] = one.Seq
	}
	until(t, "more is issued than is kept", func() bool {
		for _, one := range s.Sessions() {
			if one.Seq <= at[one.ID]+2*keeps {
				return false
			}
		}
		return true
	})
	n.gateway.turn(linkOpen)
	until(t, "the sessions are given up", func() bool {
		over := 0
		for _, one := range s.Sessions() {
			if at[one.ID] == 0 && one.Live {
				over++
			}
		}
		return over == shards
	})
	owned(t, e.Conn, "back", func(_ map[string]int, live int) bool { return live == shards })
	told.has(t, "session ended: what Discord would not replay is lost")

	r := read(t, s, e.Conn)
	for shard := range shards {
		s.Dispatch(shard, "LAST", json.RawMessage(`{}`))
	}
	type end struct {
		session string
		reached int64
	}
	sessions, last := map[int][]end{}, 0
	r.until(s, func(d *chiru.Dispatch) bool { // which sees that a session lacks nothing but its end
		if d.Type == "READY" {
			sessions[d.Shard()] = append(sessions[d.Shard()], end{session: d.SessionID})
		}
		if d.Sequence != chiru.NoSequence {
			sessions[d.Shard()][len(sessions[d.Shard()])-1].reached = d.Sequence
		}
		if d.Type == "LAST" {
			last++
		}
		return last == shards
	})
	// On a machine that has others to run a session may fall out once more: each one that does must be told and counted.
	var lost, ended int64
	for shard := range shards {
		all := sessions[shard]
		if all[0].session != session[shard] || all[0].reached < stored[shard] || len(all) < 2 {
			t.Errorf("shard %d: the stream has the sessions %v, want %s up to %d at least, and another", shard, all, session[shard], stored[shard])
		}
		for _, one := range all[:len(all)-1] {
			issued := s.Issued(one.session)
			most := issued[len(issued)-1].Seq
			if most <= one.reached {
				t.Errorf("shard %d: session %s is given up at %d, and %d were issued", shard, one.session, one.reached, most)
			}
			lost += most - one.reached
			ended++
			if said := fmt.Sprintf("session=%s sequence=%d next=", one.session, one.reached); !strings.Contains(told.text(), said) {
				t.Errorf("shard %d: the log does not say %q", shard, said)
			}
		}
		if got := r.audit(s, shard).Ends; len(got) != 1 || got["fell out of the replay log"] != len(all)-1 {
			t.Errorf("shard %d: the audit has sessions ended by %v, want %d that fell out of the replay", shard, got, len(all)-1)
		}
		for _, one := range n.node.Status().Shards {
			if one.Shard == shard && one.Boundaries != int64(len(all)-1) {
				t.Errorf("shard %d: %d boundaries in Status, want %d", shard, one.Boundaries, len(all)-1)
			}
		}
	}
	if sums := s.Sums(); sums.Sessions != shards+ended {
		t.Errorf("%d sessions, want the first %d and %d that follow one", sums.Sessions, shards, ended)
	}
	figures(t, "A node with %d shards, %.0f events/s, is cut from the gateway until Discord has dropped what it would replay, %d events of a session: %d sessions are followed by a "+
		"new one, each said in the log with the last number that is stored, and counted in session_boundaries. %d events stored, %d lost: those of the old sessions after that number.",
		shards, *rate, keeps, ended, r.got, lost)
	n.end()
}
