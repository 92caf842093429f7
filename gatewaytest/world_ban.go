package gatewaytest

import "slices"

const worldMostBans = 64

// guildBanAdd bans a member, whose removal is told next, or where none may go someone who is no member.
func (w *world) guildBanAdd(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.bans) >= worldMostBans || len(w.news) >= worldMostNews {
		return worldEvent{}, false
	}
	var user *worldUser
	if m := w.leaver(g); m != nil {
		user = m.user
		w.remove(g, m)
		w.news = append(w.news, worldNews{"GUILD_MEMBER_REMOVE", g, func(w *world) (worldEvent, bool) {
			return w.goneEvent("GUILD_MEMBER_REMOVE", g, user, worldIntentMembers), true
		}})
	} else if user = w.stranger(g); user == nil {
		return worldEvent{}, false
	}
	x.bans = append(x.bans, user)
	return w.goneEvent("GUILD_BAN_ADD", g, user, worldIntentModeration), true
}

// guildBanRemove lifts a ban, not before everyone who was banned is known to be gone.
func (w *world) guildBanRemove(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	leaving := slices.ContainsFunc(w.news, func(n worldNews) bool { return n.guild == g && n.name == "GUILD_MEMBER_REMOVE" })
	if len(x.bans) == 0 || leaving {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.bans))
	user := x.bans[at]
	x.bans = slices.Delete(x.bans, at, at+1)
	return w.goneEvent("GUILD_BAN_REMOVE", g, user, worldIntentModeration), true
}

func (w *world) goneEvent(t string, g *worldGuild, user *worldUser, intents uint64) worldEvent {
	j := w.start()
	j.id("guild_id", g.id)
	j.raw("user", user.json)
	return w.finish(t, g, intents)
}

// leaver returns a member who may go: not the bot, not the owner, not in voice. Half of the time it is the newest.
// It returns nil if the guild has become too small, or by chance.
func (w *world) leaver(g *worldGuild) *worldMember {
	if len(g.members) <= g.fewest {
		return nil
	}
	at := len(g.members) - 1
	if w.dice.oneIn(2) {
		at = 2 + w.dice.IntN(len(g.members)-2)
	}
	if m := g.members[at]; m.voice == nil {
		return m
	}
	return nil
}

// stranger returns someone who could join: no member and not banned. It returns nil if it finds none.
func (w *world) stranger(g *worldGuild) *worldUser {
	for range 16 {
		if u := worldPick(w.dice, w.users); g.byUser[u.id] == nil && !slices.Contains(g.extras.bans, u) {
			return u
		}
	}
	return nil
}
