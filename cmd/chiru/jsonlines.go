package main

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
	"unicode/utf8"

	"github.com/chiru-go/chiru"
)

// jsonLines prints one JSON object a line, each by one Write.
type jsonLines struct {
	w      io.Writer
	redact func(string) string
	buf    bytes.Buffer
}

// instant is RFC 3339 with a fraction in any case, and of one length.
const instant = "2006-01-02T15:04:05.000000Z"

func (l *jsonLines) dispatch(d *chiru.Dispatch) error {
	line := struct {
		Shard    int             `json:"shard"`
		Type     string          `json:"type"`
		Sequence *int64          `json:"sequence,omitempty"`
		Session  string          `json:"session"`
		Received string          `json:"received"`
		Body     json.RawMessage `json:"body"`
		Text     *string         `json:"body_text,omitempty"`
	}{d.Shard(), d.Type, number(d.Sequence), d.SessionID, d.Received.UTC().Format(instant), d.Body, nil}
	// The encoder would refuse text that is not JSON, but pass text that is not UTF-8, which few can read.
	if !json.Valid(d.Body) || !utf8.Valid(d.Body) {
		text := string(d.Body)
		line.Body, line.Text = nil, &text
	}
	l.buf.Reset()
	if err := l.encode(line); err != nil {
		return err
	}
	return l.flush()
}

func (l *jsonLines) lifecycle(at time.Time, event chiru.IncomingEvent) error {
	n := noticeOf(event, l.redact)
	l.buf.Reset()
	if err := l.encode(struct {
		Shard int    `json:"shard"`
		Type  string `json:"type"`
		At    string `json:"at"`
	}{event.Shard(), n.name, at.UTC().Format(instant)}); err != nil {
		return err
	}
	// The second object's fields follow the first's.
	seam := l.buf.Len() - len("}\n")
	if err := l.encode(n.fields); err != nil {
		return err
	}
	text := l.buf.Bytes()
	rest := text[seam+len("}\n{"):]
	text = text[:seam]
	if string(rest) != "}\n" {
		text = append(text, ',')
	}
	text = append(text, rest...)
	_, err := l.w.Write(text)
	return err
}

// encode leaves the body's characters as they are: the line is no HTML.
func (l *jsonLines) encode(v any) error {
	e := json.NewEncoder(&l.buf)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (l *jsonLines) flush() error {
	_, err := l.w.Write(l.buf.Bytes())
	return err
}
