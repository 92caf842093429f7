package fleet

import (
	"context"
	"sync"
)

// floor is up to where the stream has stored a shard's events. The writer moves it; whoever has to know that an event is stored waits.
type floor struct {
	mu      sync.Mutex
	at      position
	err     error // why it will not move any more
	changed chan struct{}
}

func newFloor(at position) *floor { return &floor{at: at, changed: make(chan struct{})} }

func (f *floor) move(to position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = to
	close(f.changed)
	f.changed = make(chan struct{})
}

// stop ends all waits.
func (f *floor) stop(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

func (f *floor) position() position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

// await returns once everything up to a session's sequence is stored.
func (f *floor) await(ctx context.Context, session string, sequence int64) error {
	for {
		f.mu.Lock()
		at, err, changed := f.at, f.err, f.changed
		f.mu.Unlock()
		if at.session == session && at.sequence >= sequence {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
