package chiru

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

// Why the machine itself ended a connection.
var machineErrors = map[session.Kind]error{
	session.HelloMissing:    &ProtocolError{During: "hello", Reason: "no Hello within 20 s"},
	session.HelloInvalid:    &ProtocolError{During: "hello", Reason: "the heartbeat interval is not between 1 s and 10 min"},
	session.ResumeIgnored:   &ProtocolError{During: "resume", Reason: "no answer within 60 s"},
	session.AckMissing:      &ProtocolError{During: "heartbeat", Reason: "no acknowledgement between two heartbeats"},
	session.ReconnectWanted: errors.New("discord asked for a reconnect"),
	session.InvalidTrue:     errors.New("discord invalidated the session; it may be resumable"),
	session.InvalidFalse:    errors.New("discord invalidated the session"),
}

// act does what the machine says. item is what it answered to, if that was received.
func (s *shard) act(now time.Time, e session.Effects, item *received) {
	if e.Broken != "" {
		s.err = errors.New("chiru: internal error: " + e.Broken)
		return
	}
	if e.Dial {
		s.host = e.Host
		s.connect()
	}
	if e.Ask {
		var ctx context.Context
		ctx, s.leaveQueue = context.WithCancel(context.Background())
		s.permit = s.cfg.Gate.Permit(ctx, s.cfg.ShardID)
	}
	switch e.Send {
	case session.SendBeat:
		s.beat = true
		s.scheduled = s.scheduled || e.Scheduled
	case session.SendIdentify, session.SendResume:
		s.login = e.Send
	}
	s.report(now, e, item)
	if item != nil && item.what == message && item.msg.Op == session.OpDispatch && e.News != session.Ignored && e.News != session.Duplicate {
		s.dispatch(item)
	}
	s.showState(now)
}

// report tells the consumer, the log and the counters what happened.
func (s *shard) report(now time.Time, e session.Effects, item *received) {
	from := source{s.cfg.ShardID}
	switch e.News {
	case session.GotHello:
		s.void(&Hello{from, item.msg.Interval})
	case session.GotAck:
		if s.m.Acks() >= s.last.beat {
			s.last = blame{}
		}
		s.count.Latency = e.Latency
		s.void(&HeartbeatAck{from, s.m.Acks(), e.Latency})
	case session.WentLive:
		s.log.Info("connected", "resumed", e.Resumed, "session", s.m.Session().ID, "host", hostOf(s.url))
		if s.m.Session().ID == "" {
			s.log.Warn("READY names no session; a lost connection will need a new one")
		}
		s.void(&Connected{from, e.Resumed, s.m.Session().ID, hostOf(s.url)})
	case session.SlowReady:
		s.log.Warn("no READY for 60 s; waiting on")
	case session.Ignored:
		s.count.Ignored++
		s.log.Debug("payload ignored", "op", item.msg.Op, "type", item.msg.Type)
	case session.Duplicate:
		s.count.Duplicates++
	case session.Lost:
		s.lose(now, e, item)
	}
	if e.Gap > 0 {
		s.count.Skipped += e.Gap
		s.log.Warn("sequence numbers skipped by discord", "count", e.Gap, "sequence", s.m.Session().Seq)
	}
}

// lose ends the connection and says what follows.
func (s *shard) lose(now time.Time, e session.Effects, item *received) {
	err := machineErrors[e.Fail.Kind]
	if item != nil && item.err != nil {
		err = item.err
	}
	if s.conn != nil && !s.closing {
		s.closing = true
		s.conn.close(e.Close)
	}
	if s.batch != nil {
		s.dropBatch()
	}
	if closed, ok := errors.AsType[*CloseError](err); ok && e.Fail.Blamed &&
		(closed.Code == CloseUnknownOpcode || closed.Code == CloseDecodeError) {
		s.reject(s.suspect(), closed)
		if s.identity != nil && s.identity.event == s.suspect() {
			s.identity, s.fallback = s.fallback, nil
		}
		if s.writing == theCommand {
			s.commandSent(nil)
		}
	}
	s.dropWrites()
	if !s.spends {
		s.giveUpPermit()
	}
	s.last = blame{}
	s.count.LastLoss, s.count.LastLossAt = err, now
	if e.End {
		s.err = err
		if closed, ok := errors.AsType[*CloseError](err); ok && !closed.Code.Final() {
			s.err = fmt.Errorf("chiru: three closes in ten minutes that no command explains: %w", err)
		}
		return
	}
	from := source{s.cfg.ShardID}
	switch e.Fail.Kind {
	case session.ReconnectWanted:
		s.void(&ReconnectRequested{from})
	case session.InvalidTrue, session.InvalidFalse:
		s.void(&InvalidateSession{from, e.Fail.Kind == session.InvalidTrue})
	}
	next := NextResume
	if e.Next == session.Identify {
		next = NextIdentify
	}
	if e.GaveUp {
		s.log.Warn("session given up: its RESUMEs lead nowhere")
	}
	s.log.Warn("disconnected", "error", err, "next", string(next), "attempt", e.Attempt, "wait", e.Wait)
	s.void(&Disconnected{from, err, next, e.Attempt, e.Wait})
	s.saveSoon()
}

// dispatch puts a dispatch into the backlog, or counts it where the filter keeps it out.
func (s *shard) dispatch(item *received) {
	at := mark{s.m.Generation(), s.m.Session().Seq}
	d := item.dispatch
	s.count.Dispatches++
	if d != nil {
		d.SessionID = s.m.Session().ID
		if !s.observed(d) && d.Type != "READY" && d.Type != "RESUMED" {
			d = nil
		}
	}
	switch {
	case d != nil:
		s.queue(d, len(d.Body), at)
	case s.backlog.n > 0:
		s.count.Filtered++
		s.backlog.cover(at)
	default:
		s.count.Filtered++
		s.handle(at)
	}
}

func (s *shard) queue(event IncomingEvent, size int, at mark) {
	s.backlog.push(waiting{event, size, at})
	s.count.Backlog, s.count.BacklogBytes = s.backlog.n, int64(s.backlog.bytes)
}

// void hands over a voidable event if somebody is there for it. It never overtakes an older dispatch,
// so what waits and can go goes first.
func (s *shard) void(event IncomingEvent) {
	s.observed(event)
	for ready := true; ready; {
		next := event
		if s.backlog.n > 0 {
			next = s.backlog.first()
		}
		select {
		case s.inbound <- next:
			if next == event {
				return
			}
			s.delivered(s.backlog.pop())
		default:
			ready = false
		}
	}
	s.count.Voided++
}

// reject gives a command back. Commands are read only while the backlog has room, so this cannot grow it far.
func (s *shard) reject(event OutgoingEvent, err error) {
	s.log.Warn("command rejected", "command", name(event), "error", err)
	s.count.Rejected++
	at := s.handled
	if s.backlog.n > 0 {
		at = s.backlog.lastMark()
	}
	rejected := &CommandRejected{source{s.cfg.ShardID}, event, err}
	s.observed(rejected)
	s.queue(rejected, 0, at)
}

// observed shows an event to Config.Observe, and says whether it is wanted.
func (s *shard) observed(event IncomingEvent) bool {
	return s.cfg.Observe == nil || s.cfg.Observe(event)
}

func (s *shard) showState(now time.Time) {
	state, at := s.m.State(), s.m.Deadline(now)
	s.count.Session, s.count.Sequence = s.m.Session().ID, s.m.Session().Seq
	if s.handled.generation != s.m.Generation() {
		s.count.Handled = NoSequence
	}
	if s.count.State == state.String() {
		return
	}
	s.count.State, s.count.Since, s.count.Retry = state.String(), now, time.Time{}
	if state == session.Waiting {
		s.count.Retry = at
	}
	s.cfg.Stats.publish(&s.count) // at once: OnState hears of each
}
