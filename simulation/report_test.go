package simulation

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

// summary is what the runs have shown, in a few lines.
func (all *tally) summary() string {
	all.mu.Lock()
	defer all.mu.Unlock()
	least, rarest := all.rarest()
	return fmt.Sprintf("%d runs, %d shard-hours with a fault and %d without, %d faults of %d kinds, at least %d of each (%s), %d connections, %d resumes, %d new sessions, %d dispatches checked; "+
		"%d things wrong, %d of %d pairs of state and fault not hit, slowest recovery %v",
		all.runs, all.shardHours, all.idleHours, all.faults, len(all.kinds()), least, rarest, all.connections, all.resumes, all.sessions, all.dispatches,
		all.wrongs, len(all.missing()), len(pairs()), all.slowest)
}

func (all *tally) rarest() (least int, kind string) {
	kinds := all.kinds()
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		if least == 0 || kinds[k] < least {
			least, kind = kinds[k], k
		}
	}
	return least, kind
}

// report is REPORT.md.
func (all *tally) report() string {
	all.mu.Lock()
	defer all.mu.Unlock()
	var out strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	least, rarest := all.rarest()
	p("# What has been simulated")
	p("")
	p("Written by this command, which repeats it, in %v on %d processors with %s:", time.Since(all.began).Round(time.Second), runtime.GOMAXPROCS(0), runtime.Version())
	p("")
	p("```\ngo test ./simulation -run 'TestSeeds$' -timeout 2h -first %d -runs %d -report REPORT.md\n```", all.first, all.runs)
	p("")
	p("A seed draws the same plan and, for each shard, the same faults in the same order. What is due at the same instant")
	p("of fake time happens in the order of Go's scheduler, so counts differ a little from run to run.")
	p("")
	p("| | |")
	p("|---|--:|")
	p("| runs | %d |", all.runs)
	p("| simulated shard-hours in which something went wrong | %d |", all.shardHours)
	p("| shard-hours in which nothing did, not counted | %d |", all.idleHours)
	p("| faults | %d |", all.faults)
	p("| and dials that met a host in an outage | %d |", all.missed)
	p("| kinds of faults; the least of any (%s) | %d; %d |", rarest, len(all.kinds()), least)
	p("| pairs of state and fault that can be; of those not hit | %d; %d |", len(pairs()), len(all.missing()))
	p("| connections | %d |", all.connections)
	p("| RESUMEs, IDENTIFYs | %d, %d |", all.resumes, all.identifies)
	p("| sessions | %d |", all.sessions)
	p("| Runs that ended with a final error, as they must; processes restarted | %d; %d |", all.finals, all.restarts)
	p("| repeats by the server that the client dropped | %d |", all.duplicates)
	p("| dispatches checked at the consumer, number, type and body | %d |", all.dispatches)
	p("| **lost, repeated, out of order, altered, beyond a session's end** | **%d** |", all.wrongs)
	p("| **rules broken, as the referee sees it** | **%d** |", all.violations)
	p("| what the referee would have had otherwise of clients whose consumer stood still, so that they read nothing | %d |", all.excused)
	p("| **goroutines or connections left behind** | **0**: a run would not have ended, or said so |")
	p("| slowest recovery once the faults stop; allowed are %v | %v |", recovery, all.slowest)
	p("")
	p("## Why sessions ended")
	p("")
	p("A session that ended for another reason, or that a client left while it was its to resume, fails the run.")
	p("")
	p("| reason | sessions |\n|---|--:|")
	for _, why := range slices.Sorted(maps.Keys(all.ends)) {
		p("| %s | %d |", why, all.ends[why])
	}
	p("")
	p("## Faults, by the stage of the connection")
	p("")
	p("`-` cannot be. docs/testing.md says what each fault does and what the stages are.")
	p("")
	all.table(p, gatewayStages())
	p("")
	p("## Faults of the process, by the state of its shard")
	p("")
	all.table(p, []string{"waiting", "dialing", "awaitHello", "awaitSlot", "identifying", "resuming", "live"})
	return out.String()
}

func (all *tally) table(p func(string, ...any), stages []string) {
	rows := map[string]bool{}
	for pair := range pairs() {
		if slices.Contains(stages, pair.Stage) {
			rows[pair.Fault] = rows[pair.Fault] || pair.Stage != "live" || !slices.Contains(stages, "waiting")
		}
	}
	p("| fault | %s | in all |", strings.Join(stages, " | "))
	p("|---|%s--:|", strings.Repeat("--:|", len(stages)))
	for _, fault := range slices.Sorted(maps.Keys(rows)) {
		if !rows[fault] {
			continue
		}
		row, sum := "| "+fault+" |", 0
		for _, stage := range stages {
			pair := gatewaytest.Strike{Stage: stage, Fault: fault}
			if pairs()[pair] {
				row += fmt.Sprintf(" %d |", all.strikes[pair])
				sum += all.strikes[pair]
			} else {
				row += " - |"
			}
		}
		p("%s %d |", row, sum)
	}
}

// gatewayStages are those of connections, in their order.
func gatewayStages() []string {
	return []string{"dial", "dial-resume", "hello", "hello-resume", "slot", "identify", "resume", "replay", "live"}
}
