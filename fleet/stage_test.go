package fleet_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// within is how long a test waits for what has no deadline of its own.
const within = 3 * time.Minute

var errStop = errors.New("the test has seen enough")

// discord is a simulator on loopback; what its clients do wrong fails the test, but for rules that are allowed to be broken.
func discord(t *testing.T, cfg gatewaytest.Config, allowed ...string) *gatewaytest.Server {
	t.Helper()
	s, err := gatewaytest.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			if !slices.Contains(allowed, v.Rule) {
				t.Errorf("gatewaytest: %s", v)
			}
		}
	})
	return s
}

// logger writes to the test's log.
func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b[:len(b)-1])
	return len(b), nil
}

func embed(t *testing.T, folder string) *fleet.Embedded {
	t.Helper()
	e, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: folder, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// configOf is a node's for a simulator.
func configOf(t *testing.T, s *gatewaytest.Server, nc *nats.Conn) fleet.Config {
	return fleet.Config{
		Conn: nc, Node: "test", API: s.API(), Logger: logger(t), LeaseTTL: 2 * time.Second,
		Shard: chiru.Config{Token: s.Token(), HTTPClient: s.Client(), Intents: chiru.IntentsAll},
	}
}

// running is a node that a test has started.
type running struct {
	t     *testing.T
	node  fleet.Node
	stop  context.CancelCauseFunc
	ended chan error
}

func start(t *testing.T, cfg fleet.Config) *running {
	t.Helper()
	r := &running{t: t, ended: make(chan error, 1)}
	var ctx context.Context
	ctx, r.stop = context.WithCancelCause(context.Background())
	go func() { r.ended <- r.node.Run(ctx, cfg) }()
	t.Cleanup(func() { r.stop(errStop) })
	return r
}

// end stops the node, and holds it to ending by itself.
func (r *running) end() {
	r.t.Helper()
	r.stop(errStop)
	select {
	case err := <-r.ended:
		if err != errStop {
			r.t.Fatalf("the node ended with %v", err)
		}
	case <-time.After(within):
		r.t.Fatal("the node does not end")
	}
}

// reader is a worker that remembers nothing, for as long as the test lasts.
type reader struct {
	t      *testing.T
	events chan chiru.IncomingEvent
	audits map[int]*gatewaytest.Audit
	got    int64
}

// read follows the stream from its beginning, and audits what comes.
func read(t *testing.T, s *gatewaytest.Server, nc *nats.Conn) *reader {
	t.Helper()
	r := &reader{t: t, events: make(chan chiru.IncomingEvent), audits: map[int]*gatewaytest.Audit{}}
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() {
		defer close(r.events)
		ended <- fleet.Subscribe(ctx, fleet.SubscribeConfig{Conn: nc, Logger: logger(t)}, r.events)
	}()
	t.Cleanup(func() {
		stop(errStop)
		for range r.events {
		}
		if err := <-ended; err != errStop {
			t.Errorf("Subscribe returned %v", err)
		}
	})
	for _, one := range s.Sessions() {
		r.audit(s, one.Shard)
	}
	return r
}

func (r *reader) audit(s *gatewaytest.Server, shard int) *gatewaytest.Audit {
	a := r.audits[shard]
	if a == nil {
		a = s.Audit(shard)
		r.audits[shard] = a
	}
	return a
}

// take audits an event that has come: it must be the one that the simulator issued next.
func (r *reader) take(s *gatewaytest.Server, event chiru.IncomingEvent, ok bool) *chiru.Dispatch {
	r.t.Helper()
	if !ok {
		r.t.Fatal("the reader has ended")
	}
	d := event.(*chiru.Dispatch)
	if err := r.audit(s, d.Shard()).Got(d.SessionID, d.Sequence, d.Type, d.Body); err != nil {
		r.t.Fatal(err)
	}
	r.got++
	return d
}

// until takes events, each of which must be the one that the simulator issued next, until done.
func (r *reader) until(s *gatewaytest.Server, done func(*chiru.Dispatch) bool) {
	r.t.Helper()
	late := time.After(within)
	for {
		select {
		case event, ok := <-r.events:
			if done(r.take(s, event, ok)) {
				return
			}
		case <-late:
			r.t.Fatalf("what the test waits for has not come; %d events have", r.got)
		}
	}
}

func stateOf(t *testing.T) string { return filepath.Join(t.TempDir(), "state") }
