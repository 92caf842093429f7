package chiru_test

import (
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

func TestReplayOfAHundredThousandEventsComesInOrderOnce(t *testing.T) {
	for _, c := range []chiru.Compression{chiru.CompressionNone, chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
		t.Run(c.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const missed = 100_000
				s := serve(t, gatewaytest.Config{ReplayEvents: 2 * missed, Record: 2 * missed})
				b := launch(t, s, func(cfg *chiru.Config) { cfg.Compression = c })
				wait(time.Minute)
				s.HostDown("", true)
				s.Conns()[0].Cut()
				for i := range missed {
					s.Dispatch(0, "MISSED", i)
				}
				s.HostDown("", false)
				wait(2 * time.Minute)
				b.mustBeLive()
				b.checkLedger()
				if n := len(of[*chiru.Dispatch](b)); n < missed {
					t.Errorf("got %d dispatches, want %d at least", n, missed)
				}
				b.stop()
			})
		})
	}
}
