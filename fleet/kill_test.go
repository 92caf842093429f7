package fleet_test

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

var (
	kills = flag.Int("kills", 8, "how often the node is killed")
	seed  = flag.Uint64("seed", 0, "of the kills; 0 takes a fresh one")
)

// The stream is the only thing that a node leaves behind when it is killed, with the embedded server in it.
func TestKilledNodeIsFollowedByOneThatLosesAndRepeatsNothing(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	rng := rand.New(rand.NewPCG(*seed, 0))
	const shards = 8
	s := discord(t, gatewaytest.Config{
		Guilds: 4 * shards, Members: 3, Shards: shards, MaxConcurrency: shards, Rate: 2000, TrimOnHeartbeat: true, HeartbeatInterval: time.Second,
		Record: 1 << 20, ReplayEvents: 1 << 20,
	}, gatewaytest.RuleHeartbeatLate) // by an interval of a second, on a machine that has others to run
	cfg := nodeConfig{API: s.API(), Token: s.Token(), Folder: stateOf(t), Node: "embedded", LeaseTTL: 2 * time.Second}
	p := launch(t, cfg)
	nc := enter(t, cfg.Folder)
	r := read(t, s, nc)
	ready := 0
	r.until(s, func(d *chiru.Dispatch) bool {
		if d.Type == "READY" {
			ready++
		}
		return ready == shards
	})
	for range *kills {
		time.Sleep(100*time.Millisecond + time.Duration(rng.Int64N(int64(900*time.Millisecond))))
		p.kill()
		p = launch(t, cfg)
	}
	nc.Close()
	nc = enter(t, cfg.Folder)
	defer nc.Close()
	r = read(t, s, nc)
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
	t.Logf("%d kills: %d events stored, each once and in order; %d sessions, %d resumes", *kills, r.got, sums.Sessions, sums.Resumes)
	if sums.Sessions != shards {
		t.Errorf("%d sessions, want the first %d", sums.Sessions, shards)
	}
	p.term()
}
