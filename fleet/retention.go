package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// alarmAt is how much of the stream's bounds a worker's oldest unread event may have used up before the node warns.
const alarmAt = 0.8

// watchRetention looks at the stream's bounds until ctx ends: it tells the writers which claims are in the older half of a stream that
// fills up, and the log which workers are about to lose events that they have not read.
func (f *fleet) watchRetention(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	warned := map[string]bool{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		asking, cancel := context.WithTimeout(ctx, askWait)
		if err := f.look(asking, warned); err != nil && ctx.Err() == nil {
			f.log.Debug("bounds of the stream not looked at", "error", err)
		}
		cancel()
	}
}

// look takes the stream as its leader has it now. warned are the consumers whose trouble the log has.
func (f *fleet) look(ctx context.Context, warned map[string]bool) error {
	s, err := f.js.Stream(ctx, f.names.stream())
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	var older uint64
	if 2*state.Bytes > uint64(f.cfg.MaxBytes) {
		older = state.FirstSeq + (state.LastSeq-state.FirstSeq)/2
	}
	f.older.Store(older)
	list := s.ListConsumers(ctx)
	for c := range list.Info() {
		if c.Config.Durable == "" {
			continue
		}
		used, err := f.used(ctx, s, state, c)
		if err != nil {
			return err
		}
		if used < alarmAt {
			delete(warned, c.Name)
		} else if !warned[c.Name] {
			warned[c.Name] = true
			f.log.Warn("unread events are about to be dropped: a worker is too slow, or gone", "consumer", c.Name,
				"unread", c.NumPending+uint64(c.NumAckPending), "bound_used", used, "max_age", f.cfg.MaxAge, "max_bytes", f.cfg.MaxBytes)
		}
	}
	return list.Err()
}

// used is which part of the stream's bounds lies between a consumer's oldest unread event and the stream's end, in bytes or in time,
// whichever is more. At 1 the event is dropped.
func (f *fleet) used(ctx context.Context, s jetstream.Stream, state jetstream.StreamState, c *jetstream.ConsumerInfo) (float64, error) {
	if c.NumPending == 0 && c.NumAckPending == 0 || state.Msgs == 0 {
		return 0, nil
	}
	unread := max(c.AckFloor.Stream+1, state.FirstSeq)
	// Not all messages are of one size; over so many it is near enough.
	behind := float64(state.LastSeq-min(unread, state.LastSeq)+1) / float64(state.LastSeq-state.FirstSeq+1)
	bytes := behind * float64(state.Bytes) / float64(f.cfg.MaxBytes)
	m, err := s.GetMsg(ctx, unread)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return bytes, nil // dropped meanwhile, or deleted by hand
	}
	if err != nil {
		return 0, err
	}
	return max(bytes, float64(time.Since(m.Time))/float64(f.cfg.MaxAge)), nil
}
