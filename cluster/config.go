package cluster

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/chiru-go/chiru"
)

// Config is a cluster's. Every field but Shard.Token may be left at its zero value. Run copies it.
type Config struct {
	// Shard is what all shards have in common. ShardID, ShardCount and Stats must be unset: each shard gets its own. URL
	// defaults to the one that the API names. A Store lets the next process resume all shards. A Gate, if set, is asked
	// after the cluster's own: one that asks the same place in each process keeps Discord's pauses among several.
	Shard chiru.Config
	// API is the HTTP API that is asked for the gateway, the shard count and the identifies left; default chiru.DefaultAPI.
	API string
	// Shards is how many shards the bot has, in all processes; default what the API recommends, which is right for large
	// bots too. An explicit number of a large bot must be a multiple of the one that Discord assigned (docs
	// /events/gateway#sharding-for-large-bots).
	Shards int
	// Only are the ids of the shards that this process runs; default all. Processes that share a bot must be given the
	// same Shards, and either a Gate or ids that share no remainder by max_concurrency.
	Only []int
	// Parked lets all shards begin closed: RestartShard starts one.
	Parked bool
	// Paced says that Shard.Gate keeps Discord's pauses and counts the day's identifies by itself: the cluster's own gate then has the breaker
	// alone, and Budget and Floor are not used. For a gate of several processes, in which a shard has one place.
	Paced bool
	// Inbound, if set, says where the events of a shard go, instead of Run's inbound, which is then not used.
	Inbound func(shard int) chan<- chiru.IncomingEvent `json:"-"`
	// Budget keeps the count of the day's identifies between processes; default none, and the API's count alone counts.
	Budget BudgetStore
	// Floor is how many identifies of the day are never spent, but for one or two that another process may take at the same
	// time: running out makes Discord end every session and reset the token (docs
	// /events/gateway#session-start-limit-object). Default a twentieth of the day's; below 0 for none.
	Floor int
	// BacklogBytes bounds what waits for inbound, of all shards together; default 256 MiB. Each has an equal part of it, or
	// Shard.BacklogBytes if that is less, so that a busy shard takes nothing from the others. An event larger than the part
	// passes alone.
	BacklogBytes int
}

const (
	defaultBacklogBytes      = 256 << 20
	defaultShardBacklogBytes = 4 << 20 // chiru's own
	shardsMost               = 1 << 20
)

// settled is a copy with the defaults filled in, or the first thing wrong with it.
func (c Config) settled() (Config, error) {
	bad := func(field, format string, args ...any) (Config, error) {
		return c, &chiru.ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case strings.TrimPrefix(c.Shard.Token, "Bot ") == "":
		return bad("Token", "is empty; a bot's token is on its page in the developer portal")
	case c.Shard.ShardID != 0 || c.Shard.ShardCount != 0:
		return bad("Shard.ShardID", "and Shard.ShardCount must be unset; use Shards and Only")
	case c.Shard.Stats != nil:
		return bad("Shard.Stats", "must be unset: each shard has its own; see Cluster.Status")
	case c.Shards < 0 || c.Shards > shardsMost:
		return bad("Shards", "is %d", c.Shards)
	case c.Paced && (c.Shard.Gate == nil || c.Budget != nil || c.Floor != 0):
		return bad("Paced", "needs a Shard.Gate, and neither Budget nor Floor: the gate counts")
	case c.BacklogBytes < 0:
		return bad("BacklogBytes", "is %d", c.BacklogBytes)
	}
	seen := map[int]bool{}
	for _, id := range c.Only {
		switch {
		case id < 0 || c.Shards > 0 && id >= c.Shards:
			return bad("Only", "names shard %d; with Shards %d the last is %d", id, c.Shards, c.Shards-1)
		case seen[id]:
			return bad("Only", "names shard %d twice", id)
		}
		seen[id] = true
	}
	if c.BacklogBytes == 0 {
		c.BacklogBytes = defaultBacklogBytes
	}
	if c.Shard.BacklogBytes == 0 {
		c.Shard.BacklogBytes = defaultShardBacklogBytes
	}
	if c.Shard.Logger == nil {
		c.Shard.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
