package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

func TestTailWithoutTokenShowsASimulationWithin10Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, shard := range []string{"0/1", "2/3"} {
			c := newCall("DISCORD_TOKEN=  ")
			began := time.Now()
			c.want(t, t.Context(), 0, "tail", "--json", "-n", "200", "--shard", shard)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("shard %s: 200 events took %v, want 10s at most", shard, took)
			}
			dispatches, lifecycle := readLines(t, c.out.String())
			wantGapless(t, dispatches, 200)
			if len(lifecycle) < 2 || lifecycle[0].Type != "hello" || lifecycle[1].Type != "connected" {
				t.Errorf("shard %s: chiru's own events are %+v, want hello and connected first", shard, lifecycle)
			}
			if got := c.err.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "simulation") {
				t.Errorf("stderr: got %q, want one line that says it is a simulation", got)
			}
		}
	})
}

func TestTailWritesEachLineAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, format := range []string{"--json=true", "--json=false"} {
			c := newCall()
			c.want(t, t.Context(), 0, "tail", "-n", "60", format)
			if lines := strings.Count(c.out.String(), "\n"); c.out.writes != lines {
				t.Errorf("%s: got %d writes for %d lines", format, c.out.writes, lines)
			}
		}
	})
}

func TestTailPrintsAndCountsOnlyTheEventsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall()
		c.want(t, t.Context(), 0, "tail", "--json", "-n", "30", "--events", "message_create, TYPING_START")
		dispatches, _ := readLines(t, c.out.String())
		if len(dispatches) != 30 {
			t.Errorf("got %d dispatches, want 30", len(dispatches))
		}
		for _, d := range dispatches {
			if d.Type != "MESSAGE_CREATE" && d.Type != "TYPING_START" {
				t.Errorf("got a %s", d.Type)
			}
		}
		c = newCall()
		c.want(t, t.Context(), 0, "tail", "--json", "-n", "1", "--events", "READY")
		dispatches, _ = readLines(t, c.out.String())
		wantGapless(t, dispatches, 1)
	})
}

// live is a server that tail reaches over c's client.
func live(t *testing.T, cfg gatewaytest.Config, env ...string) (*gatewaytest.Server, *call) {
	s := gatewaytest.Start(t, cfg)
	c := newCall(append([]string{"DISCORD_TOKEN=" + s.Token()}, env...)...)
	c.client = s.Client()
	return s, c
}

func TestStopSaysWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{})
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { s.Conns()[0].Close(4000, "try again") })
		time.AfterFunc(20*time.Second, func() { stop(errors.New("a signal")) })
		c.want(t, ctx, 0, "tail", "--api", s.API())
		want := `chiru: stopped (a signal): 2 events in 20s, 1 reconnect; last loss: discord closed the connection: 4000 unknown error ("try again")` + "\n"
		if got := c.err.String(); got != want {
			t.Errorf("stderr: got %q, want %q", got, want)
		}
		out := c.out.String()
		for _, want := range []string{"hello ", "a heartbeat every 41.25s", "connected ", "new session ", "READY ", "disconnected ",
			`4000 unknown error ("try again"); the session is resumed now (attempt 1)`, "resumed session ", "RESUMED ", "all missed events have come"} {
			if !strings.Contains(out, want) {
				t.Errorf("stdout has no %q:\n%s", want, out)
			}
		}
	})
}

func TestFinalCloseCodesHaveAHint(t *testing.T) {
	for code, hint := range map[int]string{4004: "token", 4010: "--shard", 4011: "--shard", 4012: "too old", 4013: "--intents", 4014: "Bot page"} {
		synctest.Test(t, func(t *testing.T) {
			s, c := live(t, gatewaytest.Config{})
			s.On(2, func(conn *gatewaytest.Conn, _ json.RawMessage) { conn.Close(code, "no: "+s.Token()) })
			c.want(t, t.Context(), 1, "tail", "--api", s.API())
			got := c.err.String()
			if !strings.Contains(got, fmt.Sprintf("chiru: error: discord closed the connection for good: %d ", code)) || !strings.Contains(got, hint) ||
				strings.Count(got, "chiru: hint: ") != 1 || strings.Contains(got, s.Token()) {
				t.Errorf("%d: got %q, want an error, a hint with %q and no token", code, got, hint)
			}
		})
	}
}

func TestReaderThatGoesAwayEndsTailQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for cause, code := range map[error]int{syscall.EPIPE: 0, io.ErrClosedPipe: 0, syscall.ENOSPC: 1} {
			s, c := live(t, gatewaytest.Config{Guilds: 3, Rate: 10, IdentifySpacing: 1})
			c.out.onWrite = func(n int, _ []byte) error {
				if n == 5 {
					return fmt.Errorf("write /dev/stdout: %w", cause)
				}
				return nil
			}
			c.want(t, t.Context(), code, "tail", "--api", s.API())
			if lines := strings.Count(c.out.String(), "\n"); lines != 4 {
				t.Errorf("%v: got %d lines, want 4", cause, lines)
			}
			if got := c.err.String(); (got == "") != (code == 0) {
				t.Errorf("%v: stderr is %q", cause, got)
			}
		}
	})
}

func TestStopDoesNotWaitForAStuckOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{Guilds: 3, Rate: 10})
		stuck := make(chan struct{})
		c.out.onWrite = func(int, []byte) error {
			<-stuck
			return nil
		}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		began := time.Now()
		c.want(t, ctx, 0, "tail", "--json", "--api", s.API())
		if took := time.Since(began) - 10*time.Minute; took != time.Second {
			t.Errorf("tail ended %v after it was told to stop, want 1s for the last lines", took)
		}
		// A beat says what tail has: 256 events, some of them chiru's own, and one that it writes.
		most := 0
		for _, p := range s.Received() {
			if n, err := strconv.Atoi(string(p.Data)); p.Op == 1 && err == nil {
				most = max(most, n)
			}
		}
		if most > 257 || most < 200 {
			t.Errorf("tail has taken %d dispatches that it cannot write, want 257 at most", most)
		}
		close(stuck)
	})
}

func TestTokenFile(t *testing.T) {
	s, err := gatewaytest.NewServer(gatewaytest.Config{Token: "canary.of.the.file"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"good": "\n  Bot canary.of.the.file \r\n", "empty": " \n", "wrong": "canary.wrong", "two": "canary.one\ncanary.two",
		"long": strings.Repeat("canary", 1000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		file, want string
		code       int
	}{
		{"good", "", 0},
		{"empty", "the file is empty", 2},
		{"absent", "chiru: error: --token-file ", 2},
		{"wrong", "does not accept the token (401)\nchiru: hint: copy the token anew", 1},
		{"two", "is no token: it has spaces, line ends", 2},
		{"long", "is no token: it is longer than 4096 bytes", 2},
	} {
		c := newCall("DISCORD_TOKEN=canary.of.the.environment")
		code := c.run(t.Context(), []string{"tail", "--json", "-n", "1", "--api", s.API(), "--token-file", filepath.Join(dir, test.file)})
		all := c.out.String() + c.err.String()
		if code != test.code || !strings.Contains(c.err.String(), test.want) || strings.Contains(all, "canary") {
			t.Errorf("%s: got exit code %d and %q, want %d and %q", test.file, code, all, test.code, test.want)
		}
	}
}

// The connection breaks twice, and nobody who reads the lines can tell from the events.
func TestCutConnectionLosesAndRepeatsNothing(t *testing.T) {
	for _, compression := range []string{"zstd-stream", "zlib-stream", "none"} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			s, err := gatewaytest.NewServer(gatewaytest.Config{Guilds: 5, Rate: 200})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			c := newCall("DISCORD_TOKEN=" + s.Token())
			cutAt, cuts := 80, 0
			c.out.onWrite = func(n int, text []byte) error {
				if n == cutAt {
					cuts++
					for _, conn := range s.Conns() {
						conn.Cut()
					}
				} else if cuts < 2 && bytes.Contains(text, []byte(`"type":"RESUMED"`)) {
					cutAt = n + 50
				}
				return nil
			}
			c.want(t, t.Context(), 0, "tail", "--json", "-n", "500", "--api", s.API(), "--compress", compression)
			dispatches, _ := readLines(t, c.out.String())
			wantGapless(t, dispatches, 500)
			resumed := 0
			for _, d := range dispatches {
				if d.Type == "RESUMED" {
					resumed++
				}
			}
			if resumed != 2 || s.Accepted() != 3 {
				t.Errorf("got %d RESUMED and %d connections, want 2 and 3", resumed, s.Accepted())
			}
			if v := s.Violations(); len(v) > 0 {
				t.Errorf("violations: %v", v)
			}
		})
	}
}
