package simulation

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// Each fault over real sockets, in real time: TCP and TLS cut, split and hold back what memory does not.
func TestEveryFaultOverTCP(t *testing.T) {
	var all sync.WaitGroup // at once: they wait for most of the time
	defer all.Wait()
	for i, f := range gatewaytest.Faults() {
		switch {
		case f.Severity == "long wait": // 61 s of a real clock
			continue
		case outage(f.Name):
			continue // of whole hosts: those come now and then only
		}
		all.Go(func() { t.Run(f.Name, func(t *testing.T) { overTCP(t, uint64(i), f) }) })
	}
}

func overTCP(t *testing.T, seed uint64, f gatewaytest.Fault) {
	stage := f.Stages[len(f.Stages)-1]
	// A machine too busy for five seconds may lose a close frame, or the READY before a cut: those come again.
	times := 1
	if f.Severity == "final" {
		times = 9
	}
	chaos := fmt.Sprintf("%s%s@%s*%d", strings.ReplaceAll(wayTo[stage], "*1", "*9"), f.Name, stage, times)
	switch f.Name {
	case "http-429", "http-503", "ready-late", "identify-ignored": // which may last for minutes of a real clock
		chaos += ",gentle"
	case "bomb": // the word that says how large is a wish for one too
		chaos += fmt.Sprintf(",bomb=%d", 2*maxMessage)
	}
	server, err := gatewaytest.NewServer(gatewaytest.Config{
		Seed: seed, Guilds: 2, Members: 3, Rate: 20, Mix: "quiet", TLS: seed%2 == 0, HeartbeatInterval: time.Second,
		Record: 1 << 16, Chaos: chaos,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	compression := compressions[seed%3]
	if f.Name == "zlib-split" {
		compression = chiru.CompressionZlibStream
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Minute, fmt.Errorf("not live again in time"))
	defer cancel()
	cfg := chiru.Config{
		URL: server.URL() + "/?shard=0", Token: server.Token(), HTTPClient: server.Client(),
		Intents: chiru.IntentsAll, Compression: compression, MaxMessage: maxMessage,
	}
	audit := server.Audit(0)
	struck := gatewaytest.Strike{Stage: stage, Fault: f.Name}
	var since time.Time
	for event, err := range chiru.Events(ctx, cfg) {
		if err != nil {
			closed, refused := err.(*chiru.CloseError)
			if !refused || f.Name != fmt.Sprintf("close-%d", closed.Code) && !(f.Name == "token-revoked" && closed.Code == 4004) {
				t.Errorf("Run ended: %v; struck so far: %v", err, server.Strikes())
			}
			break
		}
		if since.IsZero() && server.Strikes()[struck] > 0 {
			since = time.Now()
		}
		d, ok := event.(*chiru.Dispatch)
		if !ok {
			continue
		}
		if err := audit.Got(d.SessionID, d.Sequence, d.Type, d.Body); err != nil {
			t.Fatal(err)
		}
		// Long enough for two heartbeats without an answer to be noticed.
		if !since.IsZero() && time.Since(since) > 4*time.Second && f.Severity != "final" {
			break
		}
	}
	for _, v := range server.Violations() {
		// A busy machine is late to send or to read a payload, which says nothing of the client. Fake time holds it to these.
		switch v.Rule {
		case gatewaytest.RuleHeartbeatLate, gatewaytest.RuleHeartbeatBurst, gatewaytest.RuleIdentifySpacing:
		default:
			t.Error(v)
		}
	}
}
