package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const sessionLimitWindow = 24 * time.Hour

// identify answers op 2: docs /events/gateway-events#identify. Called with s.mu held.
func (s *Server) identify(c *Conn, d json.RawMessage, now time.Time) {
	if c.state == stateLive {
		c.fault(4005, RuleAuthenticated, "IDENTIFY on a connection that has a session")
		return
	}
	f, ok := parseFields(d)
	token, hasToken := f.text("token")
	if !ok || !hasToken {
		c.fault(4001, RulePayloadShape, "IDENTIFY d is not an object with a token")
		return
	}
	if key, ok := shardOf(f); ok {
		c.shard = key.id
	}
	c.judgeIdentify(f)
	if strings.TrimPrefix(token, "Bot ") != s.token { // Discord takes either form
		c.close(4004, closeReason[4004])
		return
	}
	compress, ok := f.boolean("compress")
	if !ok && !f.null("compress") {
		c.fault(4001, RulePayloadShape, "IDENTIFY compress is %.40s", f["compress"])
		return
	}
	intents, ok := f.integer("intents")
	switch {
	case !ok:
		c.fault(4013, RuleIntents, "IDENTIFY intents is %.40s, not an integer", f["intents"])
		return
	case uint64(intents)&^intentsKnown != 0:
		c.fault(4013, RuleIntents, "IDENTIFY intents %d has bits that mean nothing", intents)
		return
	case uint64(intents)&intentsPrivileged&^s.cfg.Intents != 0:
		c.close(4014, closeReason[4014])
		return
	}
	key, ok := shardOf(f)
	if !ok {
		c.fault(4010, RuleShard, "IDENTIFY shard is %.40s", f["shard"])
		return
	}
	if s.cfg.ShardMultiple > 0 && key.count%s.cfg.ShardMultiple != 0 {
		c.close(4010, closeReason[4010])
		return
	}
	var guilds []uint64
	for _, g := range s.guilds {
		if key.covers(g) {
			guilds = append(guilds, g)
		}
	}
	if len(guilds) > s.cfg.GuildsPerShard {
		c.close(4011, closeReason[4011])
		return
	}
	if !s.admit(c, key, now) {
		return
	}
	sess := &session{shard: key, intents: uint64(intents), large: largeThreshold(f), compress: compress, guilds: guilds}
	s.open(c, sess)
	s.log.Info("gatewaytest: session", "shard", key.id, "of", key.count, "conn", c.id, "session", sess.id)
	if delay := s.cfg.ReadyDelay + c.readyDelay; delay == 0 {
		s.ready(sess, f)
	} else {
		s.later(delay, func() {
			if !sess.dead {
				s.ready(sess, f)
			}
		})
	}
}

// judgeIdentify logs what Discord forgives in an IDENTIFY.
func (c *Conn) judgeIdentify(f fields) {
	if c.host == hostResume {
		c.violation(RuleIdentifyHost, "IDENTIFY at the resume host")
	}
	if c.pace.held > c.pace.seen {
		c.violation(RuleHeartbeatSequence, "heartbeat d was %d before the first dispatch of a fresh session", c.pace.held)
	}
	props, ok := parseFields(f["properties"])
	if !ok {
		c.violation(RuleProperties, "IDENTIFY has no properties object")
	}
	for _, name := range []string{"os", "browser", "device"} {
		if _, ok := props.text(name); props != nil && !ok {
			c.violation(RuleProperties, "IDENTIFY properties have no string %s", name)
		}
	}
	for name := range props {
		if strings.HasPrefix(name, "$") {
			c.violation(RuleProperties, "IDENTIFY property %s: names with $ are deprecated", name)
		}
	}
	if !f.null("large_threshold") {
		if n, ok := f.integer("large_threshold"); !ok || n < 50 || n > 250 {
			c.violation(RuleLargeThreshold, "IDENTIFY large_threshold is %.40s, allowed are 50 to 250", f["large_threshold"])
		}
	}
}

// admit holds an IDENTIFY to the session start limit: docs /events/gateway#session-start-limit-object.
// It says whether a session may begin.
func (s *Server) admit(c *Conn, key shardKey, now time.Time) bool {
	limitKey := key.id % s.cfg.MaxConcurrency
	if !c.warped(now) { // else nobody knows when it was sent
		if last, ok := s.identified[limitKey]; ok && now.Sub(last) < s.cfg.IdentifySpacing {
			c.violation(RuleIdentifySpacing, "IDENTIFY of rate limit key %d after %v, %v are required", limitKey, now.Sub(last), s.cfg.IdentifySpacing)
			c.refuse()
			return false
		}
		s.identified[limitKey] = now
	}
	if s.remaining(now) == 0 {
		// docs /events/gateway#identifying: going over ends every session and resets the token.
		c.violation(RuleSessionLimit, "IDENTIFY beyond the %d of a day", s.cfg.SessionLimit)
		s.revoke()
		return false
	}
	s.used++
	return true
}

// remaining is how many IDENTIFYs are left of the day. Called with s.mu held.
func (s *Server) remaining(now time.Time) int {
	if now.Sub(s.dayBegan) >= sessionLimitWindow {
		s.dayBegan, s.used = now, 0
	}
	return s.cfg.SessionLimit - s.used
}

// revoke replaces the token by one nobody knows and ends every session. Called with s.mu held.
func (s *Server) revoke() { s.retoken("revoked."+s.newSessionID(), "the token was revoked") }

// retoken replaces the token and ends every session. Called with s.mu held.
func (s *Server) retoken(token, why string) {
	s.token = token
	for _, sess := range s.sessions {
		s.kill(sess, why)
	}
	for _, c := range slices.Clone(s.conns) {
		c.close(4004, closeReason[4004])
	}
}

// refuse sends op 9 false. Called with s.mu held.
func (c *Conn) refuse() {
	d := json.RawMessage("false")
	c.send(outgoing{kind: outText, op: opInvalidSession, d: d, body: appendPayload(nil, opInvalidSession, d), answer: true})
}

// invalidate is what an op 9 does to the session, unless it answers an IDENTIFY or RESUME. Called with s.mu held.
func (c *Conn) invalidate(resumable bool) {
	c.detach(c.invalid)
	if !resumable {
		c.disown("op 9 false")
		return
	}
	for _, sess := range c.spokenFor() {
		sess.ledger.invalids++
	}
}

// spokenFor are the sessions that what the server says on c is about: that of c, or those of the shard it is known
// by before it has one. Called with s.mu held.
func (c *Conn) spokenFor() []*session {
	if c.sess != nil {
		return []*session{c.sess}
	}
	var of []*session
	for key, routed := range c.s.routes {
		if key.id == c.shard {
			of = append(of, routed...)
		}
	}
	return of
}

// disown ends the sessions that c speaks for: the client is told that it has none. Called with s.mu held.
func (c *Conn) disown(why string) {
	if c.sess == nil && c.shard < 0 {
		c.s.orphaned++
	}
	for _, sess := range c.spokenFor() {
		// A newer connection of the client's has moved on.
		if sess.conn == nil || sess.conn.id <= c.id {
			c.s.kill(sess, why)
		}
	}
}

// ready issues READY: docs /events/gateway-events#ready. Called with s.mu held.
func (s *Server) ready(sess *session, identify fields) {
	guilds := make([]unavailableGuild, len(sess.guilds))
	for i, id := range sess.guilds {
		guilds[i] = unavailableGuild{fmt.Sprint(id), true}
	}
	d := map[string]any{
		"v": 10, "user": s.world.botUser(), "user_settings": struct{}{}, "guilds": guilds,
		"session_id": sess.id, "session_type": "normal", "resume_gateway_url": s.resumeURL,
		"application": s.world.application(), "relationships": []int{}, "private_channels": []int{},
		"presences": []int{}, "guild_join_requests": []int{}, "geo_ordered_rtc_regions": []string{},
		"_trace": []string{"gatewaytest"},
	}
	if !identify.null("shard") {
		d["shard"] = []int{sess.shard.id, sess.shard.count}
	}
	if sess.intents&bitGuilds != 0 {
		sess.unborn = slices.Clone(sess.guilds)
		s.rng.Shuffle(len(sess.unborn), func(i, j int) { sess.unborn[i], sess.unborn[j] = sess.unborn[j], sess.unborn[i] })
		sess.down = map[uint64]struct{}{}
		sess.waiting = make(map[uint64]struct{}, len(sess.unborn))
		for _, id := range sess.unborn {
			sess.waiting[id] = struct{}{}
			if s.rng.Float64() < s.cfg.Outage {
				sess.down[id] = struct{}{}
			}
		}
		if len(sess.down) > 0 {
			s.later(OutageLasts, func() { s.outageOver(sess) })
		}
	}
	s.issue(sess, "READY", mustJSON(d))
}

// shardOf reads the shard of an IDENTIFY: [0,1] if there is none.
func shardOf(f fields) (shardKey, bool) {
	if f.null("shard") {
		return shardKey{0, 1}, true
	}
	var pair []json.RawMessage
	if json.Unmarshal(f["shard"], &pair) != nil || len(pair) != 2 {
		return shardKey{}, false
	}
	id, ok1 := integer(pair[0])
	count, ok2 := integer(pair[1])
	if !ok1 || !ok2 || id < 0 || count < 1 || id >= count || count > 1<<24 {
		return shardKey{}, false
	}
	return shardKey{int(id), int(count)}, true
}

func largeThreshold(f fields) int {
	n, ok := f.integer("large_threshold")
	if !ok || n < 50 || n > 250 {
		return 50
	}
	return int(n)
}
