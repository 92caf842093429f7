package gatewaytest

import (
	"fmt"
	"time"
)

// An Audit holds what the consumer of one shard gets against what the server issued, one dispatch at a time: each
// session from READY on, in order, nothing missing, nothing twice, nothing altered, and another session only once the
// one before was over. After an op 9 or a close on a connection whose shard nobody knows yet, any session may have been
// meant; a client that names its shard in the URL is held to its own. It is not for use from several goroutines at once.
type Audit struct {
	s       *Server
	shard   int
	session string // the one being read; empty at a beginning
	nth     int64  // of the server's sessions
	seq     int64  // the last dispatch of it
	orphans int    // Server.orphaned when it began

	// Dispatches counts those that were right. Sessions counts the sessions, the first included, and Ends why
	// each one but the last was over.
	Dispatches int64
	Sessions   int
	Ends       map[string]int
}

// Audit begins an audit of the consumer of a shard.
func (s *Server) Audit(shard int) *Audit {
	return &Audit{s: s, shard: shard, Ends: map[string]int{}}
}

// Got takes the next dispatch as the consumer got it. The error says what is wrong with it; the audit then goes on
// from this dispatch. One without a number (seq below 0) is not part of any session's log, and passes. A session
// of which more than Config.Record dispatches were issued since cannot be checked, which is an error too.
func (a *Audit) Got(sessionID string, seq int64, typ string, body []byte) error {
	if seq < 0 {
		return nil
	}
	s := a.s
	sum := s.digest(typ, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledgers[sessionID]
	if l == nil {
		return a.wrong("%s %d is of session %q, which was never issued anything", typ, seq, sessionID)
	}
	err := a.next(sessionID, l, seq)
	a.session, a.seq, a.nth = sessionID, seq, l.nth
	switch {
	case err != nil:
		return err
	case l.shard != a.shard:
		return a.wrong("%s %d is of session %s, of shard %d", typ, seq, sessionID, l.shard)
	}
	e, kept := l.at(seq)
	switch {
	case seq > l.issued():
		return a.wrong("%s has number %d, the session was issued %d", typ, seq, l.issued())
	case !kept:
		return a.wrong("%s %d is too old to be checked: Config.Record keeps %d", typ, seq, s.cfg.Record)
	case e.typ != typ:
		return a.wrong("number %d is a %s, issued was a %s", seq, typ, e.typ)
	case e.sum != sum:
		return a.wrong("the body of %s %d is not what was issued", typ, seq)
	}
	a.Dispatches++
	return nil
}

// next judges where a dispatch stands. Called with s.mu held.
func (a *Audit) next(sessionID string, l *ledger, seq int64) error {
	if sessionID == a.session {
		switch {
		case seq == a.seq+1:
			return nil
		case seq > a.seq+1:
			return a.wrong("number %d follows %d: lost %d", seq, a.seq, seq-a.seq-1)
		default:
			return a.wrong("number %d follows %d: repeated, or out of order", seq, a.seq)
		}
	}
	last, old := a.s.ledgers[a.session], a.session
	a.Sessions++
	switch {
	case old == "":
	case last == nil:
		a.Ends["its ledger is not kept any more"]++
	case last.over == "" && a.s.orphaned > a.orphans:
		a.Ends["ended on a connection of no known shard"]++
	case last.deserted || !last.mayEnd(time.Now()):
		return a.wrong("session %s follows %s, which was not over", sessionID, old)
	case last.over != "":
		a.Ends[last.over]++
	default:
		a.Ends["given up after no answer"]++
	}
	a.orphans = a.s.orphaned
	for id, between := range a.s.ledgers {
		if old != "" && between.shard == a.shard && between.known && between.nth > a.nth && between.nth < l.nth {
			return a.wrong("session %s follows %s: all of %s is lost, which the client has", sessionID, old, id)
		}
	}
	if seq != 1 {
		return a.wrong("session %s begins with number %d: lost %d", sessionID, seq, seq-1)
	}
	return nil
}

// Anew tells that the consumer begins again and knows of no session, as a process does that has kept none.
func (a *Audit) Anew() { a.session, a.seq = "", 0 }

// Rest says whether the consumer has all that its session was issued so far. The error says what it lacks.
func (a *Audit) Rest() error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	for id, sess := range a.s.sessions {
		if sess.shard.id == a.shard && sess.conn != nil && sess.seq > 0 && id != a.session {
			return a.wrong("session %s is live, the consumer has nothing of it", id)
		}
	}
	l := a.s.ledgers[a.session]
	switch {
	case l == nil:
		return a.wrong("it has got nothing")
	case a.seq < l.issued():
		return a.wrong("session %s was issued %d, the consumer has %d", a.session, l.issued(), a.seq)
	}
	return nil
}

func (a *Audit) wrong(format string, args ...any) error {
	return fmt.Errorf("gatewaytest: audit of shard %d: %s", a.shard, fmt.Sprintf(format, args...))
}
