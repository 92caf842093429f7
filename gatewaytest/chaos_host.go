package gatewaytest

import (
	"net"
	"time"
)

// struckDial lets a fault happen to a connection that is not upgraded yet. It says whether that is dealt with.
func (s *Server) struckDial(nc net.Conn, host string, shard int) (done bool) {
	k, f := s.drawDial(host, shard)
	if k == nil {
		return false
	}
	nc.SetDeadline(time.Time{})
	if f.dial(k, nc) {
		return true
	}
	nc.SetDeadline(time.Now().Add(httpTimeout))
	return false
}

func (s *Server) drawDial(host string, shard int) (*strike, fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.chaos
	if ch == nil || ch.calm || s.closed {
		return nil, fault{}
	}
	st, l := at(host, stageDial, stageDialResume), ch.of(shard)
	w := ch.choose(l, st, time.Now(), func(f fault) bool { return f.dial != nil })
	if w == nil {
		return nil, fault{}
	}
	s.record(shard, 0, st, w.fault.name)
	if host == hostResume && w.fault.severity != harmless {
		s.trouble(time.Now())
	}
	// A source of its own: what follows is not under the lock.
	return &strike{s: s, rng: fork(l.rng), gentle: ch.spec.gentle}, w.fault
}

// hostWishes are the faults of whole hosts that the spec lets happen.
func (spec *chaosSpec) hostWishes() (list []fault) {
	for _, w := range spec.wishes {
		if w.fault.hosts != nil {
			list = append(list, w.fault)
		}
	}
	return list
}

// expectHost expects the next fault of a whole host. Called with s.mu held.
func (s *Server) expectHost() {
	ch := s.chaos
	s.later(2*ch.after(ch.world)+time.Second, func() {
		if s.chaos != ch || ch.calm {
			return
		}
		if len(ch.hosts) == 0 {
			ch.hosts = ch.spec.hostWishes()
			ch.world.Shuffle(len(ch.hosts), func(i, j int) { ch.hosts[i], ch.hosts[j] = ch.hosts[j], ch.hosts[i] })
		}
		if (!ch.spec.gentle || ch.rested(time.Now())) && s.strikeHost(ch.hosts[0]) {
			ch.hosts = ch.hosts[1:]
		}
		s.expectHost()
	})
}

// rested says whether every shard has recovered.
func (ch *chaos) rested(now time.Time) bool {
	for _, l := range ch.luck {
		if now.Sub(l.broken) < gentleBreak {
			return false
		}
	}
	return true
}

// fall is a fault of a whole host, under way.
type fall struct {
	fault string
	mute  bool
	drops time.Time // when those who wait are dropped, zero for never
}

// strikeHost lets a fault happen to all connections of a host, and says whether it does: not while one of its hosts is
// in trouble already. Called with s.mu held.
func (s *Server) strikeHost(f fault) bool {
	ch := s.chaos
	for _, h := range f.hosts {
		if s.down[h] || s.mute[h] {
			return false
		}
	}
	k := &strike{s: s, rng: ch.world, gentle: ch.spec.gentle}
	lasts := k.pause(time.Second, 10*time.Minute)
	rises := time.Now().Add(lasts)
	its, kind := &fall{fault: f.name, mute: f.mute}, s.down
	if f.mute {
		kind = s.mute
	}
	if k.gentle {
		its.drops, ch.fallen = rises, rises
	}
	for _, h := range f.hosts {
		s.fell[h] = its
		s.setHost(kind, h, true)
	}
	s.log.Info("gatewaytest: chaos", "fault", f.name, "lasts", lasts)
	s.later(lasts, func() {
		for _, h := range f.hosts {
			if s.fell[h] == its {
				delete(s.fell, h)
				s.setHost(kind, h, false)
			}
		}
	})
	return true
}

// missed takes note of a dial that a host in trouble did not answer, if that is the chaos's doing.
func (s *Server) missed(host string, shard int, mute bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fell[host]; f != nil && f.mute == mute {
		s.record(shard, 0, at(host, stageDial, stageDialResume), f.fault)
	}
}

// muteEnds is when a host that answers nothing drops who waits for it, zero for never: a client's own patience is
// longer than a gentle chaos may ask for.
func (s *Server) muteEnds(host string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fell[host]; f != nil {
		return f.drops
	}
	return time.Time{}
}
