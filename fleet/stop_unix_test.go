//go:build unix

package fleet_test

import (
	"flag"
	"syscall"
	"testing"
	"time"
)

var freezes = flag.Int("freezes", 4, "how often a node is frozen")

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
	s := busy(t, 1000, shards)
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
	figures(t, "%d times SIGSTOP of one of two nodes for 0.2 s to 6 s, leases of 2 s, at 1,000 events/s over %d shards (seed %d): %d events "+
		"stored, each one that was issued, once and in order; %d identifies, %d resumes.", *freezes, shards, seed, stored, sums.Sessions, sums.Resumes)
	for _, p := range nodes {
		p.term()
	}
}
