// Mutants checks the tests: each patch in this folder is a fault that the test it names must catch.
// docs/testing.md says how to read and add one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

const longest = 40 * time.Minute // a whole run

func main() {
	run := flag.String("run", "", "only mutants whose name matches this `regexp`")
	patience := flag.Duration("timeout", time.Minute, "for one test of one mutant")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done within %v", longest))
	defer cancel()
	survived, err := check(ctx, ".", *run, *patience)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if survived || err != nil {
		os.Exit(1)
	}
}

// check plays all mutants of the module at root, and says whether one was not caught.
func check(ctx context.Context, root, run string, patience time.Duration) (survived bool, err error) {
	wanted, err := regexp.Compile(run)
	if err != nil {
		return false, err
	}
	all, err := load(root)
	if err != nil {
		return false, err
	}
	var chosen []mutant
	for _, m := range all {
		if wanted.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return false, errors.New("no mutant has such a name")
	}
	from := time.Now()
	t, err := copyTree(ctx, root)
	if err != nil {
		return false, err
	}
	defer t.remove()
	healthy := 0
	for _, pkg := range packages(chosen) {
		n, err := t.mustPass(ctx, pkg, chosen, patience)
		if err != nil {
			return false, err
		}
		healthy += n
	}
	fmt.Printf("%d tests pass without a fault (%.0f s)\n", healthy, time.Since(from).Seconds())
	caught := 0
	for i, m := range chosen {
		at := time.Now()
		err := t.play(ctx, m, patience)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		word, detail := "caught  ", m.tests[0].String()
		for _, also := range m.tests[1:] {
			detail += ", " + also.name
		}
		if err == nil {
			caught++
		} else {
			word, detail = "NOT SEEN", err.Error()
		}
		fmt.Printf("%3d/%d %s %-42s %5.1f s  %s\n", i+1, len(chosen), word, m.name, time.Since(at).Seconds(), detail)
	}
	fmt.Printf("%d mutants, %d caught (%.0f s)\n", len(chosen), caught, time.Since(from).Seconds())
	return caught < len(chosen), nil
}
