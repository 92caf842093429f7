package gatewaytest

import "slices"

// worldRole is docs /topics/permissions#role-object.
type worldRole struct {
	id                 uint64
	name               string
	color              int
	second, third      int // 0 for null
	hoist, mentionable bool
	managed            bool
	icon, emoji        string
	sparse             bool // a role in a guild without ROLE_ICONS: icon and unicode_emoji are left out
	position           int
	permissions        uint64
	tags               []byte // nil for none
	flags              int
}

// Permission sets of @everyone, of a moderator, and of the bot (docs /topics/permissions#permissions-bitwise-permission-flags).
const (
	worldEveryoneBits  = 1<<6 | 1<<9 | 1<<10 | 1<<11 | 1<<14 | 1<<15 | 1<<16 | 1<<18 | 1<<20 | 1<<21 | 1<<25 | 1<<26 | 1<<31 | 1<<35 | 1<<38
	worldModeratorBits = worldEveryoneBits | 1<<1 | 1<<2 | 1<<13 | 1<<22 | 1<<24 | 1<<27 | 1<<34 | 1<<40
	worldBotBits       = worldEveryoneBits | 1<<4 | 1<<13 | 1<<17 | 1<<28 | 1<<29 | 1<<30
)

func (g *worldGuild) buildRoles(d worldDice, n int, bot *worldUser) {
	icons := g.has("ROLE_ICONS")
	for i := range n {
		r := &worldRole{id: g.mint(), name: d.title(), position: i, permissions: worldEveryoneBits, sparse: !icons}
		switch {
		case i == 0: // @everyone has the guild's id (docs /topics/permissions#role-object)
			r.id, r.name = g.id, "@everyone"
		case i == 1:
			r.name, r.permissions, r.managed = "chiru", worldBotBits, true
			r.tags = worldObject(func(j *worldJSON) { j.id("bot_id", bot.id) })
		case i == 2:
			r.name, r.permissions, r.hoist = "moderator", worldModeratorBits, true
		case i%7 == 3:
			r.managed = true
			r.tags = g.specialTags(i/7, g.mint())
		}
		if i > 0 {
			g.recolor(d, r)
			r.hoist = r.hoist || d.oneIn(4)
			r.mentionable = d.oneIn(3)
			r.flags = d.IntN(2)
		}
		g.roles = append(g.roles, r)
	}
	g.fixedRoles = n
	g.roles = append(g.roles, g.newRole(d, g.mint()))
}

// specialTags makes the tags that a present null means true for (docs /topics/permissions#role-object-role-tags-structure).
// The ids in them follow id.
func (g *worldGuild) specialTags(kind int, id uint64) []byte {
	return worldObject(func(j *worldJSON) {
		switch kind % 3 {
		case 0:
			j.null("premium_subscriber")
		case 1:
			j.id("integration_id", id+1)
			j.id("subscription_listing_id", id+2)
			if id>>22%2 == 0 {
				j.null("available_for_purchase")
			}
		default:
			j.null("guild_connections")
		}
	})
}

func (g *worldGuild) recolor(d worldDice, r *worldRole) {
	r.color, r.second, r.third = 0, 0, 0
	if d.oneIn(4) {
		return
	}
	r.color = d.IntN(1 << 24)
	if g.has("ENHANCED_ROLE_COLORS") && d.oneIn(3) {
		r.second = 1 + d.IntN(1<<24-1)
		if d.oneIn(3) { // the only holographic combination there is
			r.color, r.second, r.third = 11127295, 16759788, 16761760
		}
	}
	if !r.sparse {
		r.icon, r.emoji = d.hashOrNone(3), ""
		if r.icon == "" && d.oneIn(2) {
			r.emoji = worldPick(d, worldEmojiChars)
		}
	}
}

func (r *worldRole) write(j *worldJSON) {
	j.id("id", r.id)
	j.str("name", r.name)
	j.num("color", int64(r.color))
	j.obj("colors")
	j.num("primary_color", int64(r.color))
	for _, c := range []struct {
		key string
		v   int
	}{{"secondary_color", r.second}, {"tertiary_color", r.third}} {
		if c.v == 0 {
			j.null(c.key)
		} else {
			j.num(c.key, int64(c.v))
		}
	}
	j.end('}')
	j.bool("hoist", r.hoist)
	if !r.sparse {
		j.strOrNull("icon", r.icon)
		j.strOrNull("unicode_emoji", r.emoji)
	}
	j.num("position", int64(r.position))
	j.bits("permissions", r.permissions)
	j.bool("managed", r.managed)
	j.bool("mentionable", r.mentionable)
	if r.tags != nil {
		j.raw("tags", r.tags)
	}
	j.num("flags", int64(r.flags))
}

// roleUpdate edits a role (never @everyone's name or position).
func (w *world) roleUpdate(g *worldGuild) (worldEvent, bool) {
	r := worldPick(w.dice, g.roles)
	switch {
	case r == g.roles[0] || w.dice.oneIn(3):
		r.permissions ^= 1 << worldPick(w.dice, []int{6, 14, 15, 18, 20, 21, 35})
	case w.dice.oneIn(2):
		g.recolor(w.dice, r)
	case r.managed:
		r.mentionable = !r.mentionable
	default:
		r.name = w.dice.title()
	}
	return w.roleEvent("GUILD_ROLE_UPDATE", g, r), true
}

func (w *world) roleEvent(t string, g *worldGuild, r *worldRole) worldEvent {
	j := w.start()
	j.id("guild_id", g.id)
	j.obj("role")
	r.write(j)
	j.end('}')
	return w.finish(t, g, worldIntentGuilds)
}

// fixedRole is the id of a role that is never deleted.
func (g *worldGuild) fixedRole(d worldDice) uint64 { return worldPick(d, g.roles[:g.fixedRoles]).id }

// newRole makes a role as members make them. Roles of bots and subscriptions come with those.
func (g *worldGuild) newRole(d worldDice, id uint64) *worldRole {
	r := &worldRole{id: id, name: d.title(), position: len(g.roles), permissions: worldEveryoneBits, sparse: !g.has("ROLE_ICONS")}
	g.recolor(d, r)
	r.hoist, r.mentionable, r.flags = d.oneIn(4), d.oneIn(3), d.IntN(2)
	if d.oneIn(4) {
		r.managed, r.tags = true, g.specialTags(d.IntN(3), id)
	}
	return r
}

func (w *world) roleCreate(g *worldGuild) (worldEvent, bool) {
	if len(g.roles) >= g.fixedRoles+worldMostNew {
		return worldEvent{}, false
	}
	r := g.newRole(w.dice, w.newID())
	w.lastID += 2 // the tags'
	g.roles = append(g.roles, r)
	return w.roleEvent("GUILD_ROLE_CREATE", g, r), true
}

// roleDelete removes one of the roles a guild did not begin with. Members and channels lose it without an event of their own.
func (w *world) roleDelete(g *worldGuild) (worldEvent, bool) {
	if len(g.roles) <= g.fixedRoles {
		return worldEvent{}, false
	}
	at := g.fixedRoles + w.dice.IntN(len(g.roles)-g.fixedRoles)
	id := g.roles[at].id
	g.roles = slices.Delete(g.roles, at, at+1)
	for _, m := range g.members {
		m.roles = slices.DeleteFunc(m.roles, func(r uint64) bool { return r == id })
	}
	for _, ch := range g.channels {
		ch.overwrites = slices.DeleteFunc(ch.overwrites, func(o worldOverwrite) bool { return o.id == id })
	}
	j := w.start()
	j.id("guild_id", g.id)
	j.id("role_id", id)
	return w.finish("GUILD_ROLE_DELETE", g, worldIntentGuilds), true
}
