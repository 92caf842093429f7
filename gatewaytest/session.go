package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// session is one log of numbered dispatches and who reads it. Guarded by Server.mu.
type session struct {
	id       string
	shard    shardKey
	intents  uint64
	large    int   // large_threshold
	query    query // of the connection that identified
	compress bool  // asked for in IDENTIFY

	seq     int64 // last issued
	resumed int64 // the newest RESUMED
	sent    int64 // highest handed to a connection: what the client may know
	log     replayLog
	// trimmed is up to where the client let go of the log by its heartbeats.
	trimmed int64

	conn     *Conn     // nil while detached
	holder   int       // the id of the newest
	detached time.Time // since when
	dead     bool

	guilds  []uint64            // of this shard
	unborn  []uint64            // their GUILD_CREATE is still to come, in this order
	waiting map[uint64]struct{} // the same as a set, and those in absent
	down    map[uint64]struct{} // unavailable until the outage is over
	absent  []uint64            // of those, what the session has been told so far
	ledger  *ledger
}

// shardKey is [shard_id, num_shards].
type shardKey struct{ id, count int }

func (k shardKey) covers(guild uint64) bool {
	return int((guild>>22)%uint64(k.count)) == k.id
}

// SessionInfo describes a session that is live or can be resumed.
type SessionInfo struct {
	ID           string
	Shard, Count int
	Seq          int64 // last issued
	Live         bool  // has a connection
	Intents      uint64
}

// Sessions returns the sessions that are live or can be resumed, by shard.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(time.Now())
	infos := make([]SessionInfo, 0, len(s.sessions))
	for _, sess := range s.sessions {
		infos = append(infos, SessionInfo{
			ID: sess.id, Shard: sess.shard.id, Count: sess.shard.count,
			Seq: sess.seq, Live: sess.conn != nil, Intents: sess.intents,
		})
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int {
		if a.Shard != b.Shard {
			return a.Shard - b.Shard
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return infos
}

// ExpireSessions ends every session as an outage does: a RESUME of it is answered by op 9 false. Open
// connections stay open, and get no more events.
func (s *Server) ExpireSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions {
		s.kill(sess, "expired by the test")
	}
}

// Dispatch issues an event to every session of the shard id that has had its READY, live or resumable,
// whatever its intents. data is a json.RawMessage or anything json.Marshal takes; it panics on what
// json.Marshal refuses, as a test's mistake.
func (s *Server) Dispatch(shard int, typ string, data any) {
	s.dispatch(typ, mustJSON(data), func(key shardKey) bool { return key.id == shard })
}

// dispatch issues an event to the sessions of some shards, and says to how many.
func (s *Server) dispatch(typ string, body json.RawMessage, to func(shardKey) bool) (sessions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for key, routed := range s.routes {
		if !to(key) {
			continue
		}
		for _, sess := range slices.Clone(routed) {
			if sess.seq > 0 && !s.expired(sess, now) {
				s.issue(sess, typ, body)
				sessions++
			}
		}
	}
	return sessions
}

// issue numbers a dispatch and leaves it in the session's log. Called with s.mu held.
func (s *Server) issue(sess *session, typ string, body json.RawMessage) {
	sess.seq++
	s.issued++
	sess.log.push(logEntry{typ: typ, body: body})
	sess.ledger.add(typ, s.digest(typ, body))
	over := sess.log.len() - s.kept(sess)
	if c := sess.conn; c != nil {
		// A replay may need all of the log, so what is left of it does not count.
		over -= int(max(0, c.replay-c.cursor))
	}
	if over > 0 {
		sess.log.dropTo(sess.log.base + int64(over))
		if c := sess.conn; c != nil && !c.muted && c.cursor < sess.log.base {
			s.log.Info("gatewaytest: connection fell out of the replay log", "conn", c.id, "shard", c.shard)
			c.limit = c.cursor
			c.queue = nil
			c.close(4000, "too far behind")
			s.kill(sess, "fell out of the replay log")
			return
		}
	}
	if sess.conn != nil {
		sess.conn.turn.Signal()
	}
}

// kept is how many dispatches a session's log has room for.
func (s *Server) kept(sess *session) int {
	if s.cfg.ReplayEvents > 0 {
		return s.cfg.ReplayEvents
	}
	return max(1024, int(2*s.cfg.Rate)/sess.shard.count)
}

// birth issues the next GUILD_CREATE the session still waits for. Called with s.mu held.
func (s *Server) birth(sess *session) {
	id := sess.unborn[0]
	if sess.unborn = sess.unborn[1:]; len(sess.unborn) == 0 {
		sess.unborn = nil
	}
	if _, down := sess.down[id]; down {
		sess.absent = append(sess.absent, id)
		s.issue(sess, "GUILD_DELETE", mustJSON(unavailableGuild{fmt.Sprint(id), true}))
		return
	}
	delete(sess.waiting, id)
	s.issue(sess, "GUILD_CREATE", s.world.guildCreate(id, sess.intents, sess.large))
}

// outageOver lets the guilds that a session began without come back. Called with s.mu held.
func (s *Server) outageOver(sess *session) {
	sess.unborn = append(sess.unborn, sess.absent...)
	sess.down, sess.absent = nil, nil
	if sess.conn != nil {
		sess.conn.turn.Signal()
	}
}

// unavailableGuild is docs /resources/guild#unavailable-guild-object.
type unavailableGuild struct {
	ID          string `json:"id"`
	Unavailable bool   `json:"unavailable"`
}

// open adds a new session held by c. Called with s.mu held.
func (s *Server) open(c *Conn, sess *session) {
	s.sweep(time.Now())
	s.desert(c, sess.shard, time.Now())
	s.began++
	sess.id = s.newSessionID()
	sess.query = c.query
	sess.ledger = s.newLedger(sess.id, sess.shard.id)
	s.sessions[sess.id] = sess
	s.routes[sess.shard] = append(s.routes[sess.shard], sess)
	s.counts[sess.shard.count]++
	s.attach(c, sess, 0)
}

// attach makes c the connection of the session, to be sent what follows seq. Called with s.mu held.
func (s *Server) attach(c *Conn, sess *session, seq int64) {
	if old := sess.conn; old != nil {
		old.close(4000, "session resumed elsewhere")
	}
	sess.conn, sess.holder = c, c.id
	c.sess, c.shard, c.cursor, c.limit, c.replay = sess, sess.shard.id, seq, noLimit, sess.seq
	c.state = stateLive
	s.startTraffic()
	s.expectLive(c)
}

// detach leaves the session without a connection, resumable. What was issued so far may still be sent
// if the connection lives long enough. Called with s.mu held.
func (c *Conn) detach(now time.Time) {
	sess := c.sess
	if sess == nil || sess.conn != c {
		return
	}
	sess.conn, sess.detached = nil, now
	if c.limit == noLimit {
		c.limit = sess.seq
	}
}

// kill forgets a session, for a reason that lets a client begin another; it is empty if the client had none to
// end it. Called with s.mu held.
func (s *Server) kill(sess *session, why string) {
	if sess.dead {
		return
	}
	sess.ledger.over = why
	if sess.conn != nil {
		sess.conn.detach(time.Now())
	}
	sess.dead = true
	delete(s.sessions, sess.id)
	s.retire(sess.id)
	s.routes[sess.shard] = slices.DeleteFunc(s.routes[sess.shard], func(o *session) bool { return o == sess })
	if len(s.routes[sess.shard]) == 0 {
		delete(s.routes, sess.shard)
	}
	if s.counts[sess.shard.count]--; s.counts[sess.shard.count] == 0 {
		delete(s.counts, sess.shard.count)
	}
}

func (s *Server) expired(sess *session, now time.Time) bool {
	return sess.conn == nil && now.Sub(sess.detached) > s.cfg.ReplayWindow
}

// sweep forgets the sessions nobody resumed in time. Called with s.mu held.
func (s *Server) sweep(now time.Time) {
	for _, sess := range s.sessions {
		if s.expired(sess, now) {
			s.kill(sess, "not resumed in time")
		}
	}
}
