package fleet

import (
	"context"
	"time"
)

// A question is asked again after so long, then after twice that, up to askWait.
const askFirst = 500 * time.Millisecond

// ask puts a question that changes nothing until it is answered, or ctx ends. While a stream has no leader nobody says so: what was asked just
// before there is one is lost, and whoever waits for its answer waits for longer than the leader was away.
func ask[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	for wait := askFirst; ; wait = min(2*wait, askWait) {
		asking, cancel := context.WithTimeout(ctx, wait)
		answer, err := question(asking)
		late := asking.Err() != nil
		cancel()
		if err == nil || !late || ctx.Err() != nil {
			return answer, err
		}
	}
}
