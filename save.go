package chiru

import (
	"context"
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

const (
	storeWait    = 10 * time.Second
	lastSaveWait = 500 * time.Millisecond
	saveEvery    = time.Second
)

// saver is the goroutine that calls Store.Save, and what the shard goroutine knows of it. Without a
// store its channels are nil.
type saver struct {
	sessions chan Session
	saved    chan error
	done     chan struct{}
	cancel   context.CancelFunc

	busy    Session // being saved; valid while isBusy
	mark    mark    // what busy covers
	isBusy  bool
	failing bool
	current Session // what the store holds, as far as we know
	frame   Session // what a stored session must agree with
	next    time.Time
}

func (s *shard) startSaver() {
	if s.cfg.Store == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &s.saver
	v.sessions, v.saved, v.done, v.cancel = make(chan Session), make(chan error, 1), make(chan struct{}), cancel
	v.frame = s.cfg.sessionFrame(s.addr)
	v.current = s.storable()
	go func() {
		defer close(v.done)
		for toSave := range v.sessions {
			v.saved <- s.cfg.save(ctx, toSave, storeWait)
		}
	}()
}

func (c *Config) save(ctx context.Context, s Session, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return c.Store.Save(ctx, c.sessionKey(), s)
}

func (c *Config) sessionKey() SessionKey {
	return SessionKey{TokenHash: hashToken(c.Token), ShardID: c.ShardID, ShardCount: c.ShardCount}
}

// storable is the session as the next process may resume it: with the last sequence that this one's
// consumer has. It is empty until READY is with the consumer.
func (s *shard) storable() Session {
	held := s.m.Session()
	if held.ID == "" || s.handled.generation != s.m.Generation() {
		return Session{}
	}
	out := s.saver.frame
	out.ID, out.Sequence, out.ResumeURL = held.ID, s.handled.seq, held.URL
	return out
}

// sessionFrame is what a stored session must agree with.
func (c *Config) sessionFrame(a *address) Session {
	return Session{
		Host: a.base.Host, TokenHash: hashToken(c.Token),
		ShardID: c.ShardID, ShardCount: c.ShardCount,
		Intents: uint64(c.Intents.wire()), Capabilities: c.Capabilities,
	}
}

// saveArm is on when the session has changed, the last save has ended, and its second has passed.
func (s *shard) saveArm(now time.Time) (chan<- Session, Session) {
	if s.saver.sessions == nil || s.saver.isBusy || s.saver.next.After(now) {
		return nil, Session{}
	}
	toSave := s.storable()
	if toSave == s.saver.current {
		return nil, Session{}
	}
	return s.saver.sessions, toSave
}

// saveTime is when saveArm may go on; zero if it need not.
func (s *shard) saveTime() time.Time {
	if s.saver.sessions == nil || s.saver.isBusy || s.storable() == s.saver.current {
		return time.Time{}
	}
	return s.saver.next
}

func (s *shard) saving(now time.Time, toSave Session) {
	s.saver.busy, s.saver.isBusy, s.saver.mark = toSave, true, s.handled
	s.saver.next = now.Add(saveEvery)
}

func (s *shard) saved(err error) {
	s.saver.isBusy = false
	if err != nil {
		if !s.saver.failing { // once, not each second
			s.log.Warn("session not saved", "error", s.cfg.redact(err.Error()))
		}
		s.saver.failing = true
		return
	}
	s.saver.failing = false
	s.saver.current = s.saver.busy
	if at := s.saver.mark; s.saver.busy.ID != "" {
		s.m.Handled(at.generation, at.seq)
	}
}

// saveSoon saves without waiting for the second: a connection has broken.
func (s *shard) saveSoon() { s.saver.next = time.Time{} }

// lastSave ends the saver and saves what the next process finds.
func (s *shard) lastSave(last Session) {
	if s.saver.sessions == nil {
		return
	}
	s.saver.cancel()
	close(s.saver.sessions)
	<-s.saver.done
	if err := s.cfg.save(context.Background(), last, lastSaveWait); err != nil {
		s.log.Warn("session not saved at the end", "error", s.cfg.redact(err.Error()))
	}
}

// loadSession is the stored session, if it may be resumed with this Config.
func loadSession(ctx context.Context, c *Config, a *address) session.Session {
	none := session.Session{Seq: session.NoSeq}
	if c.Store == nil {
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	got, err := c.Store.Load(ctx, c.sessionKey())
	switch {
	case err != nil:
		c.Logger.Warn("no session loaded", "error", c.redact(err.Error()))
		return none
	case got.ID == "":
		return none
	case !c.agrees(a, got):
		c.Logger.Warn("stored session not used: it is of another host, token, shard, intents or capabilities")
		return none
	}
	resumed := session.Session{ID: got.ID, URL: got.ResumeURL, Seq: max(got.Sequence, session.NoSeq)}
	if err := a.resumable(resumed.URL); err != nil {
		c.Logger.Warn("stored resume URL not used; resuming at the first URL", "error", err)
		resumed.URL = ""
	}
	return resumed
}
