package gatewaytest

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

const (
	// docs /events/gateway#sending-heartbeats: a requested heartbeat is sent at once.
	requestGrace = 5 * time.Second
	// The spread of first beats is judged from this many connections on.
	minFirstBeats = 32
	maxFirstBeats = 4096
)

// pace is what the heartbeats of one connection are held to.
type pace struct {
	hello    time.Time // zero before Hello
	interval time.Duration
	first    time.Time // the first beat
	last     time.Time // of any kind
	paced    time.Time // the last one no op 1 asked for
	missing  int       // paced beats since the last ACK

	granted   int // beats op 1 asked for and the pace has not used
	grantedBy time.Time
	answerBy  time.Time // a requested beat is due

	held int64 // highest d before IDENTIFY or RESUME, -1 for none
	seen int64 // highest s a script sent on this connection
}

// due is when the connection has to be looked at, zero for never. Called with s.mu held.
func (c *Conn) due() time.Time {
	p := &c.pace
	switch {
	case c.over:
		return time.Time{}
	case c.closing:
		return c.closeBy
	case c.muted, c.unpaced && !p.hello.IsZero():
		return time.Time{}
	}
	due := p.since().Add(p.interval + p.interval/2)
	if p.hello.IsZero() {
		due = c.opened.Add(silence)
	} else if !p.answerBy.IsZero() && p.answerBy.Before(due) {
		due = p.answerBy
	}
	if steady := c.steady(); steady.After(due) {
		due = steady
	}
	return due
}

// since is when the time to the next beat began.
func (p *pace) since() time.Time {
	if p.last.IsZero() {
		return p.hello
	}
	return p.last
}

// overdue acts on a passed due time, and says whether to drop the socket. Called with s.mu held.
func (c *Conn) overdue(now time.Time) (drop bool) {
	p := &c.pace
	switch {
	case c.closing, p.hello.IsZero():
		c.end()
		return true
	case !p.answerBy.IsZero() && !now.Before(p.answerBy):
		p.answerBy = time.Time{}
		c.violation(RuleHeartbeatRequested, "no heartbeat within %v of op 1", requestGrace)
	default:
		c.fault(4000, RuleHeartbeatLate, "no heartbeat for %v, the interval is %v", now.Sub(p.since()), p.interval)
	}
	return false
}

// hello sends op 10. Called with s.mu held.
func (c *Conn) hello() {
	d := mustJSON(map[string]any{"heartbeat_interval": c.s.interval().Milliseconds(), "_trace": []string{"gatewaytest"}})
	c.send(outgoing{kind: outText, op: opHello, d: d, body: appendPayload(nil, opHello, d)})
}

// stamp starts the clocks of what is written: before the write, because the answer may be here before
// the write returns, and after it, because a write may have waited for the client for long. Called with
// s.mu held.
func (c *Conn) stamp(batch []outgoing, now time.Time, written bool) {
	p := &c.pace
	for i := range batch {
		switch m := &batch[i]; m.op {
		case opHello:
			f, _ := parseFields(m.d)
			ms, ok := f.integer("heartbeat_interval")
			if !ok || ms <= 0 || ms > math.MaxInt32 || written && !p.last.IsZero() {
				continue
			}
			p.hello, p.interval = now, time.Duration(ms)*time.Millisecond
		case opHeartbeat:
			if !written {
				p.granted++
				p.answerBy = now.Add(requestGrace)
			} else if !p.answerBy.IsZero() {
				p.answerBy = now.Add(requestGrace)
			}
			p.grantedBy = now.Add(p.interval)
		case opInvalidSession:
			c.invalid = now
		case opHeartbeatACK:
			p.missing = 0
		case opDispatch:
			if m.kind == outText {
				p.seen = max(p.seen, m.seq)
			} else {
				c.sess.sent = max(c.sess.sent, m.seq)
				c.answered = c.answered || written && m.seq >= c.sess.resumed
			}
		}
	}
	c.s.watch(c.due())
}

// beat takes note of a heartbeat and says whether its shape is right. Called with s.mu held.
func (c *Conn) beat(d json.RawMessage, now time.Time) bool {
	if !isNull(d) {
		seq, ok := integer(d)
		if !ok {
			c.fault(4001, RulePayloadShape, "heartbeat d is %.40s, not an integer or null", d)
			return false
		}
		c.judgeSequence(seq)
	}
	p := &c.pace
	if p.hello.IsZero() || c.unpaced {
		return true
	}
	if now.Before(c.steady()) {
		p.last, p.paced, p.answerBy = now, now, time.Time{}
		return true
	}
	gap, since := now.Sub(p.since()), "the last one"
	if p.last.IsZero() {
		since = "Hello"
		p.first = now
	}
	if gap > p.interval+p.interval/4 && !c.muted {
		c.violation(RuleHeartbeatLate, "heartbeat %v after %s, the interval is %v", gap, since, p.interval)
	}
	p.last, p.answerBy = now, time.Time{}
	if p.granted > 0 && now.After(p.grantedBy) {
		p.granted = 0
	}
	if !p.paced.IsZero() && now.Sub(p.paced) < p.interval/2 {
		if p.granted == 0 {
			c.violation(RuleHeartbeatBurst, "heartbeats %v apart, the interval is %v", now.Sub(p.paced), p.interval)
		} else {
			p.granted--
		}
		return true
	}
	p.paced = now
	if p.missing++; p.missing > 2 && (c.muted || c.mutedACKs) {
		c.violation(RuleZombie, "heartbeat %d without an ACK for any", p.missing)
	}
	return true
}

// judgeSequence holds a heartbeat's d to what the client may know: docs /events/gateway#sending-heartbeats.
func (c *Conn) judgeSequence(seq int64) {
	p := &c.pace
	known := p.seen
	switch {
	case seq <= 0:
		c.violation(RuleHeartbeatSequence, "heartbeat d is %d; before the first dispatch it is null", seq)
		return
	case c.state == stateOpen:
		// A client about to resume sends the number it holds: judged by its RESUME or IDENTIFY.
		p.held = max(p.held, seq)
		return
	case c.sess != nil:
		known = max(known, c.sess.sent)
	}
	if seq > known {
		c.violation(RuleHeartbeatSequence, "heartbeat d is %d, the highest s sent is %d", seq, known)
	}
	if c.sess != nil && seq >= c.sess.resumed {
		c.sess.ledger.wentOn() // the client has read READY, or RESUMED
	}
	if c.s.trims() && c.sess != nil {
		c.sess.trimmed = max(c.sess.trimmed, min(seq, c.cursor))
		c.sess.log.dropTo(c.sess.trimmed)
	}
}

// ack answers a heartbeat. Called with s.mu held.
func (c *Conn) ack() {
	if c.mutedACKs {
		return
	}
	if c.acksLost > 0 {
		c.acksLost--
		return
	}
	m := outgoing{kind: outText, op: opHeartbeatACK, body: appendPayload(nil, opHeartbeatACK, json.RawMessage("null"))}
	if c.acksTwice > 0 {
		c.acksTwice--
		c.send(m)
	}
	if delay := c.s.cfg.AckDelay + c.ackDelay; delay > 0 {
		c.s.later(delay, func() { c.send(m) })
		return
	}
	c.send(m)
}

// sampleFirstBeat adds where in its interval the connection's first beat fell. Only connections that
// lasted an interval count: shorter ones would only show the early beats. Called with s.mu held.
func (c *Conn) sampleFirstBeat(now time.Time) {
	p := &c.pace
	s := c.s
	if p.first.IsZero() || c.muted || c.unpaced || now.Sub(p.hello) < p.interval || len(s.firstBeats) >= maxFirstBeats {
		return
	}
	s.firstBeats = append(s.firstBeats, float64(p.first.Sub(p.hello))/float64(p.interval))
	n := len(s.firstBeats)
	if n < minFirstBeats || s.unjittered {
		return
	}
	if d := unevenness(s.firstBeats); d*math.Sqrt(float64(n)) > 2.5 {
		s.unjittered = true
		c.violation(RuleHeartbeatJitter, "first heartbeats of %d connections are not spread over the interval (Kolmogorov-Smirnov %.2f)", n, d)
	}
}

// unevenness is the Kolmogorov-Smirnov distance of the samples from an even spread over [0,1). By
// chance, times the root of their number, it passes 2.5 once in 100,000.
func unevenness(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	var d float64
	n := float64(len(sorted))
	for i, x := range sorted {
		d = max(d, math.Abs(x-float64(i)/n), math.Abs(float64(i+1)/n-x))
	}
	return d
}

// rolling counts what happened in a rolling window.
type rolling struct{ times []time.Time }

// add counts one more at now, and returns how many the window holds, at most limit+1.
func (r *rolling) add(now time.Time, window time.Duration, limit int) int {
	old := 0
	for old < len(r.times) && now.Sub(r.times[old]) >= window {
		old++
	}
	r.times = append(slices.Delete(r.times, 0, old), now)
	if len(r.times) > limit+1 {
		r.times = r.times[1:]
	}
	return len(r.times)
}
