package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuckWriter writes nothing until it is let.
type stuckWriter struct {
	strings.Builder
	let chan struct{}
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.let
	return w.Builder.Write(p)
}

var _ io.Writer = (*stuckWriter)(nil)

func TestLinesThatASlowStderrCannotTakeAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stuckWriter{let: make(chan struct{})}
		o := newOnlooker(&program{stderr: w})
		for i := range 100 {
			r := slog.NewRecord(time.Now(), slog.LevelWarn, "violation", 0)
			r.AddAttrs(slog.String("rule", "x"))
			if err := o.Handle(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				synctest.Wait() // the first is being written
			}
		}
		close(w.let)
		o.end()
		if n := strings.Count(w.String(), "\n"); n != 65 {
			t.Errorf("%d lines were written, want the first and the 64 that could wait", n)
		}
	})
}
