package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// plan is what a seed stands for.
type plan struct {
	seed    uint64
	shards  int
	lasts   time.Duration
	server  gatewaytest.Config
	gate    time.Duration // that permits take at least
	trouble bool          // consumers stall and processes restart
	rerun   string        // how to run it again
	// compression is that of every shard, if set; otherwise each has its own.
	compression *chiru.Compression
}

// recovery is how long a shard may take to be live again, with everything it has missed, once no more faults begin:
// two intervals of a Hello that asked for 10 minutes until a dead connection is found out, a last new session's wait
// of 320 s at most, and a turn at the identify gate.
const recovery = 2*10*time.Minute + 320*time.Second + 5*time.Minute

func planOf(seed uint64) plan {
	rng := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := plan{
		seed: seed, shards: 1 + rng.IntN(8), lasts: time.Duration(1+rng.IntN(4)) * time.Hour, trouble: true,
		rerun: fmt.Sprintf("-run TestSeeds -seeds %d", seed),
	}
	p.server = gatewaytest.Config{
		Seed: seed, Guilds: 3 * p.shards, Members: 3, Shards: p.shards,
		Rate: 0.17 * float64(p.shards), Mix: []string{"chatty", "quiet", "every"}[rng.IntN(3)],
		MaxConcurrency: 1 + rng.IntN(4), SessionLimit: 1 << 30, Record: 1 << 14,
		ShuffleChunks: true, // and an even seed trims the replay log by heartbeats
		Chaos:         fmt.Sprintf("all,seed=%d,every=%v,early=%.2f,bomb=%d", seed, time.Duration(2+rng.IntN(12))*time.Minute, 0.05+0.15*rng.Float64(), 2*maxMessage),
	}
	return p
}

// maxMessage of the clients is small, so that a bomb need not be large.
const maxMessage = 1 << 20

// errEnd is why a simulation's shards stop at its end, errRestart why one stops in between.
var (
	errEnd     = errors.New("the simulation ends")
	errRestart = errors.New("the process restarts")
)

// simulate runs a seed and tells tally what happened. It fails t for whatever must not.
func simulate(t *testing.T, p plan, all *tally) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		watch := newWatch(p)
		p.server.Logger = slog.New(watch.handler("server"))
		server := gatewaytest.NewMemoryServer(p.server)
		gate := chiru.NewIdentifyGate(p.server.MaxConcurrency)
		ctx, cancel := context.WithCancelCause(context.Background())
		var bots []*bot
		for i := range p.shards {
			b := newBot(p, i, server, &unhurried{IdentifyGate: gate, least: p.gate, rng: source(p.seed, i, "gate")}, watch)
			bots = append(bots, b)
		}
		watch.bots = bots
		for _, b := range bots {
			go b.live(ctx)
		}
		time.Sleep(p.lasts)

		server.Calm()
		for _, b := range bots {
			b.calm()
		}
		from := time.Now()
		for late := ""; ; {
			time.Sleep(time.Second)
			synctest.Wait()
			if late = lagging(bots); late == "" || len(watch.wrongs) > 0 {
				break
			}
			if time.Since(from) > recovery {
				watch.wrong("%v after the last fault: %s", recovery, late)
				break
			}
		}
		watch.recovered = time.Since(from)
		cancel(errEnd)
		for _, b := range bots {
			<-b.done
		}
		time.Sleep(5 * time.Minute) // until a stalled connection has seen the end
		synctest.Wait()
		if n := len(server.Conns()); n > 0 {
			watch.wrong("%d connections are left", n)
		}
		for _, v := range server.Violations() {
			// A client whose consumer stands still reads nothing, so a missing ACK says nothing to it, an op 1 is
			// answered when it is read, and so an op 9.
			switch v.Rule {
			case gatewaytest.RuleZombie, gatewaytest.RuleHeartbeatRequested, gatewaytest.RuleHeartbeatBurst, gatewaytest.RuleAfterInvalid:
				within := 2 * time.Minute
				if watch.faultsOf(v.Shard)["hello-slow"] > 0 {
					within = 20 * time.Minute // two of its intervals
				}
				if v.Shard >= 0 && bots[v.Shard].stoodStill(v.At, within) {
					watch.excused++
					continue
				}
			}
			watch.violations++
			watch.wrong("violation: %v", v)
		}
		all.add(p, server, bots, watch)
		server.Close()
		if len(watch.wrongs) > 0 {
			watch.fail(t)
		}
	})
}

// lagging says which shard is not live, or has not all its events.
func lagging(bots []*bot) string {
	for _, b := range bots {
		if state := b.snapshot().State; state != "live" {
			return fmt.Sprintf("shard %d is %s", b.shard, state)
		}
		if err := b.rest(); err != nil {
			return err.Error()
		}
	}
	return ""
}

// source is a part's own source of luck.
func source(seed uint64, shard int, part string) *rand.Rand {
	h := seed*31 + uint64(shard)
	for _, c := range part {
		h = h*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, h))
}

// unhurried is a gate that may take its time, so that faults find shards waiting at it.
type unhurried struct {
	chiru.IdentifyGate
	least time.Duration
	rng   *rand.Rand
}

func (g *unhurried) Permit(ctx context.Context, shard int) <-chan chiru.Permit {
	wait := g.least + time.Duration(g.rng.Int64N(int64(4*time.Second)))
	out := make(chan chiru.Permit)
	go func() {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		select {
		case permit := <-g.IdentifyGate.Permit(ctx, shard):
			select {
			case out <- permit:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}()
	return out
}
