package floor

import (
	"encoding/binary"
	"math/bits"
)

// scan reads {"t":..,"s":..,"op":..,"d":..} in this order.
func scan(text []byte) (e Event, err error) {
	at := 0
	key := func(k string) {
		if err == nil && (len(text) < at+len(k) || string(text[at:at+len(k)]) != k) {
			err = errOrder
		}
		at += len(k)
	}
	number := func() (n int64) {
		for at < len(text) && text[at] >= '0' && text[at] <= '9' {
			n = n*10 + int64(text[at]-'0')
			at++
		}
		return n
	}
	key(`{"t":`)
	if err == nil && text[at] == '"' {
		from := at + 1
		for at = from; at < len(text) && text[at] != '"'; at++ {
		}
		e.Type = text[from:min(at, len(text))]
		at++
	} else {
		at += len("null")
	}
	key(`,"s":`)
	if err == nil && text[at] == 'n' {
		at += len("null")
	} else {
		e.Seq = number()
	}
	key(`,"op":`)
	e.Op = int(number())
	key(`,"d":`)
	if err != nil || at >= len(text) {
		return e, errOrder
	}
	e.Body = text[at : len(text)-1]
	return e, nil
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
	for i < len(text) {
		if i+8 <= len(text) {
			x := binary.LittleEndian.Uint64(text[i:])
			q, e := x^quotes, x^escapes
			m := ((q-ones)&^q | (e-ones)&^e) & highs
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		}
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
		i++
	}
	return i
}
