package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// report is what go test -json said.
type report struct {
	verdict map[string]string // of each test: pass, fail or skip
	built   bool
	panic   string // its first line, if the process panicked
	during  string // the test whose output that line is
	running string // the tests whose time was over
	output  string
}

func judge(stream []byte) report {
	r := report{verdict: map[string]string{}, built: true}
	var out strings.Builder
	for line := range bytes.Lines(stream) {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch e.Action {
		case "build-fail":
			r.built = false
		case "pass", "fail", "skip":
			if e.Test != "" {
				r.verdict[e.Test] = e.Action
			}
		case "output", "build-output":
			out.WriteString(e.Output)
			if r.panic == "" && strings.HasPrefix(e.Output, "panic: ") {
				r.panic, r.during = strings.TrimSpace(e.Output), e.Test
			}
		}
	}
	r.output = out.String()
	if _, after, late := strings.Cut(r.output, "panic: test timed out after"); late {
		_, names, _ := strings.Cut(after, "running tests:\n")
		r.running, _, _ = strings.Cut(names, "\ngoroutine ")
	}
	return r
}

// The panics that are a test's own word: of a bubble whose goroutines will never end, of the guard
// against waiting for ever, and of a test that took too long.
var meant = regexp.MustCompile(`^panic: (deadlock: |the test waits for what never comes|test timed out after)`)

// caught is nil if the test that was named, and nothing else, made the difference. A process that
// panics says no verdict of the test it was in.
func (r report) caught(name string) error {
	got := r.verdict[name]
	switch {
	case !r.built:
		return errors.New("does not build")
	case r.panic != "" && !meant.MatchString(r.panic):
		return errors.New("the process died: " + r.panic)
	case r.running != "" && !strings.Contains(r.running, "\t"+name+" ("):
		return fmt.Errorf("the time was over in another test: %s", strings.TrimSpace(r.running))
	case got == "pass":
		return errors.New("passes all the same")
	case got != "fail" && r.during != name && r.running == "":
		return errors.New("was not run")
	}
	return nil
}
