package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
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
	// Lanes, if set, keeps the order of each guild's events among the workers of a Durable: the guilds are divided over so many lanes, up to
	// Partitions, and of a lane one event at a time is out, until it is acknowledged. Only with Explicit; all workers of the Durable must be
	// given the same number. Events of no guild have the first lane.
	Lanes int
	// AckWait is after how long an event that is not acknowledged goes to another worker; default 30 s. It begins when inbound takes the event.
	AckWait time.Duration
	// Deliveries is how often an event is handed over that nobody acknowledges; then it becomes a dead letter. Default 5.
	Deliveries int
	// Pending bounds the events that are not acknowledged, of all workers of a Durable together; default 1000. With Lanes it is their number.
	Pending int
	// Logger gets what goes wrong; default none.
	Logger *slog.Logger
}

const (
	defaultAckWait    = 30 * time.Second
	defaultPending    = 1000
	defaultDeliveries = 5
	// What a worker fetches ahead; one larger event passes alone.
	fetchMost  = 256
	fetchBytes = 8 << 20
)

// EventID names an event, the same each time that it comes, and no other; it is empty for the few that Discord does not number. An effect that is
// stored under it, where the same id is taken once, is applied once. Its form is that of the header Nats-Msg-Id.
func EventID(d *chiru.Dispatch) string {
	if d.Sequence == chiru.NoSequence {
		return ""
	}
	return d.SessionID + ":" + strconv.FormatInt(d.Sequence, 10)
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

// reading is one Run.
type reading struct {
	w       *Worker
	cfg     SubscribeConfig
	js      jetstream.JetStream
	names   names
	inbound chan<- chiru.IncomingEvent
	next    uint64 // the stream's sequence of the first message not seen, without a Durable; 0 if that is not known
}

// once reads until something fails.
func (r *reading) once(ctx context.Context) error {
	stream, err := r.stream(ctx)
	if err != nil {
		return err
	}
	if r.cfg.Durable == "" {
		return r.log(ctx, stream)
	}
	if err := r.other(ctx, stream); err != nil {
		return err
	}
	if r.cfg.Lanes > 0 {
		return r.lanes(ctx, stream)
	}
	c, err := r.durable(ctx, stream, r.cfg.Durable, r.filters(r.cfg.Partitions), r.cfg.Pending)
	if err != nil {
		return err
	}
	return r.pull(ctx, c)
}

// stream is the fleet's. One of a newer format is refused as a whole: its events are no dead letters.
func (r *reading) stream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	what := "stream " + r.names.stream()
	stream, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return r.js.Stream(ctx, r.names.stream()) })
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("no node of a fleet named %q has run here yet: %w", r.cfg.Name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	format, known := stream.CachedInfo().Config.Metadata[metaFormat]
	switch {
	case !known:
		return nil, &SetupError{what, "it is not chiru's", "name the fleet that chiru run has, by its --name"}
	case format != strconv.Itoa(Format):
		return nil, &SetupError{what, fmt.Sprintf("it has format %s; this chiru knows %d", format, Format), "use the chiru that made it, or a newer one"}
	}
	return stream, nil
}

// log reads as from a log: nothing is acknowledged, and the server remembers nothing.
func (r *reading) log(ctx context.Context, stream jetstream.Stream) error {
	if r.next == 0 && r.cfg.FromNow {
		// A consumer of what is new that is made again would begin when that is.
		r.next = stream.CachedInfo().State.LastSeq + 1
	}
	policy, from := r.beginning()
	// The client makes a lost consumer again, for as long as it takes and without a look at ctx; Run does.
	ordered := jetstream.OrderedConsumerConfig{FilterSubjects: r.filters(r.cfg.Partitions), DeliverPolicy: policy, OptStartTime: from, MaxResetAttempts: 1}
	if r.next > 0 {
		ordered.DeliverPolicy, ordered.OptStartTime, ordered.OptStartSeq = jetstream.DeliverByStartSequencePolicy, nil, r.next
	}
	making, cancel := context.WithTimeout(ctx, claimWait)
	consumer, err := stream.OrderedConsumer(making, ordered)
	cancel()
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(fetchMost, r.fetchBytes()))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		d, err := readEvent(m.Subject(), m.Headers(), m.Data())
		if err != nil {
			r.w.unreadable.Add(1)
			r.cfg.Logger.Error("message passed over: it is no event", "subject", m.Subject(), "stream_sequence", meta.Sequence.Stream, "error", err)
			r.next = meta.Sequence.Stream + 1
			continue
		}
		select {
		case r.inbound <- d:
			r.w.handed.Add(1)
			r.next = meta.Sequence.Stream + 1
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// fetchBytes has room for the largest message: the server never sends one that is larger than what is asked for.
func (r *reading) fetchBytes() int { return max(fetchBytes, int(r.cfg.Conn.MaxPayload())+headerRoom) }

// beginning is where a new consumer begins.
func (r *reading) beginning() (jetstream.DeliverPolicy, *time.Time) {
	switch {
	case r.cfg.FromNow:
		return jetstream.DeliverNewPolicy, nil
	case !r.cfg.From.IsZero():
		return jetstream.DeliverByStartTimePolicy, &r.cfg.From
	}
	return jetstream.DeliverAllPolicy, nil
}

// durable is the consumer of that name, made if it is not there; where one that is there began stays as it is.
func (r *reading) durable(ctx context.Context, stream jetstream.Stream, name string, filters []string, pending int) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	policy, from := r.beginning()
	if there, err := stream.Consumer(ctx, name); err == nil {
		have := there.CachedInfo().Config
		if err := r.agrees(name, have); err != nil {
			return nil, err
		}
		policy, from = have.DeliverPolicy, have.OptStartTime
	}
	return stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: name, FilterSubjects: filters, DeliverPolicy: policy, OptStartTime: from,
		// The count of deliveries is the worker's to judge: the server would leave the event out without a word.
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: r.cfg.AckWait, MaxAckPending: pending, MaxDeliver: -1,
		Metadata: map[string]string{metaFormat: strconv.Itoa(Format), metaLanes: strconv.Itoa(r.cfg.Lanes)},
	})
}

// filters are the subjects of the events that are wanted.
func (r *reading) filters(partitions []int) []string {
	parts := make([]string, 0, len(partitions)+1)
	for _, part := range partitions {
		if part == ofNoGuild {
			parts = append(parts, noPartition)
		} else {
			parts = append(parts, strconv.Itoa(part))
		}
	}
	types := r.cfg.Types
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

func (c SubscribeConfig) settled() (SubscribeConfig, error) {
	bad := func(field, format string, args ...any) (SubscribeConfig, error) {
		return c, &chiru.ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	c.Name = or(c.Name, defaultName)
	c.AckWait = or(c.AckWait, defaultAckWait)
	c.Pending = or(c.Pending, defaultPending)
	c.Deliveries = or(c.Deliveries, defaultDeliveries)
	switch {
	case c.Conn == nil:
		return bad("Conn", "is nil; Connect makes one")
	case checkName(c.Name) != nil:
		return bad("Name", "%v", checkName(c.Name))
	case c.Durable != "" && checkName(c.Durable) != nil:
		return bad("Durable", "%v", checkName(c.Durable))
	case c.Explicit && c.Durable == "":
		return bad("Explicit", "needs a Durable: without one nothing is acknowledged")
	case c.Lanes < 0 || c.Lanes > Partitions:
		return bad("Lanes", "is %d; it must be 1 to %d, or 0 for none", c.Lanes, Partitions)
	case c.Lanes > 0 && !c.Explicit:
		return bad("Lanes", "needs Explicit: an event acknowledged when it is handed over may be worked on still when the next one is elsewhere")
	case c.Deliveries < 1:
		return bad("Deliveries", "is %d; it must be 1 or more", c.Deliveries)
	case c.FromNow && !c.From.IsZero():
		return bad("FromNow", "and From do not go together")
	case c.AckWait < time.Second:
		return bad("AckWait", "is %v; it must be a second or more", c.AckWait)
	case c.Pending < 1:
		return bad("Pending", "is %d", c.Pending)
	}
	// The same one twice would be a filter that overlaps itself.
	c.Types = slices.Compact(slices.Sorted(slices.Values(c.Types)))
	c.Partitions = slices.Compact(slices.Sorted(slices.Values(c.Partitions)))
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
