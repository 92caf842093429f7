package websocket

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const headerMost = 10 // bytes of a frame's header without a mask

// header is a frame's: RFC 6455, 5.2.
type header struct {
	final  bool
	op     byte
	size   int // of the header itself
	length uint64
}

var (
	errMasked   = errors.New("a frame from the server is masked")
	errReserved = errors.New("a frame has a reserved bit set")
	errControl  = errors.New("a control frame is longer than 125 bytes or in fragments")
	errLength   = errors.New("a frame's length is negative")
	errOrder    = errors.New("a fragment belongs to no message, or a message begins within another")
)

// parseHeader reads the header at the start of b; false means that it is not all there.
func parseHeader(b []byte) (h header, whole bool, err error) {
	if len(b) < 2 {
		return header{}, false, nil
	}
	h = header{final: b[0]&0x80 != 0, op: b[0] & 0x0f, size: 2, length: uint64(b[1] & 0x7f)}
	switch {
	case b[0]&0x70 != 0:
		return h, true, errReserved
	case b[1]&0x80 != 0:
		return h, true, errMasked
	case h.op > byte(Binary) && h.op < closing || h.op > pong:
		return h, true, fmt.Errorf("a frame has the unknown opcode %d", h.op)
	case h.op >= closing && (h.length > controlMost || !h.final):
		return h, true, errControl
	}
	switch h.length {
	case 126:
		if h.size = 4; len(b) >= h.size {
			h.length = uint64(binary.BigEndian.Uint16(b[2:]))
		}
	case 127:
		if h.size = headerMost; len(b) >= h.size {
			h.length = binary.BigEndian.Uint64(b[2:])
			if h.length>>63 != 0 {
				err = errLength
			}
		}
	}
	return h, len(b) >= h.size, err
}

// closeError reads a close frame's payload: RFC 6455, 5.5.1 and 7.4.
func closeError(payload []byte) error {
	if len(payload) == 0 {
		return &CloseError{Code: noStatus}
	}
	if len(payload) == 1 {
		return errors.New("a close frame has half a code")
	}
	code := int(binary.BigEndian.Uint16(payload))
	switch {
	case code < 1000, code >= 5000, code == 1004, code == noStatus, code == 1006, code == 1015:
		return fmt.Errorf("a close frame has the code %d, which nobody may send", code)
	}
	return &CloseError{Code: code, Reason: string(payload[2:])}
}

// appendFrame appends a client's frame, masked with key: RFC 6455, 5.3.
func appendFrame(dst []byte, op byte, payload []byte, key [4]byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n <= controlMost:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, key[:]...)
	for i, b := range payload {
		dst = append(dst, b^key[i%4])
	}
	return dst
}
