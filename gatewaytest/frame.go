package gatewaytest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// WebSocket frames, RFC 6455 section 5.2, from the server's side.
const (
	frameContinuation = 0x0
	frameText         = 0x1
	frameBinary       = 0x2
	frameClose        = 0x8
	framePing         = 0x9
	framePong         = 0xA
)

// maxClientMessage bounds what is read of one client message. It is well above the 4096 bytes the
// protocol allows, so that too long a message can be answered as Discord answers it.
const maxClientMessage = 1 << 20

// frameError is a broken rule of RFC 6455, with the close code that answers it.
type frameError struct {
	code int
	text string
}

func (e *frameError) Error() string { return "websocket: " + e.text }

// frameReader reads the messages of one client.
type frameReader struct {
	r       *bufio.Reader
	partial []byte // fragments of an unfinished message
	typ     byte   // its type, 0 between messages
}

// next returns the next whole message or control frame. The payload is the caller's.
func (f *frameReader) next() (typ byte, payload []byte, err error) {
	for {
		fin, op, p, err := f.frame()
		if err != nil {
			return 0, nil, err
		}
		if op >= frameClose {
			return op, p, nil
		}
		switch {
		case op == frameContinuation && f.typ == 0:
			return 0, nil, &frameError{1002, "continuation of no message"}
		case op != frameContinuation && f.typ != 0:
			return 0, nil, &frameError{1002, "new message inside a fragmented one"}
		case op != frameContinuation:
			f.typ = op
		}
		if len(f.partial)+len(p) > maxClientMessage {
			return 0, nil, &frameError{1009, "message over 1 MiB"}
		}
		if f.partial == nil {
			f.partial = p
		} else {
			f.partial = append(f.partial, p...)
		}
		if !fin {
			continue
		}
		typ, payload = f.typ, f.partial
		f.typ, f.partial = 0, nil
		if typ == frameText && !utf8.Valid(payload) {
			return 0, nil, &frameError{1007, "text message is not UTF-8"}
		}
		return typ, payload, nil
	}
}

func (f *frameReader) frame() (fin bool, op byte, payload []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(f.r, head[:2]); err != nil {
		return false, 0, nil, err
	}
	fin, op = head[0]&0x80 != 0, head[0]&0x0F
	if head[0]&0x70 != 0 {
		return false, 0, nil, &frameError{1002, "reserved bits set, no extension was agreed"}
	}
	if op > frameBinary && op < frameClose || op > framePong {
		return false, 0, nil, &frameError{1002, fmt.Sprintf("unknown frame type %#x", op)}
	}
	if head[1]&0x80 == 0 {
		return false, 0, nil, &frameError{1002, "client frame is not masked"}
	}
	n := uint64(head[1] & 0x7F)
	if op >= frameClose && (n > 125 || !fin) {
		return false, 0, nil, &frameError{1002, "control frame too long or fragmented"}
	}
	switch n {
	case 126:
		_, err = io.ReadFull(f.r, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(f.r, head[2:10])
		n = binary.BigEndian.Uint64(head[2:])
	}
	if err != nil {
		return false, 0, nil, noEOF(err)
	}
	if n > maxClientMessage {
		return false, 0, nil, &frameError{1009, "frame over 1 MiB"}
	}
	mask := head[10:14]
	if _, err := io.ReadFull(f.r, mask); err != nil {
		return false, 0, nil, noEOF(err)
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(f.r, payload); err != nil {
		return false, 0, nil, noEOF(err)
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return fin, op, payload, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// closeCode reads the payload of a close frame: 1005 if it names no code.
func closeCode(payload []byte) (int, error) {
	switch {
	case len(payload) == 0:
		return 1005, nil
	case len(payload) == 1:
		return 0, &frameError{1002, "close frame of one byte"}
	}
	code := int(binary.BigEndian.Uint16(payload))
	if !sendableCode(code) {
		return code, &frameError{1002, fmt.Sprintf("close code %d must not be sent", code)}
	}
	if !utf8.Valid(payload[2:]) {
		return code, &frameError{1007, "close reason is not UTF-8"}
	}
	return code, nil
}

// sendableCode says whether a close frame may name the code: RFC 6455 section 7.4 reserves some.
func sendableCode(code int) bool {
	return code >= 1000 && code <= 4999 && code != 1004 && code != 1005 && code != 1006 && code != 1015
}

// appendFrame appends one unmasked, unfragmented frame to dst.
func appendFrame(dst []byte, typ byte, payload []byte) []byte {
	dst = append(dst, 0x80|typ)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n <= 0xFFFF:
		dst = append(dst, 126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, 127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return append(dst, payload...)
}

// appendClose appends a close frame. Code 0 or 1005 sends one without a code.
func appendClose(dst []byte, code int, reason string) []byte {
	if code == 0 || code == 1005 {
		return appendFrame(dst, frameClose, nil)
	}
	if len(reason) > 123 {
		reason = reason[:123]
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return appendFrame(dst, frameClose, append(payload, reason...))
}
