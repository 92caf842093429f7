package gatewaytest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClientThatReadsNothingIsCutOver1024Answers(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		login(t, s)
		c := s.Conns()[0]
		c.SendRaw(make([]byte, pipeBuffer)) // the writer waits in this one
		synctest.Wait()
		for range 1024 {
			c.Send(11, nil)
		}
		synctest.Wait()
		if n := len(s.Conns()); n != 1 {
			t.Fatalf("the connection was cut within 1024 answers")
		}
		c.Send(11, nil)
		synctest.Wait()
		if n := len(s.Conns()); n != 0 {
			t.Errorf("the connection is open with 1025 answers unread")
		}
	})
}

func TestCloseThatIsNotAnsweredEndsAfterFiveSeconds(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		start := time.Now()
		s.Conns()[0].Close(4000, "")
		p.want("close 4000")
		if m := p.next(); m.err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %v, want the end after exactly 5 s", m, time.Since(start))
		}
	})
}

func TestRequestThatDoesNotComeEndsAfterTenSeconds(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		nc, err := s.Client().Transport.(*http.Transport).DialContext(t.Context(), "tcp", "gateway.discord.test:80")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		start := time.Now()
		if _, err := nc.Read(make([]byte, 1)); err == nil || time.Since(start) != 10*time.Second {
			t.Errorf("got %v after %v, want the end after exactly 10 s", err, time.Since(start))
		}
	})
}

func TestHeaderOfARequestIsReadUpTo64KiB(t *testing.T) {
	const rest = len("GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n")
	for size, want := range map[int]string{64 << 10: "HTTP/1.1 400", 64<<10 + 1: ""} {
		bubble(t, Config{}, func(t *testing.T, s *Server) {
			nc, err := s.Client().Transport.(*http.Transport).DialContext(t.Context(), "tcp", "gateway.discord.test:80")
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			go fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n", strings.Repeat("x", size-rest))
			got, _ := io.ReadAll(nc)
			if !strings.HasPrefix(string(got), want) || want == "" && len(got) > 0 {
				t.Errorf("a header of %d bytes: got %.40q, want %q", size, got, want)
			}
			s.Allow(RuleUserAgent, RuleWebSocket)
		})
	}
}

func TestMessageOfAClientIsReadUpTo1MiB(t *testing.T) {
	for size, want := range map[int]string{1 << 20: "close 4002", 1<<20 + 1: "close 1009"} {
		bubble(t, Config{}, func(t *testing.T, s *Server) {
			s.Allow(RulePayloadSize, RuleWebSocket)
			p, _ := login(t, s)
			p.text(strings.Repeat(" ", size))
			p.want(want)
		})
	}
}

func TestNewestPayloadsAndDispatchesAreKeptUpToRecord(t *testing.T) {
	for record, want := range map[int]int{0: 4096, 10: 10} {
		bubble(t, Config{Record: record, ReplayEvents: 5000}, func(t *testing.T, s *Server) {
			p, id := login(t, s)
			go func() { _, _ = io.Copy(io.Discard, p.nc) }()
			for range want + 5 {
				s.Dispatch(0, "A", nil)
				s.mu.Lock()
				s.take(Payload{Op: 1})
				s.mu.Unlock()
			}
			got := s.Issued(id)
			if len(got) != want || got[want-1].Seq != int64(want+6) || len(s.Received()) != want {
				t.Errorf("Record %d: %d dispatches and %d payloads are kept, want the newest %d", record, len(got), len(s.Received()), want)
			}
		})
	}
}

func TestLedgersOf4096EndedSessionsAreKept(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range 4096 + 7 {
			s.newLedger(fmt.Sprint(i), 0)
			s.retire(fmt.Sprint(i))
		}
		if len(s.ledgers) != 4096 || s.ledgers["6"] != nil || s.ledgers["7"] == nil {
			t.Errorf("%d ledgers are kept, want the newest 4096", len(s.ledgers))
		}
	})
}

func TestThousandViolationsAreKept(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.Allow("x")
		for range 1200 {
			s.httpViolation("x", "")
		}
		if n := len(s.Violations()); n != 1000 {
			t.Errorf("%d violations are kept, want 1000", n)
		}
	})
}

func TestFirstBeatsOf4096ConnectionsAreCompared(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.Allow(RuleHeartbeatJitter)
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		for i := range 5000 {
			c := &Conn{s: s}
			c.pace.hello, c.pace.interval = now.Add(-time.Minute), 40*time.Second
			c.pace.first = c.pace.hello.Add(time.Duration(i) * 8 * time.Millisecond)
			c.sampleFirstBeat(now)
		}
		if n := len(s.firstBeats); n != 4096 {
			t.Errorf("%d first beats are kept, want 4096", n)
		}
	})
}
