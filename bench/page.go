package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/chiru-go/chiru/bench/client"
)

// page is RESULTS.md.
func (r *results) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Chiru, its limits and its peers

%s. %s. Load of the machine %s before, %s after. %s, %v.

    %s

%d rounds (fan: %d, idle: %d, reconnect: %d), interleaved. How it is done: [docs/performance.md](../docs/performance.md).
A name that ends in "v2" is the same peer, built with GOEXPERIMENT=jsonv2.

`, machine(), versions(), r.load[0], r.load[1], r.begun.UTC().Format("2006-01-02"), r.took.Round(1e9),
		strings.TrimSpace("go run . "+quoted(r.args)), r.o.rounds, r.o.roundsOf(fan), r.o.roundsOf(client.Idle), r.o.roundsOf(client.Reconnect))
	b.WriteString(r.mustHold())
	b.WriteString(r.throughput(false))
	b.WriteString(r.throughput(true))
	b.WriteString(r.allocations())
	b.WriteString(r.fan())
	b.WriteString(r.idle())
	b.WriteString(r.latency())
	b.WriteString(r.reconnect())
	b.WriteString(r.fleet())
	b.WriteString(r.failures())
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func quoted(args []string) string {
	list := slices.Clone(args)
	for i, a := range list {
		if strings.ContainsAny(a, " |*()$") {
			list[i] = "'" + a + "'"
		}
	}
	return strings.Join(list, " ")
}

// names are the clients that have been measured in a mode, in order.
func (r *results) names(mode string) (list []string) {
	for _, c := range contenders {
		for _, name := range []string{c.name, c.name + v2} {
			for k := range r.runs {
				if k.mode == mode && k.client == name && !slices.Contains(list, name) {
					list = append(list, name)
				}
			}
		}
	}
	return list
}

// grid is a table of clients by compressions; "" if nothing is in it.
func (r *results) grid(title, mode, unit string, cell func(name, compression string) string) string {
	var b strings.Builder
	any := false
	fmt.Fprintf(&b, "## %s\n\n| %s |", title, unit)
	for _, c := range every {
		fmt.Fprintf(&b, " %s |", c)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(every)) + "\n")
	for _, name := range r.names(mode) {
		row, has := "| "+name+" |", false
		for _, c := range every {
			text := cell(name, c)
			if text == "" {
				text = "–"
			} else {
				has = true
			}
			row += " " + text + " |"
		}
		if has {
			b.WriteString(row + "\n")
			any = true
		}
	}
	if !any {
		return ""
	}
	return b.String() + "\n"
}

// value is a median with its spread; "" of none.
func value(list []float64, format func(float64) string) string {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return format(list[0])
	}
	text := format(median(list))
	if s := spread(list); !math.IsNaN(s) && !math.IsInf(s, 0) {
		text += fmt.Sprintf(" ±%.0f %%", math.Abs(100*s))
	}
	return text
}

func decimals(format string) func(float64) string {
	return func(f float64) string { return fmt.Sprintf(format, f) }
}

func (r *results) throughput(one bool) string {
	title := "Throughput: events per CPU-second of the client"
	if one {
		title += ", on one P"
	}
	return r.grid(title, client.Throughput, "client", func(name, c string) string {
		return value(r.all(key{client.Throughput, name, c, 1, one}, speed), thousands)
	})
}

func (r *results) allocations() string {
	return r.grid("Allocations / bytes allocated, per event", client.Throughput, "client", func(name, c string) string {
		k := key{client.Throughput, name, c, 1, false}
		allocs := value(r.all(k, allocsPerEvent), decimals("%.2f"))
		if name == "@discordjs/ws" || allocs == "" {
			return ""
		}
		return fmt.Sprintf("%.2f / %.0f B", median(r.all(k, allocsPerEvent)), median(r.all(k, func(m measured) float64 { return float64(m.Bytes) / float64(m.Events) })))
	})
}

func (r *results) fan() string {
	var b strings.Builder
	for _, shards := range []int{1, 8, fanMost} {
		b.WriteString(r.grid(fmt.Sprintf("Fan-in: %d shards into one channel, events per CPU-second", shards), fan, "client", func(name, c string) string {
			return value(r.all(key{fan, name, c, shards, false}, speed), thousands)
		}))
	}
	return b.String()
}

func (r *results) idle() string {
	var b strings.Builder
	for _, shards := range []int{idleFew, idleMany} {
		title := fmt.Sprintf("Idle: %s shards after %d events each; KiB per shard RSS (heap), goroutines", thousands(float64(shards)), r.o.idleEvents)
		if shards == idleMany {
			title += ", share of a core for all"
		}
		b.WriteString(r.grid(title, client.Idle, "client", func(name, c string) string {
			k := key{client.Idle, name, c, shards, false}
			if len(r.runs[k]) == 0 {
				return ""
			}
			text := fmt.Sprintf("%.0f (%.0f)", median(r.all(k, rssPerShard(shards))), median(r.all(k, heapPerShard(shards))))
			if n := median(r.all(k, goroutinesPerShard(shards))); n > 0 {
				text += fmt.Sprintf(", %.1f", n)
			}
			if shards == idleMany {
				text += fmt.Sprintf(", %.2f %%", median(r.all(k, idleCPU)))
			}
			return text
		}))
	}
	return b.String()
}

func (r *results) latency() string {
	return r.grid(fmt.Sprintf("Latency at %s events a second: p50 / p99 / p99.9 in µs from the server's stamp to the consumer", thousands(paceRate)), client.Latency, "client",
		func(name, c string) string {
			k := key{client.Latency, name, c, 1, false}
			if len(r.runs[k]) == 0 {
				return ""
			}
			var list []string
			for i := range 3 {
				list = append(list, thousands(median(r.all(k, func(m measured) float64 { return m.Latency[i] }))))
			}
			return strings.Join(list, " / ")
		})
}

func (r *results) reconnect() string {
	return r.grid(fmt.Sprintf("Reconnect: %s shards resume after an op 7; CPU ms / KiB on the wire of all", thousands(float64(r.o.resumes))), client.Reconnect, "client",
		func(name, c string) string {
			k := key{client.Reconnect, name, c, r.o.resumes, false}
			cpu := value(r.all(k, func(m measured) float64 { return 1000 * m.CPU }), thousands)
			if cpu == "" {
				return ""
			}
			return cpu + " / " + thousands(median(r.all(k, func(m measured) float64 { return float64(m.Wire) / 1024 })))
		})
}

func (r *results) fleet() string {
	var b strings.Builder
	for _, mode := range []string{fleetFlood, fleetPaced} {
		b.WriteString(r.grid("Into a fleet's stream, "+paceOf[mode]+": µs of CPU per event, NATS included (events per CPU-second; allocations)", mode, "client", func(name, c string) string {
			k := key{mode, name, c, 1, false}
			cost := value(r.all(k, microseconds), decimals("%.1f"))
			if cost == "" {
				return ""
			}
			return fmt.Sprintf("%s (%s; %.1f)", cost, thousands(median(r.all(k, speed))), median(r.all(k, allocsPerEvent)))
		}))
	}
	return b.String()
}

func (r *results) failures() string {
	var lines []string
	for k, why := range r.failed {
		lines = append(lines, fmt.Sprintf("- %s, %s, %s, %d shards: %s\n", k.mode, k.client, k.compression, k.shards, strings.ReplaceAll(why, "\n", " ")))
	}
	if len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	return "## Runs without a result\n\n" + strings.Join(lines, "")
}
