package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// logger writes for people on a terminal, and JSON elsewhere. The token is in neither.
func (p *program) logger() *slog.Logger {
	redact := func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindString || a.Value.Kind() == slog.KindAny {
			return slog.String(a.Key, p.redact(fmt.Sprint(a.Value.Any())))
		}
		if a.Value.Kind() == slog.KindDuration { // in JSON it would be a number, of nanoseconds
			return slog.String(a.Key, a.Value.Duration().String())
		}
		return a
	}
	if p.terminalErr {
		return slog.New(newConsole(p.stderr, redact, p.redact))
	}
	return slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{ReplaceAttr: redact}))
}

// console writes a record as a line that begins with what people look for: when, how bad, and what.
type console struct {
	out    *consoleOut
	redact func(string) string
	attrs  slog.Handler // writes the attributes to out.buf
}

type consoleOut struct {
	mu  sync.Mutex
	w   io.Writer
	buf bytes.Buffer
}

func newConsole(w io.Writer, replace func([]string, slog.Attr) slog.Attr, redact func(string) string) *console {
	out := &consoleOut{w: w}
	return &console{out, redact, slog.NewTextHandler(&out.buf, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{} // stands at the beginning
		}
		return replace(groups, a)
	}})}
}

func (c *console) Enabled(ctx context.Context, level slog.Level) bool {
	return c.attrs.Enabled(ctx, level)
}

func (c *console) Handle(ctx context.Context, r slog.Record) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.buf.Reset()
	if err := c.attrs.Handle(ctx, r); err != nil {
		return err
	}
	line := fmt.Sprintf("%s %-5s %s", r.Time.Format("15:04:05.000"), r.Level, clean(c.redact(r.Message)))
	if more := bytes.TrimSpace(c.out.buf.Bytes()); len(more) > 0 {
		line = fmt.Sprintf("%-60s %s", line, more)
	}
	_, err := io.WriteString(c.out.w, line+"\n")
	return err
}

func (c *console) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &console{c.out, c.redact, c.attrs.WithAttrs(attrs)}
}

func (c *console) WithGroup(name string) slog.Handler {
	return &console{c.out, c.redact, c.attrs.WithGroup(name)}
}
