package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is a buffer that two goroutines may use.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	writes  int
	onWrite func(writes int, text []byte) error // may fail the write
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	o.writes++
	n := o.writes
	o.mu.Unlock()
	if o.onWrite != nil {
		if err := o.onWrite(n, b); err != nil {
			return 0, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// call is one invocation of the command inside the test.
type call struct {
	program
	out, err output
}

func newCall(env ...string) *call {
	c := &call{}
	c.stdout, c.stderr = &c.out, &c.err
	c.env = func(name string) string {
		for _, e := range slices.Backward(env) {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value
			}
		}
		return ""
	}
	c.environ = func() []string { return env }
	return c
}

func (c *call) want(t *testing.T, ctx context.Context, code int, args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, 15*time.Minute)
	defer stop()
	if got := c.run(ctx, args); got != code {
		t.Fatalf("chiru %s: got exit code %d, want %d; stderr:\n%s", strings.Join(args, " "), got, code, &c.err)
	}
}

// line is a line of --json as a program reads it.
type line struct {
	Shard     *int            `json:"shard"`
	Type      string          `json:"type"`
	Sequence  *int64          `json:"sequence"`
	Session   *string         `json:"session"`
	Received  *string         `json:"received"`
	Body      json.RawMessage `json:"body"`
	Resumed   bool            `json:"resumed"`
	SessionID string          `json:"session_id"`
}

// readLines splits --json's output into Discord's events and chiru's own, and checks what holds for all.
func readLines(t interface{ Fatalf(string, ...any) }, text string) (dispatches, lifecycle []line) {
	for raw := range strings.Lines(text) {
		var l line
		if err := json.Unmarshal([]byte(raw), &l); err != nil || !strings.HasSuffix(raw, "\n") {
			t.Fatalf("not one whole object on a line: %.200q: %v", raw, err)
		}
		if l.Shard == nil || l.Type == "" {
			t.Fatalf("a line without shard or type: %.200q", raw)
		}
		switch {
		case l.Session != nil && l.Received != nil && l.Body != nil:
			dispatches = append(dispatches, l)
		case l.Session != nil || l.Received != nil || l.Body != nil || l.Sequence != nil:
			t.Fatalf("a line of chiru's own with a field of Discord's: %.200q", raw)
		default:
			lifecycle = append(lifecycle, l)
		}
	}
	return dispatches, lifecycle
}

// wantGapless holds Discord's events to READY first and 1, 2, 3 in one session.
func wantGapless(t interface{ Fatalf(string, ...any) }, dispatches []line, count int) {
	if len(dispatches) != count {
		t.Fatalf("got %d dispatches, want %d", len(dispatches), count)
	}
	for i, d := range dispatches {
		if i == 0 && d.Type != "READY" {
			t.Fatalf("the first dispatch is %s, want READY", d.Type)
		}
		if d.Sequence == nil || *d.Sequence != int64(i+1) || *d.Session != *dispatches[0].Session {
			t.Fatalf("dispatch %d is %s of session %s with sequence %v, want %d of session %s",
				i+1, d.Type, *d.Session, d.Sequence, i+1, *dispatches[0].Session)
		}
	}
}
