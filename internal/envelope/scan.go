package envelope

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// members walks the members of one JSON object.
type members struct {
	b      []byte
	i      int // next byte to look at, or the one that is wrong
	begun  bool
	failed bool
	name   []byte // decoded
	value  []byte // without the space around it
}

// object starts at the first value in b and reports whether it is an object.
func object(b []byte) (members, bool) {
	m := members{b: b, i: space(b, 0)}
	if m.i < len(b) && b[m.i] == '{' {
		m.i++
		return m, true
	}
	return m, false
}

// next moves to the next member. It is false at the end of the object, and when it fails.
func (m *members) next() bool { return m.key() && m.skip() }

// key moves to the name of the next member; its value is yet to be skipped.
func (m *members) key() bool {
	if m.failed {
		return false
	}
	b, i := m.b, space(m.b, m.i)
	if at(b, i) == '}' {
		m.i = i + 1
		return false
	}
	if m.begun {
		if at(b, i) != ',' {
			return m.fail(i)
		}
		i = space(b, i+1)
	}
	m.begun = true
	if at(b, i) != '"' {
		return m.fail(i)
	}
	end, escaped := text(b, i+1)
	if end < 0 {
		return m.fail(len(b))
	}
	m.name = b[i+1 : end]
	if escaped && end-i < maxText { // a longer one is none that anybody looks for
		var ok bool
		if m.name, ok = unquote(b[i : end+1]); !ok {
			return m.fail(i)
		}
	}
	if i = space(b, end+1); at(b, i) != ':' {
		return m.fail(i)
	}
	m.i = space(b, i+1)
	return true
}

func (m *members) skip() bool {
	end := skip(m.b, m.i)
	if end < 0 {
		return m.fail(^end)
	}
	m.value, m.i = m.b[m.i:end:end], end
	return true
}

func (m *members) is(name string) bool {
	return string(m.name) == name
}

func (m *members) fail(i int) bool {
	m.i, m.failed = i, true
	return false
}

// end checks that nothing follows the object.
func (m *members) end() error {
	if !m.failed {
		m.i = space(m.b, m.i)
		if m.i == len(m.b) {
			return nil
		}
	}
	if m.i >= len(m.b) {
		return fmt.Errorf("envelope: parse: JSON ends early, after %d bytes", len(m.b))
	}
	return fmt.Errorf("envelope: parse: unexpected %q at byte %d", m.b[m.i:m.i+1], m.i)
}

// at returns b[i], or 0 behind the end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// skip returns the end of the value at b[i], or ^j when b[j] is wrong.
func skip(b []byte, i int) int {
	switch c := at(b, i); {
	case c == '"':
		if end, _ := text(b, i+1); end >= 0 {
			return end + 1
		}
		return ^len(b)
	case c == '{' || c == '[':
		return nested(b, i)
	case c == 't':
		return literal(b, i, "true")
	case c == 'f':
		return literal(b, i, "false")
	case c == 'n':
		return literal(b, i, "null")
	}
	return number(b, i)
}

// nested returns the end of the object or array at b[i]. It looks at eight bytes at a time and, but for escapes and
// the last bracket, without a branch that depends on the text: most of its time would go into wrong guesses.
func nested(b []byte, i int) int {
	depth, inside := 0, uint64(0) // inside is 1 within a string
	for i < len(b) {
		if depth > 0 {
			for i+8 <= len(b) {
				x := binary.LittleEndian.Uint64(b[i:])
				e := x ^ escapes
				if (e-ones)&^e&highs != 0 {
					break
				}
				within := (equal(x, quotes)>>7)*ones ^ -inside // the lowest bit of each byte: quotes up to here, if odd
				if bracket := equal(x|brackets, brackets|closers) &^ (within << 7); bracket != 0 {
					down := bits.OnesCount64(bracket & (x << 5))
					if depth <= down {
						break
					}
					depth += bits.OnesCount64(bracket&(x<<6)) - down
				}
				inside = within >> 56 & 1
				i += 8
			}
		}
		for stop := min(i+8, len(b)); i < stop; i++ {
			switch c := b[i]; {
			case c == '"':
				inside ^= 1
			case inside == 1:
				if c == '\\' {
					i++
				}
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	return ^len(b)
}

// equal marks, by their highest bit, the bytes of x that are those of y.
func equal(x, y uint64) uint64 {
	x ^= y
	return highs &^ (x&^highs + (highs - ones) | x)
}

func literal(b []byte, i int, word string) int {
	for j := range len(word) {
		if at(b, i+j) != word[j] {
			return ^min(i+j, len(b))
		}
	}
	return i + len(word)
}

func number(b []byte, i int) int {
	if at(b, i) == '-' {
		i++
	}
	if at(b, i) == '0' {
		i++
	} else if i = digits(b, i); i < 0 {
		return i
	}
	if at(b, i) == '.' {
		if i = digits(b, i+1); i < 0 {
			return i
		}
	}
	if c := at(b, i); c == 'e' || c == 'E' {
		i++
		if c := at(b, i); c == '+' || c == '-' {
			i++
		}
		i = digits(b, i)
	}
	return i
}

// digits returns the end of one or more digits.
func digits(b []byte, i int) int {
	start := i
	for at(b, i)-'0' <= 9 {
		i++
	}
	if i == start {
		return ^min(i, len(b))
	}
	return i
}

const (
	ones    = 0x0101010101010101
	highs   = 0x80 * ones
	quotes  = '"' * ones
	escapes = '\\' * ones
	// Of the bytes that JSON has outside of strings, those that are 0x7f with these bits set are brackets; the lower
	// of the bits is set in those that open, the other in those that close.
	brackets = 0x26 * ones
	closers  = 0x7f * ones
)

// text returns the index of the quote that ends the string whose text starts at b[i], or -1, and whether the text has escapes.
func text(b []byte, i int) (end int, escaped bool) {
	for {
		// Eight bytes at a time. The lowest byte marked in m is the first quote or backslash; a borrow may falsely mark only those above it.
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			q, e := x^quotes, x^escapes
			if m := ((q-ones)&^q | (e-ones)&^e) & highs; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' {
			i++
		}
		if i >= len(b) {
			return -1, escaped
		}
		if b[i] == '"' {
			return i, escaped
		}
		escaped = true
		i += 2
	}
}
