package chiru_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// hostileDocument is a document of internal/envelope/testdata/hostile.json: what it does to a live shard, or in the place
// of Hello or READY.
type hostileDocument struct {
	Name, Text, Base64 string
	Parts              []struct {
		Text  string
		Times int
	}
	At, Does string
}

func (d hostileDocument) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(d.Base64)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, d.Text...)
	for _, p := range d.Parts {
		b = append(b, strings.Repeat(p.Text, max(p.Times, 1))...)
	}
	return b
}

// Whatever Discord sends, the shard is live afterwards, and what comes then comes once and in order.
func TestHostileDocumentsEndNothing(t *testing.T) {
	var all []hostileDocument
	if err := json.Unmarshal([]byte(read(t, "internal/envelope/testdata/hostile.json")), &all); err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.Does == "" { // for Parse alone
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				// The server knows nothing of a session id, an interval or a demand for a beat that it has not read as such.
				s.Allow(gatewaytest.RuleResumeHost, gatewaytest.RuleHeartbeatBurst, gatewaytest.RuleHeartbeatLate)
				doc := d.bytes(t)
				switch d.At {
				case "hello":
					s.OnConnect(func(c *gatewaytest.Conn) { c.SendRaw(doc) })
				case "ready":
					s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { c.SendRaw(doc) })
				}
				b := launch(t, s, nil)
				wait(2 * time.Minute)
				if d.At == "" {
					s.Conns()[0].SendRaw(doc)
					wait(2 * time.Minute)
				}
				b.mustBeLive()
				checkDone(t, d, s, b)
				if d.At == "ready" { // the server knows nothing of that session
					s.Conns()[0].Cut()
					wait(2 * time.Minute)
					b.mustBeLive()
				}
				for i := range 3 {
					s.Dispatch(0, "AFTER", i)
				}
				wait(time.Second)
				var after []string
				for _, e := range of[*chiru.Dispatch](b) {
					if e.Type == "AFTER" {
						after = append(after, string(e.Body))
					}
				}
				if !slices.Equal(after, []string{"0", "1", "2"}) {
					t.Errorf("got %v of the events that came after it, want 0, 1 and 2\n%s", after, b.history())
				}
				b.stop()
			})
		})
	}
}

// checkDone holds what the document has done to what it says.
func checkDone(t *testing.T, d hostileDocument, s *gatewaytest.Server, b *bot) {
	t.Helper()
	type outcome struct {
		connections, sessions, dispatches int
		ignored, duplicates               int64
	}
	got := outcome{s.Accepted(), len(readies(b)), len(of[*chiru.Dispatch](b)), b.stats.Snapshot().Ignored, b.stats.Snapshot().Duplicates}
	want, ok := map[string]outcome{
		"nothing":     {1, 1, 1, 0, 0},
		"ignored":     {1, 1, 1, 1, 0},
		"duplicate":   {1, 1, 1, 0, 1},
		"delivered":   {1, 1, 2, 0, 0},
		"resumed":     {2, 1, 2, 0, 0}, // RESUMED
		"new session": {3, 2, 2, 0, 0}, // the RESUME in between is refused
		"given up":    {2, 2, 2, 0, 0},
		"refused":     {2, 1, 1, 0, 0},
		"accepted":    {1, 1, 1, 0, 0},
		"live":        {1, 1, 1, 0, 0},
	}[d.Does]
	if !ok || got != want {
		t.Errorf("got %+v, want %q: %+v\n%s", got, d.Does, want, b.history())
	}
}
