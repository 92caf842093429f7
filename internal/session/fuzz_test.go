package session

import (
	"testing"
	"time"
)

// FuzzMachine feeds inputs that the shard goroutine could feed, in any order that the machine's own
// state allows, and holds the rules that must survive all of them.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte("\x02\x05\x07\x0b\x0d\x11\x13\x17\x1d\x1f\x25\x29\x2b\x2f\x35\x3b\x3d"))
	f.Add([]byte("aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ0123456789"))
	f.Fuzz(func(t *testing.T, input []byte) {
		g := &game{t: t, now: epoch, input: input}
		g.m = New(func() float64 { return float64(g.byte()) / 256 }, Session{Seq: NoSeq})
		g.take(g.m.Start())
		for len(g.input) > 0 && g.m.State() != Ended {
			g.step()
		}
	})
}

type game struct {
	t      *testing.T
	m      *Machine
	now    time.Time
	input  []byte
	sent   []time.Time // on this connection
	asked  bool
	login  Send
	beats  int
	permit bool
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
	case b < 3:
		g.now = g.now.Add(time.Duration(g.byte()) * 400 * time.Millisecond)
		for at := g.m.Deadline(g.now); !at.IsZero() && !at.After(g.now); at = g.m.Deadline(g.now) {
			g.take(g.m.Timer(g.now))
		}
	case b == 3 && g.m.State() == Dialing:
		g.sent = nil
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
		g.take(g.m.Failed(g.now, Failure{Kind: Closed, Code: 1000 + int(g.byte())*16, Blamed: g.byte()%2 == 0}))
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

func (g *game) wrote(op int) {
	g.m.Wrote(g.now, op)
	g.sent = append(g.sent, g.now)
	if n := len(g.sent); n > sendLimit && g.now.Sub(g.sent[n-1-sendLimit]) < sendWindow {
		g.t.Fatalf("%d payloads within %v", sendLimit+1, g.now.Sub(g.sent[n-1-sendLimit]))
	}
}

func (g *game) take(e Effects) {
	if e.Broken != "" {
		g.t.Fatalf("broken: %s", e.Broken)
	}
	if e.News == Lost {
		g.asked, g.login, g.beats, g.permit = false, SendNothing, 0, false
		if !e.End && (e.Wait < 0 || e.Wait > 2*identifyMost && e.Wait > longestRetryAfter) {
			g.t.Fatalf("wait of %v", e.Wait)
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
