package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/chiru-go/chiru"
)

// tone is a colour, as an ANSI "select graphic rendition" parameter.
type tone string

const (
	plain   tone = ""
	quiet   tone = "2"  // faint
	warning tone = "33" // yellow
	good    tone = "32" // green
	event   tone = "36" // cyan
)

// textLines prints aligned lines for people: time, shard, sequence, type, and what is worth knowing of the body.
type textLines struct {
	w       io.Writer
	redact  func(string) string
	colours bool
	width   int
	shard   int // width of a shard's number
	types   int // width of the types; grows up to widestType
	line    strings.Builder
	room    int // cells left on the line
}

const (
	narrowestType = 20
	widestType    = 40 // Discord's longest has 38
	longestNotice = 500
)

func newTextLines(w io.Writer, redact func(string) string, colours bool, width, shards int) *textLines {
	return &textLines{
		w: w, redact: redact, colours: colours, width: width,
		shard: len(strconv.Itoa(shards - 1)), types: narrowestType,
	}
}

func (l *textLines) dispatch(d *chiru.Dispatch) error {
	sequence := ""
	if d.Sequence != chiru.NoSequence {
		sequence = strconv.FormatInt(d.Sequence, 10)
	}
	look := event
	if d.Type == "READY" || d.Type == "RESUMED" {
		look = good
	}
	l.begin(d.Received, d.Shard(), sequence, d.Type, look)
	for i, part := range excerpt(d.Type, d.Body) {
		l.part(part, i == 0)
	}
	return l.end()
}

// part adds a part if the line has room for it. The first is cut instead: the line should say something.
func (l *textLines) part(p part, first bool) {
	label, space := "", " "
	if p.label != "" {
		label = p.label + "="
	}
	if first {
		space = ""
	} else if cells(space+label+p.value) > l.room {
		return
	}
	l.put(space, plain)
	l.put(label, quiet)
	l.put(p.value, plain)
}

func (l *textLines) lifecycle(at time.Time, event chiru.IncomingEvent) error {
	n := noticeOf(event, l.redact)
	l.begin(at, event.Shard(), "", n.name, n.tone)
	l.room = longestNotice // what becomes of the connection is worth a second line
	l.put(n.text, n.tone)
	return l.end()
}

func (l *textLines) begin(at time.Time, shard int, sequence, name string, look tone) {
	l.line.Reset()
	l.room = l.width
	name = cut(clean(name), widestType)
	l.types = max(l.types, cells(name))
	l.put(at.Local().Format("15:04:05.000"), quiet)
	l.put(fmt.Sprintf("  %*d  %6s  ", l.shard, shard, sequence), quiet)
	l.put(name+strings.Repeat(" ", l.types-cells(name)), look)
	l.put("  ", plain)
}

// put adds text as far as there is room.
func (l *textLines) put(text string, look tone) {
	text = cut(text, l.room)
	l.room -= cells(text)
	if text == "" {
		return
	}
	if l.colours && look != plain {
		text = "\x1b[" + string(look) + "m" + text + "\x1b[0m"
	}
	l.line.WriteString(text)
}

func (l *textLines) end() error {
	text := l.line.String()
	if !l.colours {
		text = strings.TrimRight(text, " ")
	}
	_, err := io.WriteString(l.w, text+"\n")
	return err
}
