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

func TestBeatThatIsASecondLateProvesNothing(t *testing.T) {
	for late, alive := range map[time.Duration]bool{0: false, time.Second - 1: false, time.Second: true} {
		var p pulse
		p.start(epoch, 10*time.Second, 0)
		p.due(epoch, true)
		p.beat(epoch, true)
		if got := p.due(epoch.Add(10*time.Second+late), true); got != alive {
			t.Errorf("without an ACK, and the next beat %v late: alive is %v, want %v", late, got, alive)
		}
		p = pulse{}
		p.start(epoch, 10*time.Second, 0)
		p.due(epoch, true)
		p.beat(epoch.Add(late), true)
		if got := p.due(epoch.Add(10*time.Second), true); got != alive {
			t.Errorf("without an ACK of a beat that went out %v late: alive is %v, want %v", late, got, alive)
		}
	}
}
