// Package proof is what a client shows of the events it was given, so that none can be counted that was not delivered.
//
// Clients that hand over the text of an event add up Raw; clients that decode add up a witness, a small number made
// from fields of the decoded event, each of its own types. A peer need not keep the text, and cannot skip the decoding.
package proof

import "encoding/binary"

// Raw is the share of one body in the sum over all: its length, and eight bytes of its middle.
func Raw(seq int64, body []byte) uint64 {
	sum := uint64(len(body))
	if len(body) >= 16 {
		sum += binary.LittleEndian.Uint64(body[len(body)/2:])
	}
	return uint64(seq) * sum
}

// Mod is the last four digits of an id.
func Mod(id string) uint64 {
	n := uint64(0)
	for _, c := range id[max(0, len(id)-4):] {
		n = n*10 + uint64(c-'0')
	}
	return n
}

// Lens weighs the lengths of an event's lists.
func Lens(lens ...int) uint64 {
	sum, weight := uint64(0), uint64(7)
	for _, n := range lens {
		sum += weight * uint64(n)
		weight += 4
	}
	return sum
}
