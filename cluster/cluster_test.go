package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

var errStop = errors.New("the test stops the cluster")

// fleet is a Cluster against a simulator, and what came out of it.
type fleet struct {
	cluster.Cluster
	t       *testing.T
	cancel  context.CancelCauseFunc
	inbound chan chiru.IncomingEvent
	ended   chan struct{}
	err     error // valid after ended

	mu     sync.Mutex
	events []chiru.IncomingEvent
	open   chan struct{} // closed while the consumer reads
}

func serve(t *testing.T, cfg gatewaytest.Config) *gatewaytest.Server {
	t.Helper()
	return gatewaytest.Start(t, cfg)
}

// configOf fits a server.
func configOf(s *gatewaytest.Server) cluster.Config {
	return cluster.Config{API: s.API(), Shard: chiru.Config{
		Token: s.Token(), HTTPClient: s.Client(), Compression: chiru.CompressionNone,
	}}
}

// launch runs a cluster until the test ends.
func launch(t *testing.T, s *gatewaytest.Server, configure func(*cluster.Config)) *fleet {
	t.Helper()
	cfg := configOf(s)
	if configure != nil {
		configure(&cfg)
	}
	f := &fleet{t: t, inbound: make(chan chiru.IncomingEvent, 16), ended: make(chan struct{}), open: make(chan struct{})}
	close(f.open)
	ctx, cancel := context.WithCancelCause(context.Background())
	f.cancel = cancel
	drained := make(chan struct{})
	go func() {
		defer close(f.ended)
		defer close(f.inbound)
		f.err = f.Run(ctx, cfg, f.inbound)
	}()
	go func() {
		defer close(drained)
		for {
			f.mu.Lock()
			open := f.open
			f.mu.Unlock()
			<-open
			event, ok := <-f.inbound
			if !ok {
				return
			}
			f.mu.Lock()
			f.events = append(f.events, event)
			f.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		f.thaw()
		cancel(errStop)
		<-f.ended
		<-drained
	})
	return f
}

// freeze stops the consumer after the event it may be waiting for.
func (f *fleet) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = make(chan struct{})
}

func (f *fleet) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.open:
	default:
		close(f.open)
	}
}

// stop ends the cluster as a caller does, and holds it to a second.
func (f *fleet) stop() {
	f.t.Helper()
	from := time.Now()
	f.cancel(errStop)
	<-f.ended
	if took := time.Since(from); took > time.Second {
		f.t.Errorf("Run took %v to stop, want a second at most", took)
	}
	if f.err != errStop {
		f.t.Errorf("Run returned %v, want the context's cause itself", f.err)
	}
}

// of gives the events of one kind, oldest first.
func of[T chiru.IncomingEvent](f *fleet) []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []T
	for _, event := range f.events {
		if e, ok := event.(T); ok {
			out = append(out, e)
		}
	}
	return out
}

// wait lets time pass until everything has settled.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// states is how many shards are in each state.
func (f *fleet) states() map[string]int {
	out := map[string]int{}
	for _, s := range f.Status().Shards {
		out[s.State]++
	}
	return out
}

func (f *fleet) mustBeLive(n int) {
	f.t.Helper()
	if st := f.Status(); st.Live != n {
		f.t.Fatalf("%d of %d shards are live, want %d: %v; Run: %v", st.Live, len(st.Shards), n, f.states(), f.err)
	}
}

// allLive waits until all shards are live and says how long that took.
func (f *fleet) allLive(n int, most time.Duration) time.Duration {
	f.t.Helper()
	from := time.Now()
	for f.Status().Live != n {
		if time.Since(from) > most {
			f.mustBeLive(n)
		}
		wait(10 * time.Millisecond)
	}
	return time.Since(from)
}

// identifies are those that the server got, oldest first.
func identifies(s *gatewaytest.Server) []gatewaytest.Payload {
	var out []gatewaytest.Payload
	for _, p := range s.Received() {
		if p.Op == 2 {
			out = append(out, p)
		}
	}
	return out
}

// inBubble runs a test in fake time, which heartbeats keep going: one that waits for what never comes ends here.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		guard := time.AfterFunc(10*24*time.Hour, func() { panic("the test waits for what never comes") })
		defer guard.Stop()
		f(t)
	})
}

func TestClusterRunsTheRecommendedShardsBehindOneChannel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 6, Guilds: 12, MaxConcurrency: 2})
		f := launch(t, s, nil)
		wait(15 * time.Second)
		f.mustBeLive(6)
		ready := map[int]int{}
		for _, d := range of[*chiru.Dispatch](f) {
			if d.Type == "READY" {
				ready[d.Shard()]++
			}
		}
		for id := range 6 {
			if ready[id] != 1 {
				t.Errorf("shard %d had %d READYs, want 1", id, ready[id])
			}
		}
		guilds := 0
		for _, shard := range f.Status().Shards {
			if shard.Guilds.Pending != 0 || !shard.Guilds.Known || shard.Trouble != "" {
				t.Errorf("shard %d: %+v, trouble %q", shard.Shard, shard.Guilds, shard.Trouble)
			}
			guilds += shard.Guilds.Available
		}
		if guilds != 12 {
			t.Errorf("the shards have %d guilds, want 12", guilds)
		}
		if err := f.Status().Health(); err != nil {
			t.Errorf("health is %v", err)
		}
		f.stop()
	})
}

// docs /events/gateway#sharding-max-concurrency
func TestShardsOfABucketBeginInTheOrderOfTheirIDs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 9, MaxConcurrency: 3})
		f := launch(t, s, nil)
		wait(time.Minute)
		f.mustBeLive(9)
		last := map[int]int{0: -1, 1: -1, 2: -1}
		for _, p := range identifies(s) {
			if last[p.Shard%3] >= p.Shard {
				t.Errorf("shard %d began after %d", p.Shard, last[p.Shard%3])
			}
			last[p.Shard%3] = p.Shard
		}
	})
}

func TestCommandsFindTheShardOfTheirGuild(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 4, Guilds: 8, MaxConcurrency: 4})
		f := launch(t, s, nil)
		wait(time.Second)
		f.mustBeLive(4)
		for _, g := range s.Guilds() {
			guild := chiru.Snowflake(g)
			home := cluster.ShardOf(guild, 4)
			request := &chiru.ChannelInfoRequest{GuildID: guild, Fields: []string{"status"}}
			if err := f.SendToGuild(t.Context(), guild, request); err != nil {
				t.Fatal(err)
			}
			if p, ok := s.Await(43, time.Second); !ok || p.Shard != home {
				t.Errorf("guild %d: the command went to shard %d, want %d", g, p.Shard, home)
			}
			if err := f.Send(t.Context(), (home+1)%4, request); err == nil {
				t.Errorf("guild %d: shard %d took a command that shard %d answers", g, (home+1)%4, home)
			}
			if err := f.Send(t.Context(), home, request); err != nil {
				t.Error(err)
			}
			if p, ok := s.Await(43, time.Second); !ok || p.Shard != home {
				t.Errorf("guild %d: the command to shard %d went to %d", g, home, p.Shard)
			}
		}
		if err := f.Send(t.Context(), 4, &chiru.PresenceUpdate{}); err == nil || fmt.Sprint(err) != "cluster: shard 4 of 4 does not run here" {
			t.Errorf("a shard that does not exist: %v", err)
		}
		f.stop()
		if err := f.Send(t.Context(), 0, &chiru.PresenceUpdate{}); err != cluster.ErrNotRunning {
			t.Errorf("after the end: %v", err)
		}
	})
}
