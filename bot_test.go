package chiru_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

var errStop = errors.New("the test stops the shard")

// bot is a Run against a simulator, and what came out of it.
type bot struct {
	t        *testing.T
	server   *gatewaytest.Server
	outbound chan chiru.OutgoingEvent
	stats    *chiru.Stats
	cancel   context.CancelCauseFunc
	room     int // of inbound, so that voidable events that come together are all seen
	ended    chan struct{}
	err      error // valid after ended
	drained  chan struct{}

	mu     sync.Mutex
	events []seen
	gate   chan struct{} // closed while the consumer reads; replaced by freeze
}

// unbuffered makes inbound a rendezvous.
func unbuffered(b *bot) { b.room = 0 }

type seen struct {
	at    time.Time
	event chiru.IncomingEvent
}

// serve starts a simulator in memory whose ledger forgets nothing.
func serve(t *testing.T, cfg gatewaytest.Config) *gatewaytest.Server {
	t.Helper()
	if cfg.Record == 0 {
		cfg.Record = 1 << 20
	}
	return gatewaytest.Start(t, cfg)
}

// launch runs a shard. configure changes the Config that fits the server.
func launch(t *testing.T, s *gatewaytest.Server, configure func(*chiru.Config), options ...func(*bot)) *bot {
	t.Helper()
	b := &bot{
		t: t, server: s, outbound: make(chan chiru.OutgoingEvent), stats: new(chiru.Stats),
		room: 16, ended: make(chan struct{}), drained: make(chan struct{}), gate: make(chan struct{}),
	}
	close(b.gate)
	cfg := chiru.Config{
		URL: s.URL(), Token: s.Token(), HTTPClient: s.Client(), Stats: b.stats,
		Compression: chiru.CompressionNone,
	}
	if configure != nil {
		configure(&cfg)
	}
	for _, o := range options {
		o(b)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	b.cancel = cancel
	inbound := make(chan chiru.IncomingEvent, b.room)
	go func() {
		defer close(b.ended)
		defer close(inbound)
		b.err = chiru.Run(ctx, cfg, b.outbound, inbound)
	}()
	go func() {
		defer close(b.drained)
		for {
			<-b.open()
			event, ok := <-inbound
			if !ok {
				return
			}
			b.mu.Lock()
			b.events = append(b.events, seen{time.Now(), event})
			b.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		b.thaw()
		cancel(errStop)
		<-b.ended
		<-b.drained
	})
	return b
}

func (b *bot) open() chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gate
}

// freeze stops the consumer after the event it may be waiting for.
func (b *bot) freeze() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = make(chan struct{})
}

func (b *bot) thaw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.gate:
	default:
		close(b.gate)
	}
}

// stop ends the shard as a caller does, and holds it to the contract's second.
func (b *bot) stop() {
	b.t.Helper()
	from := time.Now()
	b.cancel(errStop)
	<-b.ended
	if took := time.Since(from); took > time.Second {
		b.t.Errorf("Run took %v to stop, want a second at most", took)
	}
	if b.err != errStop {
		b.t.Errorf("Run returned %v, want the context's cause itself", b.err)
	}
	<-b.drained
}

// wait lets time pass until everything has settled.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bot) seen() []seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// of gives the events of one kind, oldest first.
func of[T chiru.IncomingEvent](b *bot) []T {
	var out []T
	for _, s := range b.seen() {
		if e, ok := s.event.(T); ok {
			out = append(out, e)
		}
	}
	return out
}

// nth gives the event of one kind with this number, counted from 0, and when it came.
func nth[T chiru.IncomingEvent](b *bot, n int) (time.Time, T) {
	b.t.Helper()
	for _, s := range b.seen() {
		if e, ok := s.event.(T); ok {
			if n == 0 {
				return s.at, e
			}
			n--
		}
	}
	b.t.Fatalf("%d events too few\n%s", n+1, b.history())
	panic("not reached")
}

func (b *bot) types() []string {
	var out []string
	for _, d := range of[*chiru.Dispatch](b) {
		out = append(out, d.Type)
	}
	return out
}

// mustBeLive fails the test at once if the shard is not live, with its history.
func (b *bot) mustBeLive() {
	b.t.Helper()
	if got := b.stats.Snapshot().State; got != "live" {
		b.t.Fatalf("state is %q, want live\n%s", got, b.history())
	}
}

func (b *bot) history() string {
	var out strings.Builder
	for _, s := range b.seen() {
		switch e := s.event.(type) {
		case *chiru.Dispatch:
			fmt.Fprintf(&out, "%v dispatch %d %s\n", s.at.Format(time.TimeOnly), e.Sequence, e.Type)
		default:
			fmt.Fprintf(&out, "%v %T %+v\n", s.at.Format(time.TimeOnly), e, e)
		}
	}
	lines := strings.Split(out.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// checkLedger holds what the consumer got against what the server issued: each session from its
// first dispatch, in order, without a gap or a repeat, and to the end for the newest.
func (b *bot) checkLedger() {
	b.t.Helper()
	bySession := map[string][]*chiru.Dispatch{}
	var order []string
	for _, d := range of[*chiru.Dispatch](b) {
		if len(bySession[d.SessionID]) == 0 {
			order = append(order, d.SessionID)
		}
		bySession[d.SessionID] = append(bySession[d.SessionID], d)
	}
	if len(order) == 0 {
		b.t.Error("no dispatch came")
	}
	for i, id := range order {
		got, issued := bySession[id], b.server.Issued(id)
		if len(got) > len(issued) || i == len(order)-1 && len(got) != len(issued) {
			b.t.Errorf("session %s: got %d dispatches, the server issued %d\n%s", id, len(got), len(issued), b.history())
		}
		for j := range min(len(got), len(issued)) {
			if got[j].Sequence != issued[j].Seq || got[j].Type != issued[j].Type {
				b.t.Errorf("session %s: dispatch %d is %d %s, the server issued %d %s", id, j, got[j].Sequence, got[j].Type, issued[j].Seq, issued[j].Type)
				break
			}
		}
	}
}

// sent gives the payloads of one opcode that the server got from the client.
func sent(s *gatewaytest.Server, op int) []gatewaytest.Payload {
	var out []gatewaytest.Payload
	for _, p := range s.Received() {
		if p.Op == op {
			out = append(out, p)
		}
	}
	return out
}

// inBubble runs a test in fake time. Heartbeats keep that time going, so a test that waits for what
// never comes would wait for ever.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		guard := time.AfterFunc(10*24*time.Hour, func() { panic("the test waits for what never comes") })
		defer guard.Stop()
		f(t)
	})
}
