// Package client is what the clients of the benchmarks share: the job that they get, the counting, and the measuring
// of their own process. A client prints one JSON line, its Result.
package client

import "time"

// The modes.
const (
	Throughput = "throughput" // also of several shards into one channel
	Idle       = "idle"
	Latency    = "latency"
	Reconnect  = "reconnect"
)

// Token is shaped as Discord's are, for libraries that read the bot's id from it.
const Token = "MTcwOTEwMjE2OTEyNDcwMDE2.bench.token"

// Intents is all of them, docs /events/gateway#list-of-intents.
const Intents = 53608447

// Job is the only argument of a client, as JSON.
type Job struct {
	Host        string        `json:"host"` // host:port of the blaster
	Mode        string        `json:"mode"`
	Compression string        `json:"compression"`
	Variant     string        `json:"variant"` // what the client is to do, where it can do several things
	Shards      int           `json:"shards"`
	Events      int           `json:"events"`  // for each shard
	Rate        float64       `json:"rate"`    // of events in a second, for a client that makes them itself; 0: as fast as it can
	Seed        uint64        `json:"seed"`    // of the mix, for the same
	Timeout     time.Duration `json:"timeout"` // for all of it
	Window      time.Duration `json:"window"`  // how long an idle client is watched
}

// URL is the gateway's.
func (j Job) URL() string { return "ws://" + j.Host }

// API is the root of the HTTP API.
func (j Job) API() string { return "http://" + j.Host + "/api/v10" }

// Result is what a client found out.
type Result struct {
	Events  int64   `json:"events"`
	Body    int64   `json:"body,omitempty"`
	Raw     uint64  `json:"raw,string"`
	Witness uint64  `json:"witness,string"`
	CPU     float64 `json:"cpu"`  // seconds, user and system, from the last READY to the last event
	Wall    float64 `json:"wall"` // seconds, of the same
	Allocs  int64   `json:"allocs"`
	Bytes   int64   `json:"bytes"`
	GCs     int64   `json:"gcs"`

	// Idle, without what the process had before it connected.
	Heap       int64   `json:"heap,omitempty"`
	RSS        int64   `json:"rss,omitempty"`
	Goroutines int     `json:"goroutines,omitempty"`
	IdleCPU    float64 `json:"idle_cpu,omitempty"` // share of a core

	Latency []float64 `json:"latency,omitempty"` // µs: p50, p99, p99.9
	Resumed int       `json:"resumed,omitempty"`
	Again   int       `json:"again,omitempty"` // new sessions in place of a resume
	Version string    `json:"version,omitempty"`
}
