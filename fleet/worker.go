package fleet

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// ErrNotDelivered is what Ack returns for an event that waits for no acknowledgement here, or no more: after AckWait it goes to another worker.
var ErrNotDelivered = errors.New("fleet: the event waits for no acknowledgement here")

// Worker reads a fleet's events. The zero value is ready; Ack and Stats work from any goroutine.
type Worker struct {
	mu      sync.Mutex
	waiting map[*chiru.Dispatch]unacknowledged
	latest  map[uint64]*chiru.Dispatch // of those, by sequence of the stream
	turns   chan struct{}              // full while an event has the turn
	trying  *chiru.Dispatch            // that one

	handed, again, dead, unreadable atomic.Int64
}

// WorkerStats counts what a Worker has done.
type WorkerStats struct {
	Handed     int64 // events that inbound has taken
	Again      int64 // of those, such as had been delivered before, to this worker or another
	Dead       int64 // dead letters, unreadable messages included
	Unreadable int64 // messages that are no events of this format
}

// Stats may be taken at any time.
func (w *Worker) Stats() WorkerStats {
	return WorkerStats{w.handed.Load(), w.again.Load(), w.dead.Load(), w.unreadable.Load()}
}

type unacknowledged struct {
	m        jetstream.Msg
	sequence uint64
	until    time.Time // then it goes to another worker; zero while inbound has not taken it
}

// Ack acknowledges an event that Run has handed over, with SubscribeConfig.Explicit. It does not wait for the server: an acknowledgement that
// is lost on the way lets the event come again.
func (w *Worker) Ack(d *chiru.Dispatch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ok := w.waiting[d]
	if !ok || !u.until.IsZero() && time.Now().After(u.until) {
		return ErrNotDelivered
	}
	if err := u.m.Ack(); err != nil {
		return err // it may be tried again
	}
	w.drop(d)
	return nil
}

// drop needs mu.
func (w *Worker) drop(d *chiru.Dispatch) {
	if u, ok := w.waiting[d]; ok {
		delete(w.waiting, d)
		if w.latest[u.sequence] == d {
			delete(w.latest, u.sequence)
		}
	}
	w.leave(d)
}

// leave needs mu. Only the event that has the turn ends it.
func (w *Worker) leave(d *chiru.Dispatch) {
	if w.trying != nil && w.trying == d {
		w.trying = nil
		<-w.turns
	}
}

// turn is where a turn is taken, which is then an event's: it is tried by itself, until it is acknowledged, or has gone to another worker.
func (w *Worker) turn() chan<- struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.turns == nil {
		w.turns = make(chan struct{}, 1)
	}
	return w.turns
}

func (w *Worker) beginTurn(d *chiru.Dispatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trying = d
}

func (w *Worker) endTurn(d *chiru.Dispatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leave(d)
}

// wait notes an event before inbound takes it: who receives it may acknowledge it at once. If it had come here before, that time is over.
func (w *Worker) wait(h held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting, w.latest = map[*chiru.Dispatch]unacknowledged{}, map[uint64]*chiru.Dispatch{}
	}
	sequence := h.meta.Sequence.Stream
	if before := w.latest[sequence]; before != nil {
		w.drop(before)
	}
	w.waiting[h.d], w.latest[sequence] = unacknowledged{m: h.m, sequence: sequence}, h.d
}

// renew has an event that waits be acknowledged by its newest delivery.
func (w *Worker) renew(d *chiru.Dispatch, m jetstream.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u, ok := w.waiting[d]; ok {
		u.m = m
		w.waiting[d] = u
	}
}

// taken notes that inbound has taken an event.
func (w *Worker) taken(d *chiru.Dispatch, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u, ok := w.waiting[d]; ok {
		u.until = until
		w.waiting[d] = u
	}
}

func (w *Worker) forget(d *chiru.Dispatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(d)
}

// expire forgets the events that have gone to other workers by now.
func (w *Worker) expire(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for d, u := range w.waiting {
		if !u.until.IsZero() && now.After(u.until) {
			w.drop(d)
		}
	}
}
