package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/chiru-go/chiru"
)

const (
	askFirst = time.Second // doubled after each failure
	askMost  = time.Minute
	// The longest that a Retry-After is heeded.
	retryAfterMost = 10 * time.Minute
)

// Discover asks the API where the gateway is and how many shards the bot has, until it answers or ctx ends, as Run does
// before it starts.
func Discover(ctx context.Context, cfg Config) (chiru.Gateway, error) {
	cfg, err := cfg.settled()
	if err != nil {
		return chiru.Gateway{}, err
	}
	r := newRun(ctx, cfg, nil)
	defer r.stop(nil)
	return r.discover(r.ctx)
}

// discover asks the API until it answers, or until asking again cannot help.
func (r *run) discover(ctx context.Context) (chiru.Gateway, error) {
	least := askFirst
	for {
		found, err := chiru.Discover(ctx, r.cfg.Shard.HTTPClient, r.cfg.API, r.cfg.Shard.Token)
		if ctx.Err() != nil {
			return found, context.Cause(ctx)
		}
		if err == nil {
			return found, nil
		}
		if final := lasting(err); final != nil {
			return found, final
		}
		wait := max(least, retryAfter(err))
		r.log.Warn("gateway not found", "error", err, "wait", wait)
		r.showDiscovery(err, time.Now().Add(wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return found, context.Cause(ctx)
		}
		least = min(2*least, askMost)
	}
}

// lasting is what Run returns for a failure that asking again cannot help, nil for any other. A 401 in particular is not
// repeated: Discord bans addresses for many (docs /topics/rate-limits#invalid-request-limit-aka-cloudflare-bans).
func lasting(err error) error {
	if refused, ok := errors.AsType[*chiru.UpgradeError](err); ok {
		switch {
		case refused.Status == http.StatusUnauthorized:
			return &DiscoveryError{err, "the token is wrong; copy it anew from the app's Bot page"}
		case refused.Status == http.StatusTooManyRequests || refused.Status >= 500:
			return nil
		}
		return &DiscoveryError{err, fmt.Sprintf("API is the root of an HTTP API, as in %s", chiru.DefaultAPI)}
	}
	if _, ok := errors.AsType[*chiru.ConfigError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*chiru.ProtocolError](err); ok {
		return &DiscoveryError{err, fmt.Sprintf("API is the root of an HTTP API, as in %s", chiru.DefaultAPI)}
	}
	return nil // the network
}

// retryAfter is what a refusal asked for, within reason.
func retryAfter(err error) time.Duration {
	if refused, ok := errors.AsType[*chiru.UpgradeError](err); ok {
		return min(refused.RetryAfter, retryAfterMost)
	}
	return 0
}
