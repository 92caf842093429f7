package chiru_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// docs /events/gateway#rate-limiting: five game status changes in 20 s
func TestPresencesOverTheLimitGiveWayToTheNewestAndHoldNobodyUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{}, 4)
		b := launch(t, s, nil)
		wait(time.Minute)
		from := time.Now()
		for i := range 12 {
			b.outbound <- &chiru.PresenceUpdate{Activities: []chiru.Activity{{Name: fmt.Sprint(i)}}}
		}
		b.outbound <- leave(1)
		if time.Since(from) != 0 {
			t.Errorf("the caller was held up for %v", time.Since(from))
		}
		wait(time.Second)
		if n, m := len(sent(s, 3)), len(sent(s, 4)); n != 5 || m != 1 {
			t.Errorf("got %d presences and %d others at once, want 5 and 1", n, m)
		}
		wait(time.Minute)
		got := sent(s, 3)
		if len(got) != 6 || !strings.Contains(string(got[5].Data), `"11"`) || got[5].At.Sub(from) < 20*time.Second {
			t.Errorf("got %d presences, the last %s; want 6, the newest last", len(got), got[len(got)-1].Data)
		}
		b.stop()
	})
}

// docs /events/gateway-events#identify
func TestNewestPresenceIsPartOfEveryLaterIdentify(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Presence = &chiru.PresenceUpdate{Status: chiru.StatusIdle}
		})
		wait(time.Minute)
		b.outbound <- &chiru.PresenceUpdate{Status: chiru.StatusDoNotDisturb}
		b.outbound <- &chiru.PresenceUpdate{Status: "wrong"}
		wait(time.Second)
		s.Conns()[0].Send(9, false)
		wait(time.Minute)
		b.mustBeLive()
		identifies := sent(s, 2)
		if len(identifies) != 2 || !strings.Contains(string(identifies[0].Data), `"status":"idle"`) || !strings.Contains(string(identifies[1].Data), `"status":"dnd"`) {
			t.Errorf("got IDENTIFYs %v; want idle in the first, dnd in the second", identifies)
		}
		b.stop()
	})
}

// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
func TestPresenceThatDiscordClosedForIsInNoLaterIdentify(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		b.outbound <- &chiru.PresenceUpdate{Status: chiru.StatusIdle}
		wait(time.Second)
		s.On(3, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Close(4002, "") })
		b.outbound <- &chiru.PresenceUpdate{Activities: []chiru.Activity{{Name: "poison"}}}
		wait(time.Minute)
		s.Conns()[0].Send(9, false)
		wait(time.Minute)
		b.mustBeLive()
		identifies := sent(s, 2)
		last := string(identifies[len(identifies)-1].Data)
		if len(identifies) != 2 || strings.Contains(last, "poison") || !strings.Contains(last, `"idle"`) {
			t.Errorf("the later IDENTIFY is %s, want the presence before", last)
		}
		b.stop()
	})
}

func TestRawPresenceThatWaitsSurvivesANewSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		wait(time.Minute)
		for i := range 6 {
			b.outbound <- raw(3, fmt.Sprintf(`{"since":null,"activities":[{"name":"%d","type":0}],"status":"online","afk":false}`, i))
		}
		wait(time.Second)
		s.Conns()[0].Send(9, false)
		wait(2 * time.Minute)
		b.mustBeLive()
		got := sent(s, 3)
		if len(got) != 6 || !strings.Contains(string(got[5].Data), `"5"`) {
			t.Errorf("got %d presences, want 6, the waiting one too", len(got))
		}
		b.stop()
	})
}

// docs /events/gateway#rate-limiting: the counters are those of one connection
func TestSendLimitsBeginAnewWithEachConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{}, 4)
		b := launch(t, s, nil)
		wait(time.Minute)
		for connection := 1; connection <= 2; connection++ {
			from := time.Now()
			for range 5 {
				b.outbound <- &chiru.PresenceUpdate{}
			}
			for range 100 {
				b.outbound <- leave(1)
			}
			wait(0)
			if n, m := len(sent(s, 3)), len(sent(s, 4)); n != 5*connection || m != 100*connection || time.Since(from) != 0 {
				t.Errorf("got %d presences and %d others in %v, want 5 and 100 at once on each of %d connections", n, m, time.Since(from), connection)
			}
			s.Conns()[0].Cut()
			wait(time.Second)
			b.mustBeLive()
		}
		b.stop()
	})
}
