package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
)

type options struct {
	dir, mode, compression string
	seed                   uint64
	made, events, shards   int
	period                 int
	rate                   float64
}

const (
	// calm is from the last shard's READY to the first event, so that connecting is not measured.
	calm = 300 * time.Millisecond
	// long is an interval of heartbeats in which a run ends, so that acknowledgements can come behind the events.
	long  = 5 * 60 * 1000
	usual = 41250
	acks  = 64
	// ackDelay is a network's: with less, disgo takes a live connection for dead (interop/RESULTS.md).
	ackDelay = 25 * time.Millisecond
)

type server struct {
	options
	temporary string
	script    *stream.Script // of new sessions
	resume    *stream.Script // of resumed ones
	stamps    []atomic.Int64
	bytes     atomic.Int64 // both ways, of resumed connections
	resumes   atomic.Int64

	mu      sync.Mutex
	waiting int
	start   chan struct{} // closed once all shards are connected
}

func newServer(o options, host string) (*server, error) {
	s := &server{options: o, start: make(chan struct{}), stamps: make([]atomic.Int64, o.events)}
	plan := stream.Plan{Seed: o.seed, Compression: o.compression, Events: o.made, Period: o.period, Interval: long, Resume: "ws://127.0.0.1"}
	dir := o.dir
	if o.mode == client.Idle || o.mode == client.Reconnect {
		// These are short, and name the address, so that they are made for this process.
		var err error
		if s.temporary, err = os.MkdirTemp("", "blaster"); err != nil {
			return nil, err
		}
		dir = s.temporary
		plan.Events, plan.Resume, plan.ACKs = o.events, "ws://"+host, acks
		plan.Reconnect = o.mode == client.Reconnect
		if o.mode == client.Idle {
			plan.Interval = usual
		}
		resumed := plan
		resumed.Resumed, resumed.Reconnect = true, false
		if s.resume, err = stream.Encode(dir, resumed); err != nil {
			return nil, err
		}
	}
	var err error
	s.script, err = stream.Encode(dir, plan)
	return s, err
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/api", "/api/v10"} {
		mux.HandleFunc("GET "+prefix+"/gateway", s.discover)
		mux.HandleFunc("GET "+prefix+"/gateway/bot", s.discover)
	}
	mux.HandleFunc("GET /stamps", func(w http.ResponseWriter, _ *http.Request) {
		for i := range s.stamps {
			binary.Write(w, binary.LittleEndian, s.stamps[i].Load())
		}
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]int64{"bytes": s.bytes.Load(), "resumes": s.resumes.Load()})
	})
	mux.HandleFunc("/", s.upgrade)
	return mux
}

func (s *server) discover(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"url":"ws://%s","shards":%d,"session_start_limit":{"total":100000,"remaining":100000,"reset_after":86400000,"max_concurrency":%d}}`,
		r.Host, s.shards, max(s.shards, 1))
}

// upgrade is RFC 6455 section 4.2.2.
func (s *server) upgrade(w http.ResponseWriter, r *http.Request) {
	want := s.compression
	if want == stream.Payload || want == stream.None {
		want = ""
	}
	got := r.URL.Query().Get("compress")
	if got == stream.None || got == stream.Payload {
		got = "" // the floor says it, Discord does not know it
	}
	if got != want || r.Header.Get("Sec-WebSocket-Key") == "" {
		http.Error(w, fmt.Sprintf("compress=%q, want %q", got, want), http.StatusBadRequest)
		return
	}
	nc, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	head := fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	c := &conn{s: s, nc: nc, in: rw.Reader}
	// What the upgrade took, so that a resume is counted whole.
	c.count(requestSize(r) + len(head))
	nc.Write([]byte(head))
	c.run()
}

// requestSize is about what a request took on the wire.
func requestSize(r *http.Request) int {
	n := len(r.Method) + len(r.URL.RequestURI()) + len(" HTTP/1.1\r\nHost: ") + 1 + len(r.Host) + 4
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + 4
		}
	}
	return n
}

// ready notes that a shard is connected, and waits until all are.
func (s *server) ready() {
	s.mu.Lock()
	if s.waiting++; s.waiting == s.shards {
		wait := calm
		if s.mode == client.Reconnect {
			wait *= 5 // all are to be at rest: a client may still be at the last READY
		}
		time.AfterFunc(wait, func() { close(s.start) })
	}
	s.mu.Unlock()
	<-s.start
}
