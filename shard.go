package chiru

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

// shard is one Run: the goroutine that owns everything below, and its one select.
type shard struct {
	cfg      *Config
	addr     *address
	log      *slog.Logger
	outbound <-chan OutgoingEvent // nil once closed
	inbound  chan<- IncomingEvent
	m        *session.Machine
	names    map[string]string // the reader's, for the next connection
	warned   bool              // of a resume URL that must not be used
	timer    *time.Timer
	timerAt  time.Time // when it fires; zero once it has
	err      error     // why the shard has ended

	// The connection. It is nil while none is open or wanted; while it closes, the next one waits for it.
	conn     *conn
	closing  bool
	dialNext bool
	host     session.Host
	url      string

	// What is to be written, by priority; see send.go.
	writing   kind // with the writer now
	beat      bool
	scheduled bool // the beat is the schedule's, and not only op 1's
	login     session.Send
	hand      *command // taken from outbound, not yet written
	presence  *command // waits for its limit; the newest replaces it
	identity  *command // the newest accepted presence, for IDENTIFY
	fallback  *command // the one before, should Discord close for that
	last      blame
	caught    bool // the command in hand was with the writer when the connection broke

	// The identify gate.
	permit     <-chan Permit
	pass       Permit // got, not yet spent
	leaveQueue context.CancelFunc
	spends     bool // the IDENTIFY was with the writer when the connection broke, and may be on the wire until that is gone

	// What goes to inbound.
	batch   *batch // from the reader, not all of it taken; nil if there is none
	stalled bool   // the batch's next is a dispatch for which the backlog has no room
	backlog backlog
	handled mark // everything up to here is with the consumer

	count Snapshot // published before each wait

	saver saver
}

// blame is the last command written, until Discord has acknowledged a beat written after it.
type blame struct {
	event OutgoingEvent
	beat  int
}

// run is the shard goroutine. An arm that a rule forbids is a nil channel.
func (s *shard) run(ctx context.Context) error {
	began := time.Now()
	s.act(began, s.m.Start(began), nil)
	for s.err == nil {
		// Select picks at random among what is ready. The end comes first, then what the clock asks
		// for, heartbeats above all.
		if ctx.Err() != nil {
			return s.finish(context.Cause(ctx), true)
		}
		now := time.Now()
		if at := s.m.Deadline(now); !at.IsZero() && !at.After(now) {
			s.act(now, s.m.Timer(now), nil)
			continue
		}
		if s.stalled {
			if s.work(now); s.err != nil {
				break
			}
		}
		s.nextCommand(now)
		if s.login != session.SendNothing && s.writing == nothing && !s.cfg.held() {
			s.act(now, s.m.Failed(now, session.Failure{Kind: session.WriteFailed}), &received{what: lost, err: errNotHeld})
			continue
		}

		var in <-chan *batch
		var out chan<- []byte
		var wrote <-chan error
		var done <-chan struct{}
		var payload []byte
		if c := s.conn; c != nil && s.closing {
			done = c.done
		} else if c != nil {
			if s.batch == nil { // a full backlog stops the reading, and TCP pushes back on Discord
				in = c.in
			}
			if s.writing != nothing {
				wrote = c.wrote
			} else if payload = s.payload(); payload != nil {
				out = c.out
			}
		}
		var outbound <-chan OutgoingEvent
		if s.takesCommands(now) {
			outbound = s.outbound
		}
		var inbound chan<- IncomingEvent
		var first IncomingEvent
		if s.backlog.n > 0 {
			inbound, first = s.inbound, s.backlog.first()
		}
		save, toSave := s.saveArm(now)
		s.arm(now)
		s.cfg.Stats.publish(&s.count)

		select {
		case <-ctx.Done():
		case <-s.timer.C:
			s.timerAt = time.Time{}
		case b := <-in:
			s.handed(time.Now(), b)
		case out <- payload:
			s.handedOver(time.Now())
		case err := <-wrote:
			s.wrote(time.Now(), err)
		case <-done:
			s.gone()
		case pass, ok := <-s.permit:
			s.permitted(time.Now(), pass, ok)
		case event, ok := <-outbound:
			s.take(time.Now(), event, ok)
		case inbound <- first:
			s.delivered(s.backlog.pop())
			s.deliver()
		case save <- toSave:
			s.saving(now, toSave)
		case err := <-s.saver.saved:
			s.saved(err)
		}
	}
	return s.finish(s.err, false)
}

// arm sets the timer to the next thing that the clock asks for.
func (s *shard) arm(now time.Time) {
	at := s.m.Deadline(now)
	for _, other := range []time.Time{s.commandTime(now), s.presenceTime(now), s.saveTime()} {
		// What is due already has its arm on.
		if other.After(now) && (at.IsZero() || other.Before(at)) {
			at = other
		}
	}
	if at.IsZero() {
		at = s.timerAt // let it fire: nothing is due then
	}
	if at != s.timerAt {
		s.timerAt = at
		s.timer.Reset(at.Sub(now))
	}
}

// handed takes what the reader hands over.
func (s *shard) handed(now time.Time, b *batch) {
	s.batch = b
	s.count.BytesRead += int64(b.wire)
	s.count.BytesPayload += int64(b.payload)
	s.work(now)
}

// work goes on with the batch until it is done or the backlog is full.
func (s *shard) work(now time.Time) {
	for s.batch != nil && s.err == nil {
		if s.batch.next == len(s.batch.items) {
			s.dropBatch()
			return
		}
		item := s.batch.items[s.batch.next] // a copy: a loss drops the batch
		// Before IDENTIFY or RESUME a dispatch means nothing, and Hello may be behind it.
		full := item.dispatch != nil && s.m.State() >= session.Identifying && s.backlog.full(len(item.dispatch.Body))
		if full != s.stalled {
			s.stalled, s.count.Stalled = full, full
			s.m.Reading(now, !full)
		}
		if full {
			return
		}
		s.batch.next++
		s.process(now, &item)
	}
}

// dropBatch forgets what is left of the batch. It is not counted yet, so it comes again.
func (s *shard) dropBatch() {
	s.batch.free()
	s.batch, s.stalled, s.count.Stalled = nil, false, false
}

func (s *shard) process(now time.Time, item *received) {
	switch item.what {
	case opened:
		s.conn.isOpen = true
		s.count.Connections, s.count.Latency = s.count.Connections+1, 0
		s.log.Debug("connection open", "host", hostOf(s.url))
		s.act(now, s.m.Opened(now), nil)
	case message:
		if item.msg.Op == session.OpDispatch && s.m.Follow(item.msg.Seq, item.msg.Type) {
			s.count.Sequence = item.msg.Seq
			s.dispatch(item)
			return
		}
		if item.refused != nil && !s.warned {
			s.warned = true
			s.log.Warn("resume URL not used; resuming at the first URL", "error", item.refused)
		}
		s.act(now, s.m.Receive(now, item.msg), item)
	case garbage:
		s.log.Warn("message not read", "error", item.err)
		s.act(now, s.m.Garbage(now), item)
	case lost:
		item.fail.Blamed = s.suspect() != nil
		s.act(now, s.m.Failed(now, item.fail), item)
	}
}

// gone lets the next connection follow the one that has ended.
func (s *shard) gone() {
	s.conn.ended()
	if s.caught {
		s.caught = false
		select {
		case err := <-s.conn.wrote:
			if err == nil {
				s.commandSent(nil)
			}
		default:
		}
	}
	s.conn, s.closing = nil, false
	if s.spends {
		s.giveUpPermit()
	}
	if s.dialNext {
		s.dialNext = false
		s.connect()
	}
}

func (s *shard) connect() {
	if s.conn != nil {
		s.dialNext = true
		return
	}
	url := s.addr.base
	if s.host == session.ResumeHost {
		// It was held against resumable when it came.
		if u, err := parseBase(s.m.Session().URL); err == nil {
			url = u
		}
	}
	s.url = s.addr.with(url)
	s.conn = dial(s.url, s.cfg, reader{cfg: s.cfg, addr: s.addr, names: s.names})
}

// permitted takes the gate's answer.
func (s *shard) permitted(now time.Time, pass Permit, ok bool) {
	s.permit = nil
	if !ok {
		s.leaveQueue()
		s.m.Denied(now)
		return
	}
	s.pass = pass
	s.act(now, s.m.Permit(now), nil)
}

// deliver hands over what goes without waiting.
func (s *shard) deliver() {
	for s.backlog.n > 0 {
		select {
		case s.inbound <- s.backlog.first():
			s.delivered(s.backlog.pop())
		default:
			return
		}
	}
}

// delivered notes that the consumer has an event.
func (s *shard) delivered(w waiting) {
	s.handle(w.mark)
	s.count.Backlog, s.count.BacklogBytes = s.backlog.n, int64(s.backlog.bytes)
}

// handle notes that everything up to a mark is with the consumer. With a store it counts for heartbeats
// only once it is stored: a server may trim its replay buffer by what a heartbeat says, and the next
// process resumes from the store.
func (s *shard) handle(to mark) {
	if to.generation != s.m.Generation() {
		return
	}
	s.handled = to
	if s.cfg.Store == nil {
		s.m.Handled(to.generation, to.seq)
	}
	s.count.Handled = to.seq
}

// finish ends everything the shard has started, and returns why. It takes no longer than a close and a
// last save may. stopped is set if it was the caller who ended the shard, not Discord.
func (s *shard) finish(err error, stopped bool) error {
	keep := s.cfg.OnStop == StopKeepsSession || s.cfg.OnStop == StopDefault && s.cfg.Store != nil
	last := s.storable()
	if s.cfg.OnStop == StopDefault && last.ID == "" {
		keep = false // nobody could resume it
	}
	code := session.CloseKeep
	if stopped {
		code = s.m.Stop(keep).Close
	}
	if s.conn != nil {
		if !s.closing {
			s.conn.close(code)
		}
		<-s.conn.done
		s.conn.ended()
	}
	s.spends = s.spends || s.writing == theLogin && s.pass != nil
	s.giveUpPermit()
	if closed, ok := errors.AsType[*CloseError](err); stopped && !keep || ok && closed.Code.Final() {
		last = Session{}
	}
	s.lastSave(last)
	s.count.State, s.count.Since, s.count.Retry = session.Ended.String(), time.Now(), time.Time{}
	s.cfg.Stats.publish(&s.count)
	if stopped {
		s.log.Info("shard stopped", "cause", s.cfg.redact(err.Error()))
	} else {
		s.log.Error("shard ended", "error", err)
	}
	return err
}
