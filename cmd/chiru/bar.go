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

// bar shows on a terminal how many shards are up, until all are; elsewhere it says in a line what they wait for. It
// belongs to the goroutine that prints, and a nil one shows nothing.
type bar struct {
	p      *program
	status func() cluster.Status
	timer  *time.Timer
	shown  string // what stands on the terminal's last line
	said   string // the last line
	over   bool
}

func newBar(p *program) *bar { return &bar{p: p, timer: time.NewTimer(barEvery)} }

// due is when to look again.
func (b *bar) due() <-chan time.Time {
	if b == nil || b.over {
		return nil
	}
	return b.timer.C
}

func (b *bar) draw() {
	st := b.status()
	b.clear()
	if st.Of > 0 && st.Live == len(st.Shards) {
		b.shown, b.over = "", true
		return
	}
	b.timer.Reset(barEvery)
	if !b.p.terminalErr {
		if text := obstacle(st); text != b.said {
			b.said = text
			if text != "" {
				fmt.Fprintln(b.p.stderr, "chiru: "+b.p.redact(text))
			}
		}
		return
	}
	b.shown = cut(b.p.redact(progress(st)), b.p.columns()-1)
	b.again()
}

// clear takes the bar off the terminal, for a line of something else.
func (b *bar) clear() {
	if b != nil && b.shown != "" {
		_, _ = io.WriteString(b.p.stderr, "\r\x1b[K")
	}
}

// again shows the bar as it was.
func (b *bar) again() {
	if b != nil && b.shown != "" {
		_, _ = io.WriteString(b.p.stderr, b.shown)
	}
}

// progress is how far the shards are, in one line.
func progress(st cluster.Status) string {
	why := obstacle(st)
	if st.Of == 0 {
		if why == "" {
			return "asking for the gateway"
		}
		return why
	}
	full := barCells * st.Live / len(st.Shards)
	text := fmt.Sprintf("[%s%s] %d of %d shards", strings.Repeat("#", full), strings.Repeat(".", barCells-full), st.Live, len(st.Shards))
	if st.Left > 0 {
		text += fmt.Sprintf(", %v left", st.Left.Round(time.Second))
	}
	if why != "" {
		text += ": " + why
	}
	return text
}

// obstacle is what keeps shards from coming up, empty if it is only their turn.
func obstacle(st cluster.Status) string {
	switch {
	case st.Discovery != nil:
		return fmt.Sprintf("%s; asking again at %s", oneLine(st.Discovery.Error()), st.AskAgain.Local().Format(time.TimeOnly))
	case !st.Budget.ClosedUntil.IsZero():
		return fmt.Sprintf("%s; new sessions begin again at %s", st.Budget.Why, st.Budget.ClosedUntil.Local().Format(time.DateTime))
	}
	return ""
}
