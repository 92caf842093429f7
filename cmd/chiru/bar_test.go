package main

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

func TestTailOfAllShardsShowsEachOfThem(t *testing.T) {
	for _, count := range []string{"auto", "4"} {
		synctest.Test(t, func(t *testing.T) {
			s, c := live(t, gatewaytest.Config{Shards: 4, MaxConcurrency: 2, Guilds: 8, Rate: 10})
			c.want(t, t.Context(), 0, "tail", "--json", "-n", "300", "--shards", count, "--api", s.API())
			dispatches, _ := readLines(t, c.out.String())
			if len(dispatches) != 300 {
				t.Errorf("--shards %s: got %d dispatches, want 300", count, len(dispatches))
			}
			of := map[int][]line{}
			for _, d := range dispatches {
				of[*d.Shard] = append(of[*d.Shard], d)
			}
			if len(of) != 4 {
				t.Errorf("--shards %s: events of %d shards, want 4", count, len(of))
			}
			for _, lines := range of {
				wantGapless(t, lines, len(lines))
			}
			if got := c.err.String(); got != "" {
				t.Errorf("--shards %s: stderr is %q", count, got)
			}
		})
	}
}

func TestTailOfAllShardsWithoutATokenIsASimulationOfFour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall()
		c.want(t, t.Context(), 0, "tail", "--json", "--shards", "auto", "-n", "1000")
		dispatches, _ := readLines(t, c.out.String())
		shards := map[int]bool{}
		for _, d := range dispatches {
			shards[*d.Shard] = true
		}
		if len(shards) != 4 {
			t.Errorf("events of %d shards, want 4", len(shards))
		}
	})
}

// On a terminal a bar stands below the lines while shards come up, with the time that is left.
func TestBarShowsHowFarTheShardsAreUntilAllAreUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{Shards: 6, MaxConcurrency: 1, Guilds: 6})
		c.terminalErr = true
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { stop(errors.New("a signal")) })
		c.want(t, ctx, 0, "tail", "--shards", "auto", "--api", s.API())
		drawn := strings.Split(c.err.String(), "\r\x1b[K")
		for _, want := range []string{"[####....................] 1 of 6 shards, 26s left", "[####################....] 5 of 6 shards, 5s left"} {
			if !strings.Contains(c.err.String(), want) {
				t.Errorf("the bar never was %q:\n%q", want, drawn[:min(len(drawn), 12)])
			}
		}
		last := drawn[len(drawn)-1]
		if !regexp.MustCompile(`^chiru: stopped \(a signal\): \d+ events in 1m0s, 0 reconnects\n$`).MatchString(last) {
			t.Errorf("after the bar stderr says %q", last)
		}
		for _, text := range drawn[1 : len(drawn)-1] {
			if !strings.HasPrefix(text, "[") || strings.Contains(text, "\n") {
				t.Errorf("the bar was %q", text)
			}
		}
	})
}

func TestWithoutATerminalStderrSaysWhatTheShardsWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{Shards: 2, SessionLimit: 1})
		s.RefuseUpgrade("api", http.StatusBadGateway, nil).Times(2)
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Minute, func() { stop(errors.New("a signal")) })
		c.want(t, ctx, 0, "tail", "--shards", "2", "--api", s.API())
		got := c.err.String()
		for _, want := range []string{"chiru: discord.test answered 502 Bad Gateway; asking again at ", "chiru: the day's session starts are spent, but for the floor; new sessions begin again at "} {
			if !strings.Contains(got, want) {
				t.Errorf("stderr has no %q:\n%s", want, got)
			}
		}
		if n := strings.Count(got, "\n"); n != 4 {
			t.Errorf("stderr has %d lines, want two of discovery, one of the budget and the last:\n%s", n, got)
		}
	})
}

func TestFailuresOfAllShardsHaveAHint(t *testing.T) {
	for _, test := range []struct {
		cfg  gatewaytest.Config
		args []string
		code int
		want string
	}{
		{gatewaytest.Config{ShardMultiple: 16}, []string{"--shards", "2"}, 1, "closed the connection for good: 4010 invalid shard (\"invalid shard\")\nchiru: hint: --shards auto takes as many"},
		{gatewaytest.Config{Intents: gatewaytest.NoPrivileged}, []string{"--shards", "2", "--intents", "all"}, 1, "4014 disallowed intents"},
		{gatewaytest.Config{}, []string{"--shards", "2", "--shard", "0/2"}, 2, "--shard and --shards do not go together"},
		{gatewaytest.Config{}, []string{"--shards", "0"}, 2, "must be auto, or a number, 1 or more"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, c := live(t, test.cfg)
			c.want(t, t.Context(), test.code, append([]string{"tail", "--api", s.API()}, test.args...)...)
			if got := c.err.String(); !strings.Contains(got, test.want) {
				t.Errorf("%v: got %q, want %q", test.args, got, test.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{}, "DISCORD_TOKEN=canary")
		c.want(t, t.Context(), 1, "tail", "--api", s.API(), "--shards", "auto")
		if got := c.err.String(); got != "chiru: error: discord.test does not accept the token (401)\nchiru: hint: copy the token anew from the app's Bot page in the developer portal\n" {
			t.Errorf("a wrong token: %q", got)
		}
	})
}
