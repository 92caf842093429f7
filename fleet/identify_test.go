package fleet_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

var identifies = flag.Int("identifies", 8, "how many shards race for their IDENTIFY")

// standing is a shard's place in the line, and a node's that waits for it.
type standing struct {
	Shard int    `json:"shard"`
	Node  string `json:"node"`
}

// queue is what a test has seen of the line: each place from when it came to when it went, by the version of the key.
type queue struct {
	mu       sync.Mutex
	versions [][]standing
}

// watchLine follows the key until the test ends.
func watchLine(t *testing.T, nc *nats.Conn) *queue {
	t.Helper()
	kv := bucketOf(t, nc)
	watcher, err := kv.Watch(t.Context(), "line", jetstream.IncludeHistory())
	if err != nil {
		t.Fatal(err)
	}
	q := new(queue)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for entry := range watcher.Updates() {
			if entry == nil {
				continue
			}
			var v struct{ Places []standing }
			if err := json.Unmarshal(entry.Value(), &v); err != nil {
				t.Errorf("the line is %s: %v", entry.Value(), err)
			}
			q.mu.Lock()
			q.versions = append(q.versions, v.Places)
			q.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = watcher.Stop()
		<-done
	})
	return q
}

func (q *queue) seen() [][]standing {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.versions[:len(q.versions):len(q.versions)]
}

// head is who stands first in a bucket now.
func (q *queue) head(bucket, buckets int) (standing, bool) {
	versions := q.seen()
	if len(versions) == 0 {
		return standing{}, false
	}
	for _, p := range versions[len(versions)-1] {
		if p.Shard%buckets == bucket {
			return p, true
		}
	}
	return standing{}, false
}

// stay is one place: versions in which it came, and in which it was gone.
type stay struct {
	standing
	came, went int
}

// stays are in the order in which they came. One that lasts has went past the end.
func (q *queue) stays(t *testing.T) []stay {
	var all []stay
	open := map[standing]int{}
	versions := q.seen()
	for v, places := range versions {
		here := map[standing]bool{}
		last := -1
		for _, p := range places {
			here[p] = true
			i, known := open[p]
			if !known {
				i = len(all)
				open[p] = i
				all = append(all, stay{p, v, len(versions)})
			}
			if i < last {
				t.Errorf("version %d of the line: %v stands behind one that came after it", v, p)
			}
			last = i
		}
		for p, i := range open {
			if !here[p] {
				all[i].went = v
				delete(open, p)
			}
		}
	}
	return all
}

// Nodes are killed while their shards wait and while they hold the right to identify: Discord's pause holds at its socket, nobody overtakes
// who came before, and nobody waits for the dead.
func TestProcessesThatRaceIdentifyInOrderFiveSecondsApart(t *testing.T) {
	const buckets, processes = 2, 4
	rng, seed := dice(t)
	shards := *identifies
	kills := max(shards/10, 1)
	s := discord(t, gatewaytest.Config{Shards: shards, MaxConcurrency: buckets, Record: 1 << 16})
	e := embed(t, stateOf(t))
	defer e.Close()
	nodes, killed, launched := map[string]*process{}, map[string]bool{}, 0
	run := func() {
		name := fmt.Sprintf("n%d", launched)
		launched++
		nodes[name] = launch(t, nodeConfig{API: s.API(), Token: s.Token(), NATS: addressOf(e.Door), Node: name, LeaseTTL: 2 * time.Second})
	}
	for range processes {
		run()
	}
	sent := func() (n int) {
		for _, p := range s.Received() {
			if p.Op == 2 {
				n++
			}
		}
		return n
	}
	until(t, "the first IDENTIFY", func() bool { return sent() > 0 })
	q := watchLine(t, e.Conn)
	for i := range kills {
		until(t, "some IDENTIFYs", func() bool { return sent() >= 2+i*shards/kills })
		time.Sleep(between(rng, 0, 5*time.Second))
		victim := ""
		if p, some := q.head(rng.IntN(buckets), buckets); some && nodes[p.Node] != nil {
			victim = p.Node
		}
		for name := range nodes {
			if victim == "" {
				victim = name
			}
		}
		nodes[victim].kill()
		killed[victim] = true
		delete(nodes, victim)
		run()
	}
	began := time.Now()
	for {
		live := 0
		owned(t, e.Conn, "the next shard live", func(_ map[string]int, n int) bool { live = n; return true })
		if live == shards {
			break
		}
		if time.Since(began) > time.Duration(shards)*10*time.Second {
			t.Fatalf("%d of %d shards live after %v", live, shards, time.Since(began))
		}
	}

	// At the socket.
	byBucket := map[int][]gatewaytest.Payload{}
	last := map[int]int{} // the index in its bucket of a shard's last IDENTIFY
	for _, p := range s.Received() {
		if p.Op == 2 {
			var d struct{ Shard [2]int }
			if err := json.Unmarshal(p.Data, &d); err != nil {
				t.Fatal(err)
			}
			p.Shard = d.Shard[0]
			bucket := p.Shard % buckets
			last[p.Shard] = len(byBucket[bucket])
			byBucket[bucket] = append(byBucket[bucket], p)
		}
	}
	total, least, most := 0, time.Hour, time.Duration(0)
	for bucket, all := range byBucket {
		total += len(all)
		for i := range all[1:] {
			gap := all[i+1].At.Sub(all[i].At)
			least, most = min(least, gap), max(most, gap)
			if gap < 5*time.Second {
				t.Errorf("bucket %d: IDENTIFY %d of shard %d comes %v after the one before", bucket, i+2, all[i+1].Shard, gap)
			}
		}
	}

	// In line. The last stay of a shard is the one that its last IDENTIFY ended.
	stays := q.stays(t)
	ended := map[int]int{}
	for i, one := range stays {
		ended[one.Shard] = i
	}
	overtaken, before := 0, map[int]int{}
	for i, p := range stays {
		if ended[p.Shard] != i {
			continue // given up with its node, or to another
		}
		for _, o := range stays[:i] {
			if o.Shard%buckets == p.Shard%buckets && o.went > p.went && !killed[o.Node] {
				overtaken++
				t.Errorf("shard %d of node %s has identified before shard %d of node %s, which came first", p.Shard, p.Node, o.Shard, o.Node)
			}
		}
	}
	// And as the simulator saw it.
	went := map[int]int{}
	for _, i := range ended {
		went[stays[i].Shard] = stays[i].went
	}
	for bucket, all := range byBucket {
		for i, p := range all {
			if v, waited := went[p.Shard]; waited && last[p.Shard] == i {
				if v < before[bucket] {
					t.Errorf("bucket %d: shard %d left the line in version %d, before one that identified before it", bucket, p.Shard, v)
				}
				before[bucket] = v
			}
		}
	}
	figures(t, "%d shards of %d processes, %d killed at random moments, mostly those first in line, race for their IDENTIFY in %d buckets (seed %d): "+
		"%d IDENTIFYs, %v to %v after the one before in their bucket at the simulator's socket; %d of %d places in line overtaken.",
		shards, processes, kills, buckets, seed, total, least.Round(100*time.Microsecond), most.Round(100*time.Microsecond), overtaken, len(stays))
	for _, p := range nodes {
		p.term()
	}
}

// until waits for what has no event of its own.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for late := time.Now().Add(2 * within); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%s: not within %v", what, 2*within)
		}
	}
}

// The day's floor holds for all nodes together, and a RESUME needs nothing of the day.
func TestNodesSpendOneDayTogetherAndResumeWithoutIt(t *testing.T) {
	const shards, limit, floor = 12, 10, 1
	s := discord(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, SessionLimit: limit})
	e := embed(t, stateOf(t))
	defer e.Close()
	a, b, c := configOf(t, s, e.Conn), configOf(t, s, e.Conn), configOf(t, s, e.Conn)
	a.Node, b.Node, c.Node = "a", "b", "c"
	first, second, third := start(t, a), start(t, b), start(t, c)
	spent := func(_ map[string]int, live int) bool { return live == limit-floor }
	owned(t, e.Conn, "the day spent", spent)
	owned(t, e.Conn, "balanced", func(by map[string]int, live int) bool {
		return by["a"] == 4 && by["b"] == 4 && by["c"] == 4 && live == limit-floor
	})
	third.end()
	owned(t, e.Conn, "a node less", func(by map[string]int, live int) bool { return by["a"] == 6 && by["b"] == 6 && live == limit-floor })
	nodes, err := fleet.AskStatus(t.Context(), e.Conn, "", 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	queued := 0
	for _, n := range nodes {
		if n.Identifies.Left != floor || n.Identifies.Total != limit {
			t.Errorf("node %s says that %d of %d are left, want %d of %d", n.Node, n.Identifies.Left, n.Identifies.Total, floor, limit)
		}
		for _, one := range n.Shards {
			if one.State == "queued" {
				queued++
				if n.Health == "" {
					t.Errorf("node %s is well, though shard %d waits for the next day", n.Node, one.Shard)
				}
			}
		}
	}
	if queued != shards-(limit-floor) {
		t.Errorf("%d shards wait, want %d", queued, shards-(limit-floor))
	}
	if open := len(s.Conns()); open != limit-floor {
		t.Errorf("%d connections are open, want those of the %d live shards", open, limit-floor)
	}
	if sums := s.Sums(); sums.Sessions != limit-floor || sums.Resumes == 0 {
		t.Errorf("%d sessions and %d resumes, want %d and some", sums.Sessions, sums.Resumes, limit-floor)
	}
	first.end()
	second.end()
}
