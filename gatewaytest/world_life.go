package gatewaytest

import (
	"slices"
	"time"
)

// worldBurst is a kind that goes on happening in one guild.
type worldBurst struct {
	kind  *worldKind
	guild *worldGuild
	left  int
}

// worldNews is an event that something before it brings about.
type worldNews struct {
	name  string
	guild *worldGuild
	tell  func(*world) (worldEvent, bool)
}

const worldMostNews = 32

// next makes one believable live event somewhere in the world and changes the world accordingly.
func (w *world) next(now time.Time) worldEvent {
	w.now = now.UnixMilli()
	if e, ok := w.tellNews(nil, ""); ok {
		return e
	}
	if e, ok := w.goOn(nil); ok {
		return e
	}
	k := w.mix.roll(w.dice)
	inGuild := k.where&worldInGuild != 0 && len(w.ids) > len(w.down) || k.name == "GUILD_CREATE"
	if !inGuild || k.where&worldDirect != 0 && w.dice.oneIn(40) {
		if e, ok := w.try(k, nil); ok {
			return e
		}
	}
	for range 3 {
		g := w.somewhere(k)
		if g == nil || !inGuild {
			break
		}
		if e, ok := k.act(w, g); ok {
			w.crowd(k, g)
			return e
		}
	}
	if g := w.somewhere(k); g != nil && inGuild {
		return w.otherwise(k, g)
	}
	if k.where == worldDirect && k.instead != nil {
		if e, ok := k.instead(w, nil); ok {
			return e
		}
	}
	return w.dms.create(w)
}

// nextIn is next within one guild. For a guild that is not in guildIDs it returns an event without a Type. An outage
// ends when someone looks: the next event is the GUILD_CREATE.
func (w *world) nextIn(guild uint64, now time.Time) worldEvent {
	g := w.guild(guild)
	if g == nil {
		return worldEvent{}
	}
	w.now = now.UnixMilli()
	if g.down != 0 {
		e, _ := w.guildBack(g)
		return e
	}
	if e, ok := w.tellNews(g, ""); ok {
		return e
	}
	if e, ok := w.goOn(g); ok {
		return e
	}
	k := w.mix.roll(w.dice)
	for range 3 {
		if k.where&worldInGuild != 0 {
			if e, ok := k.act(w, g); ok {
				w.crowd(k, g)
				return e
			}
		}
		k = w.mix.roll(w.dice)
	}
	return w.otherwise(k, g)
}

// make makes one event of this type now. Guild 0 is for one in direct messages or of no guild. It reports false where
// that is impossible, because nothing is there to be changed or removed or nothing more may be added, and for a type
// or a guild it does not know.
func (w *world) make(kind string, guild uint64, now time.Time) (worldEvent, bool) {
	k, g := worldKindOf(kind), w.guild(guild)
	if k == nil || g == nil && guild != 0 {
		return worldEvent{}, false
	}
	w.now = now.UnixMilli()
	if k.where&worldInGuild == 0 {
		g = nil
	}
	if g != nil {
		if e, ok := w.tellNews(g, kind); ok {
			return e, true
		}
	}
	for i := range 32 { // what is left to chance may fail where another try does not
		if i == 16 && k.where&worldOld != 0 && (g == nil || g.down == 0) {
			w.recall(g)
		}
		if e, ok := w.try(k, g); ok {
			return e, true
		}
	}
	return worldEvent{}, false
}

// try lets a kind happen in g, or with a nil g in none, if it can.
func (w *world) try(k *worldKind, g *worldGuild) (worldEvent, bool) {
	if g == nil && k.where&worldDirect == 0 || g != nil && g.down != 0 && k.name != "GUILD_CREATE" {
		return worldEvent{}, false
	}
	return k.act(w, g)
}

// otherwise makes what has to come before a kind that is impossible in g at the moment, or a message.
func (w *world) otherwise(k *worldKind, g *worldGuild) worldEvent {
	if g.down == 0 && k.instead != nil && k.where&worldInGuild != 0 {
		if e, ok := k.instead(w, g); ok {
			return e
		}
	}
	if g.down != 0 {
		e, _ := w.guildBack(g)
		return e
	}
	e, _ := w.messageCreate(g)
	return e
}

// somewhere chooses a guild for a kind: a few are busy, most are quiet. It returns nil where all are in an outage.
func (w *world) somewhere(k *worldKind) *worldGuild {
	if len(w.down) > 0 && k.name == "GUILD_CREATE" {
		return worldPick(w.dice, w.down)
	}
	if len(w.ids) == len(w.down) {
		return nil
	}
	at := w.dice.Float64()
	i := int(at * at * float64(len(w.ids)))
	for {
		if g := w.guild(w.ids[i]); g.down == 0 {
			return g
		}
		i = (i + 1) % len(w.ids)
	}
}

func (w *world) crowd(k *worldKind, g *worldGuild) {
	if w.mix.bursts && k.where&worldCrowd != 0 && w.burst.left == 0 {
		w.burst = worldBurst{k, g, w.dice.between(3, 12)}
	}
}

// goOn goes on with a burst, with one in a certain guild if g is not nil.
func (w *world) goOn(g *worldGuild) (worldEvent, bool) {
	b := &w.burst
	if b.left == 0 || g != nil && g != b.guild {
		return worldEvent{}, false
	}
	b.left--
	e, ok := w.try(b.kind, b.guild)
	if !ok {
		b.left = 0
	}
	return e, ok
}

// tellNews tells the oldest news, of one guild if g is not nil and of one type if that is not "". With neither it also
// ends outages that are over.
func (w *world) tellNews(g *worldGuild, kind string) (worldEvent, bool) {
	if g == nil && len(w.down) > 0 && w.down[0].down <= w.now {
		return w.guildBack(w.down[0])
	}
	for i := 0; i < len(w.news); {
		n := w.news[i]
		if g != nil && n.guild != g || kind != "" && n.name != kind {
			i++
			continue
		}
		w.news = slices.Delete(w.news, i, i+1)
		if e, ok := n.tell(w); ok {
			return e, true
		}
	}
	return worldEvent{}, false
}
