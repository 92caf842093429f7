package gatewaytest

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

func get(t *testing.T, s *Server, path, token string) (int, map[string]any) {
	t.Helper()
	req, _ := http.NewRequest(http.MethodGet, s.API()+path, nil)
	req.Header.Set("User-Agent", goodAgent)
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	var body map[string]any
	if err := json.Unmarshal(b, &body); err != nil {
		t.Fatalf("%s: body %q: %v", path, b, err)
	}
	return resp.StatusCode, body
}

func TestDiscovery(t *testing.T) {
	bubble(t, Config{Shards: 3, MaxConcurrency: 16, SessionLimit: 20}, func(t *testing.T, s *Server) {
		if code, body := get(t, s, "/gateway", ""); code != 200 || body["url"] != s.URL() {
			t.Errorf("/gateway: got %d %v", code, body)
		}
		for _, token := range []string{"", s.Token(), "Bot x"} {
			if code, _ := get(t, s, "/gateway/bot", token); code != 401 {
				t.Errorf("/gateway/bot with token %q: got %d, want 401", token, code)
			}
		}
		login(t, s)
		time.Sleep(time.Hour)
		code, body := get(t, s, "/gateway/bot", "Bot "+s.Token())
		limit, _ := body["session_start_limit"].(map[string]any)
		if code != 200 || body["url"] != s.URL() || body["shards"] != 3.0 || limit["total"] != 20.0 ||
			limit["remaining"] != 19.0 || limit["max_concurrency"] != 16.0 || limit["reset_after"] != 23*3600*1000.0 {
			t.Errorf("/gateway/bot: got %d %v", code, body)
		}
		s.Allow(RuleHeartbeatLate) // the hour passed in silence
		time.Sleep(23 * time.Hour)
		_, body = get(t, s, "/gateway/bot", "Bot "+s.Token())
		if limit := body["session_start_limit"].(map[string]any); limit["remaining"] != 20.0 {
			t.Errorf("remaining on the next day: got %v, want 20", limit["remaining"])
		}
	})
}

func TestDiscoveryRefused(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		s.RefuseUpgrade("api", 429, http.Header{"Retry-After": {"7"}})
		code, body := get(t, s, "/gateway/bot", "Bot "+s.Token())
		if code != 429 || body["retry_after"] != 7.0 {
			t.Errorf("got %d %v, want 429 and retry_after 7", code, body)
		}
		if code, _ := get(t, s, "/gateway/bot", "Bot "+s.Token()); code != 200 {
			t.Errorf("after that: got %d, want 200", code)
		}
		if code, _ := get(t, s, "/users/@me", ""); code != 404 {
			t.Errorf("anything else: got %d, want 404", code)
		}
	})
}

func TestNoWebSocketHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		header []string
		want   int
	}{
		"version 8":  {[]string{"Sec-WebSocket-Version", "8"}, 426},
		"no upgrade": {[]string{"Upgrade", "h2c"}, 400},
		"short key":  {[]string{"Sec-WebSocket-Key", "AAAA"}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, s *Server) {
				s.Allow(RuleWebSocket)
				if _, resp := handshake(t, s, s.URL(), goodQuery, c.header...); resp.StatusCode != c.want {
					t.Errorf("got %d, want %d", resp.StatusCode, c.want)
				}
				if got := rulesOf(s); len(got) != 1 || got[0] != RuleWebSocket {
					t.Errorf("broken rules: got %v, want %s", got, RuleWebSocket)
				}
			})
		})
	}
}
