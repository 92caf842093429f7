package gatewaytest

import "slices"

// worldThread is what a thread has beyond a channel (docs /resources/channel#thread-metadata-object).
type worldThread struct {
	owner             uint64
	messages, total   int
	people            int
	archived, locked  bool
	duration          int
	changed, created  int64
	invitable, hasTag bool
	tags              []uint64
	joined            int64    // the bot's membership; 0 for none
	joiners           []uint64 // others who are known to have joined
}

const worldMostThreads = 12

func (ch *worldChannel) writeThread(j *worldJSON) {
	t := ch.thread
	j.id("owner_id", t.owner)
	j.idOrNull("last_message_id", ch.lastMessage)
	if ch.lastPin != 0 || !ch.sparse {
		j.timeOrNull("last_pin_timestamp", ch.lastPin)
	}
	j.num("message_count", int64(t.messages))
	j.num("member_count", int64(min(t.people, 50)))
	j.num("total_message_sent", int64(t.total))
	if ch.slowmode != 0 || !ch.sparse {
		j.num("rate_limit_per_user", int64(ch.slowmode))
	}
	t.writeMetadata(j, ch)
	if t.hasTag {
		j.arr("applied_tags")
		for _, id := range t.tags {
			j.idElem(id)
		}
		j.end(']')
	}
}

func (t *worldThread) writeMetadata(j *worldJSON, ch *worldChannel) {
	j.obj("thread_metadata")
	j.bool("archived", t.archived)
	j.num("auto_archive_duration", int64(t.duration))
	j.time("archive_timestamp", t.changed)
	j.bool("locked", t.locked)
	if ch.kind == worldPrivateThread {
		j.bool("invitable", t.invitable)
	}
	if t.created != 0 || !ch.sparse {
		j.timeOrNull("create_timestamp", t.created)
	}
	j.end('}')
}

// writeJoined writes the bot's membership, if it has one. Within GUILD_CREATE it has no ids: bot is 0
// (docs /resources/channel#thread-member-object).
func (ch *worldChannel) writeJoined(j *worldJSON, bot uint64) {
	if ch.thread.joined == 0 {
		return
	}
	j.obj("member")
	if bot != 0 {
		j.id("id", ch.id)
		j.id("user_id", bot)
	}
	j.time("join_timestamp", ch.thread.joined)
	j.num("flags", 1)
	j.end('}')
}

// newThread makes a thread under parent; created 0 means before Discord wrote creation times down.
func (d worldDice) newThread(id uint64, parent *worldChannel, owner uint64, now int64) *worldChannel {
	ch := &worldChannel{id: id, kind: worldPublicThread, parent: parent.id, name: d.title(), sparse: d.oneIn(3), slowmode: parent.threadSlow}
	ch.thread = &worldThread{owner: owner, people: d.between(1, 60), duration: max(60, parent.archive), changed: now, created: now}
	if parent.forum != nil {
		ch.thread.hasTag = true
		for _, t := range parent.tags {
			if d.oneIn(3) {
				ch.thread.tags = append(ch.thread.tags, t)
			}
		}
		ch.flags = d.IntN(2) << 1
	}
	return ch
}

// threadCreate starts a thread, from a message or without one, or adds the bot to a private one that was there before
// (docs /events/gateway-events#thread-create).
func (w *world) threadCreate(g *worldGuild) (worldEvent, bool) {
	if len(g.threads) >= worldMostThreads {
		return worldEvent{}, false
	}
	d := w.dice
	parents := g.channelsOf(worldGuildText, worldForum)
	parent := worldPick(d, parents)
	owner := w.human(g)
	var ch *worldChannel
	fresh := true
	switch from := g.recent.pick(d); {
	case from != nil && from.channel.kind == worldGuildText && from.thread == nil && d.oneIn(2):
		ch = d.newThread(from.id, from.channel, owner.user.id, w.now)
		from.thread, from.flags = ch, from.flags|1<<5
	case parent.kind == worldGuildText && d.oneIn(2):
		fresh = false
		ch = d.newThread(w.newID(), parent, owner.user.id, w.now-86_400_000)
		ch.kind, ch.thread.invitable, ch.thread.joined = worldPrivateThread, d.oneIn(2), w.now
		ch.thread.messages = d.between(1, 200)
		ch.thread.total = ch.thread.messages + d.IntN(10)
		if d.oneIn(2) {
			ch.thread.created = 0
		}
	default:
		ch = d.newThread(w.newID(), parent, owner.user.id, w.now)
	}
	if parent.forum != nil && ch.parent == parent.id {
		parent.lastMessage = ch.id
	}
	g.threads = append(g.threads, ch)
	j := w.start()
	ch.write(j, g.id)
	if fresh {
		j.bool("newly_created", true)
	}
	ch.writeJoined(j, w.bot.id)
	return w.finish("THREAD_CREATE", g, worldIntentGuilds), true
}

// threadUpdate renames a thread or archives it. An archived one is no longer active and is forgotten.
func (w *world) threadUpdate(g *worldGuild) (worldEvent, bool) {
	if len(g.threads) == 0 {
		return worldEvent{}, false
	}
	ch := worldPick(w.dice, g.threads)
	if len(g.threads) > worldMostThreads/2 || w.dice.oneIn(2) {
		ch.thread.archived, ch.thread.locked, ch.thread.changed = true, w.dice.oneIn(3), w.now
		g.dropThreads(func(t *worldChannel) bool { return t == ch })
	} else {
		ch.name = w.dice.title()
	}
	return w.channelEvent("THREAD_UPDATE", g, ch), true
}

// threadDelete sends a thread's last sign, four fields (docs /events/gateway-events#thread-delete).
func (w *world) threadDelete(g *worldGuild) (worldEvent, bool) {
	if len(g.threads) == 0 {
		return worldEvent{}, false
	}
	ch := worldPick(w.dice, g.threads)
	g.dropThreads(func(t *worldChannel) bool { return t == ch })
	j := w.start()
	j.id("id", ch.id)
	j.id("guild_id", g.id)
	j.id("parent_id", ch.parent)
	j.num("type", int64(ch.kind))
	return w.finish("THREAD_DELETE", g, worldIntentGuilds), true
}

func (g *worldGuild) dropThreads(gone func(*worldChannel) bool) {
	g.threads = slices.DeleteFunc(g.threads, func(t *worldChannel) bool {
		if !gone(t) {
			return false
		}
		g.forget(t)
		return true
	})
}

// forget drops what was said or being typed in a channel that is gone.
func (g *worldGuild) forget(ch *worldChannel) {
	g.recent.drop(func(m *worldMessage) bool { return m.channel == ch })
	if g.typing.channel == ch {
		g.typing = worldTyping{}
	}
	if g.gone.channel == ch.id {
		g.gone = worldReference{}
	}
	if g.lastCommand.channel == ch {
		g.lastCommand = worldCommand{}
	}
}
