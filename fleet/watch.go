package fleet

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// watch passes on each change of some keys, and nil once all that was there before has been passed on.
func (l *leases) watch(ctx context.Context, log *slog.Logger, changes chan<- jetstream.KeyValueEntry, keys ...string) {
	for ctx.Err() == nil {
		watcher, err := l.kv.WatchFiltered(ctx, keys)
		if err == nil {
			pass(ctx, watcher, changes)
			_ = watcher.Stop()
		} else if ctx.Err() == nil {
			log.Warn("leases not watched", "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func pass(ctx context.Context, watcher jetstream.KeyWatcher, changes chan<- jetstream.KeyValueEntry) {
	for {
		select {
		case entry, ok := <-watcher.Updates():
			if !ok {
				return
			}
			select {
			case changes <- entry:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
