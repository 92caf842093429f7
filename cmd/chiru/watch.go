package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

const (
	// waiting is how many events may wait for a slow output before chiru's own are left out.
	waiting = 256
	// lastLines is how long the last lines may take once the shard has ended.
	lastLines = time.Second
)

// lines prints events.
type lines interface {
	dispatch(*chiru.Dispatch) error
	lifecycle(time.Time, chiru.IncomingEvent) error
}

// watch is one shard and the goroutine that prints what it sends.
type watch struct {
	p       *program
	cfg     chiru.Config
	lines   lines
	types   map[string]bool // nil for all
	number  int64           // of dispatches to print; 0 for no end
	bar     *bar            // nil for none
	printed atomic.Int64
}

var errEnough = errors.New("enough events")

// run ends with the context, with the last event wanted, with the reader of stdout, or when Discord refuses the shard.
func (w *watch) run(ctx context.Context) error {
	var stats chiru.Stats
	w.cfg.Stats = &stats
	return w.follow(ctx, func(ctx context.Context, inbound chan<- chiru.IncomingEvent) error {
		return chiru.Run(ctx, w.cfg, nil, inbound)
	}, func(took time.Duration) string { return w.summary(stats.Snapshot(), took) })
}

// runAll is run for all shards of the bot.
func (w *watch) runAll(ctx context.Context, cfg cluster.Config) error {
	var all cluster.Cluster
	w.bar.status = all.Status
	var sum total
	return w.follow(ctx, func(ctx context.Context, inbound chan<- chiru.IncomingEvent) error {
		cfg.Shard.Observe = sum.count
		return all.Run(ctx, cfg, inbound)
	}, func(took time.Duration) string { return w.summary(sum.snapshot(), took) })
}

// follow prints what a run gives until either ends.
func (w *watch) follow(ctx context.Context, run func(context.Context, chan<- chiru.IncomingEvent) error, summary func(time.Duration) string) error {
	began := time.Now()
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	inbound := make(chan chiru.IncomingEvent, waiting)
	done := make(chan error, 1)
	go func() {
		err := w.print(inbound)
		if err != nil {
			end(err)
		}
		done <- err
	}()
	ended := run(running, inbound)
	close(inbound)
	var printing error
	select {
	case printing = <-done:
	case <-time.After(lastLines):
		// The write hangs, and nothing can end it but the end of the process.
		fmt.Fprintln(w.p.stderr, "chiru: nobody reads stdout; the last events are not printed")
	}
	switch {
	case errors.Is(printing, errEnough):
		return nil
	case printing != nil:
		return printError(printing)
	case ctx.Err() != nil:
		fmt.Fprintf(w.p.stderr, "chiru: stopped (%v): %s\n", context.Cause(ctx), summary(time.Since(began)))
		return nil
	}
	return ended
}

// total adds up what all shards do.
type total struct{ dispatches, losses atomic.Int64 }

func (t *total) count(event chiru.IncomingEvent) bool {
	switch event.(type) {
	case *chiru.Dispatch:
		t.dispatches.Add(1)
	case *chiru.Disconnected:
		t.losses.Add(1)
	}
	return true
}

func (t *total) snapshot() chiru.Snapshot {
	return chiru.Snapshot{Dispatches: t.dispatches.Load(), Connections: t.losses.Load() + 1}
}

// print is the one that writes, so the bar needs no lock.
func (w *watch) print(inbound <-chan chiru.IncomingEvent) error {
	defer w.bar.clear()
	for {
		select {
		case event, ok := <-inbound:
			if !ok {
				return nil
			}
			w.bar.clear()
			if err := w.event(event); err != nil {
				return err
			}
			w.bar.again()
		case <-w.bar.due():
			w.bar.draw()
		}
	}
}

func (w *watch) event(event chiru.IncomingEvent) error {
	d, ok := event.(*chiru.Dispatch)
	if !ok {
		return w.lines.lifecycle(time.Now(), event)
	}
	if w.types != nil && !w.types[d.Type] {
		return nil // READY and RESUMED pass Config.Filter
	}
	if err := w.lines.dispatch(d); err != nil {
		return err
	}
	if w.printed.Add(1) == w.number {
		return errEnough
	}
	return nil
}

func (w *watch) summary(n chiru.Snapshot, took time.Duration) string {
	var b strings.Builder
	b.WriteString(count(n.Dispatches, "event"))
	if printed := w.printed.Load(); printed != n.Dispatches {
		fmt.Fprintf(&b, " (%d printed)", printed)
	}
	fmt.Fprintf(&b, " in %v, %s", brief(took), count(max(n.Connections-1, 0), "reconnect"))
	if n.Skipped > 0 {
		fmt.Fprintf(&b, ", %s left out by Discord", count(n.Skipped, "sequence number"))
	}
	if n.LastLoss != nil {
		fmt.Fprintf(&b, "; last loss: %s", w.p.redact(oneLine(n.LastLoss.Error())))
	}
	return b.String()
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printError is what a failed write to stdout means: a reader that has gone wants no more, and that is no error.
func printError(err error) error {
	if err == nil || readerGone(err) {
		return nil
	}
	return failed("write to stdout: %v", err)
}
