package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// batch is one fast-ingest batch (allow_batched, nats-server 2.14): messages numbered by the client, which the server stores in that
// order and refuses from the first gap on, so that a leader change leaves no hole. The first message alone is held against
// what it expects; a batch is open until it is ended or has been idle for the server's time-out.
type batch struct {
	nc    *nats.Conn
	reply string // the subject of its answers, up to the number
	sent  uint64
}

// The server acknowledges every so many messages, or more often while many batches are open.
const ackEvery = 128

// The operations of a batch, as they stand in a reply subject:
// PREFIX.ID.ACKS.fail.NUMBER.OPERATION.$FI
const (
	opStart  = "0"
	opAppend = "1"
	opEnd    = "3" // carries no message
	fastFlow = ".$FI"
)

// noResponders is the status of an answer that says that nobody listens: the stream has no leader.
const noResponders = "503"

// batchID is that of a claim's batches: one at a time.
func batchID(shard int, epoch uint64) string { return fmt.Sprintf("%d-%d", shard, epoch) }

func newBatch(nc *nats.Conn, inbox, id string) *batch {
	return &batch{nc: nc, reply: fmt.Sprintf("%s.%s.%d.fail.", inbox, id, ackEvery)}
}

// publish numbers a message and hands it to the connection.
func (b *batch) publish(m *nats.Msg) error {
	op := opAppend
	if b.sent == 0 {
		op = opStart
	}
	m.Reply = b.subject(b.sent+1, op)
	if err := b.nc.PublishMsg(m); err != nil {
		return err
	}
	b.sent++
	return nil
}

// end asks the server to end the batch: the answer says how much it has stored.
func (b *batch) end(subject string) error {
	return b.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: b.subject(b.sent+1, opEnd)})
}

func (b *batch) subject(number uint64, op string) string {
	buf := make([]byte, 0, len(b.reply)+32)
	buf = strconv.AppendUint(append(buf, b.reply...), number, 10)
	buf = append(append(buf, '.'), op...)
	return string(append(buf, fastFlow...))
}

// answer is what the server says of a batch.
type answer struct {
	stored uint64 // messages of the batch, from the first on
	ended  bool   // no more of it will be stored
	last   uint64 // the stream's sequence of the last; with ended
	err    error
}

// errGap is an end of a batch that the server has not got whole.
var errGap = errors.New("messages were lost on the way to the stream")

func readAnswer(m *nats.Msg) (answer, error) {
	if m.Header.Get("Status") == noResponders {
		return answer{}, nats.ErrNoResponders
	}
	var a struct {
		Type  string `json:"type"`
		Seq   uint64 `json:"seq"`
		Batch string `json:"batch"`
		Count uint64 `json:"count"`
		Error *refusal
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return answer{}, fmt.Errorf("an answer of the stream cannot be read: %w", err)
	}
	switch {
	case a.Error != nil:
		return answer{err: a.Error}, nil
	case a.Type == "ack":
		return answer{stored: a.Seq}, nil
	case a.Type == "gap":
		return answer{err: errGap}, nil
	case a.Type == "" && a.Batch != "":
		return answer{stored: a.Count, ended: true, last: a.Seq}, nil
	}
	return answer{}, fmt.Errorf("an answer of the stream means nothing: %.100q", m.Data)
}

// refusal is an error of JetStream's.
type refusal struct {
	Code    int    `json:"code"`
	ErrCode int    `json:"err_code"`
	Text    string `json:"description"`
}

func (r *refusal) Error() string { return fmt.Sprintf("%s (%d)", r.Text, r.ErrCode) }

// JetStream's codes.
const (
	codeWrongLast         = 10071 // of a stream with one replica
	codeWrongLastReplicas = 10164
	codeUnknownBatch      = 10208
)

// overtaken says whether another has claimed the shard since, or the claim has left the stream.
func overtaken(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && (r.ErrCode == codeWrongLast || r.ErrCode == codeWrongLastReplicas)
}
