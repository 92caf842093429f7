package fleet_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

var natsMinutes = flag.Float64("nats-minutes", 0.34, "for how long the leader of the NATS servers is killed every 20 s")

const killLeaderEvery = 20 * time.Second

// The leader of the stream's servers is killed over and over, and nodes in between. Nodes that are there before any server wait.
func TestKilledLeaderOfThreeServersLosesAndRepeatsNothing(t *testing.T) {
	const shards, ttl = 12, 2 * time.Second
	rng, seed := dice(t)
	s := busy(t, *rate, shards)
	v := threeServers(t)
	nodes := map[string]*process{}
	run := func(name string) {
		nodes[name] = launch(t, nodeConfig{API: s.API(), Token: s.Token(), NATS: v.address(), Node: name, LeaseTTL: ttl, Replicas: 3})
	}
	for _, name := range []string{"a", "b", "c"} {
		run(name)
	}
	// One server of three is no cluster yet: it has no leader.
	v.start(0)
	nc, err := fleet.Connect(v.address(), logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := fleet.Reach(t.Context(), nc, within); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range nodes {
		select {
		case err := <-p.ended:
			t.Fatalf("node %s does not wait for a leader: it ended with %v", name, err)
		case <-time.After(time.Second):
		}
	}
	v.start(1)
	v.start(2)
	owned(t, nc, "three nodes on three servers", func(by map[string]int, live int) bool { return len(by) == 3 && live == shards })
	for _, name := range []string{"CHIRU_bot", "KV_CHIRU_bot", "DEAD_CHIRU_bot", "TRIES_CHIRU_bot"} {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if info := stream.CachedInfo(); info.Config.Replicas != 3 || info.Config.Storage != jetstream.FileStorage || info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
			t.Errorf("%s has %d replicas, %+v: want a leader and two others", name, info.Config.Replicas, info.Cluster)
		}
	}

	elected := make(chan *nats.Msg, 256)
	hearing, err := nc.ChanSubscribe("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.CHIRU_bot", elected)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hearing.Unsubscribe() }()
	r := read(t, s, nc)
	var killed []killedAt
	nodeKills := 0
	for range max(1, int(*natsMinutes*float64(time.Minute)/float64(killLeaderEvery))) {
		i := v.leader(js)
		at := time.Now()
		v.kill(i)
		killed = append(killed, killedAt{v.configs[i].Name, at})
		t.Logf("%s is killed, the stream's leader", v.configs[i].Name)
		// The server comes back; a node dies, perhaps before there is another leader, and is there again at once or when its leases are over.
		name := []string{"a", "b", "c"}[rng.IntN(3)]
		dies := at.Add(between(rng, 0, 14*time.Second))
		happens := []moment{
			{at.Add(between(rng, 3*time.Second, 6*time.Second)), func() { v.start(i) }},
			{dies, func() { nodes[name].kill(); nodeKills++; t.Logf("node %s is killed", name) }},
			{dies.Add(between(rng, 0, 5*time.Second)), func() { run(name) }},
			{at.Add(killLeaderEvery), func() {}},
		}
		slices.SortStableFunc(happens, func(a, b moment) int { return a.at.Compare(b.at) })
		for _, one := range happens {
			r.follow(s, one.at)
			one.do()
		}
	}
	owned(t, nc, "the killing over", func(by map[string]int, live int) bool { return len(by) == 3 && live == shards })
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
	claims := oneWriterEach(t, nc)
	sums := s.Sums()
	if sums.Sessions != shards {
		t.Errorf("%d sessions, want the first %d", sums.Sessions, shards)
	}
	first, all := outages(t, nc, killed, shards)
	led := elections(t, elected, killed)
	figures(t, "Three nats-servers, three nodes, %d shards, replicas 3, leases of %v, %.0f events/s (seed %d). %d times the server that leads the "+
		"stream is killed with -9, every %v, and back on its own data 3 to 6 s later; %d kills of nodes in between. %d events stored, each one that was issued, once and "+
		"in order; %d claims, and after each no event of one before it; %d identifies, %d resumes. From each kill until NATS has another leader of the stream: %s. "+
		"To the next event stored: %s. To the next of the shard that waits the longest: %s.",
		shards, ttl, *rate, seed, len(killed), killLeaderEvery, nodeKills, r.got, claims, sums.Sessions, sums.Resumes, inSeconds(led), inSeconds(first), inSeconds(all))
	for _, p := range nodes {
		p.term()
	}
}

// elections are, for each kill, when the servers told of another leader.
func elections(t *testing.T, elected <-chan *nats.Msg, killed []killedAt) (after []time.Duration) {
	t.Helper()
	var at []time.Time
	for len(elected) > 0 {
		var told struct {
			At time.Time `json:"timestamp"`
		}
		if err := json.Unmarshal((<-elected).Data, &told); err != nil {
			t.Fatal(err)
		}
		at = append(at, told.At)
	}
	for _, k := range killed {
		i := slices.IndexFunc(at, k.at.Before)
		if i < 0 {
			t.Errorf("no other leader after the kill of %s", k.name)
			continue
		}
		after = append(after, at[i].Sub(k.at))
	}
	return after
}

// leader is the server that leads the stream, once there is one.
func (v *servers) leader(js jetstream.JetStream) (i int) {
	v.t.Helper()
	until(v.t, "a leader of the stream", func() bool {
		ctx, cancel := context.WithTimeout(v.t.Context(), time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, "CHIRU_bot")
		if err != nil || stream.CachedInfo().Cluster == nil {
			return false
		}
		i = v.named(stream.CachedInfo().Cluster.Leader)
		return i >= 0 && v.running[i] != nil
	})
	return i
}

// moment is something that happens at a time.
type moment struct {
	at time.Time
	do func()
}

// follow takes events, each of which must be the one that the simulator issued next, until a time.
func (r *reader) follow(s *gatewaytest.Server, end time.Time) {
	r.t.Helper()
	late := time.After(time.Until(end))
	for {
		select {
		case event, ok := <-r.events:
			r.take(s, event, ok)
		case <-late:
			return
		}
	}
}

// outages are, for each kill, how long it took until an event was stored again: any, and one of the shard that waited the longest. By the times
// that the stream has for its messages.
func outages(t *testing.T, nc *nats.Conn, killed []killedAt, shards int) (first, all []time.Duration) {
	t.Helper()
	stored := storedAt(t, nc)
	if len(stored) != shards {
		t.Errorf("the stream has events of %d shards, want %d", len(stored), shards)
	}
	for _, k := range killed {
		least, most := time.Hour, time.Duration(0)
		for shard, times := range stored {
			// What the leader had taken may be stored a moment after the kill, by its followers: the hole is what counts.
			i, _ := slices.BinarySearchFunc(times, k.at, time.Time.Compare)
			hole := time.Duration(0)
			for ; i < len(times) && times[max(i-1, 0)].Before(k.at.Add(time.Second)); i++ {
				if gap := times[i].Sub(times[max(i-1, 0)]); gap > hole {
					hole = gap
				}
			}
			if hole == 0 {
				t.Errorf("nothing of shard %s is stored after the kill of %s", shard, k.name)
			}
			least, most = min(least, hole), max(most, hole)
		}
		first, all = append(first, least), append(all, most)
	}
	return first, all
}

// storedAt is when the events of each shard were stored.
func storedAt(t *testing.T, nc *nats.Conn) map[string][]time.Time {
	t.Helper()
	stored := map[string][]time.Time{}
	eachStored(t, nc, func(m jetstream.Msg, meta *jetstream.MsgMetadata) {
		if tokens := strings.Split(m.Subject(), "."); tokens[2] == "ev" {
			stored[tokens[3]] = append(stored[tokens[3]], meta.Timestamp)
		}
	})
	return stored
}

func inSeconds(all []time.Duration) string {
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%.1f", d.Seconds()))
	}
	return strings.Join(out, " ") + " s"
}
