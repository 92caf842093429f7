package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

var movedShards = flag.Int("moved-shards", 12, "how many shards move between nodes")

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

// well asks the nodes how they are until the function that it returns is called: each that answers must be well all the while.
func well(t *testing.T, nc *nats.Conn) (enough func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	answers := 0
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			nodes, err := fleet.AskStatus(ctx, nc, "", 100*time.Millisecond)
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			for _, n := range nodes {
				answers++
				if n.Health != "" {
					t.Errorf("node %s is not well: %s", n.Node, n.Health)
				}
			}
		}
	}()
	return sync.OnceFunc(func() {
		stop()
		if <-ended; answers == 0 {
			t.Error("no node has said how it is")
		}
	})
}

// A node is killed, one comes, and each is replaced by one that is new: the shards go where there is room, by RESUMEs alone.
func TestShardsMoveBetweenNodesByResumesAlone(t *testing.T) {
	const ttl = 2 * time.Second
	shards := *movedShards
	s := discord(t, gatewaytest.Config{
		Guilds: 2 * shards, Members: 3, Shards: shards, MaxConcurrency: shards, Rate: *rate, TrimOnHeartbeat: true, Record: 1 << 20, ReplayEvents: 1 << 16,
	})
	e := embed(t, stateOf(t))
	defer e.Close()
	nodes := map[string]*process{}
	run := func(name string) {
		nodes[name] = launch(t, nodeConfig{API: s.API(), Token: s.Token(), NATS: addressOf(e.Door), Node: name, LeaseTTL: ttl})
	}
	shared := func(by map[string]int) bool {
		for name := range nodes {
			if by[name] > (shards+len(nodes)-1)/len(nodes) {
				return false
			}
		}
		return len(by) == len(nodes)
	}
	// had is how many shards the nodes have that run.
	had := func(by map[string]int) (n int) {
		for name := range nodes {
			n += by[name]
		}
		return n
	}
	settled := func(what string) time.Duration {
		t.Helper()
		began := time.Now()
		owned(t, e.Conn, what, func(by map[string]int, live int) bool { return shared(by) && had(by) == shards && live == shards })
		return time.Since(began)
	}
	enough := well(t, e.Conn)
	defer enough()
	run("a")
	run("b")
	run("c")
	settled("three nodes")
	r := read(t, s, e.Conn)

	nodes["a"].kill()
	delete(nodes, "a")
	began := time.Now()
	owned(t, e.Conn, "one killed", func(by map[string]int, _ int) bool { return had(by) == shards })
	again := time.Since(began)
	if most := ttl + time.Second; again > most {
		t.Errorf("a node killed: its shards are others' after %v, want %v at most", again, most)
	}
	live := again + settled("one killed")

	run("d")
	balanced := settled("one more")
	if most := time.Minute; balanced > most {
		t.Errorf("a node more: balanced after %v, want %v at most", balanced, most)
	}

	var longest, bare time.Duration
	for i, name := range []string{"b", "c", "d"} {
		ending := time.Now()
		nodes[name].term()
		longest = max(longest, time.Since(ending))
		delete(nodes, name)
		bare = max(bare, settled(name+" stopped"))
		run(fmt.Sprintf("%s%d", name, i+2))
		settled(name + " replaced")
	}

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
	enough() // a start, a death, a hand-over and a drain are no bad health
	claims := oneWriterEach(t, e.Conn)
	sums := s.Sums()
	if sums.Sessions != int64(shards) {
		t.Errorf("%d sessions, want the first %d", sums.Sessions, shards)
	}
	figures(t, "Three nodes, %d shards, leases of %v, %.0f events/s. One killed: all its shards are others' after %v, and live after %v. One more: balanced after %v. "+
		"Each of the three stopped and replaced: a node ends %v after SIGTERM at most, and all shards are live %v after that at most. %d events "+
		"stored, each one that was issued, once and in order; %d claims, and after each no event of one before it; %d identifies, %d resumes.",
		shards, ttl, *rate, again.Round(time.Millisecond), live.Round(time.Millisecond), balanced.Round(time.Millisecond),
		longest.Round(time.Millisecond), bare.Round(time.Millisecond), r.got, claims, sums.Sessions, sums.Resumes)
	for _, p := range nodes {
		p.term()
	}
}

// oneWriterEach goes through the stream: after a claim of a shard, nothing is stored of it under an older one.
func oneWriterEach(t *testing.T, nc *nats.Conn) (claims int) {
	t.Helper()
	newest := map[string]uint64{}
	eachStored(t, nc, func(m jetstream.Msg, meta *jetstream.MsgMetadata) {
		tokens := strings.Split(m.Subject(), ".")
		kind, shard := tokens[2], tokens[3]
		if kind == "claim" {
			newest[shard] = meta.Sequence.Stream
			claims++
		} else if got := m.Headers().Get(fleet.HeaderEpoch); got != strconv.FormatUint(newest[shard], 10) {
			t.Errorf("message %d of shard %s is stored under claim %s, after claim %d", meta.Sequence.Stream, shard, got, newest[shard])
		}
	})
	return claims
}

// eachStored goes through what the stream has now, without the bodies.
func eachStored(t *testing.T, nc *nats.Conn, do func(jetstream.Msg, *jetstream.MsgMetadata)) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*within)
	defer cancel()
	stream, err := js.Stream(ctx, "CHIRU_bot")
	if err != nil {
		t.Fatal(err)
	}
	c, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{HeadersOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := c.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	for at, end := uint64(0), stream.CachedInfo().State.LastSeq; at < end; {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		at = meta.Sequence.Stream
		do(m, meta)
	}
}

// SIGTERM comes at any moment: while shards wait for their turn, connect, or are live.
func TestStoppedNodeLeavesNothingThatOthersWaitFor(t *testing.T) {
	const shards = 4
	rng, _ := dice(t)
	s := discord(t, gatewaytest.Config{Guilds: 8, Shards: shards, MaxConcurrency: 2, Rate: 200, IdentifySpacing: 5 * time.Second})
	e := embed(t, stateOf(t))
	defer e.Close()
	var longest time.Duration
	const stops = 12
	for i := range stops {
		p := launch(t, nodeConfig{API: s.API(), Token: s.Token(), NATS: addressOf(e.Door), Node: fmt.Sprintf("n%d", i), LeaseTTL: 30 * time.Second})
		kv := bucketOf(t, e.Conn)
		until(t, "the node's lease", func() bool { return len(keysOf(t, kv, "node.*")) > 0 })
		time.Sleep(between(rng, 0, 700*time.Millisecond))
		began := time.Now()
		p.term()
		longest = max(longest, time.Since(began))
		if left := keysOf(t, kv, "node.*", "shard.*"); len(left) > 0 {
			t.Errorf("stop %d leaves the leases %v", i, left)
		}
		if line := placesOf(t, kv); len(line) > 0 {
			t.Errorf("stop %d leaves %v in line", i, line)
		}
		if open := s.Conns(); len(open) > 0 {
			t.Errorf("stop %d leaves %d connections", i, len(open))
		}
	}
	if longest > 3*time.Second {
		t.Errorf("a node took %v to end, want 3 s at most", longest)
	}
	t.Logf("%d stops, %v at most", stops, longest)
}

// bucketOf is the fleet's, once it is there.
func bucketOf(t *testing.T, nc *nats.Conn) jetstream.KeyValue {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var kv jetstream.KeyValue
	until(t, "the bucket", func() bool {
		kv, err = js.KeyValue(t.Context(), "CHIRU_bot")
		return err == nil
	})
	return kv
}

func keysOf(t *testing.T, kv jetstream.KeyValue, filters ...string) (keys []string) {
	t.Helper()
	list, err := kv.ListKeysFiltered(t.Context(), filters...)
	if err != nil {
		t.Fatal(err)
	}
	for key := range list.Keys() {
		keys = append(keys, key)
	}
	return keys
}

func placesOf(t *testing.T, kv jetstream.KeyValue) []standing {
	t.Helper()
	entry, err := kv.Get(t.Context(), "line")
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Places []standing }
	if err := json.Unmarshal(entry.Value(), &v); err != nil {
		t.Fatal(err)
	}
	return v.Places
}

// Discord takes one IDENTIFY in 5 s for each bucket, whoever sends it; the simulator holds them to it. Whoever waits longer than that
// has no connection meanwhile.
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
	owned(t, e.Conn, "all shards live", func(by map[string]int, live int) bool {
		if open := len(s.Conns()); live < 4 && open > live+2 {
			t.Errorf("%d connections are open for %d live shards, and one whose turn has come", open, live)
		}
		return live == 4
	})
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
