package session

import (
	"reflect"
	"testing"
	"time"
)

var allStates = []State{Waiting, Dialing, AwaitHello, AwaitSlot, Identifying, Resuming, Live, Ended}

const tick = 40 * time.Second // the interval in reach

// reach gives a machine in a state, at epoch. A Waiting one waits half a minute.
func reach(to State) *Machine {
	stored := Session{Seq: NoSeq}
	if to == Resuming {
		stored = Session{ID: "abc", Seq: 7, URL: "wss://r"}
	}
	m := New(func() float64 { return 0.5 }, stored)
	m.Start(epoch)
	for _, next := range []func(){
		func() { m.Opened(epoch) },
		func() { m.Receive(epoch, Message{Op: OpHello, Interval: tick}) },
		func() { m.Permit(epoch); m.Wrote(epoch, OpIdentify) },
		func() { m.Receive(epoch, Message{Type: "READY", Seq: 1, SessionID: "abc", ResumeURL: "wss://r"}) },
	} {
		if m.State() == to || to == Waiting || to == Ended {
			break
		}
		next()
	}
	switch to {
	case Waiting:
		m.Failed(epoch, Failure{Kind: Refused, RetryAfter: 30 * time.Second})
	case Resuming:
		m.Wrote(epoch, OpResume)
	case Ended:
		m.Stop(false)
	}
	return m
}

func TestReachReachesEveryState(t *testing.T) {
	for _, state := range allStates {
		if got := reach(state).State(); got != state {
			t.Errorf("got %v, want %v", got, state)
		}
	}
}

func TestClockThatGoesBackLengthensNoWait(t *testing.T) {
	for _, state := range allStates {
		want := reach(state).Deadline(epoch).Sub(epoch)
		m := reach(state)
		for range 3 {
			at := m.Deadline(m.now.Add(-time.Hour))
			if at.IsZero() {
				if state != Dialing && state != Ended {
					t.Errorf("%v: no deadline is left", state)
				}
				continue
			}
			if got := at.Sub(m.now); got != want {
				t.Errorf("%v: an hour back the machine waits %v, want %v", state, got, want)
			}
		}
	}
}

func TestClockThatGoesForwardEndsNoConnection(t *testing.T) {
	for _, state := range allStates {
		m := reach(state)
		for _, after := range []time.Duration{lateBeat, time.Hour} {
			now := m.now.Add(after)
			if at := m.Deadline(now); after == lateBeat && !at.IsZero() {
				now = at.Add(after) // just late
			}
			for at := m.Deadline(now); !at.IsZero() && !at.After(now); at = m.Deadline(now) {
				if e := m.Timer(now); e.News == Lost {
					t.Errorf("%v: %v after it was due the machine gave up for failure %d", state, after, e.Fail.Kind)
				}
			}
			if want := max(state, Dialing); m.State() != want && state != Ended {
				t.Errorf("%v: got %v, want %v", state, m.State(), want)
			}
		}
	}
}

// A wait that was late is a full one again, and ends the connection then.
func TestWaitThatWasLateIsBegunAnewOnce(t *testing.T) {
	for state, c := range map[State]struct {
		wait time.Duration
		want Kind
	}{AwaitHello: {helloWait, HelloMissing}, Resuming: {resumeWait, ResumeIgnored}} {
		m := reach(state)
		now := epoch.Add(time.Hour)
		var last Effects
		for range 10 {
			if last = m.Timer(now); last.News == Lost {
				break
			}
			m.Receive(now, Message{Op: OpHeartbeatAck, Seq: NoSeq})
			if at := m.Deadline(now); at.After(now) {
				now = at
			}
		}
		if got := now.Sub(epoch) - time.Hour; last.Fail.Kind != c.want || got != c.wait {
			t.Errorf("%v: ended for failure %d after %v, want %d after %v", state, last.Fail.Kind, got, c.want, c.wait)
		}
	}
}

func TestClockThatGoesBackTakesEveryTimeAlong(t *testing.T) {
	m := reach(Live)
	m.pulse.since, m.retry.faults = make([]time.Time, 2), make([]time.Time, 2)
	m.sends.sent, m.presences.sent = make([]time.Time, 2), make([]time.Time, 2)
	n := 0
	eachTime(reflect.ValueOf(m).Elem(), "m", func(_ string, at *time.Time) { *at = epoch; n++ })
	if n < 15 {
		t.Fatalf("the machine has %d times, want 15", n)
	}
	early := epoch.Add(-time.Hour)
	m.tell(early)
	eachTime(reflect.ValueOf(m).Elem(), "m", func(name string, at *time.Time) {
		if !at.Equal(early) {
			t.Errorf("%s was left behind", name)
		}
	})
}

// eachTime visits all times in a value.
func eachTime(v reflect.Value, name string, visit func(string, *time.Time)) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		visit(name, (*time.Time)(v.Addr().UnsafePointer()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			eachTime(v.Field(i), name+"."+v.Type().Field(i).Name, visit)
		}
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		for i := range v.Len() {
			eachTime(v.Index(i), name, visit)
		}
	}
}

func TestEveryInputWithATimeHeedsAClockThatWentBack(t *testing.T) {
	early := epoch.Add(-time.Hour)
	inputs := 0
	for state := AwaitHello; state <= Live; state++ {
		kind := reflect.TypeFor[*Machine]()
		for i := range kind.NumMethod() {
			method := kind.Method(i)
			if method.Type.NumIn() < 2 || method.Type.In(1) != reflect.TypeFor[time.Time]() {
				continue
			}
			inputs++
			m := reach(state)
			m.tell(epoch)
			m.faultsAt(epoch)
			in := []reflect.Value{reflect.ValueOf(m), reflect.ValueOf(early)}
			for j := 2; j < method.Type.NumIn(); j++ {
				in = append(in, reflect.Zero(method.Type.In(j)))
			}
			method.Func.Call(in)
			if !m.retry.faults[0].Equal(early) {
				t.Errorf("%v: %s left the machine's times where they were", state, method.Name)
			}
		}
	}
	if want := 13 * 5; inputs != want {
		t.Errorf("tried %d inputs, want %d", inputs, want)
	}
}

// faultsAt plants a time that no input but the clock's changes.
func (m *Machine) faultsAt(at time.Time) { m.retry.faults = []time.Time{at} }

func TestSendLimitsOutliveAClockThatGoesBack(t *testing.T) {
	now := epoch.Add(-time.Hour)
	m := reach(Live)
	for range presenceLimit {
		m.Wrote(epoch, OpPresence)
	}
	if got := m.CommandAt(now, true).Sub(now); got != presenceWindow {
		t.Errorf("a presence may be sent in %v, want %v", got, presenceWindow)
	}
	m = reach(Live)
	for range sendLimit {
		m.Wrote(epoch, 8)
	}
	if got := m.CommandAt(now, false).Sub(now); got != sendWindow {
		t.Errorf("a command may be sent in %v, want %v", got, sendWindow)
	}
}

// The clock is noted for each message, so that must cost no allocation.
func TestTellingTheTimeAllocatesNothing(t *testing.T) {
	m := reach(Live)
	now := epoch
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Millisecond)
		m.Receive(now, Message{Type: "A", Seq: NoSeq})
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
