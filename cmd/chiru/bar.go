package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chiru-go/chiru/cluster"
)

const (
	barEvery = 250 * time.Millisecond
	barCells = 24
)

// bar shows on a terminal how many shards are up, until all are. It belongs to the goroutine that prints, and a nil one
// shows nothing.
type bar struct {
	w      io.Writer
	status func() cluster.Status
	width  int
	timer  *time.Timer
	shown  string // what stands on the terminal's last line
	over   bool
}

// newBar is nil where stderr is no terminal.
func newBar(p *program) *bar {
	if !p.terminalErr {
		return &bar{over: true}
	}
	return &bar{w: p.stderr, width: p.columns(), timer: time.NewTimer(barEvery)}
}

// due is when the bar is to be drawn anew.
func (b *bar) due() <-chan time.Time {
	if b == nil || b.over {
		return nil
	}
	return b.timer.C
}

func (b *bar) draw() {
	b.timer.Reset(barEvery)
	st := b.status()
	if st.Of > 0 && st.Live == len(st.Shards) {
		b.clear()
		b.over = true
		b.timer.Stop()
		return
	}
	b.clear()
	b.shown = cut(progress(st), b.width-1)
	b.again()
}

// clear takes the bar off the terminal, for a line of something else.
func (b *bar) clear() {
	if b != nil && !b.over && b.shown != "" {
		io.WriteString(b.w, "\r\x1b[K")
	}
}

// again shows the bar as it was.
func (b *bar) again() {
	if b != nil && !b.over && b.shown != "" {
		io.WriteString(b.w, b.shown)
	}
}

// progress is how far the shards are, in one line.
func progress(st cluster.Status) string {
	if st.Of == 0 {
		if st.Discovery != nil {
			return fmt.Sprintf("the gateway is not known yet: %s; asking again in %v", oneLine(st.Discovery.Error()), brief(time.Until(st.AskAgain)))
		}
		return "asking for the gateway"
	}
	full := barCells * st.Live / len(st.Shards)
	text := fmt.Sprintf("[%s%s] %d of %d shards", strings.Repeat("#", full), strings.Repeat(".", barCells-full), st.Live, len(st.Shards))
	if st.Left > 0 {
		text += fmt.Sprintf(", %v left", st.Left.Round(time.Second))
	}
	if !st.Budget.ClosedUntil.IsZero() {
		text += ": " + st.Budget.Why
	}
	return text
}
