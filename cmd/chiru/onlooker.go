package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// onlooker hears the simulator's log: it shows what clients do wrong, and what chaos does to them, as it happens.
// The simulator logs while it holds its lock, so the lines are written by a goroutine of their own; what it
// cannot write in time is left out, and comes at the end.
type onlooker struct {
	p     *program
	lines chan string
	done  chan struct{}
	once  sync.Once
}

// linesWaiting is how many lines may wait for a slow stderr.
const linesWaiting = 64

func newOnlooker(p *program) *onlooker {
	o := &onlooker{p: p, lines: make(chan string, linesWaiting), done: make(chan struct{})}
	go func() {
		defer close(o.done)
		for line := range o.lines {
			fmt.Fprintln(p.stderr, line)
		}
	}()
	return o
}

// end waits for the last line. The simulator must have ended.
func (o *onlooker) end() {
	o.once.Do(func() { close(o.lines) })
	<-o.done
}

// Enabled implements slog.Handler.
func (o *onlooker) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// WithAttrs implements slog.Handler.
func (o *onlooker) WithAttrs([]slog.Attr) slog.Handler { return o }

// WithGroup implements slog.Handler.
func (o *onlooker) WithGroup(string) slog.Handler { return o }

// Handle implements slog.Handler.
func (o *onlooker) Handle(_ context.Context, r slog.Record) error {
	attrs := map[string]slog.Value{}
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value
		return true
	})
	if rule, ok := attrs["rule"]; ok {
		o.tell("chiru: violation: %v: %v (shard %v, connection %v)", rule, attrs["detail"], attrs["shard"], attrs["conn"])
	}
	if fault, ok := attrs["fault"]; ok {
		if lasts, ok := attrs["lasts"]; ok {
			o.tell("chiru: chaos: %v for %v", fault, lasts)
		} else {
			o.tell("chiru: chaos: %v at %v (shard %v, connection %v)", fault, attrs["stage"], attrs["shard"], attrs["conn"])
		}
	}
	return nil
}

// tell writes a line, if the one before has been written in time.
func (o *onlooker) tell(format string, args ...any) {
	select {
	case o.lines <- o.p.redact(clean(fmt.Sprintf(format, args...))):
	default:
	}
}
