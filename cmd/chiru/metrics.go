package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/chiru-go/chiru/fleet"
)

// shardMetrics are those of each shard that a node has. Counters begin anew with the node.
var shardMetrics = []struct {
	name, kind, help string
	value            func(fleet.ShardStatus) float64
}{
	{"chiru_shard_live", "gauge", "1 if the shard is connected and delivers.", func(s fleet.ShardStatus) float64 { return truth(s.State == "live") }},
	{"chiru_shard_events_stored_total", "counter", "Events that the stream has been given.", func(s fleet.ShardStatus) float64 { return float64(s.StoredEvents) }},
	{"chiru_shard_events_in_flight", "gauge", "Events on their way to the stream.", func(s fleet.ShardStatus) float64 { return float64(s.InFlight) }},
	{"chiru_shard_oldest_unstored_seconds", "gauge", "How long the oldest of them has been.", func(s fleet.ShardStatus) float64 { return s.Waiting }},
	{"chiru_shard_last_stored_timestamp_seconds", "gauge", "When an event was stored last; 0 if none was.", func(s fleet.ShardStatus) float64 { return unix(s.LastStored) }},
	{"chiru_shard_latency_seconds", "gauge", "From a heartbeat to its acknowledgement.", func(s fleet.ShardStatus) float64 { return s.Latency / 1000 }},
	{"chiru_shard_resumed_from_stream_total", "counter", "How often the shard went back to what the stream has.", func(s fleet.ShardStatus) float64 { return float64(s.Resumed) }},
	{"chiru_shard_cut_bodies_total", "counter", "Events stored without their body, which was too large for NATS.", func(s fleet.ShardStatus) float64 { return float64(s.Cut) }},
}

// metrics is a node's status as Prometheus reads it (text format 0.0.4). All of it is counted elsewhere: a client library would only print it.
func metrics(s fleet.NodeStatus) string {
	var b strings.Builder
	one := func(name, kind, help string, value float64) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, help, name, kind, name, sampleOf(value))
	}
	fmt.Fprintf(&b, "# HELP chiru_info Which node this is.\n# TYPE chiru_info gauge\nchiru_info{fleet=%s,node=%s,version=%s} 1\n", label(s.Fleet), label(s.Node), label(s.Version))
	one("chiru_start_timestamp_seconds", "gauge", "When the node started.", unix(s.Since))
	one("chiru_healthy", "gauge", "1 if events come and are stored in time, as /healthz says.", truth(s.Health == ""))
	one("chiru_ready", "gauge", "1 if all shards of the node deliver now, as /readyz says.", truth(s.Ready == ""))
	one("chiru_shards", "gauge", "How many shards the bot has.", float64(s.Of))
	one("chiru_shards_held", "gauge", "How many of them this node has.", float64(len(s.Shards)))
	one("chiru_identifies_left", "gauge", "New sessions that the bot may begin until the reset.", float64(s.Identifies.Left))
	one("chiru_identifies_limit", "gauge", "New sessions that the bot may begin in a day.", float64(s.Identifies.Total))
	one("chiru_identifies_reset_timestamp_seconds", "gauge", "When they begin anew.", unix(s.Identifies.ResetAt))
	for _, m := range shardMetrics {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, shard := range s.Shards {
			fmt.Fprintf(&b, "%s{shard=\"%d\"} %s\n", m.name, shard.Shard, sampleOf(m.value(shard)))
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	one("go_goroutines", "gauge", "Goroutines of the process.", float64(runtime.NumGoroutine()))
	one("go_memstats_sys_bytes", "gauge", "Memory that the process has from the system.", float64(memory.Sys))
	one("go_memstats_heap_inuse_bytes", "gauge", "Memory of the heap that is in use.", float64(memory.HeapInuse))
	return b.String()
}

func sampleOf(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// label is a value with its quotes.
func label(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
