package gatewaytest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// fakeTB notes what a test would be told.
type fakeTB struct {
	cleanup []func()
	errors  []string
}

func (f *fakeTB) Helper()          {}
func (f *fakeTB) Cleanup(c func()) { f.cleanup = append(f.cleanup, c) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func TestStartFailsTheTestForBrokenRules(t *testing.T) {
	for _, allow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var tb fakeTB
			s := Start(&tb, Config{})
			if allow {
				s.Allow(RuleVersion)
			}
			p := dial(t, s, s.URL(), "v=8&encoding=json")
			p.want("op 10")
			for _, c := range tb.cleanup {
				c()
			}
			if failed := len(tb.errors) > 0; failed == allow {
				t.Errorf("allowed %v: errors %q", allow, tb.errors)
			}
			if !allow && !strings.Contains(tb.errors[0], RuleVersion) {
				t.Errorf("the error does not name the rule: %q", tb.errors[0])
			}
			if m := p.next(); m.err == nil {
				t.Errorf("after Close: got %v, want an error", m)
			}
		})
	}
}

func TestHoursOfGoodConductBreakNoRule(t *testing.T) {
	bubble(t, Config{Guilds: 10, Rate: 0.2, MaxConcurrency: 4}, func(t *testing.T, s *Server) {
		var players sync.WaitGroup
		for shard := range 4 {
			players.Go(func() {
				p := dial(t, s, s.URL(), goodQuery)
				p.want("op 10")
				p.send(2, identity(s, "shard", []int{shard, 4}))
				p.ready()
				behave(p, 6*time.Hour, time.Duration(shard+1)*9*time.Second)
			})
		}
		players.Wait()
	})
}

// behave reads and beats as a good client does, then closes.
func behave(p *player, d, first time.Duration) {
	var seq int64
	var mu sync.Mutex
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			m := p.next()
			if m.err != nil || m.close != 0 {
				return
			}
			if m.S != nil {
				mu.Lock()
				if *m.S != seq+1 && seq != 0 {
					p.t.Errorf("s: got %d, want %d", *m.S, seq+1)
				}
				seq = *m.S
				mu.Unlock()
			}
		}
	})
	for end, wait := time.Now().Add(d), first; time.Now().Before(end); wait = p.s.cfg.HeartbeatInterval {
		time.Sleep(wait)
		mu.Lock()
		last := any(seq)
		if seq == 0 {
			last = nil
		}
		mu.Unlock()
		p.send(1, last)
	}
	p.close(1000)
	reading.Wait()
}

func TestConfigOutOfRange(t *testing.T) {
	for _, cfg := range []Config{{Guilds: -1}, {Rate: -1}, {Rate: 1e9}, {HeartbeatInterval: -1}, {Record: -1}} {
		if s, err := NewServer(cfg); err == nil {
			s.Close()
			t.Errorf("%+v was accepted", cfg)
		}
	}
	if s, err := NewServer(Config{Listen: "nowhere:x"}); err == nil {
		s.Close()
		t.Error("an address that is none was accepted")
	}
}

func TestAnotherClientOverSockets(t *testing.T) {
	for _, cfg := range []Config{{Guilds: 1}, {Guilds: 1, TLS: true}} {
		t.Run(fmt.Sprintf("TLS %v", cfg.TLS), func(t *testing.T) {
			before := runtime.NumGoroutine()
			s, err := NewServer(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if code, body := get(t, s, "/gateway", ""); code != 200 || body["url"] != s.URL() {
				t.Errorf("/gateway: got %d %v", code, body)
			}
			open := func(url string) *websocket.Conn {
				ws, _, err := websocket.Dial(ctx, url+"?"+goodQuery, &websocket.DialOptions{
					HTTPClient: s.Client(), HTTPHeader: http.Header{"User-Agent": {goodAgent}},
				})
				if err != nil {
					t.Fatal(err)
				}
				ws.SetReadLimit(-1)
				return ws
			}
			read := func(ws *websocket.Conn, want string) {
				t.Helper()
				_, b, err := ws.Read(ctx)
				if err != nil || !strings.Contains(string(b), want) {
					t.Fatalf("got %.200s %v, want %s", b, err, want)
				}
			}
			ws := open(s.URL())
			read(ws, `"op":10`)
			b, _ := json.Marshal(map[string]any{"op": 2, "d": identity(s)})
			ws.Write(ctx, websocket.MessageText, b)
			read(ws, `"READY"`)
			read(ws, `"GUILD_CREATE"`)
			if err := ws.Ping(ws.CloseRead(ctx)); err != nil {
				t.Errorf("ping: %v", err)
			}
			id := s.Sessions()[0].ID
			if err := ws.Close(4000, "back soon"); err != nil {
				t.Errorf("close handshake: %v", err)
			}
			ws = open(s.ResumeURL())
			read(ws, `"op":10`)
			b, _ = json.Marshal(obj{"op": 6, "d": obj{"token": s.Token(), "session_id": id, "seq": 2}})
			ws.Write(ctx, websocket.MessageText, b)
			read(ws, `"RESUMED"`)
			for _, c := range s.Conns() {
				if c.Host() == "resume" {
					c.Cut()
				}
			}
			if _, _, err := ws.Read(ctx); err == nil {
				t.Error("read after Cut: got no error")
			}
			ws.CloseNow()
			open(s.ResumeURL()).CloseNow()
			s.HostDown("gateway", true)
			if _, _, err := websocket.Dial(ctx, s.URL(), &websocket.DialOptions{HTTPClient: s.Client()}); err == nil {
				t.Error("a host that is down answered")
			}
			s.Close()
			s.Close()
			for _, v := range s.Violations() {
				t.Errorf("violation: %v", v)
			}
			deadline := time.Now().Add(5 * time.Second)
			for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
				runtime.Gosched() // goroutines of the client's transport
			}
			if after := runtime.NumGoroutine(); after > before {
				stacks := make([]byte, 1<<16)
				t.Errorf("goroutines: %d before, %d after\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
			}
		})
	}
}

func TestCloseEndsEveryState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{Guilds: 1, Rate: 100, ReadyDelay: time.Hour})
		s.HostMute("resume", true)
		nc, _ := s.memory.dial(context.Background(), "tcp", "resume.discord.test:80")
		fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		half, _ := s.memory.dial(context.Background(), "tcp", "gateway.discord.test:80")
		fmt.Fprintf(half, "GET / HT")
		p := dial(t, s, s.URL(), goodQuery)
		p.want("op 10")
		p.send(2, identity(s))
		dial(t, s, s.URL(), goodQuery).want("op 10")
		muted := dial(t, s, s.URL(), goodQuery)
		muted.want("op 10")
		for _, c := range s.Conns() {
			c.Mute()
		}
		s.Conns()[0].Close(4000, "never read")
		s.Close()
		if n := len(s.Conns()); n != 0 {
			t.Errorf("open connections after Close: got %d", n)
		}
		for _, c := range []net.Conn{nc, half} {
			c.Close()
		}
		// What is called after Close does nothing, and does not hang.
		s.Dispatch(0, "A", nil)
		s.ExpireSessions()
		s.HostDown("", true)
	})
}
