package session

import (
	"testing"
	"time"
)

// FuzzAfterClose: whatever code Discord closes with, and whenever, the machine does what the docs'
// table says (/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes), read here a second time.
func FuzzAfterClose(f *testing.F) {
	for _, code := range []int{-1, 0, 1000, 1001, 1006, 3999, 4000, 4001, 4002, 4004, 4006, 4007, 4008, 4009, 4010, 4014, 4015, 4900, 1 << 30} {
		f.Add(code, byte(Live), false)
	}
	f.Add(4003, byte(Resuming), true)
	f.Add(4004, byte(Identifying), true)
	f.Add(4009, byte(Dialing), false)
	f.Add(4000, byte(Waiting), false)
	f.Fuzz(func(t *testing.T, code int, state byte, blamed bool) {
		from := State(state % byte(len(allStates)))
		m := reach(from)
		held, generation := m.Session(), m.Generation()
		e := m.Failed(epoch, Failure{Kind: Closed, Code: code, Blamed: blamed})
		if !(from == Dialing || from >= AwaitHello && from <= Live) {
			if e.Broken == "" || m.State() != Ended {
				t.Fatalf("%v, where nothing can close: got %+v", from, e)
			}
			return
		}
		if e.Broken != "" || e.News != Lost || e.Close != CloseKeep {
			t.Fatalf("got %+v, want a loss, and Discord's close answered with 4900", e)
		}
		final := code == 4004 || code >= 4010 && code <= 4014
		over := code == 4006 || code == 4007 || code == 4009
		switch {
		case final != e.End || final != (AfterClose(code).Next == Stop) || final != (m.State() == Ended):
			t.Fatalf("%d in %v: got %+v in state %v; final: %v", code, from, e, m.State(), final)
		case final:
			if at := m.Deadline(epoch); !at.IsZero() || m.Timer(epoch.Add(time.Hour)) != (Effects{}) {
				t.Fatalf("%d in %v is final, and something is to be done at %v", code, from, at)
			}
		case over || held.ID == "":
			if e.Next != Identify || m.Session() != (Session{Seq: NoSeq}) || m.Generation() == generation {
				t.Fatalf("%d in %v: got %+v with session %+v; want a new one", code, from, e, m.Session())
			}
		default:
			if e.Next != Resume || m.Session() != held || m.Generation() != generation {
				t.Fatalf("%d in %v: got %+v with session %+v; want %+v resumed", code, from, e, m.Session(), held)
			}
		}
		if final {
			return
		}
		if e.Wait < 0 || e.Wait > 2*identifyMost || m.State() != Waiting || !m.Deadline(epoch).Equal(epoch.Add(e.Wait)) {
			t.Fatalf("%d in %v: got %+v, due %v after it", code, from, e, m.Deadline(epoch).Sub(epoch))
		}
		// The send limit has to be waited out, once something was sent.
		if sent := from >= Identifying; code == 4008 && sent && e.Wait < sendWindow {
			t.Fatalf("4008 in %v: waits %v, want %v at least", from, e.Wait, sendWindow)
		}
	})
}
