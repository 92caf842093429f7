package simulation

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// Each fault at each stage by itself, for the pairs that a spec can ask for.
func TestEveryFaultAtEveryStage(t *testing.T) {
	var seed uint64
	for _, f := range gatewaytest.Faults() {
		if outage(f.Name) {
			continue // of whole hosts: those come now and then only, in TestSeeds
		}
		for _, stage := range f.Stages {
			seed++
			t.Run(f.Name+" at "+stage, func(t *testing.T) {
				all := newTally()
				simulate(t, planOfPair(seed, f.Name, stage), all)
				if n := all.strikes[gatewaytest.Strike{Stage: stage, Fault: f.Name}]; n == 0 {
					t.Errorf("it did not happen: %v", slices.Collect(maps.Keys(all.strikes)))
				}
			})
		}
	}
}

// wayTo is what brings a connection to a stage that it does not come to by itself.
var wayTo = map[string]string{
	"dial-resume": "cut@live*1,", "hello-resume": "cut@live*1,", "resume": "cut@live*1,",
	"replay": "replay-long@live*1,",
}

// planOfPair lets one fault happen once at a stage, and before it what brings a shard there.
func planOfPair(seed uint64, fault, stage string) plan {
	compression := compressions[seed%3]
	if fault == "zlib-split" {
		compression = chiru.CompressionZlibStream
	}
	return plan{
		seed: seed, shards: 1, lasts: 2 * time.Minute, compression: &compression, gate: 2 * time.Second,
		rerun: fmt.Sprintf("-run 'TestEveryFaultAtEveryStage/%s_at_%s$'", fault, stage),
		server: gatewaytest.Config{
			Seed: seed, Guilds: 2, Members: 3, Rate: 0.3, Record: 1 << 14, TrimOnHeartbeat: seed%2 == 0,
			Chaos: fmt.Sprintf("%s%s@%s*1,seed=%d", wayTo[stage], fault, stage, seed),
		},
	}
}
