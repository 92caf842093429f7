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
		p.start(epoch, 10*time.Second, 0, false)
		p.due(epoch, true)
		p.beat(epoch, true)
		if got := p.due(epoch.Add(10*time.Second+late), true); got != alive {
			t.Errorf("without an ACK, and the next beat %v late: alive is %v, want %v", late, got, alive)
		}
		p = pulse{}
		p.start(epoch, 10*time.Second, 0, false)
		p.due(epoch, true)
		p.beat(epoch.Add(late), true)
		if got := p.due(epoch.Add(10*time.Second), true); got != alive {
			t.Errorf("without an ACK of a beat that went out %v late: alive is %v, want %v", late, got, alive)
		}
	}
}

func TestShardsOfOneProcessBeatAtTheSameInstants(t *testing.T) {
	for _, interval := range []time.Duration{16 * time.Second, 41250 * time.Millisecond, 41333 * time.Millisecond, maxInterval} {
		for n := range 1000 {
			hello, jitter := epoch.Add(time.Duration(n)*7*time.Millisecond), float64(n)/1000
			var p, alone pulse
			p.start(hello, interval, jitter, true)
			alone.start(hello, interval, jitter, false)
			early := alone.next.Sub(p.next)
			if early < 0 || early >= beatGrid || p.next.Before(hello) {
				t.Fatalf("the first beat comes %v after Hello, that of a shard alone %v", p.next.Sub(hello), alone.next.Sub(hello))
			}
			if off := p.next.UnixNano() % int64(beatGrid); off != 0 && p.next != hello {
				t.Fatalf("the first beat comes %v after the instant for all", time.Duration(off))
			}
			if p.interval%beatGrid != 0 || p.interval > interval || interval-p.interval > interval/64 {
				t.Fatalf("beats come every %v, Discord asks for %v", p.interval, interval)
			}
		}
	}
	short := gridLeast - 1
	var p, alone pulse
	p.start(epoch, short, 0.123, true)
	alone.start(epoch, short, 0.123, false)
	if p.next != alone.next || p.interval != short {
		t.Errorf("the beats of a short interval are moved: the first comes at %v, want %v", p.next, alone.next)
	}
}
