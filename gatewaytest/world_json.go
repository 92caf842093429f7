package gatewaytest

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// worldJSON appends JSON text. A comma is due wherever the last byte does not open something, so nobody counts fields.
type worldJSON struct {
	b []byte
	// ascii writes everything above ASCII as \u escapes: both spellings are legal JSON and a client meets both.
	ascii bool
}

func (j *worldJSON) comma() {
	if n := len(j.b); n > 0 {
		if c := j.b[n-1]; c != '{' && c != '[' && c != ':' {
			j.b = append(j.b, ',')
		}
	}
}

func (j *worldJSON) key(k string) {
	j.comma()
	j.b = append(j.b, '"')
	j.b = append(j.b, k...)
	j.b = append(j.b, '"', ':')
}

// open starts a value: an array element, an object after key, or the whole text.
func (j *worldJSON) open(c byte) { j.comma(); j.b = append(j.b, c) }

func (j *worldJSON) end(c byte) { j.b = append(j.b, c) }

func (j *worldJSON) obj(k string) { j.key(k); j.b = append(j.b, '{') }

func (j *worldJSON) arr(k string) { j.key(k); j.b = append(j.b, '[') }

func (j *worldJSON) str(k, v string) { j.key(k); j.quote(v) }

func (j *worldJSON) id(k string, v uint64) { j.key(k); j.quoteID(v) }

func (j *worldJSON) num(k string, v int64) { j.key(k); j.b = strconv.AppendInt(j.b, v, 10) }

func (j *worldJSON) float(k string, v float64) {
	j.key(k)
	j.b = strconv.AppendFloat(j.b, v, 'f', -1, 64)
}

func (j *worldJSON) bool(k string, v bool) { j.key(k); j.b = strconv.AppendBool(j.b, v) }

func (j *worldJSON) null(k string) { j.key(k); j.b = append(j.b, "null"...) }

func (j *worldJSON) raw(k string, v []byte) { j.key(k); j.b = append(j.b, v...) }

// time writes milliseconds since 1970 as docs /reference#iso8601-datetime has them, with microseconds.
func (j *worldJSON) time(k string, ms int64) { j.key(k); j.quoteTime(ms) }

func (j *worldJSON) strElem(v string) { j.comma(); j.quote(v) }

func (j *worldJSON) idElem(v uint64) { j.comma(); j.quoteID(v) }

func (j *worldJSON) rawElem(v []byte) { j.comma(); j.b = append(j.b, v...) }

// members writes the members of an object into the one that is open.
func (j *worldJSON) members(object []byte) {
	if len(object) > 2 {
		j.rawElem(object[1 : len(object)-1])
	}
}

func (j *worldJSON) strOrNull(k, v string) {
	if v == "" {
		j.null(k)
		return
	}
	j.str(k, v)
}

func (j *worldJSON) idOrNull(k string, v uint64) {
	if v == 0 {
		j.null(k)
		return
	}
	j.id(k, v)
}

func (j *worldJSON) timeOrNull(k string, ms int64) {
	if ms == 0 {
		j.null(k)
		return
	}
	j.time(k, ms)
}

func (j *worldJSON) rawOrNull(k string, v []byte) {
	if v == nil {
		j.null(k)
		return
	}
	j.raw(k, v)
}

// bits writes a permission set: a decimal string (docs /topics/permissions).
func (j *worldJSON) bits(k string, v uint64) { j.id(k, v) }

func (j *worldJSON) quoteID(v uint64) {
	j.b = append(j.b, '"')
	j.b = strconv.AppendUint(j.b, v, 10)
	j.b = append(j.b, '"')
}

func (j *worldJSON) quoteTime(ms int64) {
	t := time.UnixMilli(ms).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b := append(j.b, '"')
	b = worldDigits(b, year, 4)
	b = worldDigits(append(b, '-'), int(month), 2)
	b = worldDigits(append(b, '-'), day, 2)
	b = worldDigits(append(b, 'T'), hour, 2)
	b = worldDigits(append(b, ':'), minute, 2)
	b = worldDigits(append(b, ':'), second, 2)
	b = worldDigits(append(b, '.'), t.Nanosecond()/1000, 6)
	j.b = append(b, `+00:00"`...)
}

func worldDigits(b []byte, v, width int) []byte {
	at := len(b)
	for range width {
		b = append(b, '0')
	}
	for i := at + width - 1; i >= at; i-- {
		b[i] += byte(v % 10)
		v /= 10
	}
	return b
}

const worldHex = "0123456789abcdef"

func (j *worldJSON) quote(s string) {
	b := append(j.b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', worldHex[c>>4], worldHex[c&15])
		case c >= utf8.RuneSelf && j.ascii:
			r, size := utf8.DecodeRuneInString(s[i:])
			b = worldEscape(b, r)
			i += size
			continue
		default:
			b = append(b, c)
		}
		i++
	}
	j.b = append(b, '"')
}

// worldEscape writes a rune as one \u escape or as a surrogate pair.
func worldEscape(b []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		b = worldEscape(b, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(b, '\\', 'u', worldHex[r>>12&15], worldHex[r>>8&15], worldHex[r>>4&15], worldHex[r&15])
}

// worldObject writes one object of its own.
func worldObject(fill func(*worldJSON)) []byte {
	j := &worldJSON{}
	j.open('{')
	fill(j)
	j.end('}')
	return j.text()
}

// worldList writes an array of n objects.
func worldList(n int, fill func(*worldJSON, int)) []byte {
	j := &worldJSON{}
	j.open('[')
	for i := range n {
		j.open('{')
		fill(j, i)
		j.end('}')
	}
	j.end(']')
	return j.text()
}

// text returns a copy of what was written, of exactly its size: bodies live on in replay rings.
func (j *worldJSON) text() json.RawMessage {
	out := make(json.RawMessage, len(j.b))
	copy(out, j.b)
	return out
}

func (j *worldJSON) reset() { j.b, j.ascii = j.b[:0], false }
