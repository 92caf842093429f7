package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
)

const (
	// What is on its way to the stream, of one shard. One larger event passes alone.
	flightMost      = 1024
	flightBytesMost = 8 << 20
	// A batch is ended when no event has come for idleAfter, or one has been unacknowledged for settleAfter: the server acknowledges only
	// every ackEvery messages, and a batch that rests would time out.
	idleAfter   = 200 * time.Millisecond
	settleAfter = time.Second
	// The end of a batch is acknowledged within answerWait, or the shard is resumed from what the stream has.
	answerWait = 5 * time.Second
	// Events that wait for the writer, beside the shard's own backlog.
	waitingMost = 128
	// Once no more wait the writer lets some gather: a message that goes alone wakes five goroutines on its way to the disk, and many that go
	// together wake them once. What comes after a pause goes at once.
	gatherFor = 2 * time.Millisecond
)

// writer is the goroutine that stores the events of one shard, under one claim. Whatever goes wrong ends it: the caller then
// claims again, and the shard is resumed from what the stream has.
type writer struct {
	nc    *nats.Conn
	names names
	shard int
	frame string
	node  string
	log   *slog.Logger
	in    chan chiru.IncomingEvent // closed once nobody sends any more
	floor *floor
	count *counts
	// The stream's bounds: claims up to older are in the older half of a stream that fills up.
	maxAge time.Duration
	older  *atomic.Uint64

	// owned by run
	epoch     uint64
	epochText string
	claimed   time.Time
	renewing  time.Time // when the claim was renewed, until that is answered
	looked    time.Time // when the claim's age was last looked at
	answers   chan *nats.Msg
	inbox     string
	batch     *batch // nil while none is open
	opened    int
	ending    time.Time // when the end of the batch was asked for; zero while it goes on
	headers   headers   // of the message that is being made: the connection copies it
	flight    []flying
	bytes     int
	at        position
	wrote     time.Time
	taken     bool // an event, since the last pause
	gathering bool // nothing is taken until gatherFor after wrote
	drained   bool // in is closed and empty
}

// flying is an event on its way.
type flying struct {
	at   position
	size int
	sent time.Time
}

// counts are what a shard's writers have done, for Status.
type counts struct {
	stored, bytes, cut, failures atomic.Int64
	boundaries                   atomic.Int64 // sessions that followed one that could not be resumed
	rejected                     atomic.Int64 // commands, by Discord
	last                         atomic.Int64 // when something was stored, Unix milliseconds
	flying                       atomic.Int64
	oldest                       atomic.Int64 // when the oldest event on its way was sent, Unix milliseconds; 0 if none is
}

// show tells what is on its way.
func (c *counts) show(flight []flying) {
	c.flying.Store(int64(len(flight)))
	if len(flight) == 0 {
		c.oldest.Store(0)
	} else {
		c.oldest.Store(flight[0].sent.UnixMilli())
	}
}

func newWriter(f *fleet, shard int, c claim) *writer {
	now := time.Now()
	return &writer{
		nc: f.nc, names: f.names, shard: shard, frame: f.frame, node: f.node, log: f.log.With("shard", shard),
		epoch: c.epoch, epochText: strconv.FormatUint(c.epoch, 10), claimed: now, looked: now, maxAge: f.cfg.MaxAge, older: &f.older,
		in: make(chan chiru.IncomingEvent, waitingMost), floor: newFloor(c.at), count: &f.counts[shard],
		answers: make(chan *nats.Msg, 2*flightMost), inbox: nats.NewInbox(), at: c.at, headers: newHeaders(),
	}
}

// run stores what comes until in is closed and all of it is stored, which is nil, or until something fails or ctx ends.
func (w *writer) run(ctx context.Context) (err error) {
	sub, err := w.nc.ChanSubscribe(w.inbox+".>", w.answers)
	if err != nil {
		return err
	}
	defer func() {
		_ = sub.Unsubscribe()
		w.count.show(nil)
		if err != nil {
			w.floor.stop(err)
		} else {
			w.floor.stop(errors.New("the writer has ended"))
		}
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var fires time.Time // zero once the timer has fired
	for {
		if w.drained && w.batch == nil && w.renewing.IsZero() {
			return nil
		}
		if w.taken && len(w.in) == 0 {
			w.taken, w.gathering = false, true
		}
		var in <-chan chiru.IncomingEvent
		if !w.drained && !w.gathering && w.ending.IsZero() && w.renewing.IsZero() && len(w.flight) < flightMost && (w.bytes < flightBytesMost || w.bytes == 0) {
			in = w.in
		}
		// An event puts due off, which the timer learns when it fires.
		if due := w.due(); fires.IsZero() || due.Before(fires) {
			timer.Reset(time.Until(due))
			fires = due
		}
		select {
		case event, ok := <-in:
			if !ok {
				w.drained = true
				err = w.end()
			} else if d, isDispatch := event.(*chiru.Dispatch); isDispatch {
				err = w.store(d)
			} else if e, isRejected := event.(*chiru.CommandRejected); isRejected {
				w.rejected(e)
			}
		case m := <-w.answers:
			err = w.answered(m)
		case <-timer.C:
			fires = time.Time{}
			err = w.tick(time.Now())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// due is when tick has something to do, unless an event or an answer comes first.
func (w *writer) due() time.Time {
	look := w.looked.Add(lookEvery)
	switch {
	case w.gathering:
		return w.wrote.Add(gatherFor)
	case !w.ending.IsZero():
		return w.ending.Add(answerWait)
	case !w.renewing.IsZero():
		return w.renewing.Add(answerWait)
	case w.batch == nil:
		return look
	}
	if rest := w.rest(); rest.Before(look) {
		return rest
	}
	return look
}

// rest is when the open batch is to be ended.
func (w *writer) rest() time.Time {
	due := w.wrote.Add(idleAfter)
	if len(w.flight) > 0 {
		if settle := w.flight[0].sent.Add(settleAfter); settle.Before(due) {
			due = settle
		}
	}
	return due
}

func (w *writer) tick(now time.Time) error {
	switch {
	case now.Before(w.due()):
		return nil
	case w.gathering:
		w.gathering = false
		return nil
	case !w.ending.IsZero() || !w.renewing.IsZero():
		return fmt.Errorf("the stream has not answered within %v", answerWait)
	case w.batch != nil && !now.Before(w.rest()):
		return w.end()
	}
	w.looked = now
	switch {
	case !w.aging(now):
		return nil
	case w.batch != nil:
		return w.end() // the claim is renewed after it
	}
	return w.renew(now)
}

// store sends one event on its way.
func (w *writer) store(d *chiru.Dispatch) error {
	at := w.at
	fresh := d.Sequence != chiru.NoSequence && (d.SessionID != at.session || d.Sequence > at.sequence)
	if d.SessionID != at.session {
		if at.session != "" {
			w.count.boundaries.Add(1)
			w.log.Error("session ended: what Discord would not replay is lost", "session", at.session, "sequence", at.sequence, "next", d.SessionID)
		}
		at = position{session: d.SessionID, sequence: chiru.NoSequence}
	}
	if d.Type == "READY" {
		ready, err := chiru.Decode[struct {
			URL string `json:"resume_gateway_url"`
		}](d)
		if err == nil {
			at.resume = ready.URL
		}
	}
	if fresh {
		at.sequence = d.Sequence
	}
	m := w.names.message(&w.headers, d, at, fresh, w.frame)
	w.headers.set(HeaderEpoch, w.epochText)
	if int64(len(m.Data))+headerRoom > w.nc.MaxPayload() {
		w.count.cut.Add(1)
		w.log.Error("event stored without its body: it is larger than the NATS server's max_payload", "type", d.Type, "bytes", len(m.Data), "max_payload", w.nc.MaxPayload())
		m.Header[HeaderCut] = []string{strconv.Itoa(len(m.Data))}
		m.Data = []byte("null")
	}
	if w.batch == nil {
		w.opened++
		w.batch = newBatch(w.nc, w.inbox+"."+strconv.Itoa(w.opened), batchID(w.shard, w.epoch))
		// The fence: nobody has claimed the shard since.
		m.Header[expectedLast] = []string{w.epochText}
		m.Header[expectedLastOf] = []string{w.names.claim(w.shard)}
	}
	if err := w.batch.publish(m); err != nil {
		return err
	}
	w.at, w.wrote, w.taken = at, time.Now(), true
	w.flight = append(w.flight, flying{at, len(m.Data), w.wrote})
	w.bytes += len(m.Data)
	w.count.show(w.flight)
	return nil
}

// end ends the batch, if one is open.
func (w *writer) end() error {
	if w.batch == nil || !w.ending.IsZero() {
		return nil
	}
	w.ending = time.Now()
	return w.batch.end(w.names.claim(w.shard))
}

func (w *writer) answered(m *nats.Msg) error {
	if m.Subject == w.inbox+claimReply {
		return w.renewed(m)
	}
	if w.batch == nil || len(m.Subject) < len(w.batch.reply) || m.Subject[:len(w.batch.reply)] != w.batch.reply {
		return nil // of a batch before, whose end is known
	}
	a, err := readAnswer(m)
	switch {
	case err != nil:
		return err
	case a.err != nil:
		return a.err
	case a.stored > w.batch.sent:
		return fmt.Errorf("the stream has stored %d events of %d", a.stored, w.batch.sent)
	case a.ended && (w.ending.IsZero() || a.stored != w.batch.sent):
		return fmt.Errorf("the stream has ended the batch after %d events of %d", a.stored, w.batch.sent)
	}
	w.settle(int(a.stored) - (int(w.batch.sent) - len(w.flight)))
	if a.ended {
		w.batch, w.ending = nil, time.Time{}
		if now := time.Now(); !w.drained && w.aging(now) {
			return w.renew(now)
		}
	}
	return nil
}

// settle notes that the oldest n events on their way are stored.
func (w *writer) settle(n int) {
	if n <= 0 {
		return
	}
	for _, f := range w.flight[:n] {
		w.bytes -= f.size
		w.count.bytes.Add(int64(f.size))
	}
	at := w.flight[n-1].at
	w.flight = append(w.flight[:0], w.flight[n:]...)
	w.count.stored.Add(int64(n))
	w.count.last.Store(time.Now().UnixMilli())
	w.count.show(w.flight)
	w.floor.move(at)
}
