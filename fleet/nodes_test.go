package fleet_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// owned waits until the shards that the nodes say they have are as wanted.
func owned(t *testing.T, nc *nats.Conn, what string, done func(byNode map[string]int, live int) bool) {
	t.Helper()
	for late := time.Now().Add(within); ; {
		nodes, err := fleet.AskStatus(t.Context(), nc, "", 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		byNode, live := map[string]int{}, 0
		for _, n := range nodes {
			byNode[n.Node] = len(n.Shards)
			for _, s := range n.Shards {
				if s.State == "live" {
					live++
				}
			}
		}
		if done(byNode, live) {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%s: not so within %v; shards by node %v, %d live", what, within, byNode, live)
		}
	}
}

func TestShardsMoveBetweenNodesByResumesAlone(t *testing.T) {
	const shards = 12
	s := discord(t, gatewaytest.Config{Guilds: 2 * shards, Members: 3, Shards: shards, MaxConcurrency: shards, Rate: 500, TrimOnHeartbeat: true, Record: 1 << 18})
	e := embed(t, stateOf(t))
	defer e.Close()
	launch := func(name string) *process {
		return launch(t, nodeConfig{API: s.API(), Token: s.Token(), NATS: fmt.Sprintf("nats://%s:%s@%s", e.Door.User, e.Door.Password, e.Door.URL[len("nats://"):]), Node: name, LeaseTTL: 2 * time.Second})
	}
	a := launch("a")
	owned(t, e.Conn, "one node", func(by map[string]int, live int) bool { return by["a"] == shards && live == shards })
	r := read(t, s, e.Conn)

	b, c := launch("b"), launch("c")
	began := time.Now()
	owned(t, e.Conn, "balanced", func(by map[string]int, live int) bool {
		return by["a"] == 4 && by["b"] == 4 && by["c"] == 4 && live == shards
	})
	t.Logf("balanced over three nodes within %v", time.Since(began).Round(time.Millisecond))

	a.kill()
	began = time.Now()
	owned(t, e.Conn, "one killed", func(by map[string]int, live int) bool { return by["b"] == 6 && by["c"] == 6 && live == shards })
	t.Logf("a node killed: its shards live again within %v", time.Since(began).Round(time.Millisecond))

	b.term()
	began = time.Now()
	owned(t, e.Conn, "one stopped", func(by map[string]int, live int) bool { return by["c"] == shards && live == shards })
	t.Logf("a node stopped: its shards live again within %v of its end", time.Since(began).Round(time.Millisecond))

	for shard := range shards {
		s.Dispatch(shard, "LAST", json.RawMessage(`{}`))
	}
	last := 0
	r.until(s, func(d *chiru.Dispatch) bool {
		if d.Type == "LAST" {
			last++
		}
		return last == shards
	})
	sums := s.Sums()
	t.Logf("%d events stored, each once and in order; %d sessions, %d resumes", r.got, sums.Sessions, sums.Resumes)
	if sums.Sessions != shards {
		t.Errorf("%d sessions, want the first %d", sums.Sessions, shards)
	}
	c.term()
}

// Discord takes one IDENTIFY in 5 s for each bucket, whoever sends it; the simulator holds them to it.
func TestNodesShareThePauseBetweenIdentifies(t *testing.T) {
	s := discord(t, gatewaytest.Config{Shards: 4, MaxConcurrency: 1})
	e := embed(t, stateOf(t))
	defer e.Close()
	var nodes []*running
	for _, name := range []string{"a", "b"} {
		cfg := configOf(t, s, e.Conn)
		cfg.Node = name
		nodes = append(nodes, start(t, cfg))
	}
	owned(t, e.Conn, "all shards live", func(by map[string]int, live int) bool { return live == 4 })
	var at []time.Time
	for _, p := range s.Received() {
		if p.Op == 2 {
			at = append(at, p.At)
		}
	}
	if len(at) != 4 {
		t.Fatalf("%d identifies, want 4", len(at))
	}
	for i := range at[1:] {
		if gap := at[i+1].Sub(at[i]); gap < 5*time.Second {
			t.Errorf("identify %d comes %v after the one before", i+2, gap)
		}
	}
	for _, n := range nodes {
		n.end()
	}
}
