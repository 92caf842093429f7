package chiru

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru/internal/websocket"

	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/internal/session"
)

// The token goes with RESUME, so a resume URL is used only near the first one.
func TestResumeURLIsUsedOnlyNearTheFirstOne(t *testing.T) {
	for _, c := range []struct {
		base, resume string
		want         bool
	}{
		{"wss://gateway.discord.gg", "wss://gateway-us-east1-b.discord.gg", true},
		{"wss://gateway.discord.gg", "wss://gateway.discord.gg:8443/x?y=z", true},
		{"wss://gateway.discord.gg", "WSS://GATEWAY-2.DISCORD.GG.", true},
		{"wss://gateway.discord.gg", "wss://a.b.discord.gg", true},
		{"wss://gateway.discord.gg", "ws://gateway.discord.gg", false},
		{"wss://gateway.discord.gg", "https://gateway.discord.gg", false},
		{"wss://gateway.discord.gg", "wss://discord.gg", false},
		{"wss://gateway.discord.gg", "wss://evildiscord.gg", false},
		{"wss://gateway.discord.gg", "wss://gateway.discord.gg.evil.test", false},
		{"wss://gateway.discord.gg", "wss://x@gateway.discord.gg", false},
		{"wss://gateway.discord.gg", "wss://evil.test/gateway.discord.gg", false},
		{"wss://gateway.discord.gg", "", false},
		{"wss://gateway.discord.gg", "://", false},
		{"wss://gateway.discord.gg", "wss://relay.example", true}, // named below
		{"wss://gateway.discord.gg", "wss://relay.example:9", true},
		{"wss://discord.gg", "wss://other.gg", false}, // one label is no parent
		{"wss://localhost", "wss://other.localhost", false},
		{"ws://127.0.0.1:1", "ws://127.0.0.1:2", true},
		{"ws://127.0.0.1:1", "ws://8.0.0.1", false},
		{"ws://127.0.0.1:1", "ws://1.0.0.1", false},
		{"ws://[::1]:1", "ws://[::1]:2", true},
		{"ws://[::1]:1", "ws://[::2]:2", false},
		{"ws://127.0.0.1:1", "wss://127.0.0.1:2", true},
		{"wss://gateway.discord.gg", "wss://[2001:db8::1%25x.discord.gg]", false}, // a zone is no domain
		{"ws://[fe80::1%25a.b.c]", "ws://x.b.c", false},
		{"ws://[fe80::1%25a.b.c]", "ws://[fe80::1%25a.b.c]:2", true},
		{"ws://10.0.1", "ws://8.0.1", false}, // another way to write addresses
		{"wss://gateway.discord.gg", "wss://.discord.gg", false},
	} {
		base, err := parseBase(c.base)
		if err != nil {
			t.Fatal(err)
		}
		a := &address{base: base, trusted: []string{"relay.example"}}
		if err := a.resumable(c.resume); (err == nil) != c.want {
			t.Errorf("%s near %s: got %v, want %v", c.resume, c.base, err, c.want)
		}
	}
}

func TestEveryConnectionAsksForTheSameAndKeepsForeignParameters(t *testing.T) { // docs /events/gateway#resuming
	cfg := Config{Compression: CompressionZlibStream}
	base, err := parseBase("wss://first/?of=mine&v=6")
	if err != nil {
		t.Fatal(err)
	}
	a := &address{query: cfg.query(base)}
	for in, want := range map[string]string{
		"wss://h":                       "wss://h/?compress=zlib-stream&encoding=json&of=mine&v=10",
		"wss://h/":                      "wss://h/?compress=zlib-stream&encoding=json&of=mine&v=10",
		"wss://h/p/?v=9&a=b&compress=x": "wss://h/p/?a=b&compress=zlib-stream&encoding=json&of=mine&v=10",
	} {
		u, err := parseBase(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.with(u); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestPermitWhoseReceiverHasGoneIsNotSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewIdentifyGate(1)
		now := time.Now()
		ctx, leave := context.WithCancel(t.Context())
		held := <-g.Permit(ctx, 0)
		waiting, giveUp := context.WithCancel(t.Context())
		second := g.Permit(waiting, 1)
		third := g.Permit(t.Context(), 2)
		giveUp()
		synctest.Wait()
		leave() // got its permit, and never sent
		p := <-third
		if time.Since(now) != 0 {
			t.Errorf("the third waited %v for permits that nobody spent", time.Since(now))
		}
		select {
		case <-second:
			t.Error("the one that left got a permit")
		default:
		}
		held.Sent() // too late to count
		time.Sleep(3 * time.Second)
		p.Sent()
		p.Sent() // once is enough
		sent := time.Now()
		<-g.Permit(t.Context(), 3)
		if wait := time.Since(sent); wait != 5200*time.Millisecond {
			t.Errorf("the next got its permit %v after the IDENTIFY, want 5.2 s", wait)
		}
	})
}

func TestGateServesABucketInOrderAndBucketsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewIdentifyGate(2)
		start := time.Now()
		for shard := range 6 {
			permit := g.Permit(t.Context(), shard)
			go func() {
				(<-permit).Sent()
				if got, want := time.Since(start).Round(time.Second), time.Duration(shard/2)*5*time.Second; got != want {
					t.Errorf("shard %d got its permit after %v, want %v", shard, got, want)
				}
			}()
		}
		time.Sleep(time.Minute)
	})
}

func TestBacklogKeepsOrderAndBounds(t *testing.T) {
	b := backlog{maxEvents: 50, maxBytes: 1000}
	next, out := 0, 0
	for range 100_000 {
		size := rand.IntN(60)
		if rand.IntN(2) == 0 && !b.full(size) {
			b.push(waiting{event: &Dispatch{Sequence: int64(next)}, size: size})
			next++
		} else if b.n > 0 {
			if got := b.first().(*Dispatch).Sequence; got != int64(out) {
				t.Fatalf("got %d, want %d", got, out)
			}
			b.pop()
			out++
		}
		if b.n > 50 || b.bytes > 1000 || b.n == 0 && b.bytes != 0 || len(b.items) > 256 {
			t.Fatalf("%d events of %d bytes in a ring of %d", b.n, b.bytes, len(b.items))
		}
	}
	for b.n > 0 {
		b.pop()
	}
	if b.full(1 << 30) {
		t.Error("an empty backlog refuses an event larger than its bound")
	}
	runtime.KeepAlive(b)
}

func anyShard(t *testing.T, inbound chan IncomingEvent) *shard {
	t.Helper()
	cfg, addr, _, err := Config{Token: "x"}.settled()
	if err != nil {
		t.Fatal(err)
	}
	return &shard{
		cfg: &cfg, addr: addr, log: cfg.Logger, inbound: inbound,
		m:       session.New(func() float64 { return 0 }, session.Session{ID: "a", Seq: 0}),
		backlog: backlog{maxEvents: 256, maxBytes: 4 << 20},
	}
}

func TestVoidableEventLetsTheWaitingDispatchesGoFirst(t *testing.T) {
	for room, want := range map[int][]string{
		1: {"A"}, // there is room for the oldest alone
		2: {"A", "B"},
		5: {"A", "B", "heartbeat 1 acknowledged after 0s"},
	} {
		inbound := make(chan IncomingEvent, room)
		s := anyShard(t, inbound)
		s.queue(&Dispatch{Type: "A", Sequence: NoSequence}, 0, mark{})
		s.queue(&Dispatch{Type: "B", Sequence: NoSequence}, 0, mark{})
		s.void(&HeartbeatAck{Count: 1})
		close(inbound)
		var got []string
		for e := range inbound {
			got = append(got, strings.TrimSpace(e.(fmt.Stringer).String()))
		}
		voided := s.count.Voided
		if !slices.Equal(got, want) || (voided == 0) != (room == 5) || s.backlog.n != max(2-room, 0) {
			t.Errorf("room for %d: got %q, %d voided, %d left; want %q", room, got, voided, s.backlog.n, want)
		}
	}
}

func TestHeartbeatIsWrittenBeforeALoginAndALoginBeforeACommand(t *testing.T) {
	s := anyShard(t, make(chan IncomingEvent))
	s.conn = &conn{isOpen: true}
	now := time.Now()
	for _, e := range []session.Effects{s.m.Start(time.Now()), s.m.Opened(now),
		s.m.Receive(now, session.Message{Op: session.OpHello, Interval: time.Minute}),
		s.m.Receive(now, session.Message{Type: "RESUMED", Seq: 1})} {
		if e.Broken != "" {
			t.Fatal(e.Broken)
		}
	}
	s.beat, s.login, s.hand = true, session.SendResume, &command{payload: []byte(`{"op":99}`)}
	var got []string
	for range 3 {
		got = append(got, string(s.payload()[:7]))
		s.handedOver(now)
		if s.writing == theLogin {
			s.login = session.SendNothing
		}
	}
	if want := []string{`{"op":1`, `{"op":6`, `{"op":9`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A loss may be read before the writer's report of the command that the peer has had.
func TestWritersLastWordSettlesACommandCaughtByABreak(t *testing.T) {
	for _, failed := range []error{nil, errors.New("broken pipe")} {
		s := anyShard(t, make(chan IncomingEvent))
		s.conn = &conn{wrote: make(chan error, 1)}
		s.hand, s.writing = &command{event: &RawCommand{}}, theCommand
		s.dropWrites()
		s.conn.wrote <- failed
		s.gone()
		if sent := s.hand == nil; sent != (failed == nil) || s.count.Commands != map[bool]int64{true: 1}[sent] {
			t.Errorf("the writer said %v; the command counts as sent: %v", failed, sent)
		}
	}
}

type countedPermit int

func (p *countedPermit) Sent() { *p++ }

// The same when the shard is stopped.
func TestPermitOfAnIdentifyThatTheWriterHadIsSpentByAStop(t *testing.T) {
	for writing, want := range map[kind]countedPermit{theLogin: 1, theBeat: 0, nothing: 0} {
		s := anyShard(t, make(chan IncomingEvent))
		var permit countedPermit
		s.pass, s.leaveQueue, s.login, s.writing = &permit, func() {}, session.SendIdentify, writing
		if err := s.finish(errors.New("stop"), true); permit != want || s.pass != nil {
			t.Errorf("with %d in the writer's hands: sent %d times, %v; want %d", writing, permit, err, want)
		}
	}
}

// Discord may have got an IDENTIFY that the writer had when the connection broke, until the connection is gone.
func TestPermitOfAnIdentifyThatTheWriterHadIsSpentByABreak(t *testing.T) {
	for writing, want := range map[kind]countedPermit{theLogin: 1, theBeat: 0, nothing: 0} {
		for name, end := range map[string]func(*shard){
			"gone": (*shard).gone,
			"a stop before it is gone": func(s *shard) {
				if err := s.finish(errors.New("stop"), true); err == nil {
					t.Error("finish returned nil")
				}
			},
		} {
			s := anyShard(t, make(chan IncomingEvent))
			var permit countedPermit
			left := false
			done := make(chan struct{})
			close(done)
			s.conn = &conn{wrote: make(chan error, 1), quit: make(chan struct{}), done: done, hangUp: func() {}}
			s.pass, s.leaveQueue, s.login, s.writing = &permit, func() { left = true }, session.SendIdentify, writing
			s.lose(time.Now(), session.Effects{}, nil)
			if permit != 0 || left != (want == 0) {
				t.Errorf("%s, with %d in the writer's hands: sent %d times, left %v while it may still go out", name, writing, permit, left)
			}
			end(s)
			if permit != want || !left || s.pass != nil {
				t.Errorf("%s, with %d in the writer's hands: sent %d times, left %v; want %d, true", name, writing, permit, left, want)
			}
		}
	}
}

func TestEventTypeNamesAreKeptUpTo256OfUpTo64Bytes(t *testing.T) {
	r := reader{names: map[string]string{}}
	r.name(bytes.Repeat([]byte("A"), 65))
	for i := range 1000 {
		if name := fmt.Sprintf("%064d", i); r.name([]byte(name)) != name {
			t.Fatalf("%s is read as another", name)
		}
		if want := min(i+1, 256); len(r.names) != want {
			t.Fatalf("after %d names of 64 bytes, and one of 65, %d are kept; want %d", i+1, len(r.names), want)
		}
	}
}

func TestTLSSessionsOf64HostsAreKept(t *testing.T) {
	cache := ownTransport.(*http.Transport).TLSClientConfig.ClientSessionCache
	for i := range 65 {
		cache.Put(fmt.Sprint(i, ".test"), new(tls.ClientSessionState))
	}
	_, first := cache.Get("0.test")
	_, second := cache.Get("1.test")
	if first || !second {
		t.Errorf("of 65 hosts the first is kept: %v, the second: %v; want the newest 64", first, second)
	}
	for i := range 65 {
		cache.Put(fmt.Sprint(i, ".test"), nil)
	}
}

func TestBrokenConnectionsWriterAndReaderWaitAMomentForTheOtherToSayWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := gatewaytest.Start(t, gatewaytest.Config{})
		u := &upgrade{RoundTripper: tied(s.Client().Transport.(*http.Transport)), ctx: t.Context()}
		header := http.Header{"User-Agent": {userAgent}}
		ws, _, err := websocket.Dial(t.Context(), &http.Client{Transport: u}, s.URL()+"/?v=10&encoding=json", header, 4096)
		if err != nil {
			t.Fatal(err)
		}
		c := &conn{ws: ws, socket: u.socket, in: make(chan *batch), out: make(chan []byte), wrote: make(chan error, 1), read: make(chan struct{}), quit: make(chan struct{})}
		u.socket.Close()
		from := time.Now()
		go c.write()
		c.out <- []byte("{}")
		if <-c.wrote == nil || time.Since(from) != 250*time.Millisecond {
			t.Errorf("a write on a broken connection ended after %v, want an error after 250 ms", time.Since(from))
		}
		from = time.Now()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			(&reader{cfg: &Config{MaxMessage: 4096, Compression: CompressionNone}, names: map[string]string{}}).run(c)
		}()
		for b := range c.in { // Hello was there before
			if b.items[len(b.items)-1].what == lost {
				break
			}
		}
		if took := time.Since(from); took != 500*time.Millisecond {
			t.Errorf("the reader reported the loss after %v, want 500 ms", took)
		}
		close(c.quit)
		close(c.read)
		<-ended
	})
}
