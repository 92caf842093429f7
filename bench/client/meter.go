package client

import (
	"runtime"
	"sync"
	"time"

	"github.com/chiru-go/chiru/bench/proof"
	"github.com/chiru-go/chiru/bench/stream"
)

// Meter measures the process from the last shard's READY to the last event.
type Meter struct {
	job     Job
	mu      sync.Mutex
	ready   int
	resumed int
	lanes   []*Lane
	done    int
	from    usage
	to      usage
	stopped bool // to is set
	begun   chan struct{}
	ended   chan struct{}
	stamps  []int64 // when each event came, if that is asked for
	events  int64   // counted otherwise than by lanes
}

func newMeter(job Job) *Meter {
	m := &Meter{job: job, begun: make(chan struct{}), ended: make(chan struct{})}
	if job.Mode == Latency {
		m.stamps = make([]int64, job.Events)
	}
	return m
}

// Ready notes a READY.
func (m *Meter) Ready() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ready++; m.ready == m.job.Shards {
		m.from = usageNow()
		close(m.begun)
	}
}

// Resumed notes a RESUMED.
func (m *Meter) Resumed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.resumed++; m.resumed == m.job.Shards && m.job.Mode == Reconnect {
		m.end()
	}
}

// Counted ends the measuring of a client that delivers nothing, and so has no lane.
func (m *Meter) Counted(events int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = events
	m.end()
}

// Stop ends the measuring where what lanes count afterwards is only the proof.
func (m *Meter) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.to, m.stopped = usageNow(), true
}

func (m *Meter) end() {
	if !m.stopped {
		m.to = usageNow()
	}
	close(m.ended)
}

// Lane counts the events that one goroutine is given, of the shards it is given them of.
type Lane struct {
	m       *Meter
	want    int64
	count   int64
	body    int64
	raw     uint64
	witness uint64
}

// Lane makes one.
func (m *Meter) Lane(shards int) *Lane {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &Lane{m: m, want: int64(shards * m.job.Events)}
	m.lanes = append(m.lanes, l)
	return l
}

// Raw takes an event's text.
func (l *Lane) Raw(seq int64, body []byte) {
	l.body += int64(len(body))
	l.raw += proof.Raw(seq, body)
	l.counted(seq)
}

// Decoded takes the witness of a decoded event.
func (l *Lane) Decoded(seq int64, witness uint64) {
	l.witness += uint64(seq) * witness
	l.counted(seq)
}

func (l *Lane) counted(seq int64) {
	if l.m.stamps != nil {
		l.m.stamps[seq-stream.First] = time.Now().UnixNano()
	}
	if l.count++; l.count == l.want {
		l.m.full()
	}
}

func (m *Meter) full() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done++; m.done == len(m.lanes) && m.ready >= m.job.Shards {
		m.end()
	}
}

// SharedLane is a lane for libraries that call handlers from several goroutines.
type SharedLane struct {
	mu sync.Mutex
	l  *Lane
}

// SharedLane makes one for a shard.
func (m *Meter) SharedLane() *SharedLane { return &SharedLane{l: m.Lane(1)} }

// Decoded takes the witness of a decoded event.
func (s *SharedLane) Decoded(seq int64, witness uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.l.Decoded(seq, witness)
}

// usage is what a process has used so far.
type usage struct {
	cpu     time.Duration
	at      time.Time
	mallocs uint64
	bytes   uint64
	gcs     uint32
}

func usageNow() usage {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return usage{cpuTime(), time.Now(), mem.Mallocs, mem.TotalAlloc, mem.NumGC}
}
