package session

import (
	"slices"
	"testing"
	"time"
)

// FuzzMachine feeds inputs that the shard goroutine could feed, in any order that the machine's own
// state allows and by a clock that jumps, and holds the rules that must survive all of them.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte("\x02\x05\x07\x0b\x0d\x11\x13\x17\x1d\x1f\x25\x29\x2b\x2f\x35\x3b\x3d"))
	f.Add([]byte("aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ0123456789"))
	f.Fuzz(func(t *testing.T, input []byte) {
		g := &game{t: t, now: epoch, input: input}
		g.m = New(func() float64 { return float64(g.byte()) / 256 }, Session{Seq: NoSeq})
		g.take(g.m.Start(g.now))
		for len(g.input) > 0 && g.m.State() != Ended {
			g.step()
			g.checkDeadline()
		}
	})
}

type game struct {
	t       *testing.T
	m       *Machine
	now     time.Time
	elapsed time.Duration // like now, but it never goes back
	input   []byte
	sent    []time.Duration // on this connection, by elapsed
	moods   []time.Duration // presences among them
	asked   bool
	login   Send
	beats   int
	permit  bool
}

func (g *game) byte() byte {
	if len(g.input) == 0 {
		return 0
	}
	b := g.input[0]
	g.input = g.input[1:]
	return b
}

func (g *game) step() {
	switch b := g.byte() % 16; {
	case b == 0: // time goes by, and what is due is done when it is
		until := g.now.Add(g.duration())
		for at := g.m.Deadline(g.now); !at.IsZero() && !at.After(until) && g.m.State() != Ended; at = g.m.Deadline(g.now) {
			g.forward(max(at.Sub(g.now), 0))
			g.timer()
			if g.m.State() == Waiting && g.m.Deadline(g.now).Equal(g.now) {
				break // dial in the next step
			}
		}
		g.forward(max(until.Sub(g.now), 0))
	case b == 1: // nothing is done for a while
		g.forward(g.duration())
		g.timer()
	case b == 2: // the clock jumps
		if g.byte()%2 == 0 {
			g.now = g.now.Add(-time.Hour)
		} else {
			g.forward(time.Hour)
		}
		g.checkDeadline()
		g.timer()
	case b == 3 && g.m.State() == Dialing:
		g.sent, g.moods = nil, nil
		g.take(g.m.Opened(g.now))
	case b == 4 && g.m.State() == Dialing:
		g.take(g.m.Failed(g.now, Failure{Kind: DialFailed + Kind(g.byte()%2), RetryAfter: time.Duration(g.byte()) * time.Minute}))
	case b == 5 && g.asked:
		g.asked = false
		if g.byte()%8 == 0 {
			g.m.Denied(g.now)
		} else {
			g.permit = true
			g.take(g.m.Permit(g.now))
		}
	case b == 6 && g.login != SendNothing:
		g.wrote(map[Send]int{SendIdentify: OpIdentify, SendResume: OpResume}[g.login])
		g.login = SendNothing
	case b == 7 && g.beats > 0:
		g.beats--
		g.m.Beating(g.now, g.byte()%2 == 0)
		g.wrote(OpHeartbeat)
	case b == 8 && g.m.State() == Live:
		for range g.byte() {
			op := 3 + int(g.byte()%2)
			if g.m.CommandAt(g.now, op == OpPresence).After(g.now) {
				break
			}
			g.wrote(op)
		}
	case !g.m.connected():
	case b == 9:
		g.take(g.m.Failed(g.now, Failure{Kind: Closed, Code: 1000 + int(g.byte())*16 + int(g.byte()%16), Blamed: g.byte()%2 == 0}))
	case b == 10:
		g.m.Reading(g.now, g.byte()%2 == 0)
	case b == 11:
		g.take(g.m.Garbage(g.now))
	case b == 12:
		g.m.Handled(int(g.byte()%4), int64(g.byte()))
	default:
		types := []string{"READY", "RESUMED", "MESSAGE_CREATE"}
		ids := []string{"a", "b", ""}
		g.take(g.m.Receive(g.now, Message{
			Op: int(g.byte() % 13), Seq: int64(g.byte()) - 1, Type: types[g.byte()%3],
			Interval: time.Duration(g.byte()) * 4 * time.Second, Resumable: g.byte()%2 == 0,
			SessionID: ids[g.byte()%3], ResumeURL: ids[g.byte()%3],
		}))
	}
}

func (g *game) duration() time.Duration { return time.Duration(g.byte()) * 400 * time.Millisecond }

func (g *game) forward(d time.Duration) {
	g.now, g.elapsed = g.now.Add(d), g.elapsed+d
}

// timer does all that is due now. Each time the machine must have gone on: a beat and the wait of a
// state may fall due together, and then there may be a dial at once.
func (g *game) timer() {
	for calls := 0; g.m.State() != Ended; calls++ {
		at := g.m.Deadline(g.now)
		if at.IsZero() || at.After(g.now) {
			return
		}
		if calls == 4 {
			g.t.Fatalf("something is still due after %d calls of Timer (%v)", calls, g.m.State())
		}
		e := g.m.Timer(g.now)
		if e.News == Lost && g.now.Sub(at) >= lateBeat {
			g.t.Fatalf("the connection was given up for failure %d, %v after that was due", e.Fail.Kind, g.now.Sub(at))
		}
		g.take(e)
	}
}

// checkDeadline holds the wait of each state to its longest.
func (g *game) checkDeadline() {
	longest := map[State]time.Duration{Waiting: 2 * identifyMost, AwaitHello: helloWait}[g.m.State()]
	if g.m.State() > AwaitHello && g.m.connected() {
		longest = g.m.Interval()
	}
	if g.m.State() == Resuming {
		longest = min(longest, resumeWait)
	}
	at := g.m.Deadline(g.now)
	switch {
	case longest == 0 && !at.IsZero():
		g.t.Fatalf("%v waits, until %v from now", g.m.State(), at.Sub(g.now))
	case longest > 0 && (at.IsZero() || at.Sub(g.now) > longest):
		g.t.Fatalf("%v waits until %v, which is %v from now; want %v at most", g.m.State(), at, at.Sub(g.now), longest)
	}
}

func (g *game) wrote(op int) {
	g.m.Wrote(g.now, op)
	g.sent = append(g.sent, g.elapsed)
	g.checkLimit(g.sent, sendLimit, sendWindow)
	if op == OpPresence {
		g.moods = append(g.moods, g.elapsed)
		g.checkLimit(g.moods, presenceLimit, presenceWindow)
	}
}

func (g *game) checkLimit(sent []time.Duration, limit int, span time.Duration) {
	if n := len(sent); n > limit && sent[n-1]-sent[n-1-limit] < span {
		g.t.Fatalf("%d payloads within %v", limit+1, sent[n-1]-sent[n-1-limit])
	}
}

func (g *game) take(e Effects) {
	if e.Broken != "" {
		g.t.Fatalf("broken: %s", e.Broken)
	}
	if e.News == Lost {
		g.asked, g.login, g.beats, g.permit = false, SendNothing, 0, false
		if !e.End && (e.Wait < 0 || e.Wait > 2*identifyMost) {
			g.t.Fatalf("wait of %v", e.Wait)
		}
		if final := []int{4004, 4010, 4011, 4012, 4013, 4014, 4001, 4002}; e.End && !slices.Contains(final, e.Fail.Code) {
			g.t.Fatalf("failure %+v was final", e.Fail)
		}
	}
	if e.Ask {
		g.asked = true
	}
	switch e.Send {
	case SendBeat:
		g.beats = 1 // the shard goroutine holds one at most
	case SendIdentify:
		if !g.permit {
			g.t.Fatal("identify without a permit")
		}
		g.permit = false
		g.login = e.Send
	case SendResume:
		if g.m.Session().ID == "" {
			g.t.Fatal("resume without a session")
		}
		g.login = e.Send
	}
}
