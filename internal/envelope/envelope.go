// Package envelope reads and writes the frame around every Gateway payload, {"op":..,"s":..,"t":..,"d":..} (docs /events/gateway-events#payload-structure),
// without decoding d.
//
// It finds the ends of values and looks no further: inside a skipped object or array only strings and the count of brackets are followed, so broken
// JSON in there may pass (it is found when d is decoded), but valid JSON never fails. Every function runs in linear time, without recursion, and
// allocates only for the rare escaped name or type.
package envelope

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// NoOp and NoSeq stand for an op or s that is absent, null, or no usable number: another type, negative, with a fraction, or too large.
const NoOp, NoSeq = -1, -1

// maxText bounds what is taken out of a message as text, in bytes as written. No name, id or URL of Discord's comes near.
const maxText = 1 << 10

// Envelope is one received message. Type and Data point into it, so they are valid as long as it is.
type Envelope struct {
	Op  int
	Seq int64
	// Type is t without its quotes: nil when t is absent, null, no string, or longer than 1 KiB.
	Type []byte
	// Data is d as it was written: nil when absent, the four bytes of null when null.
	Data []byte
}

// Parse reads an envelope. Members may come in any order, and names are case-sensitive. Of equal names the last counts; unknown ones are ignored.
//
// JSON that is no object is an Envelope with nothing in it. An error means that msg is not one JSON value; it says at which byte.
func Parse(msg []byte) (Envelope, error) {
	e := Envelope{Op: NoOp, Seq: NoSeq}
	m, isObject := object(msg)
	if !isObject {
		if end := skip(msg, m.i); end < 0 {
			m.fail(^end)
		} else {
			m.i = end
		}
	}
	for isObject && m.next() {
		e.set(&m)
	}
	if err := m.end(); err != nil {
		return Envelope{Op: NoOp, Seq: NoSeq}, err
	}
	return e, nil
}

// Head reads a message no further than its d, for one that is not wanted. It is false unless op, s and t stand before d, as
// Discord writes them; what Parse makes of the message is then the same, if it is JSON and no name comes twice.
func Head(msg []byte) (Envelope, bool) {
	e := Envelope{Op: NoOp, Seq: NoSeq}
	m, isObject := object(msg)
	for isObject && m.key() {
		if m.is("d") {
			return e, e.Op != NoOp && e.Seq != NoSeq && e.Type != nil
		}
		if !m.skip() {
			break
		}
		e.set(&m)
	}
	return e, false
}

// set takes the value of a member.
func (e *Envelope) set(m *members) {
	switch {
	case m.is("op"):
		e.Op = NoOp
		if n, ok := integer(m.value); ok && n >= 0 && n <= math.MaxInt {
			e.Op = int(n)
		}
	case m.is("s"):
		e.Seq = NoSeq
		if n, ok := integer(m.value); ok && n >= 0 {
			e.Seq = n
		}
	case m.is("t"):
		var ok bool
		if e.Type = nil; len(m.value) > maxText {
			break
		}
		if e.Type, ok = unquote(m.value); !ok && m.value[0] == '"' {
			m.fail(m.i - len(m.value))
		}
	case m.is("d"):
		e.Data = m.value
	}
}

// Append appends {"op":op,"d":data} to dst. The data must be JSON; empty data is written as null.
func Append(dst []byte, op int, data []byte) []byte {
	dst = append(dst, `{"op":`...)
	dst = strconv.AppendInt(dst, int64(op), 10)
	dst = append(dst, `,"d":`...)
	if len(data) == 0 {
		dst = append(dst, "null"...)
	}
	dst = append(dst, data...)
	return append(dst, '}')
}

// String returns the string called name among the members of the JSON object obj, decoded. It is false when there is none, or another type, or one longer than 1 KiB, or
// obj is broken or no object. The name must be ASCII; of equal ones the last counts. The rest of obj is only scanned.
func String(obj []byte, name string) (string, bool) {
	value := lookup(obj, name)
	if len(value) > maxText {
		return "", false
	}
	s, ok := unquote(value)
	return string(s), ok
}

// Int is like [String] for a number. It is also false for a fraction or a number beyond 64 bits; 1e3 and 41250.0 are integers.
func Int(obj []byte, name string) (int64, bool) {
	return integer(lookup(obj, name))
}

// lookup returns the value of the last member called name, or nil.
func lookup(obj []byte, name string) (value []byte) {
	m, isObject := object(obj)
	if !isObject {
		return nil
	}
	for m.next() {
		if m.is(name) {
			value = m.value
		}
	}
	if m.end() != nil {
		return nil
	}
	return value
}

// unquote returns the text of a JSON string: a view of it when it can be.
func unquote(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	body := value[1 : len(value)-1]
	if plain(body) {
		return body, true
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil, false
	}
	return []byte(s), true
}

// plain reports whether the body of a string is its text: JSON decoding replaces escapes and invalid UTF-8.
func plain(body []byte) bool {
	for _, c := range body {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
