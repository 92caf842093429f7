package gatewaytest

import "slices"

// worldMostJoiners is how many members of a thread are known by name.
const worldMostJoiners = 8

// threadListSync gives the bot access to a channel, to two, or to all: docs /events/gateway-events#thread-list-sync.
func (w *world) threadListSync(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	var parents []uint64
	for range d.IntN(3) {
		if id := worldPick(d, g.channelsOf(worldGuildText, worldForum)).id; !slices.Contains(parents, id) {
			parents = append(parents, id)
		}
	}
	synced := func(t *worldChannel) bool { return len(parents) == 0 || slices.Contains(parents, t.parent) }
	j := w.start()
	j.id("guild_id", g.id)
	if len(parents) > 0 {
		j.arr("channel_ids")
		for _, id := range parents {
			j.idElem(id)
		}
		j.end(']')
	}
	j.arr("threads")
	for _, t := range g.threads {
		if synced(t) {
			j.open('{')
			t.write(j, g.id)
			j.end('}')
		}
	}
	j.end(']')
	j.arr("members")
	for _, t := range g.threads {
		if synced(t) && t.thread.joined != 0 {
			j.open('{')
			t.writeMember(j, w.bot.id, t.thread.joined)
			j.end('}')
		}
	}
	j.end(']')
	return w.finish("THREAD_LIST_SYNC", g, worldIntentGuilds), true
}

// writeMember writes docs /resources/channel#thread-member-object.
func (ch *worldChannel) writeMember(j *worldJSON, user uint64, joined int64) {
	j.id("id", ch.id)
	j.id("user_id", user)
	j.time("join_timestamp", joined)
	j.num("flags", 1)
}

// threadMemberUpdate says that the bot is a member of a thread.
func (w *world) threadMemberUpdate(g *worldGuild) (worldEvent, bool) {
	at := slices.IndexFunc(g.threads, func(t *worldChannel) bool { return t.thread.joined != 0 })
	if at < 0 {
		return worldEvent{}, false
	}
	t := g.threads[at]
	j := w.start()
	t.writeMember(j, w.bot.id, t.thread.joined)
	j.id("guild_id", g.id)
	return w.finish("THREAD_MEMBER_UPDATE", g, worldIntentGuilds), true
}

// threadMembersUpdate lets members come and go in a thread. Without GUILD_MEMBERS a session hears of it only where the
// bot is concerned (docs /events/gateway-events#thread-members-update).
func (w *world) threadMembersUpdate(g *worldGuild) (worldEvent, bool) {
	if len(g.threads) == 0 {
		return worldEvent{}, false
	}
	d := w.dice
	ch := worldPick(d, g.threads)
	t := ch.thread
	var removed uint64
	var added *worldMember
	switch {
	case d.oneIn(4) && t.joined == 0:
		added, t.joined = g.members[0], w.now
	case d.oneIn(6) && t.joined != 0:
		removed, t.joined = w.bot.id, 0
	default:
		if n := len(t.joiners); n > 0 && (n == worldMostJoiners || d.oneIn(2)) {
			at := d.IntN(n)
			removed = t.joiners[at]
			t.joiners = slices.Delete(t.joiners, at, at+1)
		}
		m := w.human(g)
		if (removed == 0 || d.oneIn(4)) && m.user.id != removed && !slices.Contains(t.joiners, m.user.id) {
			added = m
			t.joiners = append(t.joiners, m.user.id)
		}
	}
	if added == nil && removed == 0 {
		return worldEvent{}, false
	}
	intents := uint64(worldIntentMembers)
	if removed == w.bot.id || added == g.members[0] {
		intents |= worldIntentGuilds
	}
	if added != nil {
		t.people++
	}
	if removed != 0 {
		t.people = max(t.people-1, 0)
	}
	j := w.start()
	j.id("id", ch.id)
	j.id("guild_id", g.id)
	j.num("member_count", int64(min(t.people, 50)))
	if added != nil {
		w.writeAdded(j, g, ch, added)
	}
	if removed != 0 {
		j.arr("removed_member_ids")
		j.idElem(removed)
		j.end(']')
	}
	return w.finish("THREAD_MEMBERS_UPDATE", g, intents), true
}

// writeAdded writes a thread member with their guild member and their presence, null if they are offline.
func (w *world) writeAdded(j *worldJSON, g *worldGuild, ch *worldChannel, m *worldMember) {
	j.arr("added_members")
	j.open('{')
	ch.writeMember(j, m.user.id, w.now)
	j.obj("member")
	m.write(j, worldMemberUser|worldMemberVoice)
	j.end('}')
	if m.presence.status == 0 {
		j.null("presence")
	} else {
		j.obj("presence")
		j.obj("user")
		j.id("id", m.user.id)
		j.end('}')
		j.id("guild_id", g.id)
		w.writePresence(j, &m.presence)
		j.end('}')
	}
	j.end('}')
	j.end(']')
}
