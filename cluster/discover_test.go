package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// asks counts the requests for the gateway, and may answer them.
type asks struct {
	http.RoundTripper
	n      atomic.Int64
	answer func(n int64) *http.Response // nil for the server's
}

func (a *asks) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/gateway/bot") {
		n := a.n.Add(1)
		if a.answer != nil {
			if resp := a.answer(n); resp != nil {
				resp.Request = req
				return resp, nil
			}
		}
	}
	return a.RoundTripper.RoundTrip(req)
}

func asking(s *gatewaytest.Server) (*asks, *http.Client) {
	a := &asks{RoundTripper: s.Client().Transport}
	return a, &http.Client{Transport: a}
}

// docs /topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
func TestWrongTokenIsAskedAboutOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		a, client := asking(s)
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Token, cfg.Shard.HTTPClient = "canary", client })
		wait(time.Hour)
		e, ok := errors.AsType[*cluster.DiscoveryError](f.err)
		if !ok || !strings.Contains(e.Error(), "401") || !strings.Contains(e.Error(), "copy it anew") || strings.Contains(e.Error(), "canary") {
			t.Errorf("Run returned %v", f.err)
		}
		if n := a.n.Load(); n != 1 {
			t.Errorf("the API was asked %d times with a wrong token, want once", n)
		}
	})
}

func TestDiscoveryBacksOffAndHeedsRetryAfter(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.RefuseUpgrade("api", http.StatusServiceUnavailable, nil).Times(3)
		f := launch(t, s, nil)
		wait(2500 * time.Millisecond)
		st := f.Status()
		if st.Discovery == nil || st.AskAgain.Sub(st.At) != 500*time.Millisecond || st.Health() == nil {
			t.Errorf("after 2.5 s: %v, asking again in %v, health %v", st.Discovery, st.AskAgain.Sub(st.At), st.Health())
		}
		wait(4400 * time.Millisecond) // 1 s, 2 s and 4 s: 7 s
		if f.Status().Of != 0 {
			t.Error("discovered before 7 s")
		}
		wait(200 * time.Millisecond)
		f.mustBeLive(1)
		if st := f.Status(); st.Discovery != nil || st.Health() != nil {
			t.Errorf("once it answers: %v, health %v", st.Discovery, st.Health())
		}
	})
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.RefuseUpgrade("api", http.StatusTooManyRequests, http.Header{"Retry-After": {"90"}})
		f := launch(t, s, nil)
		wait(89 * time.Second)
		if f.Status().Of != 0 {
			t.Error("asked again before the Retry-After")
		}
		wait(2 * time.Second)
		f.mustBeLive(1)
	})
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.RefuseUpgrade("api", http.StatusTooManyRequests, http.Header{"Retry-After": {"86400"}})
		f := launch(t, s, nil)
		wait(10*time.Minute + time.Second)
		f.mustBeLive(1)
	})
	inBubble(t, func(t *testing.T) { // the network is down for an hour; the pause grows to a minute
		s := serve(t, gatewaytest.Config{})
		a, client := asking(s)
		s.HostDown("api", true)
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.HTTPClient = client })
		wait(time.Hour)
		if n := a.n.Load(); n < 60 || n > 66 {
			t.Errorf("the API was asked %d times in an hour, want about one a minute", n)
		}
		s.HostDown("api", false)
		wait(time.Minute)
		f.mustBeLive(1)
	})
}

func TestAnAPIThatIsNoneEndsRunWithAHint(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.API = "http://discord.test/elsewhere" })
		wait(time.Second)
		if e, ok := f.err.(*cluster.DiscoveryError); !ok || !strings.Contains(e.Error(), chiru.DefaultAPI) {
			t.Errorf("Run returned %v", f.err)
		}
	})
}

func TestStopWhileTheGatewayIsNotKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.HostMute("api", true)
		f := launch(t, s, nil)
		wait(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Send(ctx, 0, &chiru.PresenceUpdate{}); err != context.DeadlineExceeded {
			t.Errorf("Send returned %v", err)
		}
		f.stop()
	})
}

func TestShardCountIsTheRecommendedOrTheGivenOne(t *testing.T) {
	for _, c := range []struct {
		configure func(*cluster.Config)
		want      []string
	}{
		{func(cfg *cluster.Config) {}, []string{"[0,3]", "[1,3]", "[2,3]"}},
		{func(cfg *cluster.Config) { cfg.Shards = 2 }, []string{"[0,2]", "[1,2]"}},
		{func(cfg *cluster.Config) { cfg.Shards, cfg.Only = 8, []int{6, 3} }, []string{"[3,8]", "[6,8]"}},
		{func(cfg *cluster.Config) { cfg.Only = []int{2} }, []string{"[2,3]"}},
	} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: 3, MaxConcurrency: 1})
			f := launch(t, s, c.configure)
			wait(time.Minute)
			f.mustBeLive(len(c.want))
			for i, p := range identifies(s) {
				var d struct {
					Shard json.RawMessage `json:"shard"`
				}
				if err := json.Unmarshal(p.Data, &d); err != nil || i >= len(c.want) || string(d.Shard) != c.want[i] {
					t.Errorf("IDENTIFY %d is of shard %s, want %v", i, d.Shard, c.want)
				}
			}
		})
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	for field, configure := range map[string]func(*cluster.Config){
		"Token":         func(cfg *cluster.Config) { cfg.Shard.Token = "" },
		"Intents":       func(cfg *cluster.Config) { cfg.Shard.Intents = chiru.IntentsNone | chiru.IntentGuilds },
		"Shard.ShardID": func(cfg *cluster.Config) { cfg.Shard.ShardCount = 2 },
		"Shard.Stats":   func(cfg *cluster.Config) { cfg.Shard.Stats = new(chiru.Stats) },
		"Shards":        func(cfg *cluster.Config) { cfg.Shards = 1<<20 + 1 },
		"Only":          func(cfg *cluster.Config) { cfg.Shards, cfg.Only = 4, []int{4} },
		"BacklogBytes":  func(cfg *cluster.Config) { cfg.BacklogBytes = -1 },
		"api":           func(cfg *cluster.Config) { cfg.API = "gopher://x" },
	} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: 2})
			f := launch(t, s, configure)
			wait(time.Minute)
			if e, ok := errors.AsType[*chiru.ConfigError](f.err); !ok || e.Field != field {
				t.Errorf("%s: Run returned %v", field, f.err)
			}
		})
	}
	for _, only := range [][]int{{}, {1, 1}, {-1}, {2}} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: 2})
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Only = only })
			wait(time.Second)
			if e, ok := errors.AsType[*chiru.ConfigError](f.err); !ok || e.Field != "Only" {
				t.Errorf("%v: Run returned %v", only, f.err)
			}
		})
	}
	if err := cluster.Run(t.Context(), cluster.Config{}, nil); fmt.Sprint(err) != "chiru: inbound: is nil; events need a channel" {
		t.Errorf("a nil inbound: %v", err)
	}
}

func TestTokenIsInNoPrintedConfigOrError(t *testing.T) {
	cfg := cluster.Config{Shard: chiru.Config{Token: "canary"}}
	text, err := json.Marshal(cfg)
	for _, printed := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v %#v", cfg, cfg), string(text), fmt.Sprint(err)} {
		if strings.Contains(printed, "canary") {
			t.Errorf("the token shows: %s", printed)
		}
	}
}
