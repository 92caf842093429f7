package interop

import (
	"slices"
	"testing"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

// patience bounds every wait.
const patience = 60 * time.Second

// maxShown bounds the client payloads that are logged of a game that went wrong.
const maxShown = 50

// game is one server with one library on it.
type game struct {
	*testing.T
	server *gatewaytest.Server
	tally  *tally
	stop   func()
	began  time.Time
	shards int
}

// start serves, and connects the library.
func start(t *testing.T, c client, cfg gatewaytest.Config) *game {
	t.Helper()
	s, err := gatewaytest.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	g := &game{T: t, server: s, tally: newTally(), began: time.Now(), shards: max(cfg.Shards, 1)}
	ctx, cancel := deadline()
	defer cancel()
	stop, err := c.connect(ctx, target{api: s.API(), shards: g.shards, tally: g.tally})
	if err != nil {
		g.show()
		t.Fatalf("connect %d shards: %v", g.shards, err)
	}
	g.stop = stop
	t.Cleanup(g.close)
	return g
}

// close ends the library, if it has not ended.
func (g *game) close() {
	g.Helper()
	if g.stop == nil {
		return
	}
	stop, stopped := g.stop, make(chan struct{})
	g.stop = nil
	go func() {
		defer close(stopped)
		stop()
	}()
	ctx, cancel := deadline()
	defer cancel()
	select {
	case <-stopped:
	case <-ctx.Done():
		g.Errorf("the library does not close within %v", patience)
	}
}

// until waits for what neither the server nor the library announces.
func (g *game) until(what string, ok func() bool) {
	g.Helper()
	ctx, cancel := deadline()
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if how := g.tally.dead(); how != "" {
			g.show()
			g.Fatalf("%s: the library has ended: %s", what, how)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			g.show()
			g.Fatalf("%s: not within %v", what, patience)
		}
	}
	g.Logf("%5.1f s: %s", time.Since(g.began).Seconds(), what)
}

// show logs what there is to know of a game that went wrong.
func (g *game) show() {
	g.Helper()
	for _, info := range g.server.Sessions() {
		g.Logf("session %+v, events seen: %d", info, g.tally.count(info.Shard))
		for _, wrong := range g.tally.audit(info.Shard, g.server.Issued(info.ID)) {
			g.Logf("%.200s", wrong)
		}
	}
	received := slices.DeleteFunc(g.server.Received(), func(p gatewaytest.Payload) bool { return p.Op == 1 })
	for _, p := range received[max(0, len(received)-maxShown):] {
		g.Logf("%s: connection %d (%s) sent op %d %s (close %d)", p.At.Format("15:04:05.000"),
			p.Conn, p.Host, p.Op, p.Data, p.Close)
	}
	for _, text := range tells(g.server.Violations()) {
		g.Log(text)
	}
	for _, text := range g.tally.grumbles() {
		g.Log(text)
	}
}

// ledger is what a session was issued up to and with the last event of a type, and how many of that type.
func (g *game) ledger(session, typ string) (issued []gatewaytest.Issued, ofType int) {
	all, last := g.server.Issued(session), 0
	for i, e := range all {
		if e.Type == typ {
			last = i + 1
			ofType++
		}
	}
	return all[:last], ofType
}

// issued is how many events all sessions have been issued.
func (g *game) issued() int64 {
	var n int64
	for _, info := range g.server.Sessions() {
		n += info.Seq
	}
	return n
}

// born says whether every shard has been shown its READY and its GUILD_CREATEs, n over all.
func (g *game) born(n int) bool {
	infos := g.server.Sessions()
	total := 0
	for _, info := range infos {
		ledger, k := g.ledger(info.ID, "GUILD_CREATE")
		total += k
		if info.Seq == 0 || !g.tally.whole(info.Shard, ledger) {
			return false
		}
	}
	return len(infos) == g.shards && total >= n
}

// conns are the newest connections that have a session, by shard.
func (g *game) conns() map[int]*gatewaytest.Conn {
	newest := map[int]*gatewaytest.Conn{}
	for _, c := range g.server.Conns() {
		if c.SessionID() != "" {
			newest[c.Shard()] = c
		}
	}
	return newest
}

// interrupt does something to the connection of every shard, and waits for the same session to be
// resumed on another.
func (g *game) interrupt(what string, do func(*gatewaytest.Conn)) {
	g.Helper()
	before := g.conns()
	if len(before) != g.shards {
		g.show()
		g.Fatalf("before %s: %d shards are connected, want %d", what, len(before), g.shards)
	}
	resumed := map[string]int{}
	for _, c := range before {
		_, resumed[c.SessionID()] = g.ledger(c.SessionID(), "RESUMED")
	}
	for _, c := range before {
		do(c)
	}
	g.until(what+", resumed", func() bool {
		after := g.conns()
		for shard, old := range before {
			c := after[shard]
			if c == nil || c.ID() == old.ID() || c.SessionID() != old.SessionID() {
				return false
			}
			ledger, k := g.ledger(c.SessionID(), "RESUMED")
			if k <= resumed[c.SessionID()] || !g.tally.whole(shard, ledger) {
				return false
			}
		}
		return true
	})
}

// beaten says whether every shard's connection has sent n heartbeats.
func (g *game) beaten(n int) bool {
	beats := map[int]int{}
	for _, p := range g.server.Received() {
		if p.Op == 1 {
			beats[p.Conn]++
		}
	}
	conns := g.conns()
	for _, c := range conns {
		if beats[c.ID()] < n {
			return false
		}
	}
	return len(conns) == g.shards
}

// settle waits until the library has shown all that its sessions have been issued by now.
func (g *game) settle() {
	g.Helper()
	ledgers := map[int][]gatewaytest.Issued{}
	for _, info := range g.server.Sessions() {
		ledgers[info.Shard] = g.server.Issued(info.ID)
	}
	if len(ledgers) != g.shards {
		g.show()
		g.Fatalf("%d sessions, want %d", len(ledgers), g.shards)
	}
	g.until("every event of the ledger", func() bool {
		for shard, ledger := range ledgers {
			if !g.tally.whole(shard, ledger) {
				return false
			}
		}
		return true
	})
}

// end closes the library and returns the rules it broke.
func (g *game) end() []gatewaytest.Violation {
	g.Helper()
	g.close()
	g.until("closed", func() bool { return len(g.server.Conns()) == 0 })
	identified := 0
	for _, p := range g.server.Received() {
		if p.Op == 2 {
			identified++
		}
	}
	if identified != g.shards {
		g.show()
		g.Errorf("%d IDENTIFYs, want one of each of %d shards", identified, g.shards)
	}
	violations := g.server.Violations()
	g.Logf("%d connections, %d events shown twice", g.server.Accepted(), g.tally.twice())
	for _, text := range tells(violations) {
		g.Logf("broke %s", text)
	}
	for _, text := range g.tally.grumbles() {
		g.Logf("complained %s", text)
	}
	return violations
}
