package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// lease is a key of the bucket that is gone when it is not renewed for its time: a shard's, or a node's, which tells that the node lives.
type lease struct {
	Format int    `json:"format"`
	Node   string `json:"node"`
	// Token tells this lease from any other of the node.
	Token string `json:"token"`

	key      string
	revision uint64
	deadline time.Time // until when it is ours by our own clock
}

// deadline is a lease's, for those who do not renew it. It counts on while the process is frozen.
type deadline struct{ at atomic.Pointer[time.Time] }

func (d *deadline) move(to time.Time) { d.at.Store(&to) }

func (d *deadline) ahead() bool { return time.Now().Before(*d.at.Load()) }

const shardKeys = "shard.*"

func shardKey(shard int) string  { return "shard." + strconv.Itoa(shard) }
func nodeKey(node string) string { return "node." + node }

// leases are the keys with a lifetime.
type leases struct {
	js    jetstream.JetStream
	kv    jetstream.KeyValue
	names names
	node  string
	ttl   time.Duration
}

// answered is for a lease to be taken: what NATS has stored, and the node has not heard of, no stop gives back. So a stop waits for the answer.
func answered(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), within)
}

// take makes a key ours, or is nil if somebody has it. Its context is answered's, as takeOver's.
func (l *leases) take(ctx context.Context, key string) (*lease, error) {
	asked := time.Now()
	got, value, err := l.fresh(key)
	if err != nil {
		return nil, err
	}
	revision, err := l.kv.Create(ctx, key, value, jetstream.KeyTTL(l.ttl))
	if errors.Is(err, jetstream.ErrKeyExists) || wrongLast(err) { // of a key that had ended the client returns what the server says
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lease %s: %w", key, err)
	}
	got.revision, got.deadline = revision, l.until(asked)
	return got, nil
}

// takeOver is take, also of a key that this node's process before has left: no two processes have one name at a time.
func (l *leases) takeOver(ctx context.Context, key string) (*lease, error) {
	got, err := l.take(ctx, key)
	if got != nil || err != nil {
		return got, err
	}
	asked := time.Now()
	held, revision, err := l.read(ctx, key)
	if err != nil || held == nil || held.Node != l.node {
		return nil, err
	}
	got, value, err := l.fresh(key)
	if err != nil {
		return nil, err
	}
	got.revision = revision
	ack, err := l.js.PublishMsg(ctx, l.put(got, value), l.putOptions(got)...)
	if wrongLast(err) {
		return nil, nil // somebody was quicker
	}
	if err != nil {
		return nil, fmt.Errorf("lease %s: %w", key, err)
	}
	got.revision, got.deadline = ack.Sequence, l.until(asked)
	return got, nil
}

func (l *leases) fresh(key string) (*lease, []byte, error) {
	one := &lease{Format: Format, Node: l.node, Token: rand.Text(), key: key}
	value, err := json.Marshal(one)
	return one, value, err
}

// until is the local end of a lease that was asked for at a time.
func (l *leases) until(asked time.Time) time.Time { return asked.Add(l.ttl * 9 / 10) }

// put is the renewal of a key. The client's own Update drops the lifetime.
func (l *leases) put(held *lease, value []byte) *nats.Msg {
	return &nats.Msg{Subject: l.names.kvSubject() + "." + held.key, Header: nats.Header{}, Data: value}
}

func (l *leases) putOptions(held *lease) []jetstream.PublishOpt {
	return []jetstream.PublishOpt{
		jetstream.WithExpectLastSequencePerSubject(held.revision), jetstream.WithMsgTTL(l.ttl), jetstream.WithRetryAttempts(0),
	}
}

// renew prolongs leases, all at once, and returns those that are somebody else's. One whose renewal is not known to have worked
// stays as it is.
func (l *leases) renew(ctx context.Context, held []*lease) (lost []*lease) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/3)
	defer cancel()
	asked := time.Now()
	futures := make([]jetstream.PubAckFuture, len(held))
	for i, one := range held {
		value, err := json.Marshal(one)
		if err != nil {
			continue // cannot be: strings and numbers
		}
		futures[i], err = l.js.PublishMsgAsync(l.put(one, value), l.putOptions(one)...)
		if err != nil {
			futures[i] = nil
		}
	}
	for i, one := range held {
		if futures[i] == nil {
			continue
		}
		select {
		case ack := <-futures[i].Ok():
			one.revision, one.deadline = ack.Sequence, l.until(asked)
		case err := <-futures[i].Err():
			if wrongLast(err) && !l.again(ctx, one) {
				lost = append(lost, one)
			}
		case <-ctx.Done():
		}
	}
	return lost
}

// again finds the revision of a lease whose last renewal has worked though nobody said so. It is false if the lease is lost.
func (l *leases) again(ctx context.Context, one *lease) bool {
	held, revision, err := l.read(ctx, one.key)
	if err != nil {
		return true // not known
	}
	if held == nil || held.Token != one.Token {
		return false
	}
	one.revision = revision
	return true
}

// holds asks the bucket's leader whether a lease is still in force.
func (l *leases) holds(ctx context.Context, key, token string) (bool, error) {
	held, _, err := l.read(ctx, key)
	return held != nil && held.Token == token, err
}

// read is nil for a key that nobody has.
func (l *leases) read(ctx context.Context, key string) (*lease, uint64, error) {
	entry, err := ask(ctx, func(ctx context.Context) (jetstream.KeyValueEntry, error) { return l.kv.Get(ctx, key) })
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("lease %s: %w", key, err)
	}
	held, err := readLease(entry.Value())
	if err != nil {
		return nil, 0, &SetupError{"key " + key, "it is not of this chiru's format: " + err.Error(), "run the chiru that wrote it, or a newer one"}
	}
	return held, entry.Revision(), nil
}

func readLease(value []byte) (*lease, error) {
	var held lease
	if err := json.Unmarshal(value, &held); err != nil {
		return nil, err
	}
	if held.Format != Format {
		return nil, fmt.Errorf("format %d, want %d", held.Format, Format)
	}
	return &held, nil
}

// release gives a lease up, so that the next may have it at once.
func (l *leases) release(ctx context.Context, held *lease) error {
	return l.kv.Delete(ctx, held.key, jetstream.LastRevision(held.revision))
}

func wrongLast(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == codeWrongLast || api.ErrorCode == codeWrongLastReplicas)
}
