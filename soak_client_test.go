package chiru_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
)

// soakEnv carries the configuration of a process that is nothing but one shard, so that its heap is the shard's.
const soakEnv = "CHIRU_TEST_SOAK"

type soakConfig struct {
	URL                      string
	Compression              chiru.Compression
	BacklogBytes, MaxMessage int
}

// soakReport is what the shard's process says of itself.
type soakReport struct {
	Live   int // bytes of heap after a collection
	Heap   int // the largest heap so far: what was ever taken from the system
	State  string
	Loss   string // why the last connection ended
	Events int    // dispatches taken by the consumer
	Last   string // the type of the last one
	chiru.Snapshot
}

// soakClient runs one shard, answers each line of its input with a report, and ends with its input. The line
// "stall" stops the consumer, "read" lets it go on.
func soakClient(text string) {
	var c soakConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	stats := new(chiru.Stats)
	inbound := make(chan chiru.IncomingEvent)
	var now soakReport
	report := func() {
		runtime.GC()
		runtime.GC() // the second frees what the first found in pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now.Live, now.Heap, now.Snapshot = int(m.HeapAlloc), int(m.HeapSys), stats.Snapshot()
		now.State = now.Snapshot.State
		if now.LastLoss != nil {
			now.Loss, now.LastLoss = now.LastLoss.Error(), nil
		}
		if err := json.NewEncoder(os.Stdout).Encode(now); err != nil {
			panic(err)
		}
	}
	<-lines
	report() // before there is a shard
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = chiru.Run(ctx, chiru.Config{
			URL: c.URL, Token: "x", Stats: stats, Compression: c.Compression, BacklogBytes: c.BacklogBytes, MaxMessage: c.MaxMessage,
		}, nil, inbound)
	}()
	take := inbound
	for {
		select {
		case event := <-take:
			if d, ok := event.(*chiru.Dispatch); ok {
				now.Events++
				now.Last = d.Type
			}
		case line, ok := <-lines:
			switch {
			case !ok:
				cancel()
				<-ended
				return
			case line == "stall":
				take = nil
			case line == "read":
				take = inbound
			}
			report()
		}
	}
}

// soakProcess is a soakClient seen from the test.
type soakProcess struct {
	t    *testing.T
	in   io.Writer
	out  *json.Decoder
	base soakReport
}

func startSoak(t *testing.T, c soakConfig) *soakProcess {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), soakEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		t.Fatal("the shard's process does not start")
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the shard's process: %v", err)
		}
	})
	p := &soakProcess{t: t, in: in, out: json.NewDecoder(out)}
	p.base = p.say("")
	return p
}

func (p *soakProcess) say(line string) soakReport {
	p.t.Helper()
	var r soakReport
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
	if err := p.out.Decode(&r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// until asks until the report is as wanted.
func (p *soakProcess) until(what string, wanted func(soakReport) bool) soakReport {
	p.t.Helper()
	for late := time.Now().Add(time.Minute); ; {
		r := p.say("")
		if wanted(r) {
			return r
		}
		if time.Now().After(late) {
			p.t.Fatalf("%s: not so within a minute; the shard is %+v", what, r)
		}
	}
}
