package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

func TestDiscoveryIsTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		header http.Header
		times  int
		took   time.Duration
		said   []string
		code   int
	}{
		"503 twice":          {503, nil, 2, 3 * time.Second, []string{"answered 503 Service Unavailable; trying again in 1s (1 of 4)", "in 2s (2 of 4)"}, 0},
		"429 once":           {429, http.Header{"Retry-After": {"7"}}, 1, 7 * time.Second, []string{"trying again in 7s (1 of 4)"}, 0},
		"429 for a minute":   {429, http.Header{"Retry-After": {"60"}}, 1, time.Minute, []string{"trying again in 1m0s (1 of 4)"}, 0},
		"429 for longer":     {429, http.Header{"Retry-After": {"60.1"}}, 9, 0, []string{"chiru: error: discord.test answered 429"}, 1},
		"429 for an hour":    {429, http.Header{"Retry-After": {"3600"}}, 9, 0, []string{"chiru: error: discord.test answered 429", "chiru: hint: try again in 1h0m0s"}, 1},
		"503 for ever":       {503, nil, 9, 15 * time.Second, []string{"in 8s (4 of 4)", "chiru: error: discord.test answered 503"}, 1},
		"401 is not tried":   {401, nil, 9, 0, []string{"chiru: error: discord.test does not accept the token (401)", "chiru: hint: copy the token anew"}, 1},
		"404 is not tried":   {404, nil, 9, 0, []string{"chiru: error: discord.test answered 404", "chiru: hint: --api is the root"}, 1},
		"a redirect neither": {302, http.Header{"Location": {"http://elsewhere.test/"}}, 9, 0, []string{"chiru: error: discord.test answered 302"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := live(t, gatewaytest.Config{})
				s.RefuseUpgrade("api", test.status, test.header).Times(test.times)
				began := time.Now()
				c.want(t, t.Context(), test.code, "tail", "--json", "-n", "1", "--api", s.API())
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				for _, said := range test.said {
					if got := c.err.String(); !strings.Contains(got, said) {
						t.Errorf("stderr: got %q, want %q in it", got, said)
					}
				}
			})
		})
	}
}

func TestDiscoverySurvivesADeadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{})
		s.HostDown("api", true)
		time.AfterFunc(2*time.Second, func() { s.HostDown("api", false) })
		began := time.Now()
		c.want(t, t.Context(), 0, "tail", "--json", "-n", "1", "--api", s.API())
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
	})
}

func TestStopWhileTheAPIIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{})
		s.HostDown("api", true)
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { stop(errors.New("a signal")) })
		began := time.Now()
		c.want(t, ctx, 0, "tail", "--api", s.API())
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v, want 5s", took)
		}
		if got := c.err.String(); !strings.HasSuffix(got, "chiru: stopped (a signal) before the gateway was known\n") {
			t.Errorf("stderr: got %q", got)
		}
	})
}

// One IDENTIFY too many, and Discord resets the token.
func TestTailKeepsTheSessionStartLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := live(t, gatewaytest.Config{SessionLimit: 1})
		c.want(t, t.Context(), 0, "tail", "--json", "-n", "1", "--api", s.API())
		c.want(t, t.Context(), 1, "tail", "--json", "-n", "1", "--api", s.API())
		want := "chiru: error: no session starts are left of the 1 of a day; one more would make Discord reset the token\n" +
			"chiru: hint: there are new ones in 24h0m0s\n"
		if got := c.err.String(); got != want {
			t.Errorf("stderr: got %q, want %q", got, want)
		}
		if got := s.Accepted(); got != 1 {
			t.Errorf("got %d connections, want 1", got)
		}
	})
}
