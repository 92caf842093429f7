package websocket

import (
	"crypto/rand"
	"encoding/binary"
	"io"
)

// Conn is an open connection. One goroutine may read, and one write; any may close.
type Conn struct {
	// Waits, if it is set, is called before each read of the socket, which may have to wait.
	Waits func()

	socket io.ReadWriteCloser
	most   int // bytes of a message

	sip, buf    []byte
	gulp        *[]byte // the pool's buffer, if buf is that
	start, fill int     // in buf: the message, as far as it has come
	from, to    int     // in buf: what is not parsed yet
	kind        Kind    // of the message; 0 if none has begun
	busy        bool
	err         error
}

func newConn(socket io.ReadWriteCloser, most int) *Conn {
	sip := make([]byte, sipSize)
	return &Conn{socket: socket, most: most, sip: sip, buf: sip}
}

// Write sends a text message. It has no deadline but the socket's.
func (c *Conn) Write(text []byte) error { return c.write(byte(Text), text) }

// Pong answers a ping.
func (c *Conn) Pong(payload []byte) error { return c.write(pong, payload) }

// WriteClose sends a close frame, after which nothing may be sent.
func (c *Conn) WriteClose(code int) error {
	return c.write(closing, binary.BigEndian.AppendUint16(nil, uint16(code)))
}

func (c *Conn) write(op byte, payload []byte) error {
	var key [4]byte
	rand.Read(key[:])
	frame := make([]byte, 0, headerMost+len(key)+len(payload))
	_, err := c.socket.Write(appendFrame(frame, op, payload, key))
	return err
}

// Close ends the connection without a close frame.
func (c *Conn) Close() error { return c.socket.Close() }
