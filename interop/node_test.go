package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// stopGrace is how long a Node client may take to close its connections and end.
const stopGrace = 15 * time.Second

// line is what a Node client prints: what it saw, what it complains of, or that it is connected.
type line struct {
	Shard     int    `json:"shard"`
	Seq       int64  `json:"s"`
	Type      string `json:"t"`
	Complaint string `json:"complaint"`
	Connected bool   `json:"connected"`
}

// connectNode runs a client of the folder node as a child process. It ends once its stdin does.
func connectNode(script string) func(context.Context, target) (func(), error) {
	return func(ctx context.Context, to target) (func(), error) {
		options, err := json.Marshal(map[string]any{"api": to.api, "token": token, "shards": to.shards, "intents": every})
		if err != nil {
			return nil, err
		}
		life, kill := context.WithCancel(context.Background())
		cmd := exec.CommandContext(life, "node", script, string(options))
		cmd.Dir = "node"
		cmd.WaitDelay = time.Second
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			kill()
			return nil, err
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			kill()
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			kill()
			return nil, err
		}
		connected, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			listen(stdout, to.tally, connected)
			// Wait closes stdout, so that reading comes first.
			if err := cmd.Wait(); err != nil {
				to.tally.crashed("node %s: %v\n%s", script, err, stderr.Bytes())
			}
		}()
		stop := func() {
			stdin.Close()
			timer := time.AfterFunc(stopGrace, kill)
			defer timer.Stop()
			defer kill()
			<-ended
		}
		select {
		case <-connected:
			return stop, nil
		case <-ended:
			kill()
			return nil, fmt.Errorf("node %s ended: %s", script, stderr.Bytes())
		case <-ctx.Done():
			kill()
			<-ended
			return nil, fmt.Errorf("node %s: %w", script, errors.Join(ctx.Err(), errors.New(stderr.String())))
		}
	}
}

// listen reads the lines of a client until it ends.
func listen(r io.Reader, t *tally, connected chan<- struct{}) {
	var once sync.Once
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var l line
		switch err := json.Unmarshal(lines.Bytes(), &l); {
		case err != nil:
			t.complain("printed %.200q", lines.Text())
		case l.Connected:
			once.Do(func() { close(connected) })
		case l.Complaint != "":
			t.complain("%s", l.Complaint)
		default:
			t.saw(l.Shard, l.Seq, l.Type)
		}
	}
	if err := lines.Err(); err != nil {
		t.complain("reading the output: %v", err)
	}
}
