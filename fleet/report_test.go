package fleet_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	seed   = flag.Uint64("seed", 0, "of what happens to nodes and servers; 0 takes a fresh one")
	rate   = flag.Float64("rate", 300, "events a second meanwhile, of all shards")
	report = flag.String("report", "", "the file in which a figure test puts its section anew")
)

// dice are a test's, from a seed that it tells.
func dice(t *testing.T) (*rand.Rand, uint64) {
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	tell(t, fmt.Sprintf("seed %d", from))
	return rand.New(rand.NewPCG(from, 0)), from
}

func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}

// tell puts a line in the test's log, and in the file that FIGURES names: go test shows no log of a test that holds.
func tell(t *testing.T, text string) {
	t.Helper()
	t.Log(text)
	name := os.Getenv("FIGURES")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s: %s\n", t.Name(), text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

// figures are what a test has seen: in its log, and as a section of the report if one is wanted and the test holds.
func figures(t *testing.T, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	tell(t, text)
	if *report == "" || t.Failed() {
		return
	}
	const head = "# What the fleet has shown\n\nEach section is written by its test, under one of the `make fleet-...` targets.\n"
	old, err := os.ReadFile(*report)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	sections := strings.Split(string(old), "\n## ")
	out := head
	section := t.Name() + "\n\n" + time.Now().UTC().Format(time.DateOnly) + ". " + strings.TrimSpace(text) + "\n"
	placed := false
	for _, s := range sections[1:] {
		if strings.HasPrefix(s, t.Name()+"\n") {
			s, placed = section, true
		}
		out += "\n## " + strings.TrimSpace(s) + "\n"
	}
	if !placed {
		out += "\n## " + section
	}
	if err := os.WriteFile(*report, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
