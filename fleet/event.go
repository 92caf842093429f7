package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
)

// position is a place in the events of a shard, and what a RESUME from it needs.
type position struct {
	session  string
	sequence int64
	resume   string // URL
}

const instant = "2006-01-02T15:04:05.000000Z"

// message is an event as the stream stores it, with h as its headers, whatever they were before. at is the position that it brings the shard to; fresh says that its number is its own,
// so that a message with the same id is the same event.
func (n names) message(h *headers, d *chiru.Dispatch, at position, fresh bool, frame string) *nats.Msg {
	partition := noPartition
	h.reset()
	if guild := guildOf(d.Type, d.Body); guild != 0 {
		partition = strconv.Itoa(PartitionOf(guild))
		h.set(HeaderGuild, strconv.FormatUint(uint64(guild), 10))
	}
	if fresh {
		h.set(nats.MsgIdHdr, at.session+":"+strconv.FormatInt(at.sequence, 10))
	}
	at.write(h, frame)
	h.set(HeaderReceived, d.Received.UTC().Format(instant))
	return &nats.Msg{Subject: n.event(d.Shard(), d.Type, partition), Header: h.Header, Data: d.Body}
}

// headers are set once each; their values lie in one array, as long as that has room.
type headers struct {
	nats.Header
	values []string
}

// headersMost is how many a message of ours has.
const headersMost = 12

func newHeaders() headers {
	return headers{make(nats.Header, headersMost), make([]string, 0, headersMost)}
}

func (h *headers) reset() {
	clear(h.Header)
	h.values = h.values[:0]
}

func (h *headers) set(key, value string) {
	h.values = append(h.values, value)
	n := len(h.values)
	h.Header[key] = h.values[n-1 : n : n]
}

func (p position) write(h *headers, frame string) {
	h.set(HeaderFormat, strconv.Itoa(Format))
	h.set(HeaderFrame, frame)
	h.set(HeaderSession, p.session)
	h.set(HeaderSequence, strconv.FormatInt(p.sequence, 10))
	h.set(HeaderResume, p.resume)
}

var (
	// errForeign is a message that no node has stored.
	errForeign = errors.New("fleet: a message that no node has stored")
	// errOtherFrame is a session that cannot be resumed as this node is set up.
	errOtherFrame = errors.New("fleet: a session of another token, gateway, shard count, intents or capabilities")
)

// readPosition takes a position out of a stored message, of no session if there was none. A session that was begun with another token, gateway, shard
// count, intents or capabilities is errOtherFrame: Discord ends the sessions of a token that is reset, and holds those of another to theirs. A message
// of another chiru's format is an error too, and one without a position errForeign.
func readPosition(h nats.Header, frame string) (position, error) {
	seq, err := strconv.ParseInt(h.Get(HeaderSequence), 10, 64)
	switch got := h.Get(HeaderFormat); {
	case got == "":
		return position{}, errForeign
	case got != strconv.Itoa(Format):
		return position{}, fmt.Errorf("fleet: the last message has format %q, want %d", got, Format)
	case err != nil || h.Get(HeaderFrame) == "":
		return position{}, errForeign
	case h.Get(HeaderSession) == "":
		return position{}, nil
	case h.Get(HeaderFrame) != frame:
		return position{}, errOtherFrame
	}
	return position{h.Get(HeaderSession), seq, h.Get(HeaderResume)}, nil
}

// readEvent is message undone.
func readEvent(subject string, h nats.Header, body []byte) (*chiru.Dispatch, error) {
	if got := h.Get(HeaderFormat); got != strconv.Itoa(Format) {
		return nil, fmt.Errorf("fleet: a message of format %q, want %d", got, Format)
	}
	parts := strings.Split(subject, ".") // chiru.NAME.ev.SHARD.TYPE.PARTITION
	if len(parts) != 6 {
		return nil, fmt.Errorf("fleet: %q is no subject of an event", subject)
	}
	shard, err := strconv.Atoi(parts[3])
	if err != nil {
		return nil, fmt.Errorf("fleet: %q is no subject of an event", subject)
	}
	sequence := chiru.NoSequence
	if h.Get(nats.MsgIdHdr) != "" {
		if sequence, err = strconv.ParseInt(h.Get(HeaderSequence), 10, 64); err != nil {
			return nil, fmt.Errorf("fleet: a message with sequence %q", h.Get(HeaderSequence))
		}
	}
	received, err := time.Parse(instant, h.Get(HeaderReceived))
	if err != nil {
		return nil, fmt.Errorf("fleet: a message received at %q", h.Get(HeaderReceived))
	}
	return chiru.NewDispatch(shard, parts[4], sequence, h.Get(HeaderSession), received, json.RawMessage(body)), nil
}
