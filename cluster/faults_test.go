package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// ear hears of a fault of the simulator's.
type ear struct {
	fault, stage string
	mu           sync.Mutex
	at           time.Time
}

func (e *ear) Enabled(context.Context, slog.Level) bool { return true }
func (e *ear) WithAttrs([]slog.Attr) slog.Handler       { return e }
func (e *ear) WithGroup(string) slog.Handler            { return e }

func (e *ear) Handle(_ context.Context, r slog.Record) error {
	said := map[string]string{}
	r.Attrs(func(a slog.Attr) bool { said[a.Key] = a.Value.String(); return true })
	e.mu.Lock()
	defer e.mu.Unlock()
	if said["fault"] == e.fault && said["stage"] == e.stage && e.at.IsZero() {
		e.at = time.Now()
	}
	return nil
}

func (e *ear) heard() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at
}

// Whatever goes wrong, wherever: within one heartbeat interval Status says what, and until when.
func TestStatusSaysWhatIsWrongAndUntilWhenForEveryFault(t *testing.T) {
	const interval = 41250 * time.Millisecond // gatewaytest's
	for n, fault := range gatewaytest.Faults() {
		for m, stage := range fault.Stages {
			if raceDetector && (n+m)%5 != 0 {
				continue // all of them take it minutes
			}
			t.Run(fault.Name+" at "+stage, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					e := &ear{fault: fault.Name, stage: stage}
					cfg := gatewaytest.Config{Guilds: 4, Members: 3, Rate: 4, Logger: slog.New(e)}
					host, whole := map[string]string{"base": "gateway", "resume": "resume", "all": ""}[strings.Split(fault.Name, "-")[0]],
						strings.HasSuffix(fault.Name, "-down") || strings.HasSuffix(fault.Name, "-mute") && fault.Name != "dial-mute"
					whole = whole && !strings.HasPrefix(fault.Name, "half-open")
					chaos := wayTo(stage) + fault.Name + "@" + stage + "*1"
					if !whole && stage != "live" {
						cfg.Chaos = chaos
					}
					s := gatewaytest.NewMemoryServer(cfg)
					defer s.Close()
					f := launch(t, s, func(cfg *cluster.Config) {
						cfg.Shard.MaxMessage, cfg.Shard.Intents = 1<<20, chiru.IntentsAll
						if stage == "slot" {
							cfg.Shard.Gate = slowGate{}
						}
						if fault.Name == "zlib-split" {
							cfg.Shard.Compression = chiru.CompressionZlibStream
						}
					})
					wait(0) // Run runs
					if whole || stage == "live" {
						wait(5 * time.Minute) // so that what usually comes is known
					}
					switch {
					case whole:
						s.HostDown(host, strings.HasSuffix(fault.Name, "-down"))
						s.HostMute(host, strings.HasSuffix(fault.Name, "-mute"))
						e.at = time.Now()
						s.Conns()[0].Close(map[string]int{"base": 4009, "resume": 4000, "all": 4000}[strings.Split(fault.Name, "-")[0]], "")
					case stage == "live":
						if err := s.SetChaos(chaos); err != nil {
							t.Fatal(err)
						}
					}
					var first cluster.ShardStatus
					for range 4 * 60 * 20 {
						if st := look(t, f, e.heard()); !e.heard().IsZero() && st.Trouble != "" {
							first = st
							break
						}
						if at := e.heard(); !at.IsZero() && time.Since(at) > interval+slowest(fault.Name) {
							break
						}
						wait(250 * time.Millisecond)
					}
					switch {
					case e.heard().IsZero():
						t.Fatal("it did not happen")
					case fault.Name == "stall" && first.Trouble == "" && longestGap(f, e.heard()) < 30*time.Second: // it was over before it showed
					case first.Trouble == "" && fault.Severity != "harmless" && f.Status().Shards[0].Ignored == 0:
						t.Errorf("a fault that asks for %q, and %v later Status knows nothing: %v", fault.Severity, time.Since(e.heard()), f.states())
					case first.Trouble != "" && first.Next == "" && first.Err == nil:
						t.Errorf("%q, and nothing is said to follow", first.Trouble)
					}
					if first.Until.IsZero() {
						return
					}
					// What was said to be over by then is.
					wait(time.Until(first.Until) + time.Second)
					if now := look(t, f, e.heard()); now.Trouble == first.Trouble && now.Until.Equal(first.Until) && now.Since.Equal(first.Since) {
						t.Errorf("%q was to be over %v ago", now.Trouble, time.Since(now.Until))
					}
				})
			})
		}
	}
}

// slowGate is a caller's, and takes three seconds.
type slowGate struct{}

func (slowGate) Permit(ctx context.Context, shard int) <-chan chiru.Permit {
	out := make(chan chiru.Permit, 1)
	t := time.AfterFunc(3*time.Second, func() { out <- slowGate{} })
	context.AfterFunc(ctx, func() { t.Stop() })
	return out
}

func (slowGate) Sent() {}

// look is the shard's status; one that is not live says why in any case, and one that was lost since says so at least.
func look(t *testing.T, f *fleet, since time.Time) cluster.ShardStatus {
	t.Helper()
	st := f.Status()
	if !st.Running { // a final error that concerns all
		if _, ok := errors.AsType[*cluster.ShardError](f.err); !ok {
			t.Fatalf("Run returned %v", f.err)
		}
		return cluster.ShardStatus{Trouble: f.err.Error(), Err: f.err}
	}
	if len(st.Shards) == 0 {
		return cluster.ShardStatus{}
	}
	one := st.Shards[0]
	if one.State != "live" && (one.Trouble == "" || one.Next == "") {
		t.Errorf("%s, and no word of why: %+v", one.State, one)
	}
	if one.Trouble == "" && !since.IsZero() && one.LastLossAt.After(since.Add(-time.Millisecond)) && one.LastLoss != nil {
		one.Trouble, one.Next = fmt.Sprintf("over: %v", one.LastLoss), "it goes on"
	}
	return one
}

// slowest is how much later than at once a client can know of a fault: that acknowledgements are missing shows at the next
// heartbeat, which is an interval away.
func slowest(fault string) time.Duration {
	switch fault {
	case "acks-stop", "ack-lost", "half-open-up", "half-open-down":
		return 41250*time.Millisecond + 2*time.Second
	}
	return 0
}

// longestGap is the longest time without an event since then.
func longestGap(f *fleet, since time.Time) (gap time.Duration) {
	for _, d := range of[*chiru.Dispatch](f) {
		if d.Received.After(since) {
			gap, since = max(gap, d.Received.Sub(since)), d.Received
		}
	}
	return max(gap, time.Since(since))
}

// wayTo lets happen what brings a shard to a stage.
func wayTo(stage string) string {
	switch stage {
	case "dial-resume", "hello-resume", "resume":
		return "cut@live*1,"
	case "replay":
		return "replay-long@live*1,"
	}
	return ""
}
