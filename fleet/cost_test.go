package fleet

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
)

// usual is an event of the mean size that Discord's have.
func usual(sequence int64) *chiru.Dispatch {
	body := `{"type":0,"id":"1300000000000000000","channel_id":"1100000000000000001","author":{"id":"2","username":"somebody"},"content":"` +
		strings.Repeat("word ", 320) + `","guild_id":"1100000000000000002"}`
	return chiru.NewDispatch(0, "MESSAGE_CREATE", sequence, "5d0c0ffee5d0c0ffee5d0c0ffee5d0c0", time.Now(), json.RawMessage(body))
}

// BenchmarkMessage is an event made ready for the stream.
func BenchmarkMessage(b *testing.B) {
	d := usual(2)
	at := position{d.SessionID, d.Sequence, "wss://gateway-us-east1-b.discord.gg"}
	n := names{"bot"}
	h := newHeaders()
	b.ReportAllocs()
	for b.Loop() {
		n.message(&h, d, at, true, "0123456789abcdef")
	}
}

// writing is a writer that runs, on an embedded NATS. finish ends it, once it has stored all that it was given.
func writing(tb testing.TB) (w *writer, ended chan error, finish func() (stored int64)) {
	tb.Helper()
	e, err := Embed(tb.Context(), EmbeddedConfig{Folder: filepath.Join(tb.TempDir(), "state")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Close)
	f, err := newFleet(Config{
		Conn: e.Conn, Name: "bot", Node: "bench", Logger: slog.New(slog.DiscardHandler), MaxAge: time.Hour, MaxBytes: 1 << 30, Replicas: 1,
		Shard: chiru.Config{Token: "MTcw.bench.token", Intents: chiru.IntentsAll},
	})
	if err != nil {
		tb.Fatal(err)
	}
	f.counts = make([]counts, 1)
	if err := f.setUp(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	c, err := f.claimShard(tb.Context(), 0, func(context.Context) (bool, error) { return true, nil })
	if err != nil {
		tb.Fatal(err)
	}
	w, ended = newWriter(f, 0, c), make(chan error, 1)
	go func() { ended <- w.run(tb.Context()) }()
	return w, ended, func() int64 {
		close(w.in)
		if err := <-ended; err != nil {
			tb.Error(err)
		}
		return f.counts[0].stored.Load()
	}
}

func TestEventsGatherBehindOneThatHasGone(t *testing.T) {
	w, _, finish := writing(t)
	passed := make(chan *nats.Msg, 8)
	sub, err := w.nc.ChanSubscribe(w.names.events(0), passed)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := w.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	next := func() *nats.Msg {
		select {
		case m := <-passed:
			return m
		case <-time.After(10 * time.Second):
			t.Fatal("no event has gone on its way")
			return nil
		}
	}
	began := time.Now()
	w.in <- usual(2)
	next()
	w.in <- usual(3)
	w.in <- usual(4)
	for want := int64(3); want <= 4; want++ {
		m := next()
		if took := time.Since(began); took < gatherFor {
			t.Errorf("event %d went after %v, before others could gather", want, took)
		}
		d, err := readEvent(m.Subject, m.Header, m.Data)
		if err != nil || d.Sequence != want || string(d.Body) != string(usual(want).Body) {
			t.Errorf("got %+v, %v; want event %d", d, err, want)
		}
	}
	if got := finish(); got != 3 {
		t.Errorf("%d events are stored, want 3", got)
	}
}

// BenchmarkWriter is an event through the writer into the stream of an embedded NATS, both of them in the figures.
func BenchmarkWriter(b *testing.B) {
	w, ended, finish := writing(b)
	d := usual(0)
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		d = chiru.NewDispatch(0, d.Type, d.Sequence+1, d.SessionID, d.Received, d.Body)
		select {
		case w.in <- d:
		case err := <-ended:
			b.Fatal(err)
		}
	}
	if got := finish(); got != d.Sequence {
		b.Errorf("%d events of %d are stored", got, d.Sequence)
	}
}
