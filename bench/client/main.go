package client

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// idleSettle is how long an idle client is left alone before its memory is looked at.
const idleSettle = 3 * time.Second

// Main runs a client. connect starts it and returns; what it is given it takes to the meter.
func Main(connect func(Job, *Meter) error) {
	if err := run(connect); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(connect func(Job, *Meter) error) error {
	var job Job
	if err := json.Unmarshal([]byte(os.Args[1]), &job); err != nil {
		return err
	}
	m := newMeter(job)
	base := memoryNow()
	if err := connect(job, m); err != nil {
		return err
	}
	select {
	case <-m.ended:
	case <-time.After(job.Timeout):
		m.mu.Lock()
		defer m.mu.Unlock()
		got := m.events
		for _, l := range m.lanes {
			got += l.count
		}
		return fmt.Errorf("timeout: %d READY, %d RESUMED, %d events", m.ready, m.resumed, got)
	}
	r := m.result()
	switch job.Mode {
	case Idle:
		time.Sleep(idleSettle)
		now := memoryNow()
		r.Heap, r.RSS, r.Goroutines = now.heap-base.heap, now.rss-base.rss, now.goroutines-base.goroutines
		if job.Window > 0 {
			cpu, at := cpuTime(), time.Now()
			time.Sleep(job.Window)
			r.IdleCPU = (cpuTime() - cpu).Seconds() / time.Since(at).Seconds()
		}
	case Latency:
		sent, err := stamps(job)
		if err != nil {
			return err
		}
		r.Latency = Quantiles(sent, m.stamps)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (m *Meter) result() Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Result{
		Events: m.events, Resumed: m.resumed, Again: m.ready - m.job.Shards,
		CPU: (m.to.cpu - m.from.cpu).Seconds(), Wall: m.to.at.Sub(m.from.at).Seconds(),
		Allocs: int64(m.to.mallocs - m.from.mallocs), Bytes: int64(m.to.bytes - m.from.bytes), GCs: int64(m.to.gcs - m.from.gcs),
	}
	for _, l := range m.lanes {
		r.Events += l.count
		r.Body += l.body
		r.Raw += l.raw
		r.Witness += l.witness
	}
	return r
}

type memory struct {
	heap, rss  int64
	goroutines int
}

// memoryNow is what is left after the collector has been.
func memoryNow() memory {
	runtime.GC()
	debug.FreeOSMemory()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return memory{int64(mem.HeapAlloc), rss(), runtime.NumGoroutine()}
}

// rss is what the process has of the machine's memory; 0 where there is no /proc.
func rss() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// stamps asks the blaster when it sent each event, in ns since 1970. It is out of band, so that streams that are
// compressed can be encoded beforehand.
func stamps(job Job) ([]int64, error) {
	resp, err := http.Get("http://" + job.Host + "/stamps")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	list := make([]int64, len(b)/8)
	_, err = binary.Decode(b, binary.LittleEndian, list)
	return list, err
}

// Quantiles are the 50th, 99th and 99.9th percentile of the time from sent to came, in µs. The first tenth warms up.
func Quantiles(sent, came []int64) []float64 {
	var took []int64
	for i := len(came) / 10; i < min(len(came), len(sent)); i++ {
		took = append(took, came[i]-sent[i])
	}
	slices.Sort(took)
	var q []float64
	for _, p := range []float64{0.5, 0.99, 0.999} {
		if len(took) > 0 {
			q = append(q, float64(took[min(len(took)-1, int(math.Ceil(p*float64(len(took))))-1)])/1e3)
		}
	}
	return q
}
