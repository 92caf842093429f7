//go:build unix

package fleet_test

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

var freezes = flag.Int("freezes", 3, "how often a node is frozen")

// signal is SIGSTOP or SIGCONT.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// A frozen node wakes after others have its shards, or before.
func TestFrozenOwnerThatWakesLosesAndRepeatsNothing(t *testing.T) {
	const shards = 8
	rng, seed := dice(t)
	s := busy(t, *rate, shards)
	e := embed(t, stateOf(t))
	defer e.Close()
	var nodes []*process
	for _, name := range []string{"a", "b"} {
		nodes = append(nodes, launch(t, nodeConfig{API: s.API(), Token: s.Token(), NATS: addressOf(e.Door), Node: name, LeaseTTL: 2 * time.Second}))
	}
	all := func(_ map[string]int, live int) bool { return live == shards }
	balanced := func(by map[string]int, live int) bool {
		return by["a"] == shards/2 && by["b"] == shards/2 && live == shards
	}
	owned(t, e.Conn, "both nodes", balanced)
	readies(t, s, e.Conn, shards) // a session whose READY is not stored is nobody's
	for i := range *freezes {
		one := nodes[rng.IntN(len(nodes))]
		one.signal(syscall.SIGSTOP)
		long := between(rng, 200*time.Millisecond, 6*time.Second)
		if i == 0 {
			long = 5 * time.Second // longer than the lease, in each run
		}
		time.Sleep(long)
		one.signal(syscall.SIGCONT)
		time.Sleep(between(rng, 0, 2*time.Second))
	}
	owned(t, e.Conn, "all awake", all)
	stored, _ := whole(t, s, e.Conn, shards)
	sums := s.Sums()
	if sums.Sessions != shards {
		t.Errorf("%d sessions, want the first %d", sums.Sessions, shards)
	}
	figures(t, "%d times SIGSTOP of one of two nodes for 0.2 s to 6 s, leases of 2 s, at %.0f events/s over %d shards (seed %d): %d events "+
		"stored, each one that was issued, once and in order; %d identifies, %d resumes.", *freezes, *rate, shards, seed, stored, sums.Sessions, sums.Resumes)
	for _, p := range nodes {
		p.term()
	}
}

// Nobody answers that anything is stored or given up: NATS is frozen, or gone. The leases end by themselves, and Discord replays what the stream
// does not have.
func TestNodeStopsInTimeThoughNATSDoesNotAnswer(t *testing.T) {
	const shards = 12
	for what, end := range map[string]func(*process){
		"gone":   (*process).kill,
		"frozen": func(p *process) { p.signal(syscall.SIGSTOP) },
	} {
		t.Run(what, func(t *testing.T) {
			s := discord(t, gatewaytest.Config{Guilds: 2 * shards, Shards: shards, MaxConcurrency: shards, Rate: 500})
			folder := stateOf(t)
			server := launch(t, nodeConfig{API: s.API(), Token: s.Token(), Folder: folder, Node: "embedded", LeaseTTL: 5 * time.Second})
			nc := enter(t, folder)
			defer nc.Close()
			door, err := fleet.ReadDoor(folder)
			if err != nil {
				t.Fatal(err)
			}
			p := launch(t, nodeConfig{API: s.API(), Token: s.Token(), NATS: addressOf(door), Node: "a", LeaseTTL: 5 * time.Second})
			owned(t, nc, "two nodes", func(by map[string]int, live int) bool { return by["a"] == shards/2 && live == shards })
			end(server)
			began := time.Now()
			p.term()
			took := time.Since(began)
			if took > 15*time.Second {
				t.Errorf("it took %v, want 15 s at most", took)
			}
			t.Logf("the node ended %v after SIGTERM", took.Round(time.Millisecond))
		})
	}
}
