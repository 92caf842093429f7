package fleet

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
)

// Config is a node's. Every field but Conn and Shard.Token may be left at its zero value. Run copies it.
type Config struct {
	// Conn leads to the NATS servers; Connect makes one. Run does not close it. It must not keep what it cannot send
	// (nats.ReconnectBufSize(-1)): the stream would get it late.
	Conn *nats.Conn
	// Name tells fleets on one NATS apart, one for each bot; default "bot".
	Name string
	// Node is this process among the others; default the host's name and a random part. One that has a name of a process before takes over
	// what that one had without waiting, so no two may have one at a time.
	Node string

	// Shard is what all shards have in common, as in cluster.Config. Store, Filter and Observe must be unset: the stream is the store, and
	// Subscribe filters.
	Shard chiru.Config
	// API is the HTTP API that is asked for the gateway; default chiru.DefaultAPI.
	API string
	// Shards is how many the bot has; default what the API recommends when the fleet first starts. Nodes must agree.
	Shards int

	// LeaseTTL is after how long a node that is gone is replaced, in whole seconds; default 5 s, at least 2 s.
	LeaseTTL time.Duration
	// MaxAge and MaxBytes bound the stream: the oldest events are dropped, read or not. Default 24 h and 8 GiB.
	MaxAge   time.Duration
	MaxBytes int64
	// Replicas of the stream and of the leases; default 1. A cluster of three or more servers should have 3.
	Replicas int

	// Logger gets what goes wrong; default none. The token is in no record.
	Logger *slog.Logger
}

const (
	defaultName     = "bot"
	defaultLeaseTTL = 5 * time.Second
	leastLeaseTTL   = 2 * time.Second
	defaultMaxAge   = 24 * time.Hour
	leastMaxAge     = duplicatesWindow
	defaultMaxBytes = 8 << 30
	leastMaxBytes   = 16 << 20
)

// settled is a copy with the defaults filled in, or the first thing wrong with it.
func (c Config) settled() (Config, error) {
	bad := func(field, format string, args ...any) (Config, error) {
		return c, &chiru.ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Node == "" {
		host, _ := os.Hostname() // some part of it is random anyhow
		c.Node = token(host) + "-" + strings.ToLower(rand.Text()[:8])
	}
	c.LeaseTTL = or(c.LeaseTTL, defaultLeaseTTL)
	c.MaxAge = or(c.MaxAge, defaultMaxAge)
	c.MaxBytes = or(c.MaxBytes, defaultMaxBytes)
	c.Replicas = or(c.Replicas, 1)
	switch {
	case c.Conn == nil:
		return bad("Conn", "is nil; Connect makes one")
	case checkName(c.Name) != nil:
		return bad("Name", "%v", checkName(c.Name))
	case len(c.Node) > 128 || c.Node != token(c.Node):
		return bad("Node", "is %q; it must be of up to 128 characters that a NATS subject can have", c.Node)
	case c.Shard.Store != nil:
		return bad("Shard.Store", "must be unset: the stream is the store")
	case c.Shard.Filter != nil || c.Shard.Observe != nil:
		return bad("Shard.Filter", "and Shard.Observe must be unset: Subscribe filters")
	case c.LeaseTTL < leastLeaseTTL || c.LeaseTTL%time.Second != 0:
		return bad("LeaseTTL", "is %v; it must be of whole seconds, %v or more", c.LeaseTTL, leastLeaseTTL)
	case c.MaxAge < leastMaxAge:
		return bad("MaxAge", "is %v; it must be %v or more", c.MaxAge, leastMaxAge)
	case c.MaxBytes < leastMaxBytes:
		return bad("MaxBytes", "is %d; it must be %d or more", c.MaxBytes, leastMaxBytes)
	case c.Replicas < 1 || c.Replicas > 5:
		return bad("Replicas", "is %d; it must be 1 to 5", c.Replicas)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Shard.Logger == nil {
		c.Shard.Logger = c.Logger
	}
	return c, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// frameOf is a hash of what a session must agree with besides its shard. The token's part in it is a hash itself.
func frameOf(c chiru.Config) (string, error) {
	s, err := c.Session("", 0, "")
	if err != nil {
		return "", err
	}
	s.ShardID = 0
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}
