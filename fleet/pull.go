package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// How long a request for events is open when none come; then it is made again.
const pullLasts = 30 * time.Second

// pull hands over the events of a consumer until something fails.
func (r *reading) pull(ctx context.Context, c jetstream.Consumer) error {
	// Whatever a worker has fetched when it is killed counts as delivered. It begins with one, and goes back to one where an event comes
	// again: so the events beside one that kills its workers do not become dead letters with it.
	size := 1
	for {
		again, err := r.pullOnce(ctx, c, size)
		if err != nil {
			return err
		}
		if size = min(2*size, fetchMost); again {
			size = 1
		}
	}
}

func (r *reading) pullOnce(ctx context.Context, c jetstream.Consumer, size int) (again bool, err error) {
	// The server takes a request back whose subscription has gone: else it would send events to a worker that has stopped.
	asking, cancel := context.WithTimeout(ctx, pullLasts)
	defer cancel()
	batch, err := c.Fetch(size, jetstream.FetchMaxBytes(r.fetchBytes()), jetstream.FetchContext(asking))
	if err != nil {
		return false, err
	}
	again, err = r.handAll(ctx, batch)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return again, err
}

// held is an event that has come and that inbound has not taken.
type held struct {
	m     jetstream.Msg
	d     *chiru.Dispatch
	again bool // it had been delivered before
}

// handAll hands over what one request brings, and says whether an event of it had been delivered before.
func (r *reading) handAll(ctx context.Context, batch jetstream.MessageBatch) (again bool, err error) {
	var waiting []held
	messages := batch.Messages()
	defer func() {
		// Others need not wait for what this worker does not hand over any more.
		for _, h := range waiting {
			r.w.forget(h.d)
			_ = h.m.Nak()
		}
		for messages != nil {
			select {
			case m, ok := <-messages:
				if !ok {
					return
				}
				_ = m.Nak()
			default:
				return
			}
		}
	}()
	// An event that waits here is kept from going to another worker.
	touch := time.NewTicker(r.cfg.AckWait / 3)
	defer touch.Stop()
	for messages != nil || len(waiting) > 0 {
		var out chan<- chiru.IncomingEvent
		var next *chiru.Dispatch
		if len(waiting) > 0 {
			out, next = r.inbound, waiting[0].d
		}
		select {
		case m, ok := <-messages:
			if !ok {
				messages = nil
				continue
			}
			h, ok := r.examine(ctx, m)
			if !ok {
				again = true
				continue
			}
			again = again || h.again
			if r.cfg.Explicit {
				r.w.wait(h.d, m)
			}
			waiting = append(waiting, h)
		case out <- next:
			h := waiting[0]
			waiting = waiting[1:]
			if err := r.handed(h); err != nil {
				return again, err
			}
		case <-touch.C:
			r.w.expire(r.cfg.AckWait)
			for _, h := range waiting {
				if err := h.m.InProgress(); err != nil {
					return again, err
				}
			}
		case <-ctx.Done():
			return again, context.Cause(ctx)
		}
	}
	return again, batch.Error()
}

// handed notes that inbound has taken an event.
func (r *reading) handed(h held) error {
	r.w.handed.Add(1)
	if h.again {
		r.w.again.Add(1)
	}
	if !r.cfg.Explicit {
		return h.m.Ack()
	}
	r.w.taken(h.d)
	return nil
}

// examine tells events from what becomes a dead letter.
func (r *reading) examine(ctx context.Context, m jetstream.Msg) (held, bool) {
	meta, err := m.Metadata()
	if err != nil {
		r.cfg.Logger.Error("message without a place in the stream", "subject", m.Subject(), "error", err)
		return held{}, false
	}
	d, err := readEvent(m.Subject(), m.Headers(), m.Data())
	switch {
	case err != nil:
		r.w.unreadable.Add(1)
		r.bury(ctx, m, meta, "unreadable: "+err.Error())
		return held{}, false
	case meta.NumDelivered > uint64(r.cfg.Deliveries):
		r.bury(ctx, m, meta, "not acknowledged")
		return held{}, false
	}
	return held{m, d, meta.NumDelivered > 1}, true
}
