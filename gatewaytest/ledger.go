package gatewaytest

import (
	"hash/maphash"
	"time"
)

const maxLedgers = 4096

// ledger is what a session was issued, and whether a client may begin another. Numbers follow from the total.
// Guarded by Server.mu.
type ledger struct {
	shard int
	nth   int64 // of the server's sessions
	tail  ring[entry]

	// over says why the session is none of the client's any more; empty while it should be resumed.
	over string
	// deserted is set if the client began another session while this one was its to resume.
	deserted bool
	// known is set once the client has said, by a heartbeat, that it has READY.
	known bool
	// What a client may give a session up for though nobody said that it is over.
	invalids  int       // op 9 true since it last went on
	fruitless int       // RESUMEs since it last went on
	since     time.Time // of the first of them
}

// entry is one dispatch: its type, and a digest of all of it.
type entry struct {
	typ string
	sum uint64
}

// A session may be given up at the second op 9 true in a row, and after five RESUMEs without an answer over five
// minutes: docs /events/gateway#resuming knows no bound, and a client that tries for ever is dead in silence.
const (
	patienceInvalids  = 2
	patienceFruitless = 5
	patienceSpan      = 5 * time.Minute
)

func (l *ledger) add(typ string, sum uint64) {
	l.tail.add(entry{typ, sum})
}

func (l *ledger) issued() int64 { return l.tail.added }

// at is the entry numbered seq, if it is still kept.
func (l *ledger) at(seq int64) (entry, bool) {
	i := seq - 1 - l.tail.first()
	if i < 0 || seq > l.issued() {
		return entry{}, false
	}
	return l.tail.at(int(i)), true
}

// tried notes a RESUME.
func (l *ledger) tried(now time.Time) {
	if l.fruitless == 0 {
		l.since = now
	}
	l.fruitless++
}

// wentOn notes that the client has a connection on which the session goes on.
func (l *ledger) wentOn() { l.invalids, l.fruitless, l.known = 0, 0, true }

// mayEnd says whether a client may have begun another session by now.
func (l *ledger) mayEnd(now time.Time) bool {
	return l.over != "" || l.invalids >= patienceInvalids ||
		l.fruitless >= patienceFruitless && now.Sub(l.since) >= patienceSpan
}

// newLedger is called with s.mu held.
func (s *Server) newLedger(sessionID string, shard int) *ledger {
	l := &ledger{shard: shard, nth: s.began, tail: ring[entry]{max: s.cfg.Record}}
	s.ledgers[sessionID] = l
	return l
}

// desert notes which sessions of a shard a client leaves behind by beginning another on c. Called with s.mu held.
func (s *Server) desert(c *Conn, key shardKey, now time.Time) {
	for _, sess := range s.routes[key] {
		// An IDENTIFY may come late, on a connection that the client has left since.
		if sess.holder < c.id && !sess.ledger.mayEnd(now) {
			sess.ledger.deserted = true
		}
	}
}

// retire lets go of the ledger of the session that ended longest ago. Called with s.mu held.
func (s *Server) retire(sessionID string) {
	s.retired.add(sessionID)
	delete(s.ledgers, s.retired.dropped)
}

// digest is of a dispatch's type and body.
func (s *Server) digest(typ string, body []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(s.digestSeed)
	h.WriteString(typ)
	h.WriteByte(0)
	h.Write(body)
	return h.Sum64()
}

// Issued is one dispatch a session was issued, whether or not a connection was there to carry it.
type Issued struct {
	Seq  int64
	Type string
}

// Issued returns what the session was issued, oldest first: the newest Config.Record dispatches. The
// ledger outlives the session; of the sessions that have ended, those of the newest 4096 are kept.
func (s *Server) Issued(sessionID string) []Issued {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledgers[sessionID]
	if l == nil {
		return nil
	}
	entries := l.tail.all()
	out := make([]Issued, len(entries))
	first := l.tail.first()
	for i, e := range entries {
		out[i] = Issued{Seq: first + int64(i) + 1, Type: e.typ}
	}
	return out
}
