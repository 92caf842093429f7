package gatewaytest

import (
	"encoding/json"
	"slices"
)

// guildDelete begins an outage of a guild: docs /events/gateway-events#guild-delete. Few guilds are down at once, and
// each for 2 to 20 seconds at most. The bot is not removed from guilds.
func (w *world) guildDelete(g *worldGuild) (worldEvent, bool) {
	if len(w.down) > len(w.ids)/8 {
		return worldEvent{}, false
	}
	g.down = w.now + int64(w.dice.between(2_000, 20_000))
	if n := len(w.down); n > 0 {
		g.down = max(g.down, w.down[n-1].down+1)
	}
	w.down = append(w.down, g)
	w.news = slices.DeleteFunc(w.news, func(n worldNews) bool { return n.guild == g })
	if w.burst.guild == g {
		w.burst = worldBurst{}
	}
	return worldEvent{Type: "GUILD_DELETE", Guild: g.id, Intents: worldIntentGuilds, Body: g.unavailable()}, true
}

// guildBack ends the outage.
func (w *world) guildBack(g *worldGuild) (worldEvent, bool) {
	if g.down == 0 {
		return worldEvent{}, false
	}
	g.down = 0
	w.down = slices.DeleteFunc(w.down, func(o *worldGuild) bool { return o == g })
	// docs /events/gateway-events#identify-identify-structure: large_threshold is 50 unless a session says otherwise.
	body := g.create(w, true, len(g.members) > 50)
	return worldEvent{Type: "GUILD_CREATE", Guild: g.id, Intents: worldIntentGuilds, Body: body}, true
}

// unavailable is docs /resources/guild#unavailable-guild-object.
func (g *worldGuild) unavailable() json.RawMessage {
	return worldObject(func(j *worldJSON) {
		j.id("id", g.id)
		j.bool("unavailable", true)
	})
}
