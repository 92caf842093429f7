package session

import (
	"testing"
	"time"
)

// machines are one of each state, and some with a session.
func machines(now time.Time) map[string]*Machine {
	stored := Session{ID: "a", Seq: 5}
	all := map[string]*Machine{}
	step := func(name string, session Session, steps ...func(*Machine)) {
		m := New(func() float64 { return 0.5 }, session)
		for _, s := range steps {
			s(m)
		}
		all[name] = m
	}
	start := func(m *Machine) { m.Start(epoch) }
	open := func(m *Machine) { m.Opened(now) }
	receive := func(msg Message) func(*Machine) { return func(m *Machine) { m.Receive(now, msg) } }
	hello := receive(Message{Op: OpHello, Interval: time.Minute})
	step("waiting", stored)
	step("dialing", stored, start)
	step("awaitHello", stored, start, open)
	step("awaitSlot", Session{Seq: NoSeq}, start, open, hello)
	step("identifying", Session{Seq: NoSeq}, start, open, hello, func(m *Machine) { m.Permit(now) })
	step("resuming", stored, start, open, hello)
	step("live", stored, start, open, hello, receive(Message{Type: "RESUMED", Seq: 5}))
	step("live without a sequence", Session{Seq: NoSeq}, start, open, hello, func(m *Machine) { m.Permit(now) },
		receive(Message{Type: "READY", Seq: NoSeq, SessionID: "a"}))
	step("ended", stored, start, open, func(m *Machine) { m.Stop(true) })
	return all
}

func TestFollowIsReceiveForTheNextDispatchOfALiveSession(t *testing.T) {
	now := time.Now()
	followed := 0
	for name, m := range machines(now) {
		for seq := int64(-1); seq < 9; seq++ {
			for _, kind := range []string{"A", "READY", "RESUMED", ""} {
				fast, slow := *m, *m
				if !fast.Follow(seq, kind) {
					if fast.session != m.session || fast.state != m.state {
						t.Errorf("%s: %q %d is not followed, and yet something has changed", name, kind, seq)
					}
					continue
				}
				followed++
				e := slow.Receive(now, Message{Op: OpDispatch, Type: kind, Seq: seq})
				if e != (Effects{Deliver: true}) || fast.session != slow.session || fast.state != slow.state || fast.deadline != slow.deadline {
					t.Errorf("%s: %q %d is followed; Receive says %+v", name, kind, seq, e)
				}
			}
		}
	}
	if followed != 3 {
		t.Errorf("%d were followed, want A, RESUMED and one without a name, at 6, when live", followed)
	}
}
