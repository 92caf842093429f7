package simulation

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seeds  = flag.String("seeds", "", "run these seeds, with commas between")
	first  = flag.Uint64("first", 0, "run the seeds from this one on; 0 is a fresh one")
	runs   = flag.Int("runs", 0, "run so many of them; 0 is as many as the budget lets begin")
	budget = flag.Duration("budget", 3*time.Second, "begin new runs for so long")
	report = flag.String("report", "", "write what they have shown to this file, below simulation")
)

// The seeds that have found something once. A run that fails adds its own.
const kept = "testdata/seeds.txt"

func TestSeedsThatFoundSomething(t *testing.T) {
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	all := newTally()
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "#")
		if name = strings.TrimSpace(name); name != "" {
			runSeed(t, name, all)
		}
	}
}

func runSeed(t *testing.T, text string, all *tally) {
	seed, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Run(text, func(t *testing.T) { simulate(t, planOf(seed), all) })
}

// TestSeeds runs seeds: those that are named, or as many as there is time for.
func TestSeeds(t *testing.T) {
	all := newTally()
	all.began = time.Now()
	if *seeds != "" {
		for text := range strings.SplitSeq(*seeds, ",") {
			runSeed(t, text, all)
		}
		t.Log(all.summary())
		return
	}
	if *first == 0 {
		*first = rand.Uint64() >> 20
	}
	all.first = *first
	t.Logf("seeds from %d on", *first)
	deadline := time.Now().Add(*budget)
	var mu sync.Mutex
	begun := 0
	next := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		if *runs > 0 && begun == *runs || *runs == 0 && time.Now().After(deadline) || t.Failed() {
			return 0, false
		}
		begun++
		return *first + uint64(begun-1), true
	}
	t.Run("fresh", func(t *testing.T) {
		for _, worker := range []string{"a", "b"} {
			t.Run(worker, func(t *testing.T) {
				t.Parallel()
				for seed, more := next(); more; seed, more = next() {
					runSeed(t, strconv.FormatUint(seed, 10), all)
				}
			})
		}
	})
	t.Log(all.summary())
	if *report != "" {
		if err := os.WriteFile(*report, []byte(all.report()), 0o644); err != nil {
			t.Error(err)
		}
	}
}
