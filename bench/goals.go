package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
)

// goal is one thing that must hold, and what was measured.
type goal struct {
	what   string
	got    []float64
	want   float64
	most   bool   // want is the most allowed, not the least
	format string // of both
}

func (g goal) holds() bool {
	if g.most {
		return median(g.got) <= g.want
	}
	return median(g.got) >= g.want
}

func (g goal) row() string {
	limit := "≥ "
	if g.most {
		limit = "≤ "
	}
	verdict := "holds"
	if !g.holds() {
		verdict = "**does not hold**"
	}
	got := fmt.Sprintf(g.format, median(g.got))
	if s := spread(g.got); !math.IsNaN(s) && len(g.got) > 1 {
		got += fmt.Sprintf(" ±%.0f %%", 100*s)
	}
	return fmt.Sprintf("| %s | %s%s | %s | %s |\n", g.what, limit, fmt.Sprintf(g.format, g.want), got, verdict)
}

const (
	percent = "%.1f %%"
	times   = "%.2f×"
	plain   = "%.2f"
	kib     = "%.1f KiB"
)

// goals are what Chiru is to reach, where there are measurements.
func (r *results) goals() (list []goal) {
	add := func(g goal) {
		if len(g.got) > 0 {
			list = append(list, g)
		}
	}
	throughput := func(name, compression string, one bool) key {
		return key{client.Throughput, name, compression, 1, one}
	}
	share := func(what, a, b string, one bool, want map[string]float64) {
		for _, c := range []string{stream.Zlib, stream.Zstd, stream.None} {
			if want[c] == 0 {
				continue
			}
			add(goal{what: what + ", " + c, got: scaled(100, r.ratios(throughput(a, c, one), throughput(b, c, one), speed)), want: want[c], format: percent})
		}
	}
	share("1: raw of the floor", "chiru raw", "floor", false, map[string]float64{stream.Zlib: 70, stream.Zstd: 60, stream.None: 50})
	share("1: raw of the floor, one P", "chiru raw", "floor", true, map[string]float64{stream.Zlib: 88, stream.Zstd: 80, stream.None: 70})
	share("1: raw of the bare floor", "chiru raw", "bare floor", false, map[string]float64{stream.Zlib: 55, stream.Zstd: 43, stream.None: 11})
	fastest := func(what, ours string, want float64) {
		for _, c := range transport {
			if peer := r.fastestGoPeer(c); peer != "" {
				add(goal{what: fmt.Sprintf("%s (%s), %s", what, peer, c), got: r.ratios(throughput(ours, c, false), throughput(peer, c, false), speed), want: want, format: times})
			}
		}
	}
	fastest("1: raw of the fastest Go peer", "chiru raw", 3.5)
	for c, want := range map[string]float64{stream.Zlib: 1.3, stream.None: 3} {
		add(goal{what: "1: raw of @discordjs/ws, " + c, got: r.ratios(throughput("chiru raw", c, false), throughput("@discordjs/ws", c, false), speed), want: want, format: times})
	}
	for _, c := range transport {
		raw := throughput("chiru raw", c, false)
		add(goal{what: "2: raw, allocations per event, " + c, got: r.all(raw, allocsPerEvent), want: 2, most: true, format: plain})
		add(goal{what: "2: raw, bytes allocated of the bodies', " + c, got: r.all(raw, bytesOfBody), want: 1.15, most: true, format: times})
	}
	for _, c := range transport {
		add(goal{what: "2: filtered, allocations per event, " + c, got: r.all(throughput("chiru filtered", c, false), allocsPerEvent), want: 0.05, most: true, format: plain})
	}
	share("2: filtered of the bare floor", "chiru filtered", "bare floor", false, map[string]float64{stream.Zlib: 90, stream.Zstd: 80, stream.None: 35})
	fastest("3: decoded of the fastest Go peer", "chiru decoded", 2)
	for _, shards := range []int{idleFew, idleMany} {
		for _, c := range transport {
			k := key{client.Idle, "chiru raw", c, shards, false}
			most := map[string]float64{stream.None: 24, stream.Zlib: 60, stream.Zstd: 684 + 24}[c]
			what := fmt.Sprintf("4: %s idle shards, %%s, %s", thousands(float64(shards)), c)
			add(goal{what: fmt.Sprintf(what, "heap for each"), got: r.all(k, heapPerShard(shards)), want: most, most: true, format: kib})
			add(goal{what: fmt.Sprintf(what, "goroutines for each"), got: r.all(k, goroutinesPerShard(shards)), want: 3.01, most: true, format: plain})
			if shards == idleMany {
				add(goal{what: fmt.Sprintf(what, "of a core"), got: r.all(k, idleCPU), want: 1, most: true, format: "%.2f %%"})
			}
		}
	}
	for _, c := range transport {
		add(goal{what: "5: raw, p99 of the floor's, " + c, got: r.ratios(key{client.Latency, "chiru raw", c, 1, false}, key{client.Latency, "floor", c, 1, false}, p99), want: 3, most: true, format: times})
	}
	for _, c := range transport {
		add(goal{what: "5: 64 shards into one channel, of one shard, " + c, got: scaled(100, r.ratios(key{fan, "chiru raw", c, fanMost, false}, key{fan, "chiru raw", c, 1, false}, speed)), want: 90, format: percent})
	}
	for _, mode := range []string{fleetFlood, fleetPaced} {
		for _, c := range transport {
			add(goal{what: "6: " + paceOf[mode] + ", into the stream, of raw and plain publish together, " + c, got: r.ofTheParts(mode, c), want: 1.3, most: true, format: times})
		}
	}
	// Paced events cost as much as the machine takes to wake, which the table shows, and the ratio leaves out.
	add(goal{what: "6: " + paceOf[fleetFlood] + ", CPU of an event into the stream, " + stream.Zlib, got: r.all(key{fleetFlood, chiruFleet, stream.Zlib, 1, false}, microseconds), want: 40, most: true, format: "%.1f µs"})
	return list
}

// paceOf says how fast the events of a mode come.
var paceOf = map[string]string{fleetFlood: "a flood", fleetPaced: thousands(paceFleet) + " events a second"}

// microseconds are of CPU, for an event.
func microseconds(m measured) float64 { return 1e6 * m.CPU / float64(m.Events) }

// ofTheParts is what an event costs from the socket into the stream, of what its delivery and its publishing cost alone in the same round.
func (r *results) ofTheParts(mode, compression string) (list []float64) {
	costs := func(name string) map[int]float64 {
		return r.values(key{mode, name, compression, 1, false}, microseconds)
	}
	raw, publish := costs("chiru raw"), costs(plainPublish)
	for round, whole := range costs(chiruFleet) {
		if raw[round] > 0 && publish[round] > 0 {
			list = append(list, whole/(raw[round]+publish[round]))
		}
	}
	return list
}

func scaled(by float64, list []float64) []float64 {
	for i := range list {
		list[i] *= by
	}
	return list
}

// fastestGoPeer is the one with the highest median, of both builds.
func (r *results) fastestGoPeer(compression string) (name string) {
	best := 0.0
	for k := range r.runs {
		if k.mode != client.Throughput || k.one || k.compression != compression || !isGoPeer(k.client) {
			continue
		}
		if s := median(r.all(k, speed)); s > best {
			best, name = s, k.client
		}
	}
	return name
}

func allocsPerEvent(m measured) float64 { return float64(m.Allocs) / float64(m.Events) }
func idleCPU(m measured) float64        { return 100 * m.IdleCPU }

// bytesOfBody is what was allocated, as a share of what was delivered.
func bytesOfBody(m measured) float64 { return float64(m.Bytes) / float64(m.Body) }

func heapPerShard(shards int) metric {
	return func(m measured) float64 { return float64(m.Heap) / 1024 / float64(shards) }
}

func rssPerShard(shards int) metric {
	return func(m measured) float64 { return float64(m.RSS) / 1024 / float64(shards) }
}

func goroutinesPerShard(shards int) metric {
	return func(m measured) float64 { return float64(m.Goroutines) / float64(shards) }
}

// mustHold is the table of the goals.
func (r *results) mustHold() string {
	goals := r.goals()
	if len(goals) == 0 {
		return ""
	}
	var b strings.Builder
	held := 0
	for _, g := range goals {
		if g.holds() {
			held++
		}
	}
	fmt.Fprintf(&b, "## What must hold\n\n%d of %d hold. Ratios are medians of those within a round; \"±\" is half of the distance from the lowest to the highest.\n\n", held, len(goals))
	b.WriteString("| what | goal | measured | |\n|---|--:|--:|---|\n")
	for _, g := range goals {
		b.WriteString(g.row())
	}
	return b.String() + "\n"
}
