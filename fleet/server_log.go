package fleet

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
)

// serverLog is what is worth telling of the embedded server's log. The server tells of a full disk nowhere else.
type serverLog struct {
	to     *slog.Logger
	failed chan error // one, at most

	mu   sync.Mutex
	last string // error
}

func newServerLog(to *slog.Logger) *serverLog { return &serverLog{to: to, failed: make(chan error, 1)} }

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	l.look(text)
	if !harmless(text) {
		l.to.Warn("embedded nats", "error", text)
	}
}

func (l *serverLog) Errorf(format string, a ...any) { l.note(fmt.Sprintf(format, a...)) }
func (l *serverLog) Fatalf(format string, a ...any) { l.note(fmt.Sprintf(format, a...)) }

func (l *serverLog) note(text string) {
	l.mu.Lock()
	l.last = text
	l.mu.Unlock()
	l.look(text)
	l.to.Error("embedded nats", "error", text)
}

// told is a reason, and what the server said last of it.
func (l *serverLog) told(reason string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != "" {
		reason += ": " + l.last
	}
	return reason
}

// look notices that the server cannot store any more.
func (l *serverLog) look(text string) {
	var err error
	switch {
	case strings.Contains(text, "no space left"), strings.Contains(text, "out of") && strings.Contains(text, "resources"):
		err = &SetupError{"embedded nats", "the disk is full: " + text, "make room, or lower --max-bytes, and start again: what is not stored comes again"}
	case strings.Contains(text, "permission denied while writing"):
		err = &SetupError{"embedded nats", text, "make the folder writable again, and start again: what is not stored comes again"}
	default:
		return
	}
	select {
	case l.failed <- err:
	default:
	}
}

// harmless are warnings about settings that are so on purpose.
func harmless(text string) bool {
	return strings.HasPrefix(text, "Maximum payloads over") || // Discord's messages are large
		strings.HasPrefix(text, "Plaintext passwords detected") // in memory only
}

// diskHint is what to do about a file that cannot be written.
func diskHint(err error, otherwise string) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "the disk is full: make room"
	}
	return otherwise
}
