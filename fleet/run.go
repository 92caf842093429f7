package fleet

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

// Node is one process of a fleet. The zero value is ready; Status works while Run runs, from any goroutine. It may run again once Run
// has returned.
type Node struct {
	mu    sync.Mutex
	fleet *fleet
}

// Run is Node.Run, for who needs none of a Node's methods.
func Run(ctx context.Context, cfg Config) error { return new(Node).Run(ctx, cfg) }

// Run takes its share of the bot's shards and stores their events in the stream, until ctx ends. Where NATS or Discord does not answer
// it waits.
//
// It blocks; everything that it starts has ended when it returns. Told to stop, it stores what its shards have handed over and gives
// them up, for other nodes to resume; that takes 15 s at most.
//
// Run returns context.Cause(ctx) itself when told to stop; a *chiru.ConfigError or a *SetupError before it connects a shard; and what
// cluster.Run returns when Discord refuses the bot for good.
func (n *Node) Run(ctx context.Context, cfg Config) error {
	cfg, err := cfg.settled()
	if err != nil {
		return err
	}
	f, err := newFleet(cfg)
	if err != nil {
		return err
	}
	n.mu.Lock()
	if n.fleet != nil {
		n.mu.Unlock()
		return errors.New("fleet: Run runs already; a second one needs a Node of its own")
	}
	n.fleet = f
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.fleet = nil
		n.mu.Unlock()
	}()
	return f.live(ctx)
}

func (n *Node) running() *fleet {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fleet
}

// fleet is one Run.
type fleet struct {
	cfg   Config
	names names
	node  string
	bot   string
	log   *slog.Logger
	began time.Time

	nc     *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	kv     jetstream.KeyValue

	frame       string
	found       chiru.Gateway // the API's answer at the start
	foundAt     time.Time
	recommended int           // shards, by the API
	buckets     int           // max_concurrency
	planned     chan struct{} // closed once what follows is set
	shards      int
	counts      []counts
	checkpoints *checkpoints
	cluster     *cluster.Cluster
	keeper      *keeper
	gate        *gate
	older       atomic.Uint64 // claims up to it are in the older half of a stream that fills up
}

func newFleet(cfg Config) (*fleet, error) {
	if _, err := frameOf(cfg.Shard); err != nil {
		return nil, err
	}
	js, err := jetstream.New(cfg.Conn, jetstream.WithPublishAsyncTimeout(askWait), jetstream.WithPublishAsyncMaxPending(1<<16))
	if err != nil {
		return nil, err
	}
	return &fleet{
		cfg: cfg, names: names{cfg.Name}, node: cfg.Node, bot: botOf(cfg.Shard), log: cfg.Logger, began: time.Now(),
		nc: cfg.Conn, js: js, planned: make(chan struct{}), cluster: new(cluster.Cluster),
	}, nil
}

// botOf is a hash of what names the bot in its token, the part before the first dot, which stays when the token is reset.
func botOf(shard chiru.Config) string {
	shard.Token, _, _ = strings.Cut(shard.Token, ".")
	return shard.SessionKey().TokenHash[:16]
}

func (f *fleet) live(ctx context.Context) error {
	// A token that Discord refuses leaves no stream behind.
	if err := f.discover(ctx); err != nil {
		return err
	}
	if err := f.prepare(ctx); err != nil {
		return err
	}
	shards, err := f.plan(ctx)
	if err != nil {
		return err
	}
	f.shards, f.counts = shards, make([]counts, shards)
	f.checkpoints = &checkpoints{cfg: f.cfg.Shard, from: map[int]source{}}
	f.keeper = newKeeper(f, &leases{f.js, f.kv, f.names, f.node, f.cfg.LeaseTTL}, shards)
	f.gate = newGate(f)
	close(f.planned)
	answering, err := f.answerStatus()
	if err != nil {
		return err
	}
	defer func() { _ = answering.Unsubscribe() }()
	telling, err := f.answerShards()
	if err != nil {
		return err
	}
	defer func() { _ = telling.Unsubscribe() }()
	making, err := f.makeConsumers()
	if err != nil {
		return err
	}
	defer func() { _ = making.Unsubscribe() }()
	f.log.Info("node starts", "fleet", f.cfg.Name, "node", f.node, "shards", shards)

	// The cluster ends after the shards have been given up, unless Discord ends it.
	keeping, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	connected, disconnect := context.WithCancelCause(context.WithoutCancel(ctx))
	defer disconnect(nil)
	refused := make(chan error, 1)
	go func() {
		err := f.cluster.Run(connected, cluster.Config{Shard: f.shardConfig(), API: f.cfg.API, Shards: shards, Parked: true, Paced: true, Inbound: f.checkpoints.inbound}, nil)
		stop(err)
		refused <- err
	}()
	// The order of identifies outlives all who wait in it.
	ordering, disorder := context.WithCancel(context.WithoutCancel(ctx))
	defer disorder()
	ordered := make(chan struct{})
	go func() {
		defer close(ordered)
		f.gate.run(ordering, keeping)
	}()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		f.watchRetention(keeping)
	}()
	f.keeper.keep(keeping)
	<-watched
	disconnect(errDrain)
	<-refused
	f.gate.waiting.Wait()
	disorder()
	<-ordered
	return context.Cause(keeping)
}
