package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// claim is the right to store a shard's events, and where they go on. It is a message in the stream, and its epoch is that
// message's sequence: a batch is begun only while the newest claim of its shard is the one it was begun under, so a node that was
// frozen, and wakes, stores nothing.
type claim struct {
	epoch uint64
	at    position // of no session if there is none to resume
}

// claimShard takes over a shard that this node has the lease of. After it nobody else can store events of the shard, and at is the
// last that is stored. still says whether the lease is still this node's.
func (f *fleet) claimShard(ctx context.Context, shard int, still func(context.Context) (bool, error)) (claim, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	var before uint64
	newest, err := f.lastOf(ctx, f.names.claim(shard))
	if err != nil {
		return claim{}, err
	}
	if newest != nil {
		before = newest.Sequence
	}
	known, _, err := f.ownLastOf(ctx, f.names.claim(shard))
	if err != nil && !errors.Is(err, errOtherFrame) {
		return claim{}, err
	}
	at, err := f.positionOf(ctx, shard, known)
	if err != nil && !errors.Is(err, errOtherFrame) {
		return claim{}, err
	}
	if mine, err := still(ctx); err != nil || !mine {
		return claim{}, orLost(err)
	}
	m := &nats.Msg{Subject: f.names.claim(shard), Header: nats.Header{}, Data: []byte(f.node)}
	at.write(&headers{Header: m.Header}, f.frame)
	// One that is not answered may be made all the same; the next try reads which is the newest.
	claiming, done := context.WithTimeout(ctx, askWait)
	ack, err := f.js.PublishMsg(claiming, m, jetstream.WithExpectLastSequencePerSubject(before), jetstream.WithRetryAttempts(0))
	done()
	if err != nil {
		return claim{}, fmt.Errorf("claim: %w", err)
	}
	// The batch of the claim before may be open still: what it is sent is not held against the newest claim.
	if known != nil {
		if err := f.endBatch(ctx, shard, known.Sequence); err != nil {
			return claim{}, fmt.Errorf("claim: end the batch before: %w", err)
		}
	}
	// A node that was frozen above may have claimed what is another's by now. It has stored nothing, and the other claims again.
	if mine, err := still(ctx); err != nil || !mine {
		return claim{}, orLost(err)
	}
	at, err = f.positionOf(ctx, shard, known)
	if errors.Is(err, errOtherFrame) {
		// Once: the claim above says that there is no session.
		f.counts[shard].boundaries.Add(1)
		f.log.Error("session left: what Discord would not replay is lost", "shard", shard, "reason", err)
		err = nil
	}
	return claim{ack.Sequence, at}, err
}

const (
	claimWait = 10 * time.Second
	endAgain  = 500 * time.Millisecond
	// The headers of a first message, and room for those of any.
	expectedLast   = "Nats-Expected-Last-Subject-Sequence"
	expectedLastOf = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerRoom     = 4096
	// HeaderCut is the size of a body that was too large for the NATS server, and is left out.
	HeaderCut = "Chiru-Cut"
)

func orLost(err error) error {
	if err == nil {
		return errLost
	}
	return err
}

// positionOf is where a shard's events go on: after the last one stored, or where the last claim was made if all have left the stream.
func (f *fleet) positionOf(ctx context.Context, shard int, known *jetstream.RawStreamMsg) (position, error) {
	last, at, err := f.ownLastOf(ctx, f.names.events(shard))
	switch {
	case last == nil && err != nil:
		return position{}, err
	case known != nil && (last == nil || known.Sequence > last.Sequence):
		return readPosition(known.Header, f.frame)
	}
	return at, err
}

// ownLastOf is the newest message of a subject that a node has stored, and its position. Whoever may publish to the stream may have stored others behind
// it: they are passed over, and the log says so.
func (f *fleet) ownLastOf(ctx context.Context, subject string) (*jetstream.RawStreamMsg, position, error) {
	m, err := f.lastOf(ctx, subject)
	for passed := 0; err == nil && m != nil; passed++ {
		at, unread := readPosition(m.Header, f.frame)
		if !errors.Is(unread, errForeign) {
			return m, at, unread
		}
		if passed == 0 {
			f.log.Error("message passed over: no node has stored it. See who may publish to the stream", "subject", m.Subject, "stream_sequence", m.Sequence)
		}
		m, err = f.lastBefore(ctx, subject, m.Sequence)
	}
	return nil, position{}, err
}

// lastBefore is the newest message of a subject before a sequence of the stream. JetStream finds only the next one from a sequence on: so it is looked
// for ever further back, and then by halves.
func (f *fleet) lastBefore(ctx context.Context, subject string, sequence uint64) (found *jetstream.RawStreamMsg, err error) {
	from, to := uint64(1), sequence
	for step := uint64(1); found == nil; step *= 2 {
		if step >= sequence {
			step = sequence - 1
		}
		m, err := f.stream.GetMsg(ctx, sequence-step, jetstream.WithGetMsgSubject(subject))
		if err != nil {
			return nil, fmt.Errorf("read %s before %d: %w", subject, sequence, err)
		}
		if m.Sequence < sequence {
			found = m
		} else if sequence-step <= from {
			return nil, nil
		} else {
			to = sequence - step
		}
	}
	for from = found.Sequence + 1; from < to; {
		middle := from + (to-from)/2
		m, err := f.stream.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(subject))
		if err != nil {
			return nil, fmt.Errorf("read %s before %d: %w", subject, sequence, err)
		}
		if m.Sequence < sequence {
			found, from = m, m.Sequence+1
		} else {
			to = middle
		}
	}
	return found, nil
}

// lastOf is the newest message of a subject, by the stream's leader: a replica may lag behind. Nil if there is none.
func (f *fleet) lastOf(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	m, err := ask(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return f.stream.GetLastMsgForSubject(ctx, subject)
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the last of %s: %w", subject, err)
	}
	return m, nil
}

// endBatch makes the server refuse whatever else comes for the batch of an old claim, by a message that leaves a gap in it. It returns once
// all that the server has taken of it is stored.
func (f *fleet) endBatch(ctx context.Context, shard int, epoch uint64) error {
	inbox := nats.NewInbox()
	sub, err := f.nc.SubscribeSync(inbox + ".>")
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	b := newBatch(f.nc, inbox, batchID(shard, epoch))
	b.sent = farBehind
	for {
		if err := b.end(f.names.claim(shard)); err != nil {
			return err
		}
		// The last answer may go to who began the batch; asked again, the server knows no such batch.
		m, err := sub.NextMsg(endAgain)
		if errors.Is(err, nats.ErrTimeout) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return err
		}
		a, err := readAnswer(m)
		if err != nil {
			return err
		}
		if refused, ok := errors.AsType[*refusal](a.err); ok && refused.ErrCode == codeUnknownBatch || a.ended {
			return nil
		}
		if a.err != nil && !errors.Is(a.err, errGap) {
			return a.err
		}
	}
}

// farBehind is more messages than a batch has.
const farBehind = 1 << 62
