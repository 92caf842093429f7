package fleet

import (
	"context"
	"errors"
	"sync"

	"github.com/chiru-go/chiru"
)

// checkpoints is the session store of all shards: the stream itself. A session is loaded as the stream's last message has it, and
// counts as saved once all that lies before it is stored, so that heartbeats acknowledge to Discord only what the stream has.
type checkpoints struct {
	cfg chiru.Config

	mu   sync.Mutex
	from map[int]source // by shard
}

// source is where a shard goes on from, up to where it is stored, where its events go, and until when it is this node's.
type source struct {
	at    position
	floor *floor
	in    chan<- chiru.IncomingEvent
	until *deadline
}

var errNotOwned = errors.New("fleet: the shard is not this node's")

func (c *checkpoints) set(shard int, s source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from[shard] = s
}

func (c *checkpoints) of(shard int) (source, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.from[shard]
	return s, ok
}

// inbound is cluster.Config.Inbound. A shard that is started has been claimed before.
func (c *checkpoints) inbound(shard int) chan<- chiru.IncomingEvent {
	s, _ := c.of(shard)
	return s.in
}

// Load implements chiru.SessionStore.
func (c *checkpoints) Load(_ context.Context, key chiru.SessionKey) (chiru.Session, error) {
	s, ok := c.of(key.ShardID)
	if !ok {
		return chiru.Session{}, errNotOwned
	}
	if s.at.session == "" {
		return chiru.Session{}, nil
	}
	cfg := c.cfg
	cfg.ShardID, cfg.ShardCount = key.ShardID, key.ShardCount
	return cfg.Session(s.at.session, s.at.sequence, s.at.resume)
}

// resumes says whether a shard has a session that Discord may go on with.
func (c *checkpoints) resumes(shard, of int) bool {
	cfg := c.cfg
	cfg.ShardID, cfg.ShardCount = shard, of
	session, err := c.Load(context.Background(), cfg.SessionKey())
	return err == nil && cfg.Resumes(session)
}

// Held implements chiru.SessionLease. The stream refuses what a frozen owner stores when it wakes; of Discord it could take the session away
// from the next owner, by a RESUME from where that one was long ago.
func (c *checkpoints) Held(key chiru.SessionKey) bool {
	s, ok := c.of(key.ShardID)
	return ok && s.until.ahead()
}

// Save implements chiru.SessionStore: it waits for the stream.
func (c *checkpoints) Save(ctx context.Context, key chiru.SessionKey, session chiru.Session) error {
	if session.ID == "" {
		return nil // what is over is seen by the RESUME that fails
	}
	s, ok := c.of(key.ShardID)
	if !ok {
		return errNotOwned
	}
	return s.floor.await(ctx, session.ID, session.Sequence)
}
