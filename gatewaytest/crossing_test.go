package gatewaytest

import (
	"testing"
	"testing/synctest"
	"time"
)

// What a client sends may cross an op 9 on the way: its first RESUME breaks no rule then, a second one does.
func TestFirstResumeMayCrossAnInvalidSession(t *testing.T) {
	for resumes, broken := range map[int]int{1: 0, 2: 1} {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, Config{})
			s.Allow(RuleAfterInvalid)
			p, session := login(t, s)
			p.nc.Close()
			p = dial(t, s, s.ResumeURL(), goodQuery)
			p.want("op 10")
			if resumes == 2 {
				p.send(6, map[string]any{"token": s.Token(), "session_id": session, "seq": 1})
				p.want("RESUMED 2")
			}
			s.Conns()[0].Send(9, true)
			p.send(6, map[string]any{"token": s.Token(), "session_id": session, "seq": 1})
			synctest.Wait()
			if n := len(s.Violations()); n != broken {
				t.Errorf("%d RESUMEs: %d rules broken, want %d: %v", resumes, n, broken, s.Violations())
			}
		})
	}
}

// An op 9 on a connection that its client has left ends nothing on the one that the client is on.
func TestInvalidSessionOnALeftConnectionEndsNothingOnTheNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Config{})
		old := dial(t, s, s.URL(), goodQuery+"&shard=0")
		old.want("op 10")
		left := s.Conns()[0]
		time.Sleep(time.Second)
		p, session := login(t, s)
		left.Send(9, false)
		synctest.Wait()
		p.nc.Close()
		old.nc.Close()
		relogin(t, s, session, 1).want("RESUMED 2")
	})
}
