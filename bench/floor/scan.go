package floor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
)

var errOrder = errors.New("floor: not as Discord writes it")

// scan reads {"t":..,"s":..,"op":..,"d":..} in this order.
func scan(text []byte) (e Event, err error) {
	rest, ok := bytes.CutPrefix(text, []byte(`{"t":`))
	if e.Type, rest = value(rest); len(e.Type) > 1 && e.Type[0] == '"' {
		e.Type = e.Type[1 : len(e.Type)-1]
	}
	s, rest := value(bytes.TrimPrefix(rest, []byte(`"s":`)))
	op, rest := value(bytes.TrimPrefix(rest, []byte(`"op":`)))
	body, found := bytes.CutPrefix(rest, []byte(`"d":`))
	if !ok || !found {
		return e, errOrder
	}
	e.Seq, e.Op, e.Body = number(s), int(number(op)), body[:len(body)-1]
	return e, nil
}

// value cuts at the next comma.
func value(text []byte) (value, rest []byte) {
	for i, c := range text {
		if c == ',' {
			return text[:i], text[i+1:]
		}
	}
	return nil, nil
}

func number(text []byte) (n int64) {
	for _, c := range text {
		n = n*10 + int64(c&15)
	}
	return n
}

// skip finds the end of the value that begins text: strings and the count of brackets are followed.
func skip(text []byte) (int, error) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		case '"':
			i = quote(text, i+1)
		}
	}
	if depth == 0 {
		return len(text), nil // null, or another plain value
	}
	return 0, errOrder
}

const (
	ones    = 0x0101010101010101
	highs   = 0x80 * ones
	quotes  = '"' * ones
	escapes = '\\' * ones
)

// quote finds the quote that ends a string, eight bytes at a time: the lowest byte marked in m is the first quote or
// backslash, and only those above it may be marked by a borrow.
func quote(text []byte, i int) int {
	for ; i < len(text); i++ {
		for i+8 < len(text) {
			x := binary.LittleEndian.Uint64(text[i:])
			q, e := x^quotes, x^escapes
			if m := ((q-ones)&^q | (e-ones)&^e) & highs; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return i
}
