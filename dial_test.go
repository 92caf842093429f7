package chiru_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// silentPeer accepts connections and answers nothing.
func silentPeer(t *testing.T) (address string, accepted chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() {
		l.Close()
		for c := range accepted {
			c.Close()
		}
	})
	return l.Addr().String(), accepted
}

// Net/http goes on with a dial whose request is over; ours ends with Run.
func TestDialEndsWithRunThoughThePeerNeverAnswers(t *testing.T) {
	for name, configure := range map[string]func(cfg *chiru.Config, peer string){
		"upgrade": func(cfg *chiru.Config, peer string) { cfg.URL = "ws://" + peer },
		"tls":     func(cfg *chiru.Config, peer string) { cfg.URL = "wss://" + peer },
		"proxy": func(cfg *chiru.Config, peer string) {
			cfg.URL = "wss://gateway.discord.test"
			cfg.HTTPClient = &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: peer})}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			peer, accepted := silentPeer(t)
			cfg := chiru.Config{Token: "x"}
			configure(&cfg, peer)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = chiru.Run(ctx, cfg, nil, make(chan chiru.IncomingEvent))
			}()
			c := <-accepted
			defer c.Close()
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			cancel()
			<-ended
			if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("5 s after Run returned its socket is still open")
			}
		})
	}
}

func TestBackoffIsJitteredAndBeginsAnewAfterAHealthyMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		for range 2 {
			s.HostDown("", true)
			before := len(of[*chiru.Disconnected](b))
			s.Conns()[0].Cut()
			wait(20 * time.Minute)
			lost := of[*chiru.Disconnected](b)[before:]
			if lost[0].Wait != 0 || lost[0].Attempt != 1 {
				t.Errorf("the first wait after a healthy minute is %v, attempt %d; want none, 1", lost[0].Wait, lost[0].Attempt)
			}
			var sum time.Duration
			for i, d := range lost[1:] {
				ceiling := min(time.Minute, time.Second<<min(i, 6))
				if d.Wait > ceiling {
					t.Errorf("attempt %d waits %v, want %v at most", d.Attempt, d.Wait, ceiling)
				}
				if i >= 6 {
					sum += d.Wait
				}
			}
			if mean := sum / time.Duration(len(lost)-7); mean < 20*time.Second || mean > 40*time.Second {
				t.Errorf("late waits are %v in the mean, want about half a minute", mean)
			}
			s.HostDown("", false)
			wait(3 * time.Minute)
			b.mustBeLive()
		}
		b.stop()
	})
}

func TestFailedDialEndsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostDown("", true)
		b := launch(t, s, nil)
		wait(10 * time.Minute)
		select {
		case <-b.ended:
			t.Fatalf("Run ended: %v", b.err)
		default:
		}
		s.HostDown("", false)
		wait(2 * time.Minute)
		b.mustBeLive()
		b.stop()
	})
}

func TestDialThatGetsNoAnswerIsGivenUpAfterTwentySeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostMute("gateway", true)
		b := launch(t, s, nil)
		from := time.Now()
		wait(25 * time.Second)
		if len(b.seen()) == 0 {
			t.Fatal("the dial was not given up")
		}
		lost := b.seen()[0]
		if d, ok := lost.event.(*chiru.Disconnected); !ok || lost.at.Sub(from) != 20*time.Second || !strings.Contains(d.Err.Error(), "gateway.discord.test") {
			t.Errorf("got %+v after %v, want Disconnected after exactly 20 s, naming the host", lost.event, lost.at.Sub(from))
		}
		s.HostMute("gateway", false)
		wait(time.Minute)
		b.mustBeLive()
		b.stop()
	})
}

func TestRefusedUpgradeIsTriedAgainAfterWhatItAsksFor(t *testing.T) {
	for _, c := range []struct {
		status int
		header http.Header
		least  time.Duration
	}{
		{503, nil, 0},
		{503, http.Header{"Retry-After": {"42"}}, 42 * time.Second},
		{429, http.Header{"Retry-After": {"17.5"}}, 17500 * time.Millisecond},
		{500, http.Header{"Retry-After": {"never"}}, 0},
		{400, nil, 0}, {401, nil, 0}, {403, nil, 0}, {404, nil, 0}, {200, nil, 0},
		{302, http.Header{"Location": {"ws://elsewhere.test/"}}, 0},
	} {
		t.Run(fmt.Sprint(c.status, c.header), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				s.RefuseUpgrade("gateway", c.status, c.header)
				b := launch(t, s, nil)
				wait(2 * time.Minute)
				b.mustBeLive()
				lost := of[*chiru.Disconnected](b)
				if len(lost) != 1 {
					t.Fatalf("got %d Disconnected, want 1\n%s", len(lost), b.history())
				}
				refused, ok := errors.AsType[*chiru.UpgradeError](lost[0].Err)
				if !ok || refused.Status != c.status || lost[0].Wait < c.least || lost[0].Wait > c.least+time.Second {
					t.Errorf("got %v, wait %v; want status %d and a wait of %v", lost[0].Err, lost[0].Wait, c.status, c.least)
				}
				b.stop()
			})
		})
	}
}

func TestServerThatClosesOnAcceptIsNotStormed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.OnConnect(func(c *gatewaytest.Conn) { c.Close(1001, "") }).Keep()
		b := launch(t, s, nil)
		wait(time.Hour)
		if n := s.Accepted(); n < 60 || n > 200 {
			t.Errorf("connected %d times in an hour, want one every half minute or so", n)
		}
		b.stop()
	})
}

func TestHeaderOfAnAnswerIsReadUpTo64KiB(t *testing.T) {
	for _, c := range []struct {
		size int
		want string
	}{{60 << 10, "503"}, {70 << 10, "header"}} {
		t.Run(fmt.Sprint(c.size), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				s.RefuseUpgrade("gateway", 503, http.Header{"X": {strings.Repeat("x", c.size)}})
				b := launch(t, s, nil)
				wait(time.Minute)
				b.mustBeLive()
				if lost := of[*chiru.Disconnected](b); len(lost) != 1 || !strings.Contains(lost[0].Err.Error(), c.want) {
					t.Errorf("got %v, want one loss about %q", lost, c.want)
				}
				b.stop()
			})
		})
	}
}
