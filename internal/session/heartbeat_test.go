package session

import (
	"testing"
	"time"
)

func TestTimesOfEightBeatsAreKeptUntilTheirACKs(t *testing.T) {
	var p pulse
	for i := range 1000 {
		p.beat(epoch.Add(time.Duration(i)*time.Second), false)
		if len(p.since) != min(i+1, 8) {
			t.Fatalf("%d beats without an ACK: %d are kept, want 8 at most", i+1, len(p.since))
		}
	}
	if got := p.ack(epoch.Add(time.Minute)); got != time.Minute {
		t.Errorf("got a latency of %v, want that of the oldest beat, a minute", got)
	}
}
