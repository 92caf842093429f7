package simulation

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

// tally adds up what runs have shown.
type tally struct {
	mu sync.Mutex // held for work in memory only

	began time.Time
	first uint64

	runs, violations, excused, wrongs                                        int
	shardHours, idleHours                                                    int
	faults, missed, dispatches, connections, resumes, identifies, duplicates int64
	sessions, finals, restarts                                               int64
	slowest                                                                  time.Duration
	strikes                                                                  map[gatewaytest.Strike]int
	ends                                                                     map[string]int
}

func newTally() *tally {
	return &tally{strikes: map[gatewaytest.Strike]int{}, ends: map[string]int{}}
}

func (all *tally) add(p plan, server *gatewaytest.Server, bots []*bot, w *watch) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.runs++
	all.violations += w.violations
	all.excused += w.excused
	all.wrongs += len(w.wrongs)
	all.slowest = max(all.slowest, w.recovered)
	for shard := range p.shards {
		for hour := range int(p.lasts / time.Hour) {
			if w.hours[[2]int{shard, hour}] {
				all.shardHours++
			} else {
				all.idleHours++
			}
		}
	}
	for _, strikes := range []map[gatewaytest.Strike]int{server.Strikes(), w.strikes} {
		for s, n := range strikes {
			all.strikes[s] += n
			if outage(s.Fault) {
				all.missed += int64(n)
			} else {
				all.faults += int64(n)
			}
		}
	}
	for _, b := range bots {
		all.dispatches += b.audit.Dispatches
		all.sessions += int64(b.audit.Sessions)
		for why, n := range b.audit.Ends {
			all.ends[why] += n
		}
		all.connections += b.connections
		all.resumes += b.resumes
		all.identifies += b.identifies
		all.duplicates += b.duplicates
		all.finals += b.finals
		all.restarts += b.restarts
	}
}

// outage says whether a fault is of a whole host: it strikes each dial, as often as a client tries.
func outage(fault string) bool {
	return strings.HasSuffix(fault, "-down") || strings.HasSuffix(fault, "-mute") && fault != "dial-mute"
}

// kinds adds the strikes of each fault up.
func (all *tally) kinds() map[string]int {
	kinds := map[string]int{}
	for s, n := range all.strikes {
		kinds[s.Fault] += n
	}
	return kinds
}

// missing lists the pairs of stage and fault that no run has shown.
func (all *tally) missing() []gatewaytest.Strike {
	left := pairs()
	for s := range all.strikes {
		delete(left, s)
	}
	var list []gatewaytest.Strike
	for s := range maps.Keys(left) {
		list = append(list, s)
	}
	return list
}

// pairs are all combinations of a state and a fault that can be: the server's by the stage of the connection, those of
// the process by the state of the client.
func pairs() map[gatewaytest.Strike]bool {
	out := map[gatewaytest.Strike]bool{}
	for _, f := range gatewaytest.Faults() {
		for _, s := range f.Stages {
			out[gatewaytest.Strike{Stage: s, Fault: f.Name}] = true
		}
	}
	for _, fault := range []string{"process-restart", "consumer-stall"} {
		for _, state := range []string{"waiting", "dialing", "awaitHello", "awaitSlot", "identifying", "resuming", "live"} {
			out[gatewaytest.Strike{Stage: state, Fault: fault}] = true
		}
	}
	return out
}
