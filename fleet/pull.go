package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

const (
	// How long a request for events is open when none come; then it is made again.
	pullLasts = 30 * time.Second
	// What a worker that stops lets in still, to give it back.
	quietFor = 50 * time.Millisecond
)

// pull hands over the events of a consumer until something fails.
func (r *reading) pull(ctx context.Context, c jetstream.Consumer) error {
	for {
		if err := r.pullOnce(ctx, c); err != nil {
			return err
		}
	}
}

func (r *reading) pullOnce(ctx context.Context, c jetstream.Consumer) error {
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), pullLasts)
	defer cancel()
	batch, err := c.Fetch(fetchMost, jetstream.FetchMaxBytes(r.fetchBytes()), jetstream.FetchContext(asking))
	if err != nil {
		return err
	}
	waiting, err := r.handAll(ctx, batch)
	if len(waiting) > 0 || err != nil {
		// Others need not wait for what this worker does not hand over any more. What is on its way here is let in first, and the server
		// is let know that nobody waits here.
		quiet := time.NewTimer(quietFor)
		defer quiet.Stop()
		for more := true; more; {
			var m jetstream.Msg
			select {
			case m, more = <-batch.Messages():
				if more {
					waiting = append(waiting, held{m: m})
				}
			case <-quiet.C:
				more = false
			}
		}
		cancel()
		for _, h := range waiting {
			r.w.forget(h.d)
			_ = h.m.NakWithDelay(quietFor)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) && asking.Err() != nil && ctx.Err() == nil {
		err = nil // the request has ended, with or without events
	}
	return err
}

// held is an event that has come and that inbound has not taken.
type held struct {
	m    jetstream.Msg
	meta *jetstream.MsgMetadata
	d    *chiru.Dispatch
	// Since then the server has waited for its acknowledgement.
	touched time.Time
}

// touch lets the server wait anew. Who has received the event may have acknowledged it already.
func (h *held) touch() error {
	h.touched = time.Now()
	if err := h.m.InProgress(); !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return err
	}
	return nil
}

// handAll hands over what one request brings; waiting is what it has not.
//
// An event that has been delivered before may be what its worker has died of. Such a one is tried by itself: it is handed over when no other
// like it is in this worker's hands, and counted then. So what a killed worker had fetched beside it is not held against those.
func (r *reading) handAll(ctx context.Context, batch jetstream.MessageBatch) (waiting []held, err error) {
	messages := batch.Messages()
	var fresh, doubtful []held
	var trying *held // the turn is its, and it is counted
	defer func() {
		if trying != nil {
			r.w.endTurn(trying.d)
			waiting = append(waiting, *trying)
		}
		waiting = append(append(waiting, doubtful...), fresh...)
	}()
	// An event that waits here is kept from going to another worker.
	touch := time.NewTicker(r.cfg.AckWait / 3)
	defer touch.Stop()
	for messages != nil || trying != nil || len(fresh)+len(doubtful) > 0 {
		var out chan<- chiru.IncomingEvent
		var next *chiru.Dispatch
		var turn chan<- struct{}
		switch {
		case trying != nil:
			out, next = r.inbound, trying.d
		case len(fresh) > 0:
			out, next = r.inbound, fresh[0].d
		}
		if trying == nil && len(doubtful) > 0 {
			turn = r.w.turn()
		}
		select {
		case m, ok := <-messages:
			if !ok {
				messages = nil
				continue
			}
			h, again, ok := r.examine(ctx, m)
			switch {
			case !ok:
				continue
			case again && r.renewed(h, trying, doubtful, fresh):
				continue
			case again:
				doubtful = append(doubtful, h)
			default:
				fresh = append(fresh, h)
			}
			if r.cfg.Explicit {
				r.w.wait(h)
			}
		case turn <- struct{}{}:
			h := doubtful[0]
			r.w.beginTurn(h.d)
			doubtful = doubtful[1:]
			if tries := r.tried(ctx, h); tries >= r.cfg.Deliveries {
				r.bury(ctx, h.m, h.meta, tries, "not acknowledged")
				r.w.forget(h.d)
				r.w.endTurn(h.d)
				continue
			}
			trying = &h
		case out <- next:
			var h held
			if trying != nil {
				h, trying = *trying, nil
				r.w.again.Add(1)
			} else {
				h, fresh = fresh[0], fresh[1:]
			}
			if err := r.handed(h); err != nil {
				return nil, err
			}
		case <-touch.C:
			r.w.expire(time.Now())
			for _, some := range [][]held{doubtful, fresh} {
				for i := range some {
					if err := some[i].touch(); err != nil {
						return nil, err
					}
				}
			}
			if trying != nil {
				if err := trying.touch(); err != nil {
					return nil, err
				}
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, batch.Error()
}

// renewed says whether a message is one that waits here already: it was touched too late. The server goes by the newer delivery from then on; to
// whoever waits for the event nothing has changed, so it is neither handed over nor counted once more.
func (r *reading) renewed(h held, trying *held, some ...[]held) bool {
	renew := func(waits *held) bool {
		if waits.meta.Sequence.Stream != h.meta.Sequence.Stream {
			return false
		}
		waits.m, waits.meta, waits.touched = h.m, h.meta, h.touched
		r.w.renew(waits.d, h.m)
		return true
	}
	if trying != nil && renew(trying) {
		return true
	}
	for _, queue := range some {
		for i := range queue {
			if renew(&queue[i]) {
				return true
			}
		}
	}
	return false
}

// handed notes that inbound has taken an event.
func (r *reading) handed(h held) error {
	r.w.handed.Add(1)
	if r.cfg.Explicit {
		if time.Since(h.touched) > r.cfg.AckWait/20 {
			if err := h.touch(); err != nil {
				return err
			}
		}
		r.w.taken(h.d, h.touched.Add(r.cfg.AckWait))
		return nil
	}
	err := h.m.Ack()
	r.w.endTurn(h.d)
	return err
}

// examine makes an event of a message, and says whether it had been delivered before; what is none becomes a dead letter.
func (r *reading) examine(ctx context.Context, m jetstream.Msg) (h held, again, ok bool) {
	meta, err := m.Metadata()
	if err != nil {
		r.cfg.Logger.Error("message without a place in the stream", "subject", m.Subject(), "error", err)
		return held{}, false, false
	}
	d, err := readEvent(m.Subject(), m.Headers(), m.Data())
	if err != nil {
		r.w.unreadable.Add(1)
		r.bury(ctx, m, meta, int(meta.NumDelivered)-1, "unreadable: "+err.Error())
		return held{}, false, false
	}
	return held{m, meta, d, time.Now()}, meta.NumDelivered > 1, true
}
