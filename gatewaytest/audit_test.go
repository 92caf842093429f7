package gatewaytest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// took is one dispatch as a consumer gets it.
type took struct {
	session, typ string
	seq          int64
	body         json.RawMessage
}

// audited plays a session of some dispatches, lets spoil change what the consumer got of it, and gives what an audit
// says of that.
func audited(t *testing.T, spoil func([]took) []took) (errs []error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Config{Guilds: 2, Members: 3})
		s.Allow(RuleUserAgent)
		p, session := login(t, s)
		for i := range 5 {
			s.Dispatch(0, "TEST", i)
		}
		synctest.Wait()
		var got []took
		for n := len(s.Issued(session)); len(got) < n-1; {
			if m := p.next(); m.S != nil {
				got = append(got, took{session, *m.T, *m.S, m.D})
			}
		}
		// login has read READY.
		a := s.Audit(0)
		a.session, a.seq = session, 1
		for _, d := range spoil(got) {
			if err := a.Got(d.session, d.seq, d.typ, d.body); err != nil {
				errs = append(errs, err)
			}
		}
		if err := a.Rest(); err != nil {
			errs = append(errs, err)
		}
	})
	return errs
}

func TestAuditPassesWhatWasIssued(t *testing.T) {
	if errs := audited(t, func(d []took) []took { return d }); errs != nil {
		t.Errorf("got %v", errs)
	}
}

// The ledger must be red on one event dropped, one doubled, two swapped, one altered, and on a session that follows
// one that is not over.
func TestAuditIsRedOnEachWayToGetItWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func([]took) []took
		want  string
	}{
		"one dropped":       {func(d []took) []took { return slices.Delete(d, 3, 4) }, "lost 1"},
		"the last dropped":  {func(d []took) []took { return d[:len(d)-1] }, "the consumer has"},
		"one doubled":       {func(d []took) []took { return slices.Insert(d, 3, d[3]) }, "repeated"},
		"two swapped":       {func(d []took) []took { d[3], d[4] = d[4], d[3]; return d }, "lost 1"},
		"a body altered":    {func(d []took) []took { d[4].body = json.RawMessage(`99`); return d }, "the body of TEST"},
		"a type altered":    {func(d []took) []took { d[4].typ = "OTHER"; return d }, "is a OTHER"},
		"one invented":      {func(d []took) []took { return append(d, took{d[0].session, "TEST", int64(len(d) + 2), nil}) }, "was issued"},
		"another session":   {func(d []took) []took { return append(d, took{"other", "READY", 1, nil}) }, "never issued"},
		"nothing at all":    {func(d []took) []took { return nil }, "the consumer has 1"},
		"a session of none": {func(d []took) []took { return []took{{"other", "READY", 1, nil}} }, "never issued"},
	} {
		t.Run(name, func(t *testing.T) {
			errs := audited(t, c.spoil)
			if len(errs) == 0 || !strings.Contains(errs[0].Error(), c.want) {
				t.Errorf("got %v, want an error with %q", errs, c.want)
			}
		})
	}
}

// another is an audit that has READY of a session, and then gets READY of another; before says what comes between.
func another(t *testing.T, before func(s *Server, p *player, session string)) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Config{ReplayWindow: time.Hour})
		s.Allow(RuleUserAgent, RuleResumeHost)
		p, session := login(t, s)
		a := s.Audit(0)
		a.session, a.seq = session, 1
		before(s, p, session)
		time.Sleep(s.cfg.IdentifySpacing)
		fresh, id := login(t, s)
		defer fresh.nc.Close()
		s.mu.Lock()
		body := s.sessions[id].log.at(1).body
		s.mu.Unlock()
		err = a.Got(id, 1, "READY", body)
	})
	return err
}

func TestAuditLetsASessionBeGivenUpAtTheSecondInvalidSession(t *testing.T) {
	for times, over := range map[int]bool{1: false, 2: true} {
		err := another(t, func(s *Server, p *player, session string) {
			s.Conns()[0].Send(9, true)
			for range times - 1 {
				p.nc.Close()
				p = dial(t, s, s.ResumeURL(), goodQuery+"&shard=0")
				s.Conns()[0].Send(9, true)
			}
			p.nc.Close()
		})
		if (err == nil) != over {
			t.Errorf("after %d op 9 true: got %v", times, err)
		}
	}
}

func TestAuditLetsASessionBeGivenUpAfterFiveUnansweredResumesOverFiveMinutes(t *testing.T) {
	for _, c := range []struct {
		resumes int
		over    time.Duration
		want    bool
	}{{5, 5 * time.Minute, true}, {4, 5 * time.Minute, false}, {5, 5*time.Minute - 20*time.Second, false}} {
		err := another(t, func(s *Server, p *player, session string) {
			p.nc.Close()
			s.On(6, func(c *Conn, _ json.RawMessage) { c.Cut() }).Keep()
			for range c.resumes {
				relogin(t, s, session, 1).nc.Close()
				time.Sleep(c.over / time.Duration(c.resumes))
			}
		})
		if (err == nil) != c.want {
			t.Errorf("after %d RESUMEs over %v: got %v", c.resumes, c.over, err)
		}
	}
}

func TestAuditIsRedOnALiveSessionOfWhichTheConsumerHasNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Config{})
		s.Allow(RuleUserAgent)
		p, session := login(t, s)
		a := s.Audit(0)
		a.session, a.seq = session, 1
		s.Conns()[0].Close(4009, "")
		p.nc.Close()
		if err := a.Rest(); err != nil {
			t.Errorf("while there is no other: %v", err)
		}
		time.Sleep(s.cfg.IdentifySpacing)
		login(t, s)
		if err := a.Rest(); err == nil {
			t.Error("got nil though another session is live")
		}
	})
}

func TestAuditIsRedOnASessionThatTheClientHasAndTheConsumerHasNot(t *testing.T) {
	err := another(t, func(s *Server, p *player, _ string) {
		s.Conns()[0].Close(4009, "")
		p.nc.Close()
		time.Sleep(s.cfg.IdentifySpacing)
		between, _ := login(t, s)
		between.send(1, 1)
		synctest.Wait()
		s.Conns()[0].Close(4009, "")
		between.nc.Close()
	})
	if err == nil || !strings.Contains(err.Error(), "is lost") {
		t.Errorf("got %v, want the session between named", err)
	}
}

func TestAuditIsRedOnAnotherShardsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Config{})
		s.Allow(RuleUserAgent)
		_, session := login(t, s)
		s.mu.Lock()
		body := s.sessions[session].log.at(1).body
		s.mu.Unlock()
		if err := s.Audit(5).Got(session, 1, "READY", body); err == nil {
			t.Error("got nil")
		}
	})
}

// What counts is when the client began another session, not when its consumer gets to read that.
func TestAuditIsRedOnASessionLeftThoughItExpiresBeforeTheConsumerReadsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Config{})
		s.Allow(RuleUserAgent)
		p, session := login(t, s)
		a := s.Audit(0)
		a.session, a.seq = session, 1
		p.nc.Close()
		time.Sleep(time.Minute)
		fresh, id := login(t, s)
		s.mu.Lock()
		body := s.sessions[id].log.at(1).body
		s.mu.Unlock()
		fresh.nc.Close()
		time.Sleep(4 * time.Minute)
		s.Sessions() // forgets those that nobody has resumed
		if err := a.Got(id, 1, "READY", body); err == nil {
			t.Error("got nil")
		}
	})
}
