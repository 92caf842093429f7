package chiru

import (
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

// kind is what the writer has in hand.
type kind uint8

const (
	nothing kind = iota
	theBeat
	theLogin
	theCommand
)

// payload is what to write next: heartbeat, then identify or resume, then commands. A close needs no
// place here, it goes its own way.
func (s *shard) payload() []byte {
	switch {
	case !s.conn.isOpen:
		return nil
	case s.beat:
		return heartbeat(s.m.BeatSeq())
	case s.login == session.SendResume:
		return s.cfg.resume(s.m.Session())
	case s.login == session.SendIdentify:
		return s.cfg.identify(s.identity)
	case s.hand != nil && s.m.State() == session.Live:
		return s.hand.payload
	}
	return nil
}

// handedOver notes what payload gave to the writer.
func (s *shard) handedOver(now time.Time) {
	switch {
	case s.beat:
		s.writing = theBeat
		s.m.Beating(now, s.scheduled)
		s.beat, s.scheduled = false, false
		s.count.Heartbeats++
		s.void(&HeartbeatSent{source{s.cfg.ShardID}, s.m.Beats(), s.m.BeatSeq()})
	case s.login != session.SendNothing:
		s.writing = theLogin
	default:
		s.writing = theCommand
	}
}

// wrote takes the writer's answer.
func (s *shard) wrote(now time.Time, err error) {
	what := s.writing
	s.writing = nothing
	if what == theLogin && s.pass != nil {
		s.pass.Sent() // also after an error: Discord may have it all the same
		s.giveUpPermit()
	}
	if err != nil {
		fail := received{what: lost, err: err}
		s.act(now, s.m.Failed(now, session.Failure{Kind: session.WriteFailed}), &fail)
		return
	}
	switch what {
	case theBeat:
		s.m.Wrote(now, session.OpHeartbeat)
	case theLogin:
		s.loggedIn(now)
	case theCommand:
		s.m.Wrote(now, s.hand.op)
		s.commandSent(s.hand.event)
	}
}

// commandSent takes the command out of the hand. If Discord closes for it, it is the suspect.
func (s *shard) commandSent(suspect OutgoingEvent) {
	s.last = blame{suspect, s.m.Beats() + 1}
	s.hand = nil
	s.count.Commands++
}

// suspect is the command that a 4001 or 4002 is for: the last one written, or being written.
func (s *shard) suspect() OutgoingEvent {
	if s.writing == theCommand {
		return s.hand.event
	}
	return s.last.event
}

func (s *shard) loggedIn(now time.Time) {
	if s.login == session.SendResume {
		s.m.Wrote(now, session.OpResume)
		s.count.Resumes++
	} else {
		s.m.Wrote(now, session.OpIdentify)
		s.count.Identifies++
		if s.presence == s.identity {
			s.presence = nil // it is part of the IDENTIFY
		}
	}
	s.login = session.SendNothing
}

// dropWrites forgets what was for the connection that is lost. A command in hand stays: it is the first on
// the next one, unless the writer, once it has ended, says that it was written.
func (s *shard) dropWrites() {
	s.spends = s.writing == theLogin && s.pass != nil
	s.caught = s.writing == theCommand && s.hand != nil
	s.writing, s.beat, s.scheduled, s.login = nothing, false, false, session.SendNothing
}

// giveUpPermit returns the permit, spent if its IDENTIFY may have got there, or leaves the gate's queue.
func (s *shard) giveUpPermit() {
	if s.spends {
		s.spends = false
		s.pass.Sent()
	}
	if s.leaveQueue != nil {
		s.leaveQueue()
	}
	s.permit, s.pass, s.leaveQueue = nil, nil, nil
}

// takesCommands is the rule of the outbound arm: commands are read only while the session is live, the
// send limit has room, none is in hand, and the backlog could take a rejection.
func (s *shard) takesCommands(now time.Time) bool {
	return s.outbound != nil && s.mayCommand() && s.hand == nil && !s.backlog.full(0) &&
		!s.m.CommandAt(now, false).After(now)
}

func (s *shard) mayCommand() bool {
	return s.conn != nil && !s.closing && s.m.State() == session.Live
}

// commandTime is when the send limit lets the next command through.
func (s *shard) commandTime(now time.Time) time.Time {
	if s.outbound == nil || s.hand != nil || !s.mayCommand() {
		return time.Time{}
	}
	return s.m.CommandAt(now, false)
}

// presenceTime is when its limit lets the waiting presence through.
func (s *shard) presenceTime(now time.Time) time.Time {
	if s.presence == nil || s.hand != nil || !s.mayCommand() {
		return time.Time{}
	}
	return s.m.CommandAt(now, true)
}

// nextCommand takes the presence that has waited for its limit.
func (s *shard) nextCommand(now time.Time) {
	if s.hand == nil && s.presence != nil && s.mayCommand() && !s.m.CommandAt(now, true).After(now) {
		s.hand, s.presence = s.presence, nil
	}
}

// take accepts a command from outbound.
func (s *shard) take(now time.Time, event OutgoingEvent, ok bool) {
	if !ok {
		s.outbound = nil
		return
	}
	cmd, err := encode(event, s.cfg.Intents)
	if err == nil && isPresence(event) && len(s.cfg.identify(&cmd)) > maxPayload {
		err = &CommandError{Command: "PresenceUpdate", Reason: "is too long for the IDENTIFY of a later session"}
	}
	if err != nil {
		s.reject(event, err)
		return
	}
	if isPresence(event) {
		s.identity, s.fallback = &cmd, s.identity
	}
	if cmd.op == session.OpPresence && (s.presence != nil || s.m.CommandAt(now, true).After(now)) {
		s.presence = &cmd
		return
	}
	s.hand = &cmd
}

func isPresence(event OutgoingEvent) bool {
	_, ok := event.(*PresenceUpdate)
	return ok
}
