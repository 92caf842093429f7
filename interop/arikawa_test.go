package interop

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/diamondburned/arikawa/v3/api"
	"github.com/diamondburned/arikawa/v3/gateway"
	"github.com/diamondburned/arikawa/v3/utils/ws"
)

// connectArikawa opens one Gateway a shard: a Session hides the numbers of events. Its addresses are
// package variables.
func connectArikawa(ctx context.Context, to target) (func(), error) {
	api.EndpointGateway = to.api + "/gateway"
	api.EndpointGatewayBot = to.api + "/gateway/bot"
	live, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	stop := func() {
		cancel()
		reading.Wait()
	}
	for shard := range to.shards {
		// A limiter shared by the shards lets one through every 5 s, whatever max_concurrency is.
		id := gateway.DefaultIdentifier("Bot " + token)
		id.SetShard(shard, to.shards)
		id.AddIntents(every)
		g, err := gateway.NewWithIdentifier(ctx, id)
		if err != nil {
			stop()
			return nil, fmt.Errorf("shard %d: %w", shard, err)
		}
		reading.Go(func() {
			for op := range g.Connect(live) {
				note(to.tally, shard, op)
			}
		})
	}
	return stop, nil
}

var arikawaUnfit = regexp.MustCompile(`cannot unmarshal JSON event \(op 0 type "([A-Z_]+)"\)`)

// note takes in one op. Events that arikawa does not know, or cannot read, come without a number.
func note(t *tally, shard int, op ws.Op) {
	background, bad := op.Data.(*ws.BackgroundErrorEvent)
	if !bad {
		if op.Code == 0 {
			t.saw(shard, op.Sequence, string(op.Type))
		}
		return
	}
	t.complain("%s", background)
	if unknown, ok := errors.AsType[ws.UnknownEventError](background.Err); ok && unknown.Op == 0 {
		t.unreadable(shard, string(unknown.Type))
	} else if m := arikawaUnfit.FindStringSubmatch(background.Error()); m != nil {
		t.unreadable(shard, m[1])
	}
}
