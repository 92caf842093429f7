package gatewaytest

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestRequestedHeartbeatsAreNoBurst(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		c := s.Conns()[0]
		request := func() {
			c.Send(1, nil)
			p.want("op 1 ")
			p.send(1, 1)
			p.want("op 11")
		}
		request() // before the first beat: it may take its place, or not
		time.Sleep(10 * time.Second)
		p.send(1, 1)
		p.want("op 11")
		for range 5 {
			time.Sleep(30 * time.Second)
			request()
			time.Sleep(11250 * time.Millisecond)
			p.send(1, 1)
			p.want("op 11")
		}
	})
}

func TestEarlyHeartbeatsAreNoBurst(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		for range 5 {
			p.send(1, 1)
			p.want("op 11")
			time.Sleep(s.cfg.HeartbeatInterval / 2)
		}
	})
}

func TestHeartbeatSequencesAClientMaySend(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Server) {
		p, id := login(t, s)
		s.Dispatch(0, "A", nil)
		p.want("A 2")
		p.send(1, 1) // older than the newest: it was on its way
		p.want("op 11")
		p.nc.Close()
		synctest.Wait()
		p = dial(t, s, s.ResumeURL(), goodQuery)
		p.want("op 10")
		p.send(1, 2) // held from the last connection
		p.want("op 11")
		p.send(6, obj{"token": s.Token(), "session_id": id, "seq": 2})
		p.want("RESUMED 3")
		time.Sleep(s.cfg.HeartbeatInterval)
		p.send(1, nil)
		p.want("op 11")
	})
}

func TestSpreadFirstBeatsAreAccepted(t *testing.T) {
	bubble(t, Config{MaxConcurrency: 100}, func(t *testing.T, s *Server) {
		start := time.Now()
		var players []*player
		for i := range 2 * minFirstBeats {
			p, _ := login(t, s, "shard", []int{i, 100})
			players = append(players, p)
		}
		for i := range players {
			p := players[i*37%len(players)]
			time.Sleep(time.Until(start.Add(s.cfg.HeartbeatInterval * time.Duration(i) / time.Duration(len(players)))))
			p.send(1, 1)
		}
		time.Sleep(time.Until(start.Add(s.cfg.HeartbeatInterval)))
		for _, p := range players {
			p.nc.Close()
		}
		synctest.Wait()
		if got := len(s.firstBeats); got != len(players) {
			t.Errorf("first beats sampled: got %d, want %d", got, len(players))
		}
	})
}

func TestUnevennessByChanceStaysBelowTheBound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	worst := 0.0
	for range 2000 {
		samples := make([]float64, 64)
		for i := range samples {
			samples[i] = r.Float64()
		}
		worst = max(worst, unevenness(samples)*8)
	}
	if worst > 2.4 {
		t.Errorf("2000 even samples reached %.2f, want less than 2.4", worst)
	}
	half := make([]float64, 64)
	for i := range half {
		half[i] = r.Float64() / 2
	}
	if got := unevenness(half) * 8; got < 2.5 {
		t.Errorf("beats in the first half only: got %.2f, want more than 2.5", got)
	}
}

func TestAckDelayDelays(t *testing.T) {
	bubble(t, Config{AckDelay: 3 * time.Second}, func(t *testing.T, s *Server) {
		p, _ := login(t, s)
		start := time.Now()
		p.send(1, 1)
		p.want("op 11")
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("ACK after %v, want 3s", got)
		}
	})
}
