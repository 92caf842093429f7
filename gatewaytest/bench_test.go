package gatewaytest

import (
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// BenchmarkDispatch is the cost of one event of 1 KB, from Dispatch through the wire to a client that
// throws it away.
func BenchmarkDispatch(b *testing.B) {
	for _, compress := range []string{"", compressZlib, compressZstd} {
		b.Run("compress="+compress, func(b *testing.B) {
			s := NewMemoryServer(Config{ReplayEvents: 1024})
			defer s.Close()
			p := silentPlayer(b, s, compress)
			done := make(chan struct{})
			go func() {
				defer close(done)
				io.Copy(io.Discard, p.r)
			}()
			body := json.RawMessage(`{"content":"` + strings.Repeat("hello world! ", 80) + `"}`)
			b.SetBytes(int64(len(body)))
			c := s.Conns()[0]
			for b.Loop() {
				s.Dispatch(0, "MESSAGE_CREATE", body)
				for c.behind() > 256 {
					runtime.Gosched()
				}
			}
			p.nc.Close()
			<-done
		})
	}
}

func silentPlayer(b *testing.B, s *Server, compress string) *player {
	query := goodQuery
	if compress != "" {
		query += "&compress=" + compress
	}
	p := dial(b, s, s.URL(), query)
	p.send(2, identity(s))
	for len(s.Sessions()) == 0 {
		runtime.Gosched()
	}
	return p
}

func (c *Conn) behind() int64 {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.sess.seq - c.cursor
}

// BenchmarkIdleConnection is the memory of one connected shard that is doing nothing.
func BenchmarkIdleConnection(b *testing.B) {
	for _, compress := range []string{"", compressZlib, compressZstd} {
		b.Run("compress="+compress, func(b *testing.B) {
			s := NewMemoryServer(Config{MaxConcurrency: 1 << 20, SessionLimit: 1 << 30})
			defer s.Close()
			const n = 200
			before := inUse()
			var players []*player
			for i := range n {
				query := goodQuery
				if compress != "" {
					query += "&compress=" + compress
				}
				p := dial(b, s, s.URL(), query)
				p.inbox = func(byte, []byte) []byte { return []byte("{}") }
				p.next()
				p.send(2, identity(s, "shard", []int{i, n}))
				p.next()
				players = append(players, p)
			}
			b.ReportMetric(float64(inUse()-before)/n/1024, "KiB/conn")
			for _, p := range players {
				p.nc.Close()
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// BenchmarkTraffic is one event of the world, made and written.
func BenchmarkTraffic(b *testing.B) {
	s := NewMemoryServer(Config{Guilds: 100})
	defer s.Close()
	p := silentPlayer(b, s, compressZlib)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, p.r)
	}()
	c := s.Conns()[0]
	for c.behind() > 0 {
		runtime.Gosched()
	}
	for b.Loop() {
		s.mu.Lock()
		s.happen(time.Now())
		s.mu.Unlock()
		for c.behind() > 256 {
			runtime.Gosched()
		}
	}
	p.nc.Close()
	<-done
}
