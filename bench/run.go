package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
)

// runTimeout is for one run, however slow the machine.
const runTimeout = 3 * time.Minute

const (
	paceRate  = 2000
	paceFleet = 5000
)

// ready is what the blaster prints.
type ready struct {
	Host   string        `json:"host"`
	Totals stream.Totals `json:"totals"`
}

// measured is a client's result, and what the server has to say to it.
type measured struct {
	client.Result
	Wire int64 // bytes on the wire: of all events, or of a thousand resumes
}

// runAll runs the cases in rounds. Every round begins with another case.
func (b *bench) runAll(ctx context.Context, o options, cases []runCase, r *results) error {
	for round := range fanRounds * o.rounds {
		for i := range cases {
			c := cases[(i+round*7)%len(cases)]
			if round >= o.roundsOf(c.mode) {
				continue
			}
			m, err := b.runOne(ctx, o, c)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				log.Printf("round %d: %v: FAILED: %v", round+1, c, err)
				r.fail(c, err)
				continue
			}
			log.Printf("round %d: %v: %s", round+1, c, headline(c.mode, m))
			r.add(c, round, m)
		}
	}
	r.finish()
	return nil
}

// runOne runs a server and a client.
func (b *bench) runOne(ctx context.Context, o options, c runCase) (m measured, err error) {
	mode := c.mode
	switch mode {
	case fan, fleetFlood, fleetPaced:
		mode = client.Throughput
	}
	rate := map[string]float64{client.Latency: paceRate, fleetPaced: paceFleet}[c.mode]
	made := max(o.events, o.paced)
	if c.mode == fan {
		made = max(made, o.fanEvents)
	}
	args := []string{"-dir", b.dir, "-mode", mode, "-compression", c.compression, "-seed", fmt.Sprint(o.seed),
		"-made", fmt.Sprint(made), "-events", fmt.Sprint(c.events), "-shards", fmt.Sprint(c.shards),
		"-rate", fmt.Sprint(rate)}
	if c.mode == fan {
		// Few shards get again and again what each of many gets once: the mix is the same for all.
		args = append(args, "-period", fmt.Sprint(o.fanEvents/fanMost))
	}
	at, stop, err := b.serve(ctx, args)
	if err != nil {
		return m, err
	}
	defer stop()
	job := client.Job{
		Host: at.Host, Mode: mode, Compression: c.compression, Variant: c.variant, Shards: c.shards, Events: c.events,
		Rate: rate, Seed: o.seed, Timeout: runTimeout,
	}
	if watched(c) {
		job.Window = idleWindow
	}
	argument, err := json.Marshal(job)
	if err != nil {
		return m, err
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout+time.Minute+idleWindow)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, c.executable()), string(argument))
	if c.binary == node {
		cmd = exec.CommandContext(ctx, "node", "--expose-gc", filepath.Join(nodeDir, "client.mjs"), string(argument))
	}
	cmd.Env = os.Environ()
	if c.one {
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("%w: %.600s", err, strings.TrimSpace(stderr.String()))
	}
	if err := json.Unmarshal(out, &m.Result); err != nil {
		return m, fmt.Errorf("the client printed %.200q: %w", out, err)
	}
	m.Wire = at.Totals.Wire
	if mode == client.Reconnect {
		if m.Wire, err = resumeBytes(at.Host); err != nil {
			return m, err
		}
	}
	return m, verify(c, at.Totals, m.Result)
}

// watched says whether the CPU of idle shards is of interest: of few it is nothing.
func watched(c runCase) bool { return c.mode == client.Idle && c.shards == idleMany }

// verify holds what a client says it got against what it was sent.
func verify(c runCase, sent stream.Totals, got client.Result) error {
	shards := uint64(c.shards)
	if want := sent.Events * int64(shards); got.Events != want {
		return fmt.Errorf("%d events of %d", got.Events, want)
	}
	if c.mode == client.Reconnect {
		if got.Resumed != c.shards || got.Again != 0 {
			return fmt.Errorf("%d of %d resumed, %d new sessions", got.Resumed, c.shards, got.Again)
		}
		return nil
	}
	if c.variant == "filtered" {
		return nil // it gets nothing, and what it refuses is counted
	}
	if isPeer(c.client) || c.variant == "decoded" {
		if want := sent.Witness * shards; got.Witness != want {
			return fmt.Errorf("the sum over the decoded events is %d, want %d", got.Witness, want)
		}
	} else if want := sent.Raw * shards; got.Raw != want || got.Body != sent.Body*int64(shards) {
		return fmt.Errorf("the sum over the bodies is %d, want %d", got.Raw, want)
	}
	return nil
}

// serve starts a blaster.
func (b *bench) serve(ctx context.Context, args []string) (at ready, stop func(), err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "blaster"), args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return at, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return at, nil, err
	}
	if err := cmd.Start(); err != nil {
		return at, nil, err
	}
	stop = func() {
		stdin.Close()
		cmd.Wait()
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &at)
	}
	if err != nil {
		stop()
		return at, nil, fmt.Errorf("blaster: %w", err)
	}
	return at, stop, nil
}

// resumeBytes is what all resumes took on the wire, both ways.
func resumeBytes(host string) (int64, error) {
	resp, err := http.Get("http://" + host + "/stats")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var stats struct {
		Bytes   int64 `json:"bytes"`
		Resumes int64 `json:"resumes"`
	}
	err = json.Unmarshal(b, &stats)
	return stats.Bytes, err
}

// headline is a result in a line of the log.
func headline(mode string, m measured) string {
	switch mode {
	case client.Idle:
		return fmt.Sprintf("heap %d KiB, RSS %d KiB, %d goroutines, %.2f %% of a core", m.Heap>>10, m.RSS>>10, m.Goroutines, m.IdleCPU*100)
	case client.Latency:
		return fmt.Sprintf("p50, p99, p99.9: %.0f µs", m.Latency)
	case client.Reconnect:
		return fmt.Sprintf("%.0f ms of CPU, %d KiB", m.CPU*1000, m.Wire>>10)
	}
	return thousands(float64(m.Events)/m.CPU) + " events per CPU-second"
}

// thousands writes 12,345.
func thousands(f float64) string {
	s := strconv.FormatInt(int64(f+0.5), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
