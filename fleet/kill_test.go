package fleet_test

import (
	"encoding/json"
	"flag"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

var (
	kills      = flag.Int("kills", 6, "how often the node is killed once all shards have a session")
	earlyKills = flag.Int("early-kills", 6, "how often the node is killed from its start on")
)

const killedShards = 8

// paced are the rules that a node breaks by no fault of its own where heartbeats come each second: it is frozen, or the machine has others to run.
// In fake time they are held to the last millisecond.
var paced = []string{gatewaytest.RuleHeartbeatLate, gatewaytest.RuleHeartbeatBurst, gatewaytest.RuleHeartbeatJitter}

// busy is a simulator that lives as fast as the figures ask for, and forgets what a heartbeat acknowledges.
func busy(t *testing.T, rate float64, shards int) *gatewaytest.Server {
	return slowReady(t, rate, shards, 0)
}

// slowReady is busy with a pause before each READY.
func slowReady(t *testing.T, rate float64, shards int, pause time.Duration) *gatewaytest.Server {
	return discord(t, gatewaytest.Config{
		Guilds: 4 * shards, Members: 3, Shards: shards, MaxConcurrency: shards, Rate: rate, TrimOnHeartbeat: true, HeartbeatInterval: time.Second,
		Record: 1 << 20, ReplayEvents: 1 << 20, ReadyDelay: pause,
	}, paced...)
}

// readies reads the stream until each shard has a READY in it.
func readies(t *testing.T, s *gatewaytest.Server, nc *nats.Conn, shards int) {
	t.Helper()
	ready := 0
	read(t, s, nc).until(s, func(d *chiru.Dispatch) bool {
		if d.Type == "READY" {
			ready++
		}
		return ready == shards
	})
}

// whole reads the stream from its first event to one that is issued now: all that was issued is there, once and in order. The
// sessions are those that the stream has, by shard.
func whole(t *testing.T, s *gatewaytest.Server, nc *nats.Conn, shards int) (stored int64, sessions map[int][]string) {
	t.Helper()
	r := read(t, s, nc)
	for shard := range shards {
		s.Dispatch(shard, "LAST", json.RawMessage(`{}`))
	}
	sessions = map[int][]string{}
	last := 0
	r.until(s, func(d *chiru.Dispatch) bool {
		switch d.Type {
		case "READY":
			sessions[d.Shard()] = append(sessions[d.Shard()], d.SessionID)
		case "LAST":
			last++
		}
		return last == shards
	})
	return r.got, sessions
}

// The stream is the only thing that a node leaves behind when it is killed, with the embedded server in it.
func TestKilledNodeIsFollowedByOneThatLosesAndRepeatsNothing(t *testing.T) {
	rng, seed := dice(t)
	s := busy(t, *rate, killedShards)
	cfg := nodeConfig{API: s.API(), Token: s.Token(), Folder: stateOf(t), Node: "embedded", LeaseTTL: 2 * time.Second}
	p := launch(t, cfg)
	nc := enter(t, cfg.Folder)
	readies(t, s, nc, killedShards)
	for range *kills {
		time.Sleep(between(rng, 100*time.Millisecond, time.Second))
		p.kill()
		p = launch(t, cfg)
	}
	nc.Close()
	nc = enter(t, cfg.Folder)
	defer nc.Close()
	stored, _ := whole(t, s, nc, killedShards)
	sums := s.Sums()
	if sums.Sessions != killedShards {
		t.Errorf("%d sessions, want the first %d", sums.Sessions, killedShards)
	}
	figures(t, "%d kills of the node and of the NATS server in it, at %.0f events/s over %d shards (seed %d): %d events stored, "+
		"each one that was issued, once and in order; %d identifies, %d resumes.", *kills, *rate, killedShards, seed, stored, sums.Sessions, sums.Resumes)
	p.term()
}

// A session whose READY has not reached the stream is nobody's. No other one is given up.
func TestNodeKilledFromItsStartGivesUpNoSessionThatIsStored(t *testing.T) {
	rng, seed := dice(t)
	s := slowReady(t, *rate, killedShards, 500*time.Millisecond) // so that the first kills fall between IDENTIFY and READY
	cfg := nodeConfig{API: s.API(), Token: s.Token(), Folder: stateOf(t), Node: "embedded", LeaseTTL: 2 * time.Second}
	p := launch(t, cfg)
	for range *earlyKills {
		time.Sleep(between(rng, 50*time.Millisecond, 1200*time.Millisecond))
		p.kill()
		p = launch(t, cfg)
	}
	nc := enter(t, cfg.Folder)
	defer nc.Close()
	readies(t, s, nc, killedShards)
	stored, sessions := whole(t, s, nc, killedShards)
	sums := s.Sums()
	for shard := range killedShards {
		// The audit has seen that none is missing between two; a second one would be one that was given up though it was stored.
		if len(sessions[shard]) != 1 {
			t.Errorf("shard %d has the sessions %v in the stream, want one", shard, sessions[shard])
		}
	}
	figures(t, "%d kills from the start on, at %.0f events/s over %d shards (seed %d): %d events stored, each one that was issued to the "+
		"sessions in the stream, once and in order; %d identifies: %d whose READY is stored, and %d whose READY never was.",
		*earlyKills, *rate, killedShards, seed, stored, sums.Sessions, killedShards, sums.Sessions-killedShards)
	p.term()
}
