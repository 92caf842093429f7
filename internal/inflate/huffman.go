package inflate

import "math/bits"

const (
	longest   = 15  // bits of a code (RFC 1951, 3.2.7)
	alphabet  = 288 // of the literals and lengths, two of which mean nothing
	tableBits = 10  // of a code that is found at once
)

// symbol is what a code stands for, and the code's length in its lowest 4 bits: a literal, the end of the
// block, or the least of a length or distance with the number of bits that say how much more.
type symbol uint32

const (
	literal symbol = 1 << 15
	end     symbol = 1 << 14
	nothing symbol = 1 << 13 // in the alphabet, but never used
)

func (s symbol) size() uint  { return uint(s & 15) }
func (s symbol) more() uint  { return uint(s >> 8 & 15) }
func (s symbol) value() uint { return uint(s >> 16) }

// huffman is one of a block's codes (RFC 1951, 3.2.2).
type huffman struct {
	table  [1 << tableBits]symbol // by the next bits of the input; 0 for a code that is longer, or none
	counts [longest + 1]uint16    // of codes by length
	sorted [alphabet]symbol       // by code
}

// build makes the code from the length of each symbol's. Like zlib it takes an incomplete code only if it
// has a single symbol, of one bit, or none.
func (h *huffman) build(lengths []uint8, meaning *[alphabet]symbol) bool {
	clear(h.counts[:])
	for _, l := range lengths {
		h.counts[l]++
	}
	h.counts[0] = 0
	var next [longest + 2]uint16 // where the codes of a length go in sorted
	free := 1
	for l := 1; l <= longest; l++ {
		next[l+1] = next[l] + h.counts[l]
		free = 2*free - int(h.counts[l])
		if free < 0 {
			return false
		}
	}
	if used := next[longest+1]; free > 0 && !(used == 0 || used == 1 && h.counts[1] == 1) {
		return false
	}
	for i, l := range lengths {
		if l > 0 {
			h.sorted[next[l]] = meaning[i] | symbol(l)
			next[l]++
		}
	}
	// The input has a code's first bit lowest. A table for codes of l bits is twice that for one bit less.
	h.table[0] = 0
	size, code, first := 1, uint16(0), uint16(0)
	for l := 1; l <= tableBits; l++ {
		copy(h.table[size:2*size], h.table[:size])
		size *= 2
		for _, s := range h.sorted[first : first+h.counts[l]] {
			h.table[bits.Reverse16(code)>>(16-l)] = s
			code++
		}
		first += h.counts[l]
		code <<= 1
	}
	return true
}

// long finds the code at the start of the input bit by bit; 0 if there is none.
func (h *huffman) long(input uint64) symbol {
	code, first, index := uint(0), uint(0), uint(0)
	for l := 1; l <= longest; l++ {
		code |= uint(input & 1)
		input >>= 1
		count := uint(h.counts[l])
		if code < first+count {
			return h.sorted[index+code-first]
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0
}
