package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// SubscribeConfig is a worker's. Every field but Conn may be left at its zero value.
type SubscribeConfig struct {
	// Conn leads to the NATS servers of the fleet. Run does not close it.
	Conn *nats.Conn
	// Name is the fleet's; default "bot".
	Name string
	// Durable is what the workers are called that share the events: each event goes to one of them, and who stops goes on where it was. Default
	// none: this worker alone, with no memory, as a reader of a log is.
	Durable string
	// Types are Discord's names of the events that are wanted; default all.
	Types []string
	// Partitions are those of the guilds whose events are wanted, 0 to Partitions-1; default all, and the events of no guild.
	Partitions []int
	// From is the time of the first event; zero for the oldest in the stream. Of a Durable it counts when that is first named. FromNow means
	// only what comes from now on.
	From    time.Time
	FromNow bool
	// Explicit leaves the acknowledgement of each event to Worker.Ack; by default an event is acknowledged when inbound has taken it. Only with
	// Durable.
	Explicit bool
	// AckWait is after how long an event that is not acknowledged goes to another worker; default 30 s.
	AckWait time.Duration
	// Pending bounds the events that are not acknowledged, of all workers of a Durable together; default 1000.
	Pending int
	// Logger gets what goes wrong; default none.
	Logger *slog.Logger
}

const (
	defaultAckWait = 30 * time.Second
	defaultPending = 1000
	// What a worker fetches ahead.
	fetchMost  = 256
	fetchBytes = 8 << 20
)

// ErrNotDelivered is what Ack returns for an event that waits for no acknowledgement.
var ErrNotDelivered = errors.New("fleet: the event waits for no acknowledgement here")

// Worker reads a fleet's events. The zero value is ready.
type Worker struct {
	mu      sync.Mutex
	waiting map[*chiru.Dispatch]jetstream.Msg
}

// Subscribe is Worker.Run, for who needs no explicit acknowledgement.
func Subscribe(ctx context.Context, cfg SubscribeConfig, inbound chan<- chiru.IncomingEvent) error {
	return new(Worker).Run(ctx, cfg, inbound)
}

// Run hands the fleet's events to inbound, each as a *chiru.Dispatch as chiru.Run gives it, until ctx ends. Those of a shard come in order,
// unless workers share a Durable or an event comes again because nobody acknowledged it. It never closes inbound. While there is no NATS, or
// no stream yet, it waits.
//
// Run returns context.Cause(ctx) itself when told to stop, or an error that asking again does not help.
func (w *Worker) Run(ctx context.Context, cfg SubscribeConfig, inbound chan<- chiru.IncomingEvent) error {
	cfg, err := cfg.settled()
	if err != nil {
		return err
	}
	if inbound == nil {
		return &chiru.ConfigError{Field: "inbound", Reason: "is nil; events need a channel"}
	}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return err
	}
	r := &reading{w: w, cfg: cfg, js: js, names: names{cfg.Name}, inbound: inbound}
	pause := retryFirst
	for {
		began := time.Now()
		err := r.once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if lasting(err) {
			return err
		}
		if time.Since(began) > retryMost {
			pause = retryFirst
		}
		cfg.Logger.Warn("events not read", "error", err, "wait", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, retryMost)
	}
}

// Ack acknowledges an event that Run has handed over, with SubscribeConfig.Explicit. Until then it counts for Pending, and after AckWait
// it goes to another worker.
func (w *Worker) Ack(d *chiru.Dispatch) error {
	w.mu.Lock()
	m := w.waiting[d]
	delete(w.waiting, d)
	w.mu.Unlock()
	if m == nil {
		return ErrNotDelivered
	}
	return m.Ack()
}

func (w *Worker) wait(d *chiru.Dispatch, m jetstream.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[*chiru.Dispatch]jetstream.Msg{}
	}
	w.waiting[d] = m
}

// reading is one Run.
type reading struct {
	w       *Worker
	cfg     SubscribeConfig
	js      jetstream.JetStream
	names   names
	inbound chan<- chiru.IncomingEvent
	after   uint64 // the stream's sequence of the last event handed over, without a Durable
}

// once reads until something fails.
func (r *reading) once(ctx context.Context) error {
	consumer, err := r.consumer(ctx)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(fetchMost, fetchBytes))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if err := r.hand(ctx, m); err != nil {
			return err
		}
	}
}

func (r *reading) consumer(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	stream, err := r.js.Stream(ctx, r.names.stream())
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", r.names.stream(), err)
	}
	policy, from := jetstream.DeliverAllPolicy, (*time.Time)(nil)
	switch {
	case r.cfg.FromNow:
		policy = jetstream.DeliverNewPolicy
	case !r.cfg.From.IsZero():
		policy, from = jetstream.DeliverByStartTimePolicy, &r.cfg.From
	}
	if r.cfg.Durable == "" {
		ordered := jetstream.OrderedConsumerConfig{FilterSubjects: r.filters(), DeliverPolicy: policy, OptStartTime: from}
		if r.after > 0 {
			ordered.DeliverPolicy, ordered.OptStartTime, ordered.OptStartSeq = jetstream.DeliverByStartSequencePolicy, nil, r.after+1
		}
		return stream.OrderedConsumer(ctx, ordered)
	}
	if there, err := stream.Consumer(ctx, r.cfg.Durable); err == nil { // where it began stays as it is
		have := there.CachedInfo().Config
		policy, from = have.DeliverPolicy, have.OptStartTime
	}
	return stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: r.cfg.Durable, FilterSubjects: r.filters(), DeliverPolicy: policy, OptStartTime: from,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: r.cfg.AckWait, MaxAckPending: r.cfg.Pending,
		Metadata: map[string]string{metaFormat: strconv.Itoa(Format)},
	})
}

// filters are the subjects of the events that are wanted.
func (r *reading) filters() []string {
	types, parts := r.cfg.Types, make([]string, 0, len(r.cfg.Partitions))
	for _, part := range r.cfg.Partitions {
		parts = append(parts, strconv.Itoa(part))
	}
	if len(types) == 0 {
		types = []string{"*"}
	}
	if len(parts) == 0 {
		parts = []string{"*"}
	}
	var filters []string
	for _, t := range types {
		for _, part := range parts {
			filters = append(filters, r.names.anyShard(t, part))
		}
	}
	return filters
}

// hand gives one event to inbound.
func (r *reading) hand(ctx context.Context, m jetstream.Msg) error {
	d, err := readEvent(m.Subject(), m.Headers(), m.Data())
	if err != nil {
		return &SetupError{"stream " + r.names.stream(), err.Error(), "use the chiru that stored it, or a newer one"}
	}
	if r.cfg.Explicit {
		r.w.wait(d, m)
	}
	select {
	case r.inbound <- d:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	switch {
	case r.cfg.Durable == "":
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		r.after = meta.Sequence.Stream
	case !r.cfg.Explicit:
		return m.Ack()
	}
	return nil
}

func (c SubscribeConfig) settled() (SubscribeConfig, error) {
	bad := func(field, format string, args ...any) (SubscribeConfig, error) {
		return c, &chiru.ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	c.Name = or(c.Name, defaultName)
	c.AckWait = or(c.AckWait, defaultAckWait)
	c.Pending = or(c.Pending, defaultPending)
	switch {
	case c.Conn == nil:
		return bad("Conn", "is nil; Connect makes one")
	case checkName(c.Name) != nil:
		return bad("Name", "%v", checkName(c.Name))
	case c.Durable != "" && checkName(c.Durable) != nil:
		return bad("Durable", "%v", checkName(c.Durable))
	case c.Explicit && c.Durable == "":
		return bad("Explicit", "needs a Durable: without one nothing is acknowledged")
	case c.FromNow && !c.From.IsZero():
		return bad("FromNow", "and From do not go together")
	case c.AckWait < time.Second:
		return bad("AckWait", "is %v; it must be a second or more", c.AckWait)
	case c.Pending < 1:
		return bad("Pending", "is %d", c.Pending)
	}
	for _, t := range c.Types {
		if t != token(t) || t == "" {
			return bad("Types", "has %q, which is no name of an event", t)
		}
	}
	for _, part := range c.Partitions {
		if part < 0 || part >= Partitions {
			return bad("Partitions", "has %d; they are 0 to %d", part, Partitions-1)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
