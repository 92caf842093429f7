package gatewaytest

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// chaos lets faults happen by themselves, as its spec says. Guarded by Server.mu. What happens to one shard is drawn
// from a source of its own, so that shards do not disturb each other's luck.
type chaos struct {
	spec   chaosSpec
	luck   map[int]*luck
	latest *luck // of the shard broken last
	world  *rand.Rand
	hosts  []fault   // a deck, for what happens to all
	fallen time.Time // until then a gentle chaos has a host in trouble
	calm   bool
}

// maxLuck is how many sources of luck there are: shards are what clients say they are.
const maxLuck = 1 << 14

// luck is one shard's.
type luck struct {
	rng   *rand.Rand
	decks [stages][]*wish

	// When the shard was last broken, and when its session last ended, or it was first heard of: a gentle chaos lets
	// it recover.
	broken, ended time.Time
	chained       bool // a second break has followed the first before the shard was live again
	held          bool // the new session has been held up
}

const (
	// A client backs off until a connection has lasted, so a gentle chaos leaves a connection alone this long.
	gentleBreak = 75 * time.Second
	gentleEnd   = 11 * time.Minute
	gentleRest  = 20 * time.Second
)

// SetChaos lets faults happen as a spec says, in place of those before it; docs/testing.md has its grammar. An empty
// spec is Calm. The interval of a gentle one holds for connections from then on.
func (s *Server) SetChaos(spec string) error {
	parsed, err := parseChaos(spec)
	if err != nil {
		return err
	}
	s.Calm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stir(parsed)
	return nil
}

// Calm ends the chaos: no more faults begin, and every host is reachable. Those under way go on: a mute
// connection stays mute.
func (s *Server) Calm() {
	s.mu.Lock()
	if s.chaos != nil {
		s.chaos.calm = true
	}
	s.mu.Unlock()
	for _, host := range []string{hostGateway, hostResume} {
		s.HostDown(host, false)
		s.HostMute(host, false)
	}
}

// stir begins the chaos of a spec. Called with s.mu held.
func (s *Server) stir(spec chaosSpec) {
	if len(spec.wishes) == 0 {
		s.chaos = nil
		return
	}
	ch := &chaos{spec: spec, luck: map[int]*luck{}, world: rand.New(rand.NewPCG(spec.seed, 0x776f726c64))}
	ch.of(-1)
	s.chaos = ch
	for _, c := range s.conns {
		s.expectLive(c)
	}
	if len(spec.hostWishes()) > 0 {
		s.expectHost()
	}
}

// of is the luck of a shard. A connection of a shard not known yet (-1) is most likely that of the one broken last.
func (ch *chaos) of(shard int) *luck {
	if shard < 0 && ch.spec.gentle && ch.latest != nil {
		return ch.latest
	}
	l := ch.luck[shard]
	if l == nil && len(ch.luck) >= maxLuck {
		return ch.luck[-1]
	}
	if l == nil {
		l = &luck{rng: rand.New(rand.NewPCG(ch.spec.seed, uint64(shard)+1)), ended: time.Now()}
		ch.luck[shard] = l
	}
	return l
}

// after is a random time around every: faults come as if they knew nothing of each other.
func (ch *chaos) after(rng *rand.Rand) time.Duration {
	return time.Duration(min(rng.ExpFloat64(), 5) * float64(ch.spec.every))
}

// interval is what Hello asks for. Called with s.mu held.
func (s *Server) interval() time.Duration {
	if s.chaos != nil && s.chaos.spec.gentle && !s.beatsAsGiven {
		return gentleInterval
	}
	return s.cfg.HeartbeatInterval
}

// trims says whether heartbeats let go of the replay log. Called with s.mu held.
func (s *Server) trims() bool {
	return s.cfg.TrimOnHeartbeat || s.chaos != nil && s.chaos.spec.seeded && s.chaos.spec.seed%2 == 0
}

// struck lets a fault happen at a stage, perhaps, and says whether what the server would have done is left out. Called
// with s.mu held.
func (c *Conn) struck(at stage) (instead bool) {
	ch := c.s.chaos
	if ch == nil || ch.calm || c.over || c.closing || c.muted {
		return false
	}
	l := ch.of(c.shard)
	w := ch.choose(l, at, time.Now(), func(f fault) bool { return f.do != nil && (f.fits == nil || f.fits(c)) })
	if w == nil {
		return false
	}
	c.s.record(c.shard, c.id, at, w.fault.name)
	return w.fault.do(&strike{s: c.s, c: c, rng: l.rng, gentle: ch.spec.gentle, size: ch.spec.bomb})
}

// struckNow is struck without s.mu held.
func (c *Conn) struckNow(at stage) (instead bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.struck(at)
}

// rarity makes up for stages that few connections come to.
var rarity = [stages]float64{stageDial: 1, stageDialResume: 1, stageHello: 1, stageHelloResume: 1, stageSlot: 3, stageIdentify: 2, stageResume: 1, stageReplay: 5}

// choose draws the fault that happens at a stage now, nil for none.
func (ch *chaos) choose(l *luck, at stage, now time.Time, fits func(fault) bool) *wish {
	for _, w := range ch.spec.wishes {
		if w.left > 0 && w.at.has(at) && fits(w.fault) {
			w.left--
			return w
		}
	}
	if at != stageLive && l.rng.Float64() >= ch.spec.early*rarity[at] {
		return nil
	}
	// Every card of a deck is dealt before one comes again.
	for refilled := false; ; refilled = true {
		deck := l.decks[at]
		for i, w := range deck {
			if fits(w.fault) && ch.lets(l, w.fault, at, now) {
				l.decks[at] = slices.Delete(deck, i, i+1)
				return w
			}
		}
		if refilled {
			return nil
		}
		for _, w := range ch.spec.wishes {
			if w.left < 0 && w.at.has(at) && !slices.Contains(deck, w) {
				l.decks[at] = append(l.decks[at], slices.Repeat([]*wish{w}, w.cards(at))...)
			}
		}
		deck = l.decks[at]
		l.rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	}
}

// lets says whether a fault may happen to a shard now, and takes note that it does. A gentle chaos breaks a shard
// only when it has recovered, perhaps with one more fault on its way back.
func (ch *chaos) lets(l *luck, f fault, at stage, now time.Time) bool {
	if !ch.spec.gentle {
		return true
	}
	if f.sweeping {
		if at != stageLive || !ch.rested(now) {
			return false
		}
		for _, l := range ch.luck {
			ch.breaks(l, now, true)
		}
		return true
	}
	first := l.broken.IsZero() && at == stageLive && f.severity == harmless
	if now.Sub(l.ended) < gentleRest && !first {
		// A new session may be held up once, and fail only where there was none to miss.
		if l.held || at == stageLive || f.slow || f.severity != harmless && (f.severity != breaks || !l.broken.IsZero()) {
			return false
		}
		if l.held = true; f.severity != harmless {
			ch.breaks(l, now, true)
		}
		return true
	}
	rested := l.broken.IsZero() || now.Sub(l.broken) >= gentleBreak
	switch {
	case f.severity == harmless && at == stageLive:
		return true
	case f.severity == ends:
		if at != stageLive || !rested || now.Sub(l.ended) < gentleEnd || now.Before(ch.fallen) {
			return false
		}
		l.ended, l.held = now, false
		ch.breaks(l, now, true)
	case at == stageLive:
		if !rested {
			return false
		}
		// The second op 9 in a row ends a session.
		ch.breaks(l, now, f.slow || strings.HasPrefix(f.name, "op9") || now.Before(ch.fallen))
	default:
		if l.chained || l.broken.IsZero() || now.Sub(l.broken) > gentleRest || f.slow {
			return false
		}
		ch.breaks(l, now, true)
	}
	return true
}

// breaks notes that a shard is broken, and whether nothing more may happen to it before it is live again.
func (ch *chaos) breaks(l *luck, now time.Time, chained bool) {
	l.broken, l.chained = now, chained
	ch.latest = l
}

// afterHello expects a fault while the client has not answered Hello. Called with s.mu held.
func (c *Conn) afterHello() {
	ch := c.s.chaos
	if ch == nil || ch.calm {
		return
	}
	wait := time.Duration(ch.of(c.shard).rng.Int64N(int64(2 * time.Second)))
	if ch.spec.gentle {
		wait /= 4
	}
	c.s.later(wait, func() {
		if st, ok := c.stage(); ok && st == stageSlot && !c.asked {
			c.struck(stageSlot)
		}
	})
}

// expectReplay expects a fault inside the replay of what c has missed. Called with s.mu held.
func (s *Server) expectReplay(c *Conn) {
	ch := s.chaos
	if ch == nil || ch.calm || c.closing || c.over || c.sess == nil || c.replay <= c.cursor {
		return
	}
	after := c.cursor + 1 + ch.of(c.shard).rng.Int64N(c.replay-c.cursor)
	c.send(outgoing{kind: outCall, op: -1, call: func() {
		if _, ok := c.stage(); ok {
			c.struck(stageReplay)
		}
	}})
	if n := len(c.queue); n > 0 {
		// What else is due, heartbeat ACKs say, was queued before and may come first.
		c.queue[n-1].after = after
		slices.SortStableFunc(c.queue, func(a, b outgoing) int { return cmp.Compare(a.after, b.after) })
	}
}

// expectLive expects the next fault of a live connection. Called with s.mu held.
func (s *Server) expectLive(c *Conn) {
	ch := s.chaos
	if ch == nil || ch.calm || c.sess == nil {
		return
	}
	wait := ch.after(ch.of(c.shard).rng)
	if ch.spec.forced(stageLive) {
		wait = min(wait, time.Second)
	}
	// A long wait is begun anew every minute, which changes nothing about its length, and lets go of what has ended.
	look := min(wait, time.Minute)
	s.later(look, func() {
		if c.over || s.chaos != ch {
			return
		}
		if st, ok := c.stage(); ok && st == stageLive && look == wait {
			c.struck(stageLive)
		}
		s.expectLive(c)
	})
}

// Strike says where and how something went wrong.
type Strike struct{ Stage, Fault string }

// Strikes counts what the chaos has done so far. The log tells of each.
func (s *Server) Strikes() map[Strike]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.strikes)
}

// record takes note of a fault. Called with s.mu held.
func (s *Server) record(shard, conn int, at stage, name string) {
	s.strikes[Strike{at.String(), name}]++
	s.log.Info("gatewaytest: chaos", "fault", name, "stage", at.String(), "shard", shard, "conn", conn)
}

// Fault describes one that a chaos can be asked for.
type Fault struct {
	Name   string
	Stages []string // where it can happen
	// Severity is what it asks of a right client: "harmless", "resume", "new session", "long wait" or "final".
	Severity string
}

// Faults lists every fault there is.
func Faults() (list []Fault) {
	for _, f := range slices.Concat(faults, hostFaults) {
		out := Fault{Name: f.name, Severity: [...]string{"harmless", "resume", "new session", "long wait", "final"}[f.severity]}
		for s := range stages {
			if f.at.has(s) {
				out.Stages = append(out.Stages, s.String())
			}
		}
		list = append(list, out)
	}
	return list
}
