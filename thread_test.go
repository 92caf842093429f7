package chiru_test

import (
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

func TestEventsComeInOrderUnderEveryCompression(t *testing.T) {
	for _, c := range []chiru.Compression{chiru.CompressionNone, chiru.CompressionZlibStream, chiru.CompressionZstdStream} {
		t.Run(c.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Guilds: 5, Rate: 20})
				b := launch(t, s, func(cfg *chiru.Config) { cfg.Compression = c })
				for range 2 { // a stream belongs to one connection
					wait(time.Minute)
					b.mustBeLive()
					s.Conns()[0].Cut()
				}
				wait(10 * time.Second)
				b.mustBeLive()
				if n := len(of[*chiru.Dispatch](b)); n < 1000 {
					t.Errorf("got %d dispatches, want 1000 at least", n)
				}
				b.checkLedger()
				b.stop()
			})
		})
	}
}

func TestCutConnectionIsResumedWithoutLossOrRepeat(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 5, Rate: 20})
		b := launch(t, s, nil)
		for range 5 {
			wait(70 * time.Second)
			b.mustBeLive()
			s.Conns()[0].Cut()
		}
		wait(10 * time.Second)
		b.mustBeLive()
		b.checkLedger()
		if got := b.stats.Snapshot(); got.Identifies != 1 || got.Resumes != 5 {
			t.Errorf("got %d identifies and %d resumes, want 1 and 5", got.Identifies, got.Resumes)
		}
		b.stop()
	})
}
