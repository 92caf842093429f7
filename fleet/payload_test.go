package fleet_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

func TestServerThatTakesNoLargeEventsIsRefused(t *testing.T) {
	s := discord(t, gatewaytest.Config{})
	for payload, refused := range map[int32]bool{0: true, 8<<20 - 1: true, 8 << 20: false} { // 0 is nats-server's default
		n, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), MaxPayload: payload, NoSigs: true, NoLog: true})
		if err != nil {
			t.Fatal(err)
		}
		n.Start()
		if !n.ReadyForConnections(within) {
			t.Fatal("nats-server is not ready")
		}
		nc, err := fleet.Connect(n.ClientURL(), logger(t))
		if err != nil {
			t.Fatal(err)
		}
		node := start(t, configOf(t, s, nc))
		if refused {
			select {
			case err := <-node.ended:
				wantSetup(t, err, "max_payload")
			case <-time.After(within):
				t.Errorf("max_payload %d: it runs", payload)
			}
		} else {
			readies(t, s, nc, 1)
			node.end()
		}
		nc.Close()
		n.Shutdown()
		n.WaitForShutdown()
	}
}
