package inflate

import (
	"encoding/binary"
	"errors"
)

var (
	errEnded = errors.New("deflate stream ended")
	errShort = errors.New("deflate input ends inside a block")
	errBlock = errors.New("deflate block is broken")
)

// deflate decompresses (RFC 1951) what has come of a stream, which begins and ends between two blocks.
type deflate struct {
	in   []byte
	pos  int    // of the next byte for hold
	hold uint64 // input, the next bit lowest
	n    uint   // bits in hold that count

	out   []byte // what came before, then the message; its length is its capacity
	w     int    // the end of the message so far
	start int    // its begin
	limit int    // its most bytes
}

const (
	flateWindow = 32 << 10
	longestCopy = 258
	slack       = longestCopy + 8 // room that one step may need, as it copies 8 bytes at a time
)

// run decompresses all of the input.
func (d *deflate) run() error {
	c := codesPool.Get().(*codes)
	defer codesPool.Put(c)
	for d.pos < len(d.in) || d.n > 0 {
		d.refill()
		if d.n < 3 {
			return errShort
		}
		head := d.hold & 7
		d.drop(3)
		if head&1 != 0 {
			return errEnded
		}
		var err error
		switch head >> 1 {
		case 0:
			err = d.stored()
		case 1:
			err = d.block(&fixed.literals, &fixed.distances)
		case 2:
			if err = d.readCodes(c); err == nil {
				err = d.block(&c.literals, &c.distances)
			}
		default:
			err = errBlock
		}
		if err != nil {
			return err
		}
	}
	if d.w-d.start > d.limit {
		return tooLarge("message", d.limit)
	}
	return nil
}

// refill puts at least 56 bits into hold, or all that are left.
func (d *deflate) refill() {
	if d.pos+8 <= len(d.in) {
		// Bits above n may already be there; they are the same.
		d.hold |= binary.LittleEndian.Uint64(d.in[d.pos:]) << d.n
		d.pos += int(63-d.n) >> 3
		d.n |= 56
		return
	}
	for d.n < 56 && d.pos < len(d.in) {
		d.hold |= uint64(d.in[d.pos]) << d.n
		d.pos++
		d.n += 8
	}
}

func (d *deflate) drop(bits uint) {
	d.hold >>= bits
	d.n -= bits
}

// take is the value of the next bits. It refills, and reports false when there are not so many.
func (d *deflate) take(bits uint) (int, bool) {
	d.refill()
	if d.n < bits {
		return 0, false
	}
	v := d.hold & (1<<bits - 1)
	d.drop(bits)
	return int(v), true
}

// grow makes room for one step.
func (d *deflate) grow(need int) error {
	if d.w-d.start > d.limit {
		return tooLarge("message", d.limit)
	}
	size := max(min(2*len(d.out), d.start+d.limit+2*slack), d.w+need)
	d.out = append(make([]byte, 0, size), d.out[:d.w]...)
	d.out = d.out[:cap(d.out)]
	return nil
}

// stored is a block that is not compressed (RFC 1951, 3.2.4).
func (d *deflate) stored() error {
	d.pos -= int(d.n >> 3)
	d.hold, d.n = 0, 0
	if len(d.in)-d.pos < 4 {
		return errShort
	}
	size := int(binary.LittleEndian.Uint16(d.in[d.pos:]))
	if size^0xffff != int(binary.LittleEndian.Uint16(d.in[d.pos+2:])) {
		return errBlock
	}
	d.pos += 4
	short := size > len(d.in)-d.pos
	data := d.in[d.pos:min(d.pos+size, len(d.in))]
	if d.w+len(data) > len(d.out) {
		if err := d.grow(len(data)); err != nil {
			return err
		}
	}
	d.w += copy(d.out[d.w:], data)
	d.pos += len(data)
	if short {
		return errShort
	}
	return nil
}

// broken is what no code, or a longer one than there is input, means.
func broken(n uint) error {
	if n < longest {
		return errShort
	}
	return errBlock
}

// block decompresses to the end of a block. What it works with are variables of its own, for speed.
func (d *deflate) block(literals, distances *huffman) error {
	in, out := d.in, d.out
	hold, n, pos, w := d.hold, d.n, d.pos, d.w
	for {
		if pos+8 <= len(in) { // as in refill
			hold |= binary.LittleEndian.Uint64(in[pos:]) << n
			pos += int(63-n) >> 3
			n |= 56
		} else {
			for n < 56 && pos < len(in) {
				hold |= uint64(in[pos]) << n
				pos++
				n += 8
			}
		}
		if w+slack > len(out) {
			d.w = w
			if err := d.grow(slack); err != nil {
				return err
			}
			out = d.out
		}
		s := literals.table[hold&(1<<tableBits-1)]
		if s == 0 {
			s = literals.long(hold)
		}
		if s == 0 || s.size() > n {
			return broken(n)
		}
		hold >>= s.size()
		n -= s.size()
		if s&literal != 0 {
			out[w] = byte(s.value())
			w++
			continue
		}
		if s&end != 0 {
			d.hold, d.n, d.pos, d.w = hold, n, pos, w
			return nil
		}
		// With what follows it a length takes 48 bits at most.
		length := int(s.value()) + int(hold&(1<<s.more()-1))
		hold >>= s.more()
		away := distances.table[hold&(1<<tableBits-1)]
		if away == 0 {
			away = distances.long(hold)
		}
		if used := s.more() + away.size() + away.more(); used > n {
			return errShort
		} else {
			n -= used
		}
		hold >>= away.size()
		distance := int(away.value()) + int(hold&(1<<away.more()-1))
		hold >>= away.more()
		from := w - distance
		if away == 0 || (s|away)&nothing != 0 || from < 0 {
			return errBlock
		}
		stop := w + length
		if distance >= 8 && length <= 64 {
			for ; w < stop; w, from = w+8, from+8 {
				binary.LittleEndian.PutUint64(out[w:], binary.LittleEndian.Uint64(out[from:]))
			}
			w = stop
			continue
		}
		for w < stop { // what is copied may be copied again
			w += copy(out[w:stop], out[from:w])
		}
	}
}
