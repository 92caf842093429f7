package chiru_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// overTCP runs a shard on loopback until READY and one GUILD_CREATE have come, and gives what Run returned.
func overTCP(t *testing.T, cfg chiru.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errors.New("no GUILD_CREATE in 30 s"))
	defer cancel()
	for event, err := range chiru.Events(ctx, cfg) {
		if err != nil {
			t.Fatalf("Run ended: %v", err)
		}
		switch e := event.(type) {
		case *chiru.Disconnected:
			t.Fatalf("disconnected: %v", e.Err)
		case *chiru.Dispatch:
			if e.Type == "GUILD_CREATE" {
				return
			}
		}
	}
}

func listen(t *testing.T, cfg gatewaytest.Config) *gatewaytest.Server {
	t.Helper()
	cfg.Guilds = 1
	s, err := gatewaytest.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Error(v)
		}
	})
	return s
}

func TestShardConnectsOverTCPAndTLS(t *testing.T) {
	for name, tls := range map[string]bool{"tcp": false, "tls": true} {
		for _, c := range []chiru.Compression{chiru.CompressionNone, chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
			t.Run(name+" "+c.String(), func(t *testing.T) {
				s := listen(t, gatewaytest.Config{TLS: tls})
				overTCP(t, chiru.Config{URL: s.URL(), Token: s.Token(), HTTPClient: s.Client(), Compression: c})
			})
		}
	}
}

func TestShardConnectsOverIPv6(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skipf("this machine has no IPv6 loopback: %v", err)
	} else {
		l.Close()
	}
	s := listen(t, gatewaytest.Config{Listen: "[::1]:0"})
	if !strings.Contains(s.URL(), "[::1]") {
		t.Fatalf("the server is at %s", s.URL())
	}
	overTCP(t, chiru.Config{URL: s.URL(), Token: s.Token()})
}

// connectProxy tunnels what CONNECT asks for, and counts.
func connectProxy(t *testing.T) (*url.URL, *atomic.Int32) {
	t.Helper()
	var tunnels atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		tunnels.Add(1)
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		w.WriteHeader(http.StatusOK)
		from, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(to, buf)
			to.Close()
		}()
		_, _ = io.Copy(from, to)
		from.Close()
		<-done
	}))
	t.Cleanup(proxy.Close)
	where, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	return where, &tunnels
}

func TestShardConnectsThroughAConnectProxy(t *testing.T) {
	s := listen(t, gatewaytest.Config{TLS: true})
	where, tunnels := connectProxy(t)
	through := s.Client().Transport.(*http.Transport).Clone()
	through.Proxy = http.ProxyURL(where)
	overTCP(t, chiru.Config{URL: s.URL(), Token: s.Token(), HTTPClient: &http.Client{Transport: through}})
	if tunnels.Load() != 1 {
		t.Errorf("the proxy saw %d tunnels, want 1", tunnels.Load())
	}
}

// firstLoss runs a shard until it is disconnected, and gives the reason.
func firstLoss(t *testing.T, cfg chiru.Config) error {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errors.New("nothing happened in 30 s"))
	defer cancel()
	for event, err := range chiru.Events(ctx, cfg) {
		if err != nil {
			t.Fatalf("Run ended: %v", err)
		}
		if d, ok := event.(*chiru.Disconnected); ok {
			return d.Err
		}
	}
	return nil
}

func TestUnknownCertificateAuthorityIsNamedWithItsHost(t *testing.T) {
	s := listen(t, gatewaytest.Config{TLS: true})
	err := firstLoss(t, chiru.Config{URL: s.URL(), Token: s.Token()})
	host := strings.TrimPrefix(s.URL(), "wss://")
	if got := err.Error(); !strings.Contains(got, host) || !strings.Contains(got, "certificate") {
		t.Errorf("got %q, want the host %s and the certificate named", got, host)
	}
}

func TestRefusedConnectionIsNamedWithItsHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	if got := firstLoss(t, chiru.Config{URL: "ws://" + host, Token: "x"}).Error(); !strings.Contains(got, host) {
		t.Errorf("got %q, want the host %s named", got, host)
	}
}

func TestRedirectIsNotFollowedThoughTheClientWould(t *testing.T) {
	var elsewhere atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer target.Close()
	from := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer from.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	err := firstLoss(t, chiru.Config{URL: "ws" + strings.TrimPrefix(from.URL, "http"), Token: "x", HTTPClient: client})
	refused, ok := errors.AsType[*chiru.UpgradeError](err)
	if !ok || refused.Status != http.StatusTemporaryRedirect || !strings.Contains(err.Error(), "redirect") || elsewhere.Load() != 0 {
		t.Errorf("got %v and %d requests elsewhere, want the redirect refused", err, elsewhere.Load())
	}
	if _, err := chiru.Discover(t.Context(), client, from.URL, "x"); err == nil || elsewhere.Load() != 0 {
		t.Errorf("Discover: got %v and %d requests elsewhere, want the redirect refused", err, elsewhere.Load())
	}
}

func TestDiscoverReadsTheAPI(t *testing.T) {
	s := listen(t, gatewaytest.Config{Shards: 3, MaxConcurrency: 16})
	got, err := chiru.Discover(t.Context(), s.Client(), s.API(), "Bot "+s.Token())
	if err != nil || got.URL != s.URL() || got.Shards != 3 || got.MaxConcurrency != 16 || got.Total != 1000 || got.Remaining != 1000 {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = chiru.Discover(t.Context(), s.Client(), s.API(), "wrong")
	if refused, ok := errors.AsType[*chiru.UpgradeError](err); !ok || refused.Status != http.StatusUnauthorized {
		t.Errorf("wrong token: got %v, want 401", err)
	}
	if _, err := chiru.Discover(t.Context(), nil, "gopher://x", "x"); err == nil {
		t.Error("gopher: got no error")
	}
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"url":"http://x"}`) }))
	defer bad.Close()
	if _, err := chiru.Discover(t.Context(), nil, bad.URL, "x"); err == nil || !strings.Contains(err.Error(), "scheme") {
		t.Errorf("bad URL: got %v", err)
	}
}

func TestUserAgentIsTheDocumentedOne(t *testing.T) { // docs /reference#user-agent
	var got atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.UserAgent() + "\n" + r.URL.String())
		w.WriteHeader(http.StatusTeapot)
	}))
	defer s.Close()
	_ = firstLoss(t, chiru.Config{URL: "ws" + strings.TrimPrefix(s.URL, "http") + "?a=b&compress=x", Token: "x", Compression: chiru.CompressionNone})
	want := "DiscordBot (https://github.com/chiru-go/chiru, " + chiru.Version + ")\n/?a=b&encoding=json&v=10"
	if got.Load() != want {
		t.Errorf("got %q, want %q", got.Load(), want)
	}
}
