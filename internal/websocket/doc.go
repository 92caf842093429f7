// Package websocket is the client's half of RFC 6455, as far as a gateway needs it: no extensions, no fragments sent.
//
// It reads into one buffer per connection, as much as the socket has, and a message is a view of that buffer: nothing is
// copied unless a message came in fragments. A connection that rests holds 4 KiB.
package websocket

import "fmt"

// Kind is what Read has read.
type Kind uint8

// What a connection can bring. A pong is not told.
const (
	Text   Kind = 1
	Binary Kind = 2
	Ping   Kind = 9 // the caller answers with Pong
)

// The other opcodes: RFC 6455, 5.2.
const (
	continuation = 0
	closing      = 8
	pong         = 10
)

const controlMost = 125 // bytes of a control frame: RFC 6455, 5.5

// CloseError is the end of a connection by a close frame of the other side.
type CloseError struct {
	Code   int // 1005 if the frame had none
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("closed with %d %q", e.Code, e.Reason)
}

// noStatus stands for a close frame without a code: RFC 6455, 7.1.5.
const noStatus = 1005
