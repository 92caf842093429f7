// Package inflate turns the WebSocket messages of one connection back into the messages Discord compressed (docs /events/gateway#encoding-and-compression).
//
// A compressed connection is one stream: every message may refer to bytes of earlier ones. So an Inflater belongs to exactly one connection,
// lives as long as it, and owns its window: what only a message needs (buffers, tables) comes from pools of plain memory. It starts no goroutine.
//
// Memory of one Inflater that rests: 32 KiB for Zlib; for Zstd the window the sender chose (256 KiB observed, [MaxWindow] allowed) plus about 430 KiB
// of the library's decoder, of which a short message touches little. While messages come, a buffer for the text besides; [Inflater.Rest] gives it
// back, [Inflater.Trim] only one that is very large.
package inflate

import (
	"errors"
	"fmt"
	"math"
)

// Mode is the transport compression of a connection.
type Mode uint8

const (
	None Mode = iota // messages are not compressed
	Zlib             // compress=zlib-stream
	Zstd             // compress=zstd-stream
)

var (
	// ErrTooLarge reports a message or a zstd window above its limit.
	ErrTooLarge = errors.New("inflate: too large")
	// ErrCorrupt reports bytes that are not the stream the mode promises.
	ErrCorrupt = errors.New("inflate: corrupt stream")

	errClosed = errors.New("inflate: push after close")
)

// Inflater decompresses the messages of one connection, in order. It is not safe for concurrent use.
type Inflater struct {
	mode  Mode
	limit int
	zlib  zlibStream
	zstd  zstdStream
	err   error
}

// New returns an Inflater for one connection. It allocates nothing else before the first message.
//
// The limit is the largest message in bytes, after decompression; one below 1 lets no data through. For Zlib it also bounds the compressed bytes of a message in parts.
func New(mode Mode, limit int) *Inflater {
	// Leave room above the limit, so that no buffer size computed from it overflows.
	return &Inflater{mode: mode, limit: min(limit, math.MaxInt-maxBlock)}
}

// Push takes the next WebSocket message and returns what it decompresses to.
//
// ok is false when there is nothing to deliver yet: under Zlib until a message ends in 00 00 FF FF, and under Zlib and Zstd when the message
// held no data. A zstd-stream message must end where a block ends, as it does after every flush.
//
// out is valid until the next Push or Close; under None it is msg itself. msg is neither kept nor modified.
//
// The error is [ErrTooLarge] or [ErrCorrupt] with its cause. It is final: the Inflater frees its memory and every later Push returns the same error.
// While decompressing no more than the limit and one block of 128 KiB is produced.
func (f *Inflater) Push(msg []byte) (out []byte, ok bool, err error) {
	if f.err != nil {
		return nil, false, f.err
	}
	switch f.mode {
	case Zlib:
		out, err = f.zlib.push(msg, f.limit)
	case Zstd:
		out, err = f.zstd.push(msg, f.limit)
	default:
		if len(msg) <= f.limit {
			return msg, true, nil
		}
		err = tooLarge("message", f.limit)
	}
	if err != nil {
		f.fail(err)
		return nil, false, err
	}
	if len(out) == 0 {
		return nil, false, nil
	}
	return out, true, nil
}

// Trim gives back buffers of more than 1 MiB, which are of use to no other message. It ends the life of what Push returned last.
func (f *Inflater) Trim() {
	if cap(f.zlib.out.b) > mostBytes || cap(f.zlib.in.b) > mostBytes || cap(f.zstd.out.b) > mostBytes {
		f.Rest()
	}
}

// Rest gives back what only a message needs, for a time without any. It ends the life of what Push returned last.
func (f *Inflater) Rest() {
	f.zlib.rest()
	f.zstd.out.rest()
}

// Window is the window size in bytes that the first zstd frame of the connection asked for: 0 before it and in the other modes. It stays after an error,
// so a refused window can be logged.
func (f *Inflater) Window() int { return f.zstd.window }

// Close frees the memory. A later Push fails. Closing again does nothing.
func (f *Inflater) Close() {
	if f.err == nil {
		f.fail(errClosed)
	}
}

func (f *Inflater) fail(err error) {
	f.err = err
	f.zlib = zlibStream{}
	f.zstd.close()
}

func tooLarge(what string, limit int) error {
	return fmt.Errorf("%w: %s of more than %d bytes", ErrTooLarge, what, limit)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}
