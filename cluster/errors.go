package cluster

import (
	"errors"
	"fmt"

	"github.com/chiru-go/chiru"
)

// ErrNotRunning is what the methods of a Cluster return while it does not run.
var ErrNotRunning = errors.New("cluster: not running")

// ErrClosed is why a shard does not run that CloseShard has closed.
var ErrClosed = errors.New("cluster: the shard is closed; RestartShard starts it again")

var errRestart = errors.New("cluster: the shard is restarted")

// ShardError is a shard that Discord refuses for good, and why. One about the token, the intents or the version ends Run;
// after any other the other shards go on.
type ShardError struct {
	Shard, Of int
	Err       error  // a *chiru.CloseError, or an error around one
	Hint      string // what the cluster knows about it, or empty
}

func (e *ShardError) Error() string {
	text := fmt.Sprintf("shard %d of %d: %v", e.Shard, e.Of, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func (e *ShardError) Unwrap() error { return e.Err }

// DiscoveryError is an API that does not say where the gateway is, and that asking again would not help.
type DiscoveryError struct {
	Err  error
	Hint string // or empty
}

func (e *DiscoveryError) Error() string {
	text := "discovery: " + e.Err.Error()
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

func (e *DiscoveryError) Unwrap() error { return e.Err }

// concernsAll says whether what ended one shard would end every other.
func concernsAll(err error) bool {
	closed, ok := errors.AsType[*chiru.CloseError](err)
	if !ok {
		return false
	}
	switch closed.Code {
	case chiru.CloseAuthenticationFailed, chiru.CloseInvalidAPIVersion, chiru.CloseInvalidIntents, chiru.CloseDisallowedIntents:
		return true
	}
	return false
}
