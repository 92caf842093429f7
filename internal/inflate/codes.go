package inflate

import "sync"

// codes are those of one block. They are of no use after it, so connections share them.
type codes struct {
	literals, distances huffman
	lengths             [alphabet + 32]uint8
}

var codesPool = sync.Pool{New: func() any { return new(codes) }}

// readCodes reads the codes of a block (RFC 1951, 3.2.7).
func (d *deflate) readCodes(c *codes) error {
	head, ok := d.take(14)
	if !ok {
		return errShort
	}
	literals, distances, count := head&31+257, head>>5&31+1, head>>10+4
	if literals > 286 || distances > 30 {
		return errBlock
	}
	clear(c.lengths[:19])
	for _, at := range lengthOrder[:count] {
		l, ok := d.take(3)
		if !ok {
			return errShort
		}
		c.lengths[at] = uint8(l)
	}
	if !c.literals.build(c.lengths[:19], plain) {
		return errBlock
	}
	lengths := c.lengths[:literals+distances]
	for i := 0; i < len(lengths); {
		d.refill()
		s := c.literals.table[d.hold&(1<<tableBits-1)]
		if s == 0 || s.size() > d.n {
			return broken(d.n)
		}
		d.drop(s.size())
		if s.value() < 16 {
			lengths[i] = uint8(s.value())
			i++
			continue
		}
		again, least, last := uint(7), 11, uint8(0)
		switch s.value() {
		case 16:
			if i == 0 {
				return errBlock
			}
			again, least, last = 2, 3, lengths[i-1]
		case 17:
			again, least = 3, 3
		}
		times, ok := d.take(again)
		if !ok {
			return errShort
		}
		if times += least; i+times > len(lengths) {
			return errBlock
		}
		for range times {
			lengths[i] = last
			i++
		}
	}
	if !c.literals.build(lengths[:literals], literalMeaning) || !c.distances.build(lengths[literals:], distanceMeaning) {
		return errBlock
	}
	return nil
}
