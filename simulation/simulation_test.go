package simulation

import (
	"flag"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seeds  = flag.String("seeds", "", "run these seeds, with commas between")
	budget = flag.Duration("budget", 3*time.Second, "begin new runs of fresh seeds for so long")
)

// TestSeeds runs seeds: those that -seeds names, or fresh ones until the budget is spent.
func TestSeeds(t *testing.T) {
	all := newTally()
	if *seeds != "" {
		for text := range strings.SplitSeq(*seeds, ",") {
			seed, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(text, func(t *testing.T) { simulate(t, planOf(seed), all) })
		}
		all.print(t)
		return
	}
	first := rand.Uint64() >> 16
	t.Logf("seeds from %d on", first)
	deadline := time.Now().Add(*budget)
	var mu sync.Mutex
	next := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		first++
		return first - 1, time.Now().Before(deadline)
	}
	t.Run("fresh", func(t *testing.T) {
		for _, worker := range []string{"a", "b"} {
			t.Run(worker, func(t *testing.T) {
				t.Parallel()
				for seed, more := next(); more; seed, more = next() {
					t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { simulate(t, planOf(seed), all) })
				}
			})
		}
	})
	all.print(t)
}
