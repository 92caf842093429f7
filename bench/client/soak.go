package client

import (
	"runtime"
	"time"
)

// SoakJob is the only argument of the client of the soak, as JSON.
type SoakJob struct {
	API         string        `json:"api"`
	Token       string        `json:"token"`
	Compression string        `json:"compression"`
	Shards      int           `json:"shards"`
	MaxBytes    int64         `json:"max_bytes"` // of the stream
	For         time.Duration `json:"for"`
	Every       time.Duration `json:"every"` // between two samples
	Looks       int           `json:"looks"` // at the memory, for each
}

// SoakSample is what a node holds at one moment. The client prints one a line.
type SoakSample struct {
	At         time.Duration `json:"at"`   // since all shards were live
	Heap       int64         `json:"heap"` // the least of the looks
	RSS        int64         `json:"rss"`  // the same
	Goroutines int           `json:"goroutines"`
	Stored     int64         `json:"stored"`     // events, by the node
	Kept       uint64        `json:"kept"`       // messages that the stream has
	KeptBytes  uint64        `json:"kept_bytes"` // of them
	First      uint64        `json:"first"`      // the oldest's number: those before it have been dropped
	Resumed    int64         `json:"resumed"`    // how often a shard went back to what the stream has
	Boundaries int64         `json:"boundaries"` // sessions that could not be resumed
}

// Held is the heap after a collection, and what the process has of the machine's memory as it stands.
func Held() (heap, resident int64, goroutines int) {
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return int64(mem.HeapAlloc), rss(), runtime.NumGoroutine()
}
