package chiru_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/sessions"
)

func TestDiscoveryIsGivenUpAfterTwentySeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostMute("api", true)
		from := time.Now()
		_, err := chiru.Discover(t.Context(), s.Client(), s.API(), s.Token())
		if took := time.Since(from); err == nil || took != 20*time.Second {
			t.Errorf("got %v after %v, want an error after exactly 20 s", err, took)
		}
	})
}

// answer is an API whose answer has this text before it.
type answer string

func (a answer) RoundTrip(req *http.Request) (*http.Response, error) {
	w := &http.Response{StatusCode: 200, Header: http.Header{}, Request: req}
	w.Body = http.MaxBytesReader(nil, readCloser{strings.NewReader(string(a) + `{"url":"wss://h"}`)}, 1<<40)
	return w, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestAnswerOfDiscoveryIsReadUpTo1MiB(t *testing.T) {
	rest := len(`{"url":"wss://h"}`)
	for size, want := range map[int]bool{1<<20 - rest: true, 1<<20 - rest + 1: false} {
		client := &http.Client{Transport: answer(strings.Repeat(" ", size))}
		if got, err := chiru.Discover(t.Context(), client, "https://h.test", "x"); (err == nil && got.URL == "wss://h") != want {
			t.Errorf("%d bytes: got %+v, %v; want it read: %v", size+rest, got, err, want)
		}
	}
}

// closedGate gives no permit the first times.
type closedGate struct {
	chiru.IdentifyGate
	left  int
	asked []time.Time
}

func (g *closedGate) Permit(ctx context.Context, shard int) <-chan chiru.Permit {
	g.asked = append(g.asked, time.Now())
	if g.left--; g.left < 0 {
		return g.IdentifyGate.Permit(ctx, shard)
	}
	closed := make(chan chiru.Permit)
	close(closed)
	return closed
}

func TestGateThatGivesNoPermitIsAskedAgainAfterASecond(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		gate := &closedGate{IdentifyGate: chiru.NewIdentifyGate(1), left: 5}
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Gate = gate })
		wait(time.Minute)
		b.mustBeLive()
		b.stop()
		if len(gate.asked) != 6 {
			t.Fatalf("the gate was asked %d times, want 6", len(gate.asked))
		}
		for i := 1; i < len(gate.asked); i++ {
			if gap := gate.asked[i].Sub(gate.asked[i-1]); gap != time.Second {
				t.Errorf("asked again after %v, want exactly a second", gap)
			}
		}
	})
}

func TestMissingReadyIsLoggedAfterAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{ReadyDelay: 10 * time.Minute})
		var log logBuffer
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Logger = log.logger() })
		wait(time.Minute - time.Nanosecond)
		early := strings.Contains(log.String(), "no READY")
		wait(time.Nanosecond)
		if early || !strings.Contains(log.String(), "no READY") {
			t.Errorf("logged before the minute: %v; the log says %s", early, log.String())
		}
		b.stop()
	})
}

func TestWriteThatIsNotDoneInTenSecondsEndsTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.On(60, func(*gatewaytest.Conn, json.RawMessage) { time.Sleep(time.Minute) })
		s.On(60, func(*gatewaytest.Conn, json.RawMessage) {}).Keep()
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		from := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for i := range 40 {
				select {
				case b.outbound <- raw(60, fmt.Sprintf(`[%d,%q]`, i, strings.Repeat("x", 4000))):
				case <-ctx.Done():
				}
			}
		}()
		wait(2 * time.Minute)
		b.mustBeLive()
		if at, lost := nth[*chiru.Disconnected](b, 0); at.Sub(from) != 10*time.Second || !strings.Contains(lost.Err.Error(), "write") {
			t.Errorf("got %v after %v, want the write to be named after exactly 10 s", lost.Err, at.Sub(from))
		}
		b.stop()
	})
}

// deafStore never answers Load.
type deafStore struct{ sessions.Memory }

func (s *deafStore) Load(ctx context.Context, _ chiru.SessionKey) (chiru.Session, error) {
	<-ctx.Done()
	return chiru.Session{}, ctx.Err()
}

func TestStoreThatDoesNotAnswerIsGivenUpAfterTenSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		from := time.Now()
		b := launch(t, s, withStore(new(deafStore)))
		wait(time.Minute)
		b.mustBeLive()
		if took := sent(s, 2)[0].At.Sub(from); took != 10*time.Second {
			t.Errorf("IDENTIFY came after %v, want exactly 10 s", took)
		}
		b.stop()
	})
}

func TestBacklogIsFullWith256EventsOr4MiB(t *testing.T) {
	for body, want := range map[int][2]int{1: {256, 256}, 64 << 10: {64, 4 << 20}, 64<<10 + 1: {63, 63 * (64<<10 + 1)}} {
		t.Run(fmt.Sprint(body), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, nil, unbuffered)
				wait(time.Minute)
				b.freeze()
				text := json.RawMessage(strings.Repeat("1", body))
				for range 300 {
					s.Dispatch(0, "A", text)
				}
				wait(time.Minute)
				got := b.stats.Snapshot()
				if got.Backlog != want[0] || got.BacklogBytes != int64(want[1]) || !got.Stalled {
					t.Errorf("the backlog has %d events of %d bytes, stalled: %v; want %d of %d", got.Backlog, got.BacklogBytes, got.Stalled, want[0], want[1])
				}
				b.thaw()
				wait(time.Minute)
				b.checkLedger()
				b.stop()
			})
		})
	}
}

func TestHeartbeatIntervalOfASecondAndOfTenMinutesIsTaken(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 10 * time.Minute} {
		t.Run(interval.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{HeartbeatInterval: interval})
				b := launch(t, s, nil)
				wait(time.Hour)
				b.mustBeLive()
				if s.Accepted() != 1 || len(sent(s, 1)) < int(time.Hour/interval) {
					t.Errorf("%d connections and %d beats in an hour, want one and %d", s.Accepted(), len(sent(s, 1)), time.Hour/interval)
				}
				b.stop()
			})
		})
	}
}
