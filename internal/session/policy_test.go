package session

import (
	"slices"
	"testing"
	"time"
)

// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes, and what is seen though not listed there.
func TestCloseCodeDecidesWhatFollows(t *testing.T) {
	stop := []int{4004, 4010, 4011, 4012, 4013, 4014}
	identify := []int{4006, 4007, 4009}
	for code := 1000; code < 5000; code++ {
		want := Resume
		switch {
		case slices.Contains(stop, code):
			want = Stop
		case slices.Contains(identify, code):
			want = Identify
		}
		if got := (Failure{Kind: Closed, Code: code}).next(); got != want {
			t.Errorf("close code %d: got %v, want %v", code, got, want)
		}
	}
}

func TestEveryFailureHasARow(t *testing.T) {
	for kind := Dropped; kind <= InvalidFalse; kind++ {
		got, ok := afterLoss[kind]
		want := Resume
		if kind == InvalidFalse {
			want = Identify
		}
		if !ok || got != want {
			t.Errorf("kind %d: got %v, %v; want %v", kind, got, ok, want)
		}
	}
}

func TestCloseTableNamesEachCodeOnce(t *testing.T) {
	seen := map[int]bool{}
	for _, row := range CloseTable {
		if seen[row.Code] || row.Name == "" {
			t.Errorf("row %+v stands twice or has no name", row)
		}
		seen[row.Code] = true
	}
	if got := AfterClose(4321).Name; got != "unlisted" {
		t.Errorf("4321: got %q, want unlisted", got)
	}
}

// docs /events/gateway#rate-limiting
func TestWindowNeverHoldsMoreThanItsLimitInAnySpan(t *testing.T) {
	for _, pace := range []time.Duration{0, time.Millisecond, 300 * time.Millisecond, 508 * time.Millisecond, time.Second} {
		for _, keep := range []int{0, 8} {
			w := newWindow(sendLimit, sendWindow)
			now, sent := epoch, []time.Time(nil)
			for range 1000 {
				if at := w.roomAt(keep); at.After(now) {
					now = at
				}
				w.add(now)
				sent = append(sent, now)
				now = now.Add(pace)
			}
			most := sendLimit - keep
			for i := range sent[:len(sent)-most] {
				if span := sent[i+most].Sub(sent[i]); span < sendWindow {
					t.Fatalf("pace %v, %d places kept: payload %d came %v after payload %d, want %v at least", pace, keep, i+most, span, i, sendWindow)
				}
			}
		}
	}
}

// docs /events/gateway#session-start-limit-object: a normal bot has 1000 a day. Refused for ever is the
// first of these; in the others every so many-th session lasts for a while.
func TestHoweverSessionsEndADayTakesLittleMoreThanHalfOfItsIdentifies(t *testing.T) {
	for _, lasts := range []time.Duration{0, time.Minute, settled - 1, settled, 2 * settled, 7 * settled} {
		for every := 1; every <= 12; every++ {
			for _, refused := range []bool{false, true} {
				if got := dayOfIdentifies(lasts, every, refused); got > 546 {
					t.Errorf("session %d lasts %v, those between are refused (%v): got %d identifies in a day, want 546 at most", every, lasts, refused, got)
				}
			}
		}
	}
}

// dayOfIdentifies counts the new sessions of a day in which each is ended by op 9, most of them at once or, refused,
// before they began.
func dayOfIdentifies(lasts time.Duration, every int, refused bool) (identifies int) {
	m := New(func() float64 { return 0 }, Session{Seq: NoSeq})
	now := epoch
	m.Start(now)
	for now.Sub(epoch) < 24*time.Hour {
		m.Opened(now)
		m.Receive(now, Message{Op: OpHello, Interval: 40 * time.Second})
		m.Permit(now)
		m.Wrote(now, OpIdentify)
		identifies++
		if !refused || identifies%every == 0 {
			m.Receive(now, Message{Type: "READY", SessionID: "abc"})
		}
		if identifies%every == 0 {
			now = now.Add(lasts)
		}
		m.Receive(now, Message{Op: OpInvalidSession})
		now = m.Deadline(now)
		m.Timer(now)
	}
	return identifies
}

func TestThirdUnexplainedFaultCountsWithinTenMinutes(t *testing.T) {
	for last, want := range map[time.Duration]bool{10 * time.Minute: true, 10*time.Minute + 1: false} {
		m := New(func() float64 { return 0 }, Session{Seq: NoSeq})
		f := Failure{Kind: Closed, Code: 4002}
		if m.unreadable(epoch, f) || m.unreadable(epoch.Add(time.Minute), f) {
			t.Error("the first or second is the last")
		}
		if got := m.unreadable(epoch.Add(last), f); got != want {
			t.Errorf("the third, %v after the first: final is %v, want %v", last, got, want)
		}
	}
}
