package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

// watch sees what happens in one run: faults as they strike, what is wrong, and the last of both sides' logs.
type watch struct {
	p         plan
	began     time.Time
	recovered time.Duration

	violations, excused int // rules broken; those that a consumer that stood still explains

	mu      sync.Mutex // guards what follows; held for work in memory only
	bots    []*bot
	wrongs  []string
	strikes map[gatewaytest.Strike]int // those that are not the server's
	faults  map[int]map[string]int     // the server's, by shard
	hours   map[[2]int]bool            // shard and hour in which something went wrong
	log     []line
	next    int
}

// line is one of a log, not written out unless somebody wants to read it.
type line struct {
	side   string
	record slog.Record
	with   []slog.Attr
}

const transcriptLines = 4000

func newWatch(p plan) *watch {
	return &watch{p: p, began: time.Now(), strikes: map[gatewaytest.Strike]int{}, hours: map[[2]int]bool{}, faults: map[int]map[string]int{}}
}

// struck takes note of a fault of a shard.
func (w *watch) struck(shard int, s gatewaytest.Strike, ours bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hours[[2]int{shard, int(time.Since(w.began) / time.Hour)}] = true
	if ours {
		w.strikes[s]++
	}
}

// wrong takes note of what must not be.
func (w *watch) wrong(format string, args ...any) {
	text := time.Now().Format(time.TimeOnly) + " " + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.wrongs) < 20 {
		w.wrongs = append(w.wrongs, text)
	}
}

// fail fails the test with what was wrong, and keeps the seed and the transcript.
func (w *watch) fail(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Errorf("seed %d (%d shards, %v, chaos %s):\n%s\nrerun: go test ./simulation %s", w.p.seed, w.p.shards, w.p.lasts, w.p.server.Chaos, strings.Join(w.wrongs, "\n"), w.p.rerun)
	name := filepath.Join("testdata", "failed", fmt.Sprintf("%d.txt", w.p.seed))
	text := strings.Join(w.wrongs, "\n") + "\n\n" + w.transcript()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Error(err)
	} else if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Error(err)
	} else {
		t.Logf("the transcript is in simulation/%s", name)
	}
	if w.p.trouble {
		w.keep(t)
	}
}

// keeping is held while seeds.txt is written: runs go on side by side.
var keeping sync.Mutex

// keep adds the seed to those that are run for ever.
func (w *watch) keep(t *testing.T) {
	keeping.Lock()
	defer keeping.Unlock()
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Error(err)
	}
	if line := fmt.Sprint(w.p.seed); !strings.Contains(string(text), "\n"+line+" ") {
		if err := os.WriteFile(kept, append(text, line+" # "+strings.Join(strings.Fields(w.wrongs[0]), " ")+"\n"...), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func (w *watch) transcript() string {
	var out strings.Builder
	for i := range w.log {
		l := w.log[(w.next+i)%len(w.log)]
		fmt.Fprintf(&out, "%s %s %s", l.record.Time.Format("15:04:05.000"), l.side, l.record.Message)
		show := func(a slog.Attr) bool {
			fmt.Fprintf(&out, " %s=%v", a.Key, a.Value)
			return true
		}
		for _, a := range l.with {
			show(a)
		}
		l.record.Attrs(show)
		out.WriteByte('\n')
	}
	return out.String()
}

// ear is a slog.Handler that writes into a watch.
type ear struct {
	w    *watch
	side string
	with []slog.Attr
}

func (w *watch) handler(side string) slog.Handler { return &ear{w: w, side: side} }

func (e *ear) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (e *ear) WithGroup(string) slog.Handler                    { return e }

func (e *ear) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &ear{e.w, e.side, append(e.with[:len(e.with):len(e.with)], attrs...)}
}

func (e *ear) Handle(_ context.Context, r slog.Record) error {
	w := e.w
	w.mu.Lock()
	l := line{e.side, r.Clone(), e.with}
	if len(w.log) < transcriptLines {
		w.log = append(w.log, l)
	} else {
		w.log[w.next] = l
		w.next = (w.next + 1) % transcriptLines
	}
	w.mu.Unlock()
	if r.Message == "gatewaytest: chaos" {
		fault, shard := "", -1
		r.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "fault":
				fault = a.Value.String()
			case "shard":
				shard = int(a.Value.Int64())
			}
			return true
		})
		w.serverStruck(shard, fault)
	}
	return nil
}

// faultsOf counts the faults that have struck a shard so far, by name.
func (w *watch) faultsOf(shard int) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.faults[shard])
}

// revoked says whether the token has been taken from the shards.
func (w *watch) revoked() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, faults := range w.faults {
		if faults["token-revoked"] > 0 {
			return true
		}
	}
	return false
}

// serverStruck takes note of a fault of the server's. It is called with the server's lock held.
func (w *watch) serverStruck(shard int, fault string) {
	if shard < 0 || shard >= len(w.bots) {
		return
	}
	w.mu.Lock()
	if w.faults[shard] == nil {
		w.faults[shard] = map[string]int{}
	}
	w.faults[shard][fault]++
	w.mu.Unlock()
	w.struck(shard, gatewaytest.Strike{}, false)
	w.bots[shard].trouble()
}
