package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/chiru-go/chiru"
)

const (
	discoverTries = 5
	firstPause    = time.Second // doubled after each try
	longestPause  = time.Minute // a server that asks for more is not waited for
)

// discover asks the API where the gateway is, several times if it must.
func (p *program) discover(ctx context.Context, client *http.Client, api, token string) (chiru.Gateway, error) {
	least := firstPause
	for try := 1; ; try++ {
		gateway, err := chiru.Discover(ctx, client, api, token)
		if ctx.Err() != nil {
			return gateway, context.Cause(ctx)
		}
		if err == nil {
			return gateway, startsLeft(gateway)
		}
		pause, again := pauseAfter(err, least)
		if !again || try == discoverTries {
			return gateway, err
		}
		fmt.Fprintf(p.stderr, "chiru: %s; trying again in %v (%d of %d)\n", p.redact(oneLine(err.Error())), brief(pause), try, discoverTries-1)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return gateway, context.Cause(ctx)
		}
		least *= 2
	}
}

// pauseAfter is how long to wait after a failed try, and whether another may go better.
func pauseAfter(err error, least time.Duration) (time.Duration, bool) {
	if refused, ok := errors.AsType[*chiru.UpgradeError](err); ok {
		passing := refused.Status == http.StatusTooManyRequests || refused.Status >= 500
		return max(least, refused.RetryAfter), passing && refused.RetryAfter <= longestPause
	}
	if _, ok := errors.AsType[*chiru.ConfigError](err); ok {
		return 0, false
	}
	if _, ok := errors.AsType[*chiru.ProtocolError](err); ok {
		return 0, false
	}
	return least, true // the network
}

// startsLeft refuses to go over the session start limit: Discord then ends every session of the app and
// resets the token (docs /events/gateway#session-start-limit-object).
func startsLeft(g chiru.Gateway) error {
	if g.Total == 0 || g.Remaining > 0 {
		return nil
	}
	f := failed("no session starts are left of the %d of a day; one more would make Discord reset the token", g.Total)
	f.hint = fmt.Sprintf("there are new ones in %v", brief(g.ResetAfter))
	return f
}

// brief is a duration as people read it.
func brief(d time.Duration) time.Duration {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
