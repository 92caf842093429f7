package interop

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

var write = flag.Bool("write", false, "write RESULTS.md")

const (
	// Of heartbeats. The referee forgives a quarter of it, which has to do on a busy machine.
	interval = 4 * time.Second

	// An ACK that is back within microseconds, as on no real network, makes disgo take the connection for
	// dead: it notes the time of the beat after the write (gateway/gateway.go:499 of 0.19.6).
	ackDelay = 25 * time.Millisecond

	oneGuilds = 12
	oneRate   = 100  // events a second
	oneLive   = 1000 // events besides READY, RESUMED and the first GUILD_CREATEs

	// Two connections each: 40 in all, and the referee judges jitter from 32 on.
	manyShards = 20
	manyGuilds = 80
	manyRate   = 50
)

// TestInterop runs every library on one shard and on many, and holds it to the ledger of its sessions
// and to its list of known fouls.
func TestInterop(t *testing.T) {
	rows := make([]result, len(clients))
	ran := 0
	for i, c := range clients {
		// A slash would be a level of tests.
		t.Run(strings.ReplaceAll(c.name, "/", "-"), func(t *testing.T) {
			library := c.find(t)
			t.Logf("%s %s", c.name, library.version)
			violations, unfit := one(t, c)
			judge(t, library, c.fouls, append(violations, many(t, c)...))
			rows[i] = result{library, unfit}
			ran++
		})
	}
	if ran == len(clients) && !t.Failed() {
		results(t, rows)
	}
}

// one is READY, the guilds, and a thousand events with an op 7 and a cut among them.
func one(t *testing.T, c client) (violations []gatewaytest.Violation, unfit bool) {
	g := start(t, c, gatewaytest.Config{
		Seed: 1, Token: token, Guilds: oneGuilds, Rate: oneRate, HeartbeatInterval: interval, AckDelay: ackDelay,
	})
	g.until("READY and every GUILD_CREATE", func() bool { return g.born(oneGuilds) })
	from := g.tally.count(0)
	g.until("a third of the events", func() bool { return g.tally.count(0) >= from+oneLive/3 })
	g.interrupt("op 7", func(c *gatewaytest.Conn) { c.Send(7, nil) })
	g.until("two thirds", func() bool { return g.tally.count(0) >= from+2*oneLive/3 })
	g.interrupt("a cut", (*gatewaytest.Conn).Cut)
	const others = 1 + oneGuilds + 2 // READY, GUILD_CREATEs, RESUMEDs
	g.until("1,000 events issued", func() bool { return g.issued() >= others+oneLive })
	g.settle()
	return g.end(), g.tally.unfit()
}

// many is a cut of many shards at once, and connections enough for the referee to judge the first
// heartbeats: each lasts two of them.
func many(t *testing.T, c client) []gatewaytest.Violation {
	g := start(t, c, gatewaytest.Config{
		Seed: 2, Token: token, Guilds: manyGuilds, Rate: manyRate, HeartbeatInterval: interval, AckDelay: ackDelay,
		Shards: manyShards, MaxConcurrency: manyShards,
	})
	g.until("READY and every GUILD_CREATE of all shards", func() bool { return g.born(manyGuilds) })
	g.until("two heartbeats on every connection", func() bool { return g.beaten(2) })
	g.interrupt("a cut of every shard", (*gatewaytest.Conn).Cut)
	g.until("two heartbeats on every connection", func() bool { return g.beaten(2) })
	g.settle()
	return g.end()
}

// deadline bounds one wait.
func deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
