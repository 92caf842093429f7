package session

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts anew")

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A transcript is a list of inputs; what the machine answers stands indented below each.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(text))
			if *rewrite {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("got\n%s\nwant\n%s\n(go test ./internal/session -rewrite writes them anew)", got, text)
			}
		})
	}
}

// player feeds a machine from a transcript.
type player struct {
	m    *Machine
	now  time.Time
	draw float64
	out  strings.Builder
}

func replay(t *testing.T, script string) string {
	p := &player{now: epoch, draw: 0.5}
	p.m = New(func() float64 { return p.draw }, Session{Seq: NoSeq})
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "  ") {
			continue
		}
		p.out.WriteString(line + "\n")
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if err := p.input(words); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return p.out.String()
}

func number(words []string, name string, otherwise int64) int64 {
	for i, w := range words {
		if w == name && i+1 < len(words) {
			if n, err := strconv.ParseInt(words[i+1], 10, 64); err == nil {
				return n
			}
		}
	}
	return otherwise
}

func word(words []string, name string) string {
	for i, w := range words {
		if w == name && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

func (p *player) input(words []string) error {
	seq := number(words, "seq", NoSeq)
	receive := func(msg Message) {
		if msg.Op != OpDispatch {
			msg.Seq = NoSeq
		}
		p.say(p.m.Receive(p.now, msg))
	}
	switch words[0] {
	case "stored":
		stored := Session{ID: words[1], Seq: seq, URL: word(words, "url")}
		p.m = New(func() float64 { return p.draw }, stored)
	case "rand":
		p.draw, _ = strconv.ParseFloat(words[1], 64)
	case "among":
		p.m.Among(int(number(words, "among", 1)))
	case "start":
		p.say(p.m.Start(p.now))
	case "opened":
		p.say(p.m.Opened(p.now))
	case "hello":
		ms, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		receive(Message{Op: OpHello, Interval: time.Duration(ms) * time.Millisecond})
	case "permit":
		p.say(p.m.Permit(p.now))
	case "denied":
		p.m.Denied(p.now)
	case "ready":
		receive(Message{Op: OpDispatch, Type: "READY", Seq: seq, SessionID: words[1], ResumeURL: word(words, "url")})
	case "dispatch":
		receive(Message{Op: OpDispatch, Type: words[1], Seq: seq})
	case "op":
		op, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		receive(Message{Op: op, Resumable: word(words, "d") == "true"})
	case "garbage":
		p.say(p.m.Garbage(p.now))
	case "wrote":
		op, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		for range number(words, "times", 1) {
			if op == OpHeartbeat {
				p.m.Beating(p.now, word(words, "for") != "request")
			}
			p.m.Wrote(p.now, op)
		}
	case "handled":
		p.m.Handled(p.m.Generation(), seq)
	case "frozen", "jump": // the process stands still, or its clock jumps: no timer fires
		still, err := time.ParseDuration(words[1])
		if err != nil {
			return err
		}
		p.now = p.now.Add(still)
	case "reading":
		p.m.Reading(p.now, words[1] == "on")
	case "closed":
		code, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		p.say(p.m.Failed(p.now, Failure{Kind: Closed, Code: code, Blamed: len(words) > 2}))
	case "failed":
		kinds := map[string]Kind{"dial": DialFailed, "refused": Refused, "dropped": Dropped, "write": WriteFailed, "malformed": Malformed}
		kind, ok := kinds[words[1]]
		if !ok {
			return fmt.Errorf("no kind %q", words[1])
		}
		p.say(p.m.Failed(p.now, Failure{Kind: kind, RetryAfter: time.Duration(number(words, "retry-after", 0)) * time.Second}))
	case "command?":
		if at := p.m.CommandAt(p.now, number(words, "op", OpIdentify) == OpPresence); at.After(p.now) {
			fmt.Fprintf(&p.out, "  in %v\n", at.Sub(p.now))
		} else {
			p.out.WriteString("  now\n")
		}
	case "stop":
		p.say(p.m.Stop(words[1] == "keep"))
	default:
		wait, err := time.ParseDuration(strings.TrimPrefix(words[0], "+"))
		if err != nil {
			return err
		}
		p.pass(wait)
	}
	return nil
}

// pass lets time go by, and tells what the timer does on the way.
func (p *player) pass(wait time.Duration) {
	end := p.now.Add(wait)
	for {
		at := p.m.Deadline(p.now)
		if at.IsZero() || at.After(end) {
			break
		}
		if at.After(p.now) {
			p.now = at
		}
		fmt.Fprintf(&p.out, "  at %v:\n", p.now.Sub(epoch))
		p.say(p.m.Timer(p.now))
	}
	p.now = end
}

func (p *player) say(e Effects) {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if e.Dial {
		add("dial %s", [...]string{"base", "resume"}[e.Host])
	}
	if e.Ask {
		add("ask")
	}
	switch e.Send {
	case SendBeat:
		if seq := p.m.BeatSeq(); seq == NoSeq {
			add("beat null")
		} else {
			add("beat %d", seq)
		}
	case SendIdentify:
		add("identify")
	case SendResume:
		add("resume %s %d", p.m.Session().ID, p.m.Session().Seq)
	}
	switch e.News {
	case GotAck:
		add("ack after %v", e.Latency)
	case WentLive:
		add("live")
		if e.Resumed {
			add("(resumed)")
		}
	case SlowReady:
		add("still no READY")
	case Ignored:
		add("ignored")
	case Duplicate:
		add("duplicate")
	case Lost:
		if e.End {
			add("end")
			break
		}
		add("lost: %s in %v, attempt %d", [...]string{"resume", "identify", "stop"}[e.Next], e.Wait, e.Attempt)
		if e.GaveUp {
			add("(session given up)")
		}
	}
	if e.Close != 0 {
		add("close %d", e.Close)
	}
	if e.Deliver {
		add("deliver")
	}
	if e.Gap > 0 {
		add("gap of %d", e.Gap)
	}
	if e.Broken != "" {
		add("broken: %s", e.Broken)
	}
	fmt.Fprintf(&p.out, "  %s [%s]\n", strings.Join(parts, " "), p.m.State())
}
