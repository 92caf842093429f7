package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// refusedAs holds an error to saying what is wrong with it, where, and what to do.
func refusedAs(t *testing.T, err error, where string) {
	t.Helper()
	wrong, ok := errors.AsType[*SetupError](err)
	if !ok || !strings.Contains(wrong.Error(), where) || !strings.Contains(wrong.Error(), "format") || wrong.Hint == "" {
		t.Errorf("got %v, want a refusal of the format of %s", err, where)
	}
}

// A newer chiru's values are left as they are, and what is no value of chiru's too.
func TestEachKindOfValueOfAnotherFormatIsRefused(t *testing.T) {
	for _, value := range []string{`{"format":2,"node":"a","token":"t","total":9,"left":9,"places":[],"shards":3}`, `{}`, `what is this`} {
		f := bench(t)
		var log bytes.Buffer
		f.log = slog.New(slog.NewTextHandler(&log, nil))
		l := &leases{f.js, f.kv, f.names, "a", 2 * time.Second}
		keys := []string{shardKey(0), nodeKey("a"), budgetKey, lineKey, planKey}
		for _, key := range keys {
			if _, err := f.kv.Put(t.Context(), key, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		for _, key := range keys[:2] {
			got, err := l.takeOver(t.Context(), key)
			if got != nil {
				t.Errorf("%s is taken over", key)
			}
			refusedAs(t, err, key)
		}
		if holds, err := l.holds(t.Context(), shardKey(0), "t"); holds || err == nil {
			t.Errorf("the lease is held: %v", err)
		}
		b := newBudget(f)
		_, err := b.look(t.Context())
		refusedAs(t, err, budgetKey)
		entry, err := f.kv.Get(t.Context(), budgetKey)
		if err != nil {
			t.Fatal(err)
		}
		if b.see(entry); b.latest.Load() != nil {
			t.Error("the budget is shown")
		}
		_, _, err = f.readPlan(t.Context())
		refusedAs(t, err, planKey)
		line := newLine(f)
		line.see(nil)
		line.join(0, false)
		line.write(t.Context())
		if text := log.String(); !strings.Contains(text, "order of identifies cannot be read") || !strings.Contains(text, "key="+lineKey) {
			t.Errorf("the log says %s", text)
		}
		for _, key := range keys {
			if now, err := f.kv.Get(t.Context(), key); err != nil || string(now.Value()) != value {
				t.Errorf("%s is %v, %v; want it as it was", key, now, err)
			}
		}
	}
}

func TestNodesOfAnotherFormatAreToldFromNone(t *testing.T) {
	f := bench(t)
	answer := `{"format":2,"node":"b"}`
	sub, err := f.nc.Subscribe(f.names.status(), func(m *nats.Msg) { _ = m.Respond([]byte(answer)) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	_, err = AskStatus(t.Context(), f.nc, "", 200*time.Millisecond)
	refusedAs(t, err, "node b")
	if err := readCommandAnswer(0, []byte(answer)); err == nil {
		t.Error("the answer to a command is taken")
	}
	telling, err := f.nc.Subscribe(f.names.shards(), func(m *nats.Msg) { _ = m.Respond([]byte(`{"format":2,"shards":3}`)) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = telling.Unsubscribe() }()
	if n, err := Shards(t.Context(), SendConfig{Conn: f.nc}); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%d shards, %v", n, err)
	}
}

func TestEventAndClaimOfAnotherFormatAreRefused(t *testing.T) {
	h := nats.Header{HeaderFormat: {"2"}, HeaderFrame: {"f"}, HeaderSequence: {"1"}, HeaderSession: {"s"}}
	if _, err := readPosition(h, "f"); err == nil || errors.Is(err, errForeign) || !strings.Contains(err.Error(), `format "2", want 1`) {
		t.Errorf("a position: got %v", err)
	}
	if _, err := readEvent("chiru.bot.ev.0.T.-", h, json.RawMessage(`{}`)); err == nil || !strings.Contains(err.Error(), `format "2", want 1`) {
		t.Errorf("an event: got %v", err)
	}
}
