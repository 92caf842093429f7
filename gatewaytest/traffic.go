package gatewaytest

import (
	"slices"
	"time"
)

// trafficStep is the shortest time between two looks at the world: at higher rates several events
// happen at once.
const trafficStep = 2 * time.Millisecond

// startTraffic begins live traffic if there is to be any. Called with s.mu held.
func (s *Server) startTraffic() {
	if s.cfg.Rate == 0 || !s.trafficAt.IsZero() {
		return
	}
	now := time.Now()
	s.trafficSince, s.trafficDone = now, 0
	s.trafficAt = now.Add(s.trafficGap())
	s.wake(s.trafficAt)
}

func (s *Server) trafficGap() time.Duration {
	return max(trafficStep, time.Duration(float64(time.Second)/s.cfg.Rate))
}

// traffic lets happen what is due at the configured rate, while there is a session to see it. Called
// with s.mu held.
func (s *Server) traffic(now time.Time) {
	if s.trafficAt.IsZero() {
		return
	}
	if now.Before(s.trafficAt) {
		s.wake(s.trafficAt)
		return
	}
	s.sweep(now)
	if len(s.sessions) == 0 {
		s.trafficAt = time.Time{}
		return
	}
	due := int64(now.Sub(s.trafficSince).Seconds()*s.cfg.Rate + 1e-6)
	for ; s.trafficDone < due; s.trafficDone++ {
		s.happen(now)
	}
	s.trafficAt = now.Add(s.trafficGap())
	s.wake(s.trafficAt)
}

// happen makes one event of the world, in a guild some session covers. Called with s.mu held.
func (s *Server) happen(now time.Time) {
	ev := s.world.next(now)
	if ev.Guild != 0 && !s.covered(ev.Guild) {
		guild := s.coveredGuild()
		if guild == 0 {
			return
		}
		ev = s.world.nextIn(guild, now)
	}
	s.publish(ev)
}

func (s *Server) covered(guild uint64) bool {
	for count := range s.counts {
		if len(s.routes[shardKey{int((guild >> 22) % uint64(count)), count}]) > 0 {
			return true
		}
	}
	return false
}

// coveredGuild is a guild of some session's shard, 0 if they have none.
func (s *Server) coveredGuild() uint64 {
	for range 4 {
		if g := s.guilds[s.rng.IntN(len(s.guilds))]; s.covered(g) {
			return g
		}
	}
	for _, g := range s.guilds {
		if s.covered(g) {
			return g
		}
	}
	return 0
}

// publish issues an event to the sessions it is for: docs /events/gateway#sharding for the shard,
// #gateway-intents for the intents. It says to how many. Called with s.mu held.
func (s *Server) publish(ev worldEvent) (sessions int) {
	s.noteStatus(ev)
	for count := range s.counts {
		// What belongs to no guild belongs to shard 0.
		key := shardKey{int((ev.Guild >> 22) % uint64(count)), count}
		for _, sess := range slices.Clone(s.routes[key]) {
			if sess.seq == 0 || ev.Intents != 0 && ev.Intents&sess.intents == 0 {
				continue
			}
			if _, early := sess.waiting[ev.Guild]; early {
				continue
			}
			body := ev.Body
			if ev.Type == "GUILD_CREATE" {
				body = s.world.guildCreate(ev.Guild, sess.intents, sess.large)
			}
			if sess.intents&bitMessageContent == 0 && ev.Blank != nil {
				body = ev.Blank
			}
			s.issue(sess, ev.Type, body)
			sessions++
		}
	}
	return sessions
}
