package cluster_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// Until is not a guess: where Discord says nothing, the connection is given up at that very time.
func TestUntilIsWhenASilentConnectionIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		state  string
		silent func(*gatewaytest.Server)
		wait   time.Duration // from the start, until it is so
	}{
		"dial":      {"dialing", func(s *gatewaytest.Server) { s.HostMute("gateway", true) }, 5 * time.Second},
		"hello":     {"awaitHello", func(s *gatewaytest.Server) { s.OnConnect(func(*gatewaytest.Conn) {}).Keep() }, 5 * time.Second},
		"resume":    {"resuming", func(s *gatewaytest.Server) { s.On(6, func(*gatewaytest.Conn, json.RawMessage) {}).Keep() }, 70 * time.Second},
		"heartbeat": {"live", func(s *gatewaytest.Server) { s.On(1, func(*gatewaytest.Conn, json.RawMessage) {}).Keep() }, 45 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				c.silent(s)
				f := launch(t, s, nil)
				if c.state == "resuming" {
					wait(time.Minute)
					s.Conns()[0].Cut()
					c.wait -= time.Minute
				}
				// The first heartbeat comes when its jitter says.
				var st cluster.ShardStatus
				for left := c.wait; left > 0 && (st.State != c.state || st.Trouble == ""); left -= 500 * time.Millisecond {
					wait(500 * time.Millisecond)
					st = f.Status().Shards[0]
				}
				if st.State != c.state || st.Trouble == "" || st.Until.IsZero() || st.Next == "" {
					t.Fatalf("%+v", st)
				}
				wait(time.Until(st.Until) - 10*time.Millisecond)
				if now := f.Status().Shards[0]; now.State != st.State || !now.LastLossAt.Equal(st.LastLossAt) {
					t.Errorf("10 ms before: %s, lost at %v; want %s still", now.State, now.LastLossAt, st.State)
				}
				wait(20 * time.Millisecond)
				if now := f.Status().Shards[0]; !now.LastLossAt.Equal(st.Until) {
					t.Errorf("the connection was given up at %v, want %v", now.LastLossAt, st.Until)
				}
			})
		})
	}
}
