package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru/fleet"
)

var (
	metricName = `[a-z_:][a-z0-9_:]*`
	sample     = regexp.MustCompile(`^(` + metricName + `)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$`)
	meta       = regexp.MustCompile(`^# (HELP|TYPE) (` + metricName + `) (.+)$`)
)

// exposition reads Prometheus' text format as strictly as its definition: HELP and TYPE once, before the samples, and no sample twice.
func exposition(t *testing.T, text string) map[string]float64 {
	t.Helper()
	values, kinds := map[string]float64{}, map[string]string{}
	current := ""
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			t.Fatal("the last line has no end")
		}
		line = strings.TrimSuffix(line, "\n")
		if m := meta.FindStringSubmatch(line); m != nil {
			if m[1] == "TYPE" {
				if kinds[m[2]] != "" {
					t.Errorf("%s has two types", m[2])
				}
				kinds[m[2]], current = m[3], m[2]
				if (m[3] == "counter") != strings.HasSuffix(m[2], "_total") {
					t.Errorf("%s is a %s", m[2], m[3])
				}
			}
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || m[1] != current {
			t.Fatalf("%q is no sample of %s", line, current)
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if _, twice := values[m[1]+m[2]]; err != nil || twice {
			t.Errorf("%q: twice, or no number", line)
		}
		values[m[1]+m[2]] = v
	}
	return values
}

func TestMetricsAreAsPrometheusReadsThem(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	got := exposition(t, metrics(fleet.NodeStatus{
		Node: "a\"b\\c\nd", Fleet: "bot", Version: "v1", Since: at, Of: 3, Health: "ill", Identifies: fleet.Identifies{Left: 9, Total: 10, ResetAt: at},
		Shards: []fleet.ShardStatus{
			{Shard: 0, State: "live", StoredEvents: 1e15, LastStored: at, Latency: 20.5, Resumed: 2, Cut: 1},
			{Shard: 2, State: "resuming", InFlight: 7, Waiting: 12.5},
		},
	}))
	for name, want := range map[string]float64{
		`chiru_info{fleet="bot",node="a\"b\\c\nd",version="v1"}`: 1,
		`chiru_healthy`: 0, `chiru_ready`: 1, `chiru_shards`: 3, `chiru_shards_held`: 2, `chiru_identifies_left`: 9,
		`chiru_identifies_reset_timestamp_seconds`:             1.7e9,
		`chiru_shard_live{shard="0"}`:                          1,
		`chiru_shard_live{shard="2"}`:                          0,
		`chiru_shard_events_stored_total{shard="0"}`:           1e15,
		`chiru_shard_events_in_flight{shard="2"}`:              7,
		`chiru_shard_oldest_unstored_seconds{shard="2"}`:       12.5,
		`chiru_shard_last_stored_timestamp_seconds{shard="0"}`: 1.7e9,
		`chiru_shard_last_stored_timestamp_seconds{shard="2"}`: 0,
		`chiru_shard_latency_seconds{shard="0"}`:               0.0205,
		`chiru_shard_resumed_from_stream_total{shard="0"}`:     2,
		`chiru_shard_cut_bodies_total{shard="0"}`:              1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%t), want %v", name, v, ok, want)
		}
	}
	exposition(t, metrics(fleet.NodeStatus{}))
}

func TestHealthIsBadWhileNothingRuns(t *testing.T) {
	c := newCall()
	h := c.answers(new(fleet.Node))
	for path, want := range map[string]int{"/healthz": 503, "/readyz": 503, "/metrics": 200, "/": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/healthz", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d", w.Code)
	}
}

func TestLogIsReadableOnATerminalAndJSONElsewhere(t *testing.T) {
	for terminal, want := range map[bool]string{
		true:  `^\d\d:\d\d:\d\d\.\d{3} WARN  node starts +node=a why="it is \[token\]" g\.n=1\n$`,
		false: `^\{"time":"[^"]+","level":"WARN","msg":"node starts","node":"a","why":"it is \[token\]","g":\{"n":1\}\}\n$`,
	} {
		c := newCall()
		c.terminalErr, c.secret = terminal, "hush"
		log := c.logger()
		log.Debug("not told")
		log.With("node", "a").Warn("node starts", "why", io.EOF, slog.Group("g", "n", 1))
		c.err.buf.Reset()
		log.With("node", "a").Warn("node starts", "why", "it is hush", slog.Group("g", "n", 1))
		if got := c.err.String(); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("terminal %t: got %q, want %s", terminal, got, want)
		}
		if bytes.Count(c.err.buf.Bytes(), []byte("\n")) != 1 {
			t.Errorf("more than a line: %q", &c.err.buf)
		}
	}
}
