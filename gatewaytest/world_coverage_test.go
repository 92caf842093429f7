package gatewaytest

import (
	"testing"
	"time"
)

// Every field of the docs appears, with its type; optional ones come and go, nullable ones are null and are not. Unknown
// ones never come.
func TestWorldHasEveryDocumentedField(t *testing.T) {
	c := newWorldCheck(t)
	w := newWorld(worldConfig{Seed: 7, Guilds: 9, Mix: "every"})
	now := worldTestStart
	var missing []string
	creates := 0
	see := func(e worldEvent, ok bool) {
		if e.Type == "GUILD_CREATE" { // those of large guilds are most of all bytes: some are enough
			creates++
		}
		if ok && (len(e.Body) < 40_000 || creates%6 == 0) {
			c.body(e.Type, e.Body)
		}
	}
	for range 250 {
		for range 200 {
			now = now.Add(37 * time.Millisecond)
			see(w.next(now), true)
		}
		// Messages are where most of the fields are, and few events are of no guild.
		g := w.guild(w.ids[3])
		for range 60 {
			see(w.make("MESSAGE_CREATE", g.id, now))
		}
		for _, kind := range []string{"INTERACTION_CREATE", "PRESENCE_UPDATE", "GUILD_MEMBER_ADD"} {
			for range 8 {
				see(w.make(kind, worldPick(w.dice, w.ids), now))
			}
		}
		for _, k := range worldLife {
			if k.where&worldBoth == worldBoth {
				see(w.make(k.name, 0, now))
				see(w.make("MESSAGE_CREATE", 0, now))
			}
		}
		for _, m := range g.recent.all {
			w.edit(m)
			see(w.messageEvent("MESSAGE_UPDATE", m), true)
		}
		if missing = c.missing(); len(missing) == 0 {
			return
		}
	}
	for _, m := range missing {
		t.Error(m)
	}
}
