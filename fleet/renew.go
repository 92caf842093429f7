package fleet

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// How often a writer looks whether its claim is near the old end of the stream, and a node at the stream's bounds.
	lookEvery = 5 * time.Second
	// The last part of the subject at which a writer gets the answer to a renewed claim.
	claimReply = ".claim"
)

// aging says that the claim may leave the stream before long, by age or because the stream is full. A shard without events would then
// have nothing to be resumed from.
func (w *writer) aging(now time.Time) bool {
	return now.Sub(w.claimed) > w.maxAge/2 || w.epoch <= w.older.Load()
}

// renew claims the shard again for its owner, where the stream has all its events: between two batches. The claim carries the position,
// so that it is the checkpoint of a quiet shard, and is refused if another has claimed the shard since.
func (w *writer) renew(now time.Time) error {
	m := &nats.Msg{Subject: w.names.claim(w.shard), Reply: w.inbox + claimReply, Header: make(nats.Header, 8), Data: []byte(w.node)}
	w.at.write(&headers{Header: m.Header}, w.frame)
	m.Header[expectedLast] = []string{w.epochText}
	w.renewing = now
	return w.nc.PublishMsg(m)
}

func (w *writer) renewed(m *nats.Msg) error {
	if m.Header.Get("Status") == noResponders {
		return nats.ErrNoResponders
	}
	var a struct {
		Seq   uint64 `json:"seq"`
		Error *refusal
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return fmt.Errorf("the answer to a claim cannot be read: %w", err)
	}
	if a.Error != nil {
		return fmt.Errorf("claim not renewed: %w", a.Error)
	}
	if a.Seq <= w.epoch {
		return fmt.Errorf("claim renewed at %d, after %d", a.Seq, w.epoch)
	}
	w.epoch, w.epochText = a.Seq, strconv.FormatUint(a.Seq, 10)
	w.claimed, w.renewing = w.renewing, time.Time{}
	return nil
}
