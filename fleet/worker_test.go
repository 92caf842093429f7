package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// working is a Worker that a test has started.
type working struct {
	t      *testing.T
	worker fleet.Worker
	events chan chiru.IncomingEvent
	stop   context.CancelCauseFunc
	ended  chan error
}

func work(t *testing.T, cfg fleet.SubscribeConfig) *working {
	t.Helper()
	w := &working{t: t, events: make(chan chiru.IncomingEvent), ended: make(chan error, 1)}
	var ctx context.Context
	ctx, w.stop = context.WithCancelCause(context.Background())
	if cfg.Logger == nil {
		cfg.Logger = logger(t)
	}
	go func() { w.ended <- w.worker.Run(ctx, cfg, w.events) }()
	t.Cleanup(func() { w.stop(errStop) })
	return w
}

func (w *working) next() *chiru.Dispatch {
	w.t.Helper()
	select {
	case event := <-w.events:
		return event.(*chiru.Dispatch)
	case err := <-w.ended:
		w.t.Fatalf("the worker has ended: %v", err)
	case <-time.After(within):
		w.t.Fatal("no event comes")
	}
	return nil
}

func (w *working) ack(d *chiru.Dispatch) {
	w.t.Helper()
	if err := w.worker.Ack(d); err != nil {
		w.t.Fatal(err)
	}
}

// counts waits for the worker's counts, which follow what they count.
func (w *working) counts(want fleet.WorkerStats) {
	w.t.Helper()
	for late := time.Now().Add(within); w.worker.Stats() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			w.t.Fatalf("the worker has counted %+v, want %+v", w.worker.Stats(), want)
		}
	}
}

func (w *working) end() {
	w.t.Helper()
	w.stop(errStop)
	select {
	case err := <-w.ended:
		if err != errStop {
			w.t.Fatalf("the worker ended with %v", err)
		}
	case <-time.After(within):
		w.t.Fatal("the worker does not end")
	}
}

// fleetOf is a fleet of one shard or more whose simulator is quiet: what comes is what the test dispatches.
func fleetOf(t *testing.T, shards int) (*gatewaytest.Server, *fleet.Embedded) {
	t.Helper()
	s := discord(t, gatewaytest.Config{Guilds: shards, Members: 1, Shards: shards, MaxConcurrency: shards, Record: 1 << 16})
	e := embed(t, stateOf(t))
	t.Cleanup(e.Close)
	node := start(t, configOf(t, s, e.Conn))
	t.Cleanup(node.end)
	readies(t, s, e.Conn, shards)
	return s, e
}

type numbered struct {
	N     int    `json:"n"`
	Guild string `json:"guild_id"`
}

// number dispatches events from one to another number.
func number(s *gatewaytest.Server, kind string, from, to int) {
	for n := from; n < to; n++ {
		s.Dispatch(0, kind, numbered{n, fmt.Sprint(1 + n%7)})
	}
}

func numberOf(t *testing.T, d *chiru.Dispatch) numbered {
	t.Helper()
	got, err := chiru.Decode[numbered](d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func consumer(t *testing.T, nc *nats.Conn, name string) *jetstream.ConsumerInfo {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(t.Context(), "CHIRU_bot", name)
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

// settled waits until a consumer has nothing out.
func settled(t *testing.T, nc *nats.Conn, name string) {
	t.Helper()
	for late := time.Now().Add(within); ; {
		info := consumer(t, nc, name)
		if info.NumAckPending == 0 && info.NumPending == 0 {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%d events are out, %d not delivered", info.NumAckPending, info.NumPending)
		}
	}
}

func TestEventIsAcknowledgedWhenItIsHandedOver(t *testing.T) {
	s, e := fleetOf(t, 1)
	cfg := fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}, AckWait: time.Second}
	number(s, "T", 0, 50)
	w := work(t, cfg)
	for n := range 50 {
		if got := numberOf(t, w.next()).N; got != n {
			t.Fatalf("got event %d, want %d", got, n)
		}
	}
	settled(t, e.Conn, "w")
	w.end()
	// The next worker goes on behind them.
	number(s, "T", 50, 51)
	if got := numberOf(t, work(t, cfg).next()).N; got != 50 {
		t.Errorf("got event %d, want 50", got)
	}
}

func TestEventComesAgainUntilItIsAcknowledged(t *testing.T) {
	s, e := fleetOf(t, 1)
	cfg := fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}, AckWait: time.Second, Explicit: true}
	w := work(t, cfg)
	number(s, "T", 0, 1)
	first := w.next()
	again := w.next()
	if numberOf(t, again).N != 0 || again == first {
		t.Fatalf("got %v", again)
	}
	if err := w.worker.Ack(first); !errors.Is(err, fleet.ErrNotDelivered) {
		t.Errorf("an event that has gone elsewhere is acknowledged with %v", err)
	}
	w.ack(again)
	if err := w.worker.Ack(again); !errors.Is(err, fleet.ErrNotDelivered) {
		t.Errorf("the second acknowledgement returns %v", err)
	}
	settled(t, e.Conn, "w")
	w.counts(fleet.WorkerStats{Handed: 2, Again: 1})
}

// An event that waits for a slow consumer has not been handed over: it is neither delivered to another nor counted.
func TestEventsThatWaitForASlowConsumerGoToNoOther(t *testing.T) {
	s, e := fleetOf(t, 1)
	const events = 40
	number(s, "T", 0, events)
	w := work(t, fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}, AckWait: time.Second, Deliveries: 1})
	for n := range events {
		if got := numberOf(t, w.next()).N; got != n {
			t.Fatalf("got event %d, want %d", got, n)
		}
		if n == 7 { // one, two and four have been fetched before; eight wait here
			time.Sleep(3 * time.Second) // the consumer is slow
		}
	}
	settled(t, e.Conn, "w")
	w.counts(fleet.WorkerStats{Handed: events})
}

// The worker has the server wait anew when it hands over what has waited; who receives it may have been quicker with its acknowledgement.
func TestEventThatIsAcknowledgedAtOnceDoesNotDisturbTheOthers(t *testing.T) {
	s, e := fleetOf(t, 1)
	const events = 300
	number(s, "T", 0, events)
	w := work(t, fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}, AckWait: time.Second, Explicit: true})
	for n := range events {
		d := w.next()
		if got := numberOf(t, d).N; got != n {
			t.Fatalf("got event %d, want %d", got, n)
		}
		w.ack(d)
		if n%100 == 0 {
			time.Sleep(100 * time.Millisecond) // longer than what is handed over without having the server wait anew
		}
	}
	settled(t, e.Conn, "w")
	w.counts(fleet.WorkerStats{Handed: events})
}

func TestStoppedWorkerGivesBackWhatItHasNotHandedOver(t *testing.T) {
	s, e := fleetOf(t, 1)
	const events = 20
	number(s, "T", 0, events)
	cfg := fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}, AckWait: 10 * time.Minute}
	first := work(t, cfg)
	for range 7 {
		first.next()
	}
	first.end()
	// Long before AckWait the next worker has all others.
	second := work(t, cfg)
	got := map[int]bool{}
	for len(got) < events-7 {
		got[numberOf(t, second.next()).N] = true
	}
	for n := 7; n < events; n++ {
		if !got[n] {
			t.Errorf("event %d has not come", n)
		}
	}
}

func TestWorkerGetsTheTypesAndPartitionsThatItAsksFor(t *testing.T) {
	s, e := fleetOf(t, 1)
	guild := func(n int) string { return fmt.Sprint(n) }
	part := fleet.PartitionOf(5)
	for n := 1; n <= 200; n++ {
		s.Dispatch(0, []string{"A", "B", "C"}[n%3], numbered{n, guild(n)})
	}
	s.Dispatch(0, "B", numbered{201, "5"})
	for _, cfg := range []fleet.SubscribeConfig{
		{Types: []string{"A", "B", "A"}, Partitions: []int{part, part}},
		{Types: []string{"A", "B", "A"}, Partitions: []int{part, part}, Durable: "w"},
	} {
		cfg.Conn = e.Conn
		w := work(t, cfg)
		for last := 0; last != 201; {
			d := w.next()
			got := numberOf(t, d)
			last = got.N
			id, err := chiru.ParseSnowflake(got.Guild)
			if err != nil {
				t.Fatal(err)
			}
			if d.Type != "A" && d.Type != "B" || fleet.PartitionOf(id) != part {
				t.Errorf("got %s of guild %s", d.Type, got.Guild)
			}
		}
		w.end()
	}
}

func TestWorkersOfADurableShareTheEvents(t *testing.T) {
	s, e := fleetOf(t, 1)
	cfg := fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}}
	var workers []*working
	for range 3 {
		workers = append(workers, work(t, cfg))
	}
	const events = 600
	number(s, "T", 0, events)
	got, by := map[int]int{}, [3]int{}
	late := time.After(within)
	for n := 0; n < events; n++ {
		var event chiru.IncomingEvent
		from := 0
		select {
		case event = <-workers[0].events:
		case event = <-workers[1].events:
			from = 1
		case event = <-workers[2].events:
			from = 2
		case <-late:
			t.Fatalf("%d events have come", n)
		}
		got[numberOf(t, event.(*chiru.Dispatch)).N]++
		by[from]++
	}
	for n := range events {
		if got[n] != 1 {
			t.Errorf("event %d has come %d times", n, got[n])
		}
	}
	if slices.Contains(by[:], 0) {
		t.Errorf("the workers had %v events", by)
	}
}

// letters reads the dead letters, once there are as many as are wanted.
func letters(t *testing.T, nc *nats.Conn, want int) []*jetstream.RawStreamMsg {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "DEAD_CHIRU_bot")
	if err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(within); ; {
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Msgs >= uint64(want) {
			var all []*jetstream.RawStreamMsg
			for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
				m, err := stream.GetMsg(t.Context(), seq)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, m)
			}
			return all
		}
		if time.Now().After(late) {
			t.Fatalf("%d dead letters, want %d", info.State.Msgs, want)
		}
	}
}

func TestEventThatNobodyAcknowledgesBecomesADeadLetter(t *testing.T) {
	s, e := fleetOf(t, 1)
	log := &kept{}
	w := work(t, fleet.SubscribeConfig{
		Conn: e.Conn, Durable: "w", Types: []string{"READY", "T"}, AckWait: time.Second, Explicit: true, Deliveries: 2, Logger: log.logger(),
	})
	number(s, "T", 0, 3)
	// READY is the first of its batch: the server has been told what to expect of the subject, which the dead letter must not tell again.
	seen := map[string]int{}
	for seen["READY"] < 2 || seen["T 0"] < 1 || seen["T 1"] < 2 || seen["T 2"] < 1 {
		d := w.next()
		key := d.Type
		if d.Type == "T" {
			key = fmt.Sprintf("T %d", numberOf(t, d).N)
		}
		seen[key]++
		if key == "T 0" || key == "T 2" {
			w.ack(d)
		}
	}
	all := letters(t, e.Conn, 2)
	slices.SortFunc(all, func(a, b *jetstream.RawStreamMsg) int { return strings.Compare(a.Subject, b.Subject) })
	if len(all) != 2 || all[0].Subject != "chiru.bot.dead.w.READY" || all[1].Subject != "chiru.bot.dead.w.T" {
		t.Fatalf("the dead letters are %v", all)
	}
	m := all[1]
	var body numbered
	if err := json.Unmarshal(m.Data, &body); err != nil || body.N != 1 {
		t.Errorf("the dead letter has the body %s", m.Data)
	}
	for name, want := range map[string]string{
		fleet.HeaderDead: "not acknowledged", fleet.HeaderDeadDeliveries: "2", fleet.HeaderFormat: "1", fleet.HeaderGuild: "2",
		fleet.HeaderDeadSubject: fmt.Sprintf("chiru.bot.ev.0.T.%d", fleet.PartitionOf(2)),
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("the dead letter has %s %q, want %q", name, got, want)
		}
	}
	settled(t, e.Conn, "w")
	w.counts(fleet.WorkerStats{Handed: 6, Again: 2, Dead: 2})
	if !strings.Contains(log.text(), "event made a dead letter") {
		t.Error("the log does not say it")
	}
}

// Somebody who may publish, or an answer of JetStream's that was asked for under an event's subject, stores what is no event.
func TestMessageThatIsNoEventEndsNoWorker(t *testing.T) {
	s, e := fleetOf(t, 1)
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*nats.Msg{
		{Subject: "chiru.bot.ev.5.T.-", Data: []byte("forged")},
		{Subject: "chiru.bot.ev.5.T", Header: nats.Header{fleet.HeaderFormat: {"1"}}},
		{Subject: "chiru.bot.ev.x.T.-", Header: nats.Header{fleet.HeaderFormat: {"1"}, fleet.HeaderReceived: {"a\tb"}}},
	} {
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	number(s, "T", 0, 2)
	reader := work(t, fleet.SubscribeConfig{Conn: e.Conn, Types: []string{"T"}})
	for n := range 2 {
		if got := numberOf(t, reader.next()).N; got != n {
			t.Errorf("got event %d, want %d", got, n)
		}
	}
	if got := reader.worker.Stats(); got.Unreadable != 2 || got.Dead != 0 { // the one with no partition it has not asked for
		t.Errorf("the reader has counted %+v", got)
	}
	w := work(t, fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}})
	for n := range 2 {
		if got := numberOf(t, w.next()).N; got != n {
			t.Errorf("got event %d, want %d", got, n)
		}
	}
	all := letters(t, e.Conn, 2)
	if got := w.worker.Stats(); got.Unreadable != 2 || got.Dead != 2 || len(all) != 2 {
		t.Errorf("the worker has counted %+v, and there are %d dead letters", got, len(all))
	}
	if why := all[0].Header.Get(fleet.HeaderDead); !strings.HasPrefix(why, "unreadable: ") {
		t.Errorf("the reason is %q", why)
	}
}

// The server never sends a message that is larger than what a request has room for.
func TestEventLargerThanWhatIsFetchedAtOnceReachesEachKindOfWorker(t *testing.T) {
	s, e := fleetOf(t, 1)
	s.Dispatch(0, "T", map[string]string{"large": strings.Repeat("x", 9<<20)})
	s.Dispatch(0, "T", map[string]string{"large": ""})
	for _, cfg := range []fleet.SubscribeConfig{{}, {Durable: "w"}, {Durable: "lanes", Lanes: 2, Explicit: true}} {
		cfg.Conn, cfg.Types = e.Conn, []string{"T"}
		w := work(t, cfg)
		d := w.next()
		if len(d.Body) < 9<<20 {
			t.Errorf("durable %q: got %d bytes", cfg.Durable, len(d.Body))
		}
		if cfg.Explicit {
			w.ack(d)
		}
		w.next()
		w.end()
	}
}

func TestDurableIsRefusedWhereItIsAnothers(t *testing.T) {
	_, e := fleetOf(t, 1)
	end := func(cfg fleet.SubscribeConfig) {
		cfg.Conn, cfg.Explicit = e.Conn, true
		w := work(t, cfg)
		w.next()
		w.end()
	}
	refused := func(reason string, cfg fleet.SubscribeConfig) {
		t.Helper()
		cfg.Conn, cfg.Explicit = e.Conn, true
		w := work(t, cfg)
		select {
		case err := <-w.ended:
			wantSetup(t, err, reason)
		case <-w.events:
			t.Errorf("%+v is taken", cfg)
		}
	}
	end(fleet.SubscribeConfig{Durable: "plain"})
	end(fleet.SubscribeConfig{Durable: "laned", Lanes: 4})
	refused("0 lanes, not 4", fleet.SubscribeConfig{Durable: "plain", Lanes: 4})
	refused("4 lanes, not 0", fleet.SubscribeConfig{Durable: "laned"})
	refused("4 lanes, not 8", fleet.SubscribeConfig{Durable: "laned", Lanes: 8})
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateConsumer(t.Context(), "CHIRU_bot", jetstream.ConsumerConfig{Durable: "theirs", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	refused("not chiru's", fleet.SubscribeConfig{Durable: "theirs"})
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CHIRU_theirs", Subjects: []string{"theirs"}}); err != nil {
		t.Fatal(err)
	}
	refused("not chiru's", fleet.SubscribeConfig{Name: "theirs", Durable: "w"})
}

func TestSubscribeConfigThatCannotWorkIsRefused(t *testing.T) {
	nc := new(nats.Conn)
	for field, cfg := range map[string]fleet.SubscribeConfig{
		"Conn":       {},
		"Name":       {Conn: nc, Name: "a.b"},
		"Durable":    {Conn: nc, Durable: "a b"},
		"Explicit":   {Conn: nc, Explicit: true},
		"Lanes":      {Conn: nc, Durable: "w", Explicit: true, Lanes: fleet.Partitions + 1},
		"Deliveries": {Conn: nc, Durable: "w", Deliveries: -1},
		"AckWait":    {Conn: nc, AckWait: time.Millisecond},
		"Pending":    {Conn: nc, Pending: -1},
		"Types":      {Conn: nc, Types: []string{"a.b"}},
		"Partitions": {Conn: nc, Partitions: []int{fleet.Partitions}},
		"FromNow":    {Conn: nc, FromNow: true, From: time.Now()},
	} {
		err := fleet.Subscribe(t.Context(), cfg, make(chan chiru.IncomingEvent))
		if wrong, ok := errors.AsType[*chiru.ConfigError](err); !ok || wrong.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	err := fleet.Subscribe(t.Context(), fleet.SubscribeConfig{Conn: nc, Durable: "w", Lanes: 2}, make(chan chiru.IncomingEvent))
	if wrong, ok := errors.AsType[*chiru.ConfigError](err); !ok || wrong.Field != "Lanes" {
		t.Errorf("lanes without explicit acknowledgement: %v", err)
	}
	if err := fleet.Subscribe(t.Context(), fleet.SubscribeConfig{Conn: nc}, nil); err == nil {
		t.Error("no channel is taken")
	}
}

func deadLetters(t *testing.T, e *fleet.Embedded) uint64 {
	t.Helper()
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "DEAD_CHIRU_bot")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// waitLane waits until the last lane is there.
func waitLane(t *testing.T, e *fleet.Embedded, durable string, lanes int) {
	t.Helper()
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(within); ; {
		_, err := js.Consumer(t.Context(), "CHIRU_bot", fmt.Sprintf("%s~%d", durable, lanes-1))
		if err == nil {
			return
		}
		if time.Now().After(late) {
			t.Fatal(err)
		}
	}
}

func TestPendingBoundsWhatIsOutUnacknowledged(t *testing.T) {
	s, e := fleetOf(t, 1)
	number(s, "T", 0, 10)
	w := work(t, fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"T"}, Explicit: true, Pending: 3})
	var out []*chiru.Dispatch
	for range 3 {
		out = append(out, w.next())
	}
	if info := consumer(t, e.Conn, "w"); info.NumAckPending != 3 || info.NumPending != 7 {
		t.Errorf("%d events are out and %d wait, want 3 and 7", info.NumAckPending, info.NumPending)
	}
	w.ack(out[0])
	if got := numberOf(t, w.next()).N; got != 3 {
		t.Errorf("got event %d, want 3", got)
	}
}
