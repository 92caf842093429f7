package gatewaytest

import "slices"

type worldInvite struct {
	code    string
	channel uint64
}

const worldMostInvites = 8

// inviteCreate writes docs /events/gateway-events#invite-create. Invites to a voice channel may have a target.
func (w *world) inviteCreate(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	if len(g.extras.invites) >= worldMostInvites {
		return worldEvent{}, false
	}
	ch := worldPick(d, g.channelsOf(worldGuildText, worldGuildVoice))
	v := worldInvite{d.hex(8), ch.id}
	g.extras.invites = append(g.extras.invites, v)
	age := worldPick(d, []int64{0, 1800, 86_400, 604_800})
	j := w.start()
	j.id("channel_id", v.channel)
	j.str("code", v.code)
	j.time("created_at", w.now)
	j.id("guild_id", g.id)
	if !d.oneIn(6) {
		j.raw("inviter", w.human(g).user.json)
	}
	j.num("max_age", age)
	j.num("max_uses", int64(worldPick(d, []int{0, 0, 1, 25})))
	if ch.kind == worldGuildVoice {
		switch d.IntN(3) {
		case 0:
			j.num("target_type", 1)
			j.raw("target_user", w.human(g).user.json)
		case 1:
			j.num("target_type", 2)
			j.raw("target_application", worldApplication(g.id+12, worldPick(d, worldGames), d.hashOrNone(2)))
		}
	}
	j.bool("temporary", d.oneIn(5))
	j.num("uses", 0)
	if age == 0 {
		j.null("expires_at")
	} else {
		j.time("expires_at", w.now+age*1000)
	}
	if d.oneIn(3) {
		j.arr("role_ids")
		j.idElem(g.fixedRole(d))
		j.end(']')
	}
	return w.finish("INVITE_CREATE", g, worldIntentInvites), true
}

func (w *world) inviteDelete(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.invites) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.invites))
	v := x.invites[at]
	x.invites = slices.Delete(x.invites, at, at+1)
	j := w.start()
	j.id("channel_id", v.channel)
	j.id("guild_id", g.id)
	j.str("code", v.code)
	return w.finish("INVITE_DELETE", g, worldIntentInvites), true
}
