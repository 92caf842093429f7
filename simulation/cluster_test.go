package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// herd is a bot of many shards in one process that runs, ends and is run again, and its consumer.
type herd struct {
	server *gatewaytest.Server
	watch  *watch
	shards int
	cfg    cluster.Config
	store  *stores
	rng    *rand.Rand

	auditing sync.Mutex // guards audits; the server's lock may be taken inside it
	audits   []*gatewaytest.Audit

	mu      sync.Mutex // guards what follows
	cluster *cluster.Cluster
	stop    context.CancelCauseFunc
	stood   [][2]time.Time
	until   time.Time // the consumer stands still
	calm    bool

	token                      string
	processes, finals, revived int
}

// stores is a session store of all shards that can be asked, and a budget's.
type stores struct {
	mu    sync.Mutex
	by    map[int]chiru.Session
	count []byte
}

func (s *stores) Load(_ context.Context, key chiru.SessionKey) (chiru.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[key.ShardID], nil
}

func (s *stores) Save(_ context.Context, key chiru.SessionKey, session chiru.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[key.ShardID] = session
	return nil
}

// budgetStore is the budget's part of stores.
type budgetStore struct{ *stores }

func (s budgetStore) Load(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, nil
}

func (s budgetStore) Save(_ context.Context, text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count = text
	return nil
}

func (h *herd) holds(shard int) bool {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	return h.cfg.Shard.Store != nil && h.store.by[shard].ID != ""
}

// live runs the process, again after each end, until ctx ends.
func (h *herd) live(ctx context.Context) {
	for ctx.Err() == nil {
		err := h.process(ctx)
		h.processes++
		switch {
		case ctx.Err() != nil || err == errRestart:
		default:
			h.finals++
			h.judge(err)
		}
		for id := range h.shards {
			if !h.holds(id) {
				h.anew(id)
			}
		}
		pause := time.Duration(h.rng.Int64N(int64(20 * time.Second)))
		if h.isCalm() {
			pause = time.Second
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func (h *herd) process(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var bot cluster.Cluster
	cfg := h.cfg
	if cfg.Shard.Token = h.server.Token(); cfg.Shard.Token != h.token && h.token != "" {
		time.Sleep(10 * time.Second) // nobody copies a token faster, and with another one a bot is a new one
	}
	h.token = cfg.Shard.Token
	h.mu.Lock()
	h.cluster, h.stop = &bot, cancel
	h.mu.Unlock()
	inbound, consumed := make(chan chiru.IncomingEvent), make(chan struct{})
	go func() {
		defer close(consumed)
		for event := range inbound {
			if d, ok := event.(*chiru.Dispatch); ok {
				h.got(d)
			}
			h.standStill(ctx)
		}
	}()
	supervised := make(chan struct{})
	go func() {
		defer close(supervised)
		h.supervise(ctx, &bot)
	}()
	err := bot.Run(ctx, cfg, inbound)
	cancel(nil)
	close(inbound)
	<-consumed
	<-supervised
	return err
}

// supervise starts shards again that Discord has refused, and now and then one that it has not.
func (h *herd) supervise(ctx context.Context, bot *cluster.Cluster) {
	rng := rand.New(rand.NewPCG(uint64(h.processes), 0x737570))
	for {
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return
		}
		st := bot.Status()
		for _, shard := range st.Shards {
			if shard.State != "live" && (shard.Trouble == "" || shard.Next == "" && shard.Err == nil && shard.Trouble != "starts again") {
				h.watch.wrong("shard %d is %s, and nothing is said of why: %+v", shard.Shard, shard.State, shard)
			}
			if shard.Err == nil {
				continue
			}
			h.judge(shard.Err)
			h.revived++
			if !h.holds(shard.Shard) {
				h.anew(shard.Shard)
			}
			if err := bot.RestartShard(ctx, shard.Shard); err != nil && err != cluster.ErrNotRunning && ctx.Err() == nil {
				h.watch.wrong("RestartShard: %v", err)
			}
		}
		what := rng.Float64()
		h.mu.Lock()
		switch {
		case h.calm:
		case what < 0.01:
			h.stop(errRestart)
		case what < 0.02:
			h.until = time.Now().Add(time.Duration(rng.ExpFloat64() * float64(30*time.Second)))
		}
		h.mu.Unlock()
	}
}

func (h *herd) standStill(ctx context.Context) {
	h.mu.Lock()
	from, until := time.Now(), h.until
	h.mu.Unlock()
	if !until.After(from) {
		return
	}
	select {
	case <-time.After(until.Sub(from)):
	case <-ctx.Done():
	}
	h.mu.Lock()
	h.stood = append(h.stood, [2]time.Time{from, time.Now()})
	h.mu.Unlock()
}

func (h *herd) stoodStill(at time.Time, before time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.stood {
		if s[0].Before(at) && s[1].Add(before).After(at) {
			return true
		}
	}
	return false
}

// violations are those of a rule that a consumer which stands still does not break: it reads nothing, so a missing ACK says
// nothing to it, and an op 1 is answered when it is read.
func (h *herd) violations() (list []gatewaytest.Violation) {
	for _, v := range h.server.Violations() {
		switch v.Rule {
		case gatewaytest.RuleZombie, gatewaytest.RuleHeartbeatRequested, gatewaytest.RuleHeartbeatBurst:
			if h.stoodStill(v.At, 20*time.Minute) {
				continue
			}
		}
		list = append(list, v)
	}
	return list
}

func (h *herd) fouled() bool {
	if len(h.violations()) > 0 {
		return true
	}
	h.watch.mu.Lock()
	defer h.watch.mu.Unlock()
	return len(h.watch.wrongs) > 0
}

// judge says whether a shard, or all, may have ended by themselves.
func (h *herd) judge(err error) {
	closed, ok := errors.AsType[*chiru.CloseError](err)
	refused, wrong := errors.AsType[*chiru.UpgradeError](err)
	switch {
	case ok && (closed.Code.Final() || closed.Code == chiru.CloseUnknownOpcode || closed.Code == chiru.CloseDecodeError):
	case wrong && refused.Status == 401: // the token was reset, and another process knows the new one
	default:
		h.watch.wrong("ended by itself: %v", err)
	}
}

func (h *herd) got(d *chiru.Dispatch) {
	h.auditing.Lock()
	defer h.auditing.Unlock()
	if err := h.audits[d.Shard()].Got(d.SessionID, d.Sequence, d.Type, d.Body); err != nil {
		h.watch.wrong("%v", err)
	}
}

func (h *herd) anew(shard int) {
	h.auditing.Lock()
	defer h.auditing.Unlock()
	h.audits[shard].Anew()
}

// spare holds the identifies that are left, by the server's own count, to the floor that a cluster keeps.
func (h *herd) spare() {
	found, err := chiru.Discover(context.Background(), h.server.Client(), h.server.API(), h.server.Token())
	if floor := (found.Total + 19) / 20; err == nil && found.Remaining < floor {
		h.watch.wrong("%d identifies of the day's %d are left, the floor is %d", found.Remaining, found.Total, floor)
	}
}

func (h *herd) isCalm() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calm
}

// lagging says which shard is not live, or has not all its events; and until when the budget is closed.
func (h *herd) lagging() (late string, closed time.Time) {
	h.mu.Lock()
	st := h.cluster.Status()
	h.mu.Unlock()
	if st.Live < h.shards {
		for _, shard := range st.Shards {
			if shard.State != "live" {
				return fmt.Sprintf("%d of %d shards are live; shard %d: %s", st.Live, h.shards, shard.Shard, shard.Trouble), st.Budget.ClosedUntil
			}
		}
		return "the cluster does not run", time.Time{}
	}
	h.auditing.Lock()
	defer h.auditing.Unlock()
	for _, a := range h.audits {
		if err := a.Rest(); err != nil {
			return err.Error(), time.Time{}
		}
	}
	return "", time.Time{}
}

func simulateCluster(t *testing.T, seed uint64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 0x68657264))
		const shards = 64
		p := plan{seed: seed, shards: shards, lasts: 2 * time.Hour, rerun: fmt.Sprintf("-run TestCluster -seeds %d", seed)}
		if raceDetector {
			p.lasts = 20 * time.Minute
		}
		p.server = gatewaytest.Config{
			Seed: seed, Guilds: 2 * shards, Members: 3, Shards: shards, Rate: 8, Mix: "quiet",
			MaxConcurrency: 1 + rng.IntN(16), SessionLimit: 250 + rng.IntN(750), Record: 1 << 14, ShuffleChunks: true,
			Chaos: fmt.Sprintf("all,seed=%d,every=%v,early=%.2f,bomb=%d", seed, time.Duration(10+rng.IntN(30))*time.Minute, 0.02+0.05*rng.Float64(), 2*maxMessage),
		}
		if seed%2 == 1 { // enough for the day, so that nobody waits for its end
			p.server.SessionLimit += 5000
		}
		w := newWatch(p)
		p.server.Logger = slog.New(w.handler("server"))
		server := gatewaytest.NewMemoryServer(p.server)
		h := &herd{server: server, watch: w, shards: shards, rng: rng, store: &stores{by: map[int]chiru.Session{}}}
		for id := range shards {
			h.audits = append(h.audits, server.Audit(id))
		}
		h.cfg = cluster.Config{
			API: server.API(), Budget: budgetStore{h.store}, BacklogBytes: pick(rng, 1, 64<<10, 256<<20),
			Shard: chiru.Config{
				Intents: chiru.IntentsAll, HTTPClient: server.Client(), MaxMessage: maxMessage, BacklogEvents: pick(rng, 1, 8, 256),
				Compression: pick(rng, chiru.CompressionNone, chiru.CompressionZlibStream), Logger: slog.New(w.handler("client")),
			},
		}
		if rng.IntN(3) > 0 {
			h.cfg.Shard.Store = h.store
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.live(ctx)
		}()
		for time.Since(w.began) < p.lasts && !h.fouled() { // a transcript ends where it went wrong
			time.Sleep(10 * time.Second)
			h.spare()
		}
		server.Calm()
		h.mu.Lock()
		h.calm = true
		h.mu.Unlock()
		closed := time.Duration(0)
		from, limit := time.Now(), time.Now().Add(recovery)
		for late := ""; ; {
			time.Sleep(5 * time.Second)
			synctest.Wait()
			h.spare()
			var until time.Time
			if late, until = h.lagging(); late == "" || len(w.wrongs) > 0 {
				break
			}
			if until = until.Add(recovery); until.After(limit) {
				limit, closed = until, until.Sub(from)
			}
			if time.Now().After(limit) {
				w.wrong("%v after the last fault: %s", time.Since(from), late)
				break
			}
		}
		w.recovered = time.Since(from)
		cancel(errEnd)
		<-done
		for _, v := range h.violations() {
			w.wrong("violation: %v", v)
		}
		var dispatches, begun, strikes int64
		for _, a := range h.audits {
			dispatches += a.Dispatches
			begun += int64(a.Sessions)
		}
		for _, n := range server.Strikes() {
			strikes += int64(n)
		}
		t.Logf("seed %d: %d faults of %d kinds, %d dispatches, %d sessions of the day's %d, %d processes (%d ended by Discord), %d shards started again, all live again after %v (budget closed until %v)",
			seed, strikes, len(server.Strikes()), dispatches, begun, p.server.SessionLimit, h.processes, h.finals, h.revived, w.recovered, closed)
		server.Close()
		if len(w.wrongs) > 0 {
			w.fail(t)
		}
	})
}

// 64 shards in one process, through every fault there is, with the day's identifies running short.
func TestClusterOf64ShardsSurvivesEveryFault(t *testing.T) {
	list := []uint64{1}
	if *seeds != "" {
		list = nil
		for text := range strings.SplitSeq(*seeds, ",") {
			seed, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, seed)
		}
	}
	for _, seed := range list {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { simulateCluster(t, seed) })
	}
}
