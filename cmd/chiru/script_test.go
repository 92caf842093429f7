package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"chiru": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			running := map[string]*process{}
			e.Values["running"] = running
			e.Setenv("GORACE", raceExit)
			e.Defer(func() {
				for _, p := range running {
					_ = p.cmd.Process.Kill()
					<-p.ended
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": scriptStart, "signal": scriptSignal, "exits": scriptExits, "gapless": scriptGapless, "rude": scriptRude, "control": scriptControl, "ends": scriptEnds, "fetch": scriptFetch, "becomes": scriptBecomes,
		},
	})
}

const (
	scriptWait = time.Minute
	raceExit   = "atexit_sleep_ms=0" // the race detector's second at every exit adds up
)

// process is a chiru that a test has started.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr watched
	ended          chan struct{}
}

// newProcess prepares a chiru whose stdout.seen is closed once stdout has a match of until; or stderr.seen, if until begins with 2>.
func newProcess(until string, args ...string) *process {
	p := &process{cmd: exec.Command("chiru", args...), ended: make(chan struct{})}
	p.stdout.seen, p.stderr.seen = make(chan struct{}), make(chan struct{})
	if logged, ok := strings.CutPrefix(until, "2>"); ok {
		p.stderr.until = regexp.MustCompile(logged)
	} else {
		p.stdout.until = regexp.MustCompile(until)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	return p
}

func (p *process) start() error {
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

func await(event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	case <-time.After(scriptWait):
		return false
	}
}

// watched keeps what is written, and tells when it has what the script waits for.
type watched struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	until *regexp.Regexp
	seen  chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(b)
	if w.until != nil && w.until.Match(w.buf.Bytes()) {
		w.until = nil
		close(w.seen)
	}
	return len(b), nil
}

func (w *watched) bytes() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.buf.Bytes())
}

// scriptStart is "start NAME REGEXP args...": it starts chiru and waits until its stdout has REGEXP, or its stderr for 2>REGEXP. The
// URLs that sim prints become $API and $CONTROL.
func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start name regexp args...")
	}
	p := newProcess(args[1], args[2:]...)
	p.cmd.Env = []string{"GORACE=" + raceExit}
	for _, name := range []string{"PATH", "DISCORD_TOKEN", "XDG_STATE_HOME"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(p.start())
	ts.Value("running").(map[string]*process)[args[0]] = p
	select {
	case <-p.stdout.seen:
	case <-p.stderr.seen:
	case <-p.ended:
		ts.Fatalf("%s has ended: stdout:\n%s\nstderr:\n%s", args[0], p.stdout.bytes(), p.stderr.bytes())
	case <-time.After(scriptWait):
		ts.Fatalf("%s does not print %s: stdout:\n%s\nstderr:\n%s", args[0], args[1], p.stdout.bytes(), p.stderr.bytes())
	}
	var urls struct{ API, Control string }
	if args[2] == "sim" {
		ts.Check(json.Unmarshal(p.stdout.bytes(), &urls))
		ts.Setenv("API", urls.API)
		ts.Setenv("CONTROL", urls.Control)
	}
}

// scriptSignal is "signal NAME SIGNAL CODE": it sends INT or TERM and waits for the exit code. What was
// printed is in the files NAME.stdout and NAME.stderr.
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: signal name signal code")
	}
	p := ts.Value("running").(map[string]*process)[args[0]]
	sent := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}[args[1]]
	ts.Check(p.cmd.Process.Signal(sent))
	scriptEnds(ts, neg, []string{args[0], args[2]})
}

// scriptEnds is "ends NAME CODE": signal without one, for what ends by itself.
func scriptEnds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ends name code")
	}
	p := ts.Value("running").(map[string]*process)[args[0]]
	if !await(p.ended) {
		ts.Fatalf("%s does not end; stderr:\n%s", args[0], p.stderr.bytes())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stdout"), p.stdout.bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stderr"), p.stderr.bytes(), 0o600))
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s: got exit code %s, want %s; stderr:\n%s", args[0], got, args[1], p.stderr.bytes())
	}
}

// scriptExits is "exits CODE program args...": exec, with the exit code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program args...")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = strconv.Itoa(exit.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("got exit code %s, want %s", got, args[0])
	}
}

// scriptGapless is "gapless FILE COUNT": the file has COUNT of Discord's events in --json's lines, READY
// first and none missing.
func scriptGapless(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gapless file count")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	dispatches, _ := readLines(ts, ts.ReadFile(args[0]))
	wantGapless(ts, dispatches, want)
}

// scriptRude is "rude URL": a request that breaks a rule of Discord's, for its User-Agent.
func scriptRude(ts *testscript.TestScript, neg bool, args []string) {
	client := http.Client{Timeout: scriptWait}
	resp, err := client.Get(args[0])
	ts.Check(err)
	resp.Body.Close()
}

// scriptFetch is "fetch PATH STATUS": what the daemon answers over HTTP is in the file fetched, and where its NATS is in $NATS.
func scriptFetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch path status")
	}
	if got, text := ask(ts, args[0]); got != args[1] {
		ts.Fatalf("%s: got status %s, want %s: %s", args[0], got, args[1], text)
	}
}

// scriptBecomes is "becomes PATH STATUS LEAST MOST": fetch, again until it has the status, which must take that long from now.
func scriptBecomes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: becomes path status least most")
	}
	least, err := time.ParseDuration(args[2])
	ts.Check(err)
	most, err := time.ParseDuration(args[3])
	ts.Check(err)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		got, text := ask(ts, args[0])
		took := time.Since(began)
		switch {
		case got == args[1] && took < least:
			ts.Fatalf("%s: has status %s after %v, want it to take %v: %s", args[0], got, took, least, text)
		case got == args[1]:
			return
		case took > most:
			ts.Fatalf("%s: has status %s after %v, want %s: %s", args[0], got, took, args[1], text)
		}
	}
}

// ask leaves what the daemon answers over HTTP in the file fetched.
func ask(ts *testscript.TestScript, path string) (status string, text []byte) {
	var door struct {
		HTTP string
		URL  string `json:"nats_url"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(ts.Getenv("XDG_STATE_HOME")+"/chiru/daemon.json")), &door))
	ts.Setenv("NATS", door.URL)
	client := http.Client{Timeout: scriptWait}
	resp, err := client.Get("http://" + door.HTTP + path)
	ts.Check(err)
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("fetched"), text, 0o600))
	return strconv.Itoa(resp.StatusCode), text
}

// scriptControl is "control [BODY] PATH": it asks the control API, by POST if there is a body, and leaves the answer in
// control.json. Negated, the answer must be a refusal.
func scriptControl(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: control [body] path")
	}
	method, body := http.MethodGet, ""
	if len(args) == 2 {
		method, body = http.MethodPost, args[0]
	}
	req, err := http.NewRequest(method, ts.Getenv("CONTROL")+args[len(args)-1], strings.NewReader(body))
	ts.Check(err)
	client := http.Client{Timeout: scriptWait}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if refused := resp.StatusCode != http.StatusOK; refused != neg {
		ts.Fatalf("%s: got status %d: %s", args[len(args)-1], resp.StatusCode, text)
	}
	ts.Check(os.WriteFile(ts.MkAbs("control.json"), text, 0o600))
}

// The stop hangs, because nobody takes what sim has to say at the end. The second signal is not the first
// one again: two of a kind may arrive as one.
func TestSecondSignalKillsAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals to send")
	}
	r, full, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer full.Close()
	if err := full.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = full.Write(make([]byte, 4096))
	}
	p := newProcess(`\n`, "sim")
	p.cmd.Stderr = full
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	defer p.cmd.Process.Kill()
	if !await(p.stdout.seen) {
		t.Fatal("sim has not printed its line")
	}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if !await(p.ended) {
		t.Fatal("sim has not ended")
	}
	if got := p.cmd.ProcessState.ExitCode(); got != 1 {
		t.Errorf("got exit code %d, want 1", got)
	}
}
