package session

import "time"

// The beats whose times are kept until their ACKs come.
const latenciesMost = 8

const (
	// What falls due this long ago was not waited for; see late.
	lateBeat = time.Second
	// The shards of a process beat at the same instants, this far apart: a process spends more on waking up than on a beat. Nothing is
	// later for it. An interval shorter than gridLeast is kept as it is.
	beatGrid  = 250 * time.Millisecond
	gridLeast = 16 * time.Second
)

// pulse is the heartbeat of one connection (docs /events/gateway#sending-heartbeats).
type pulse struct {
	interval time.Duration // 0 before Hello; of one shard among many it may be shorter than Discord's, see beatGrid
	next     time.Time     // the schedule is absolute: a late beat does not move it
	last     time.Time     // the scheduled time of the newest beat
	sent     int
	acked    int
	// since holds when beats went out that are not yet acknowledged, oldest first.
	since []time.Time
	// waiting is set by a scheduled beat that went out in time, and cleared by any ACK. Beats asked
	// for by op 1 do not set it: their ACK may rightly come after the next scheduled beat.
	waiting bool
	// readAll says that the socket was read throughout since the last scheduled beat. Over any other
	// interval a missing ACK proves nothing: it may lie behind what we have not read.
	readAll bool
	// owed is a beat asked for by op 1 that the send limit holds back.
	owed bool
}

// start begins at Hello; together says that this shard is one of many.
func (p *pulse) start(now time.Time, interval time.Duration, jitter float64, together bool) {
	p.interval = interval
	p.next = now.Add(time.Duration(float64(interval) * jitter))
	p.readAll = true
	if together && interval >= gridLeast {
		p.interval -= interval % beatGrid
		p.next = p.next.Add(-time.Duration(p.next.UnixNano() % int64(beatGrid)))
		if p.next.Before(now) {
			p.next = now
		}
	}
}

// due passes one scheduled beat. It reports false if the connection is dead: no ACK came between two
// beats, in an interval in which the socket was read throughout.
func (p *pulse) due(now time.Time, reading bool) (alive bool) {
	if p.waiting && p.readAll && reading && !late(now, p.next) {
		return false
	}
	p.readAll = true
	p.waiting = false
	p.last = p.next
	for !p.next.After(now) {
		p.last, p.next = p.next, p.next.Add(p.interval)
	}
	return true
}

func (p *pulse) beat(now time.Time, scheduled bool) {
	p.sent++
	if scheduled {
		p.waiting = !late(now, p.last)
	}
	if len(p.since) < latenciesMost {
		p.since = append(p.since, now)
	}
}

func (p *pulse) ack(now time.Time) (latency time.Duration) {
	p.acked++
	p.waiting = false
	if len(p.since) > 0 {
		latency = now.Sub(p.since[0])
		p.since = append(p.since[:0], p.since[1:]...)
	}
	return latency
}
