package gatewaytest

import (
	"encoding/json"
	"strings"
	"time"
)

// troubleLasts is how long after a failure of the resume host a RESUME at the base host is right.
const troubleLasts = 15 * time.Minute

// resume answers op 6: docs /events/gateway#resuming. Called with s.mu held.
func (s *Server) resume(c *Conn, d json.RawMessage, now time.Time) {
	if c.state == stateLive {
		c.fault(4005, RuleAuthenticated, "RESUME on a connection that has a session")
		return
	}
	f, ok := parseFields(d)
	token, hasToken := f.text("token")
	id, hasID := f.text("session_id")
	if !ok || !hasToken || !hasID {
		c.fault(4001, RulePayloadShape, "RESUME d is not an object with token and session_id")
		return
	}
	sess := s.sessions[id]
	if sess != nil {
		c.shard = sess.shard.id
	}
	misplaced := c.host == hostGateway && !s.resumeTrouble(now)
	if misplaced {
		c.violation(RuleResumeHost, "RESUME at the base host")
	}
	if strings.TrimPrefix(token, "Bot ") != s.token { // Discord takes either form
		c.close(4004, closeReason[4004])
		return
	}
	if sess != nil && s.expired(sess, now) {
		s.kill(sess, "not resumed in time")
		sess = nil
	}
	seq, ok := f.integer("seq")
	if !ok || seq < 0 || sess != nil && seq > sess.seq {
		if sess != nil {
			s.kill(sess, "")
		}
		c.fault(4007, RuleResumeSeq, "RESUME seq is %.40s", f["seq"])
		return
	}
	if sess == nil {
		c.refuse()
		return
	}
	if c.query != sess.query {
		misplaced = true
		c.violation(RuleResumeQuery, "RESUME over %q, the session began over %q", c.query, sess.query)
	}
	if seq < sess.log.base {
		why := "fell out of the replay log"
		if seq < sess.trimmed {
			why = "" // the client itself let go of what it asks for
		}
		s.kill(sess, why)
		c.refuse()
		return
	}
	if held := c.pace.held; held > max(sess.sent, c.pace.seen) {
		c.violation(RuleHeartbeatSequence, "heartbeat d was %d before RESUME, the highest s sent is %d", held, sess.sent)
	}
	s.attach(c, sess, seq)
	s.resumes++
	s.log.Info("gatewaytest: resumed", "shard", sess.shard.id, "conn", c.id, "session", sess.id, "missed", sess.seq-seq)
	s.issue(sess, "RESUMED", json.RawMessage(`{"_trace":["gatewaytest"]}`))
	sess.resumed = sess.seq
	if misplaced && s.cfg.NudgeResume > 0 {
		s.later(s.cfg.NudgeResume, func() {
			c.send(outgoing{kind: outText, op: opReconnect, body: appendPayload(nil, opReconnect, json.RawMessage("null"))})
		})
	}
}

// trouble notes that the resume host has failed a client. Called with s.mu held.
func (s *Server) trouble(now time.Time) { s.troubled = now }

func (s *Server) resumeTrouble(now time.Time) bool {
	return s.down[hostResume] || !s.troubled.IsZero() && now.Sub(s.troubled) < troubleLasts
}

// noteTrouble notes a connection at the resume host that ended before it brought READY or RESUMED. Called with
// s.mu held.
func (c *Conn) noteTrouble(now time.Time) {
	if c.host == hostResume && !c.answered {
		c.s.trouble(now)
	}
}
