package gatewaytest

import "strconv"

// writeData writes what an interaction is about
// (docs /interactions/receiving-and-responding#interaction-object-interaction-data).
func (w *world) writeData(j *worldJSON, g *worldGuild, c *worldCommand) {
	switch c.kind {
	case worldComponentUsed:
		w.writeComponentData(j, g)
	case worldModalSubmitted:
		j.str("custom_id", "feedback")
		j.arr("components")
		j.open('{')
		j.num("type", 1)
		j.num("id", 1)
		j.arr("components")
		j.open('{')
		j.num("type", 4)
		j.num("id", 2)
		j.str("custom_id", "text")
		j.str("value", w.dice.sentence())
		j.end('}')
		j.end(']')
		j.end('}')
		j.end(']')
	default:
		w.writeCommandData(j, g, c)
	}
}

func (w *world) writeComponentData(j *worldJSON, g *worldGuild) {
	d := w.dice
	switch d.IntN(3) {
	case 0:
		j.str("custom_id", "vote:0")
		j.num("component_type", 2)
	case 1:
		j.str("custom_id", "menu")
		j.num("component_type", 3)
		j.arr("values")
		j.strElem(worldPick(d, worldDays))
		j.end(']')
	default:
		m := w.human(g)
		j.str("custom_id", "who")
		j.num("component_type", 5)
		j.arr("values")
		j.idElem(m.user.id)
		j.end(']')
		j.obj("resolved")
		w.resolveMember(j, m)
		j.end('}')
	}
}

func (w *world) writeCommandData(j *worldJSON, g *worldGuild, c *worldCommand) {
	d := w.dice
	j.id("id", w.app+60)
	j.str("name", c.name)
	if g != nil && d.oneIn(4) {
		j.id("guild_id", g.id)
	}
	switch {
	case c.target != nil:
		j.num("type", 2)
		j.id("target_id", c.target.id)
		j.obj("resolved")
		if m := g.byUser[c.target.id]; m != nil {
			w.resolveMember(j, m)
		}
		j.end('}')
	case c.message != nil: // the content of a message command's target is for the bot in any case
		j.num("type", 3)
		j.id("target_id", c.message.id)
		j.obj("resolved")
		j.obj("messages")
		j.obj(strconv.FormatUint(c.message.id, 10))
		c.message.write(j, false)
		j.end('}')
		j.end('}')
		j.end('}')
	default:
		j.num("type", 1)
		w.writeOptions(j, g, c)
	}
}

// writeOptions writes what was typed after the command, and in a guild what it refers to.
func (w *world) writeOptions(j *worldJSON, g *worldGuild, c *worldCommand) {
	d := w.dice
	if d.oneIn(4) && c.kind != worldAutocomplete {
		return
	}
	option := func(name string, kind int64, value func(k string)) {
		j.open('{')
		j.str("name", name)
		j.num("type", kind)
		value("value")
		if c.kind == worldAutocomplete {
			j.bool("focused", true)
		}
		j.end('}')
	}
	j.arr("options")
	switch n := d.IntN(5); {
	case n == 0 || c.kind == worldAutocomplete || g == nil:
		option("text", 3, func(k string) { j.str(k, d.sentence()) })
	case n == 1:
		option("count", 4, func(k string) { j.num(k, int64(d.IntN(100))) })
		option("share", 10, func(k string) { j.float(k, float64(d.IntN(100))/8) })
		option("loud", 5, func(k string) { j.bool(k, d.oneIn(2)) })
	case n == 2: // a subcommand
		j.open('{')
		j.str("name", "list")
		j.num("type", 1)
		j.arr("options")
		option("text", 3, func(k string) { j.str(k, d.sentence()) })
		j.end(']')
		j.end('}')
	default:
		w.writeResolvedOptions(j, g, option)
		return
	}
	j.end(']')
}

func (w *world) writeResolvedOptions(j *worldJSON, g *worldGuild, option func(string, int64, func(string))) {
	d := w.dice
	m, r, file := w.human(g), worldPick(d, g.roles), w.newID()
	ch := worldPick(d, g.channels)
	if len(g.threads) > 0 && d.oneIn(2) {
		ch = worldPick(d, g.threads)
	}
	option("user", 6, func(k string) { j.id(k, m.user.id) })
	option("channel", 7, func(k string) { j.id(k, ch.id) })
	option("role", 8, func(k string) { j.id(k, r.id) })
	option("file", 11, func(k string) { j.id(k, file) })
	j.end(']')
	j.obj("resolved")
	w.resolveMember(j, m)
	j.obj("channels")
	j.obj(strconv.FormatUint(ch.id, 10))
	ch.writePartial(j, g)
	j.end('}')
	j.end('}')
	j.obj("roles")
	j.obj(strconv.FormatUint(r.id, 10))
	r.write(j)
	j.end('}')
	j.end('}')
	j.obj("attachments")
	list := d.attachments(1, ch.id, func() uint64 { return file }, w.now, m.user)
	j.raw(strconv.FormatUint(file, 10), list[1:len(list)-1])
	j.end('}')
	j.end('}')
}

// resolveMember writes the users and members of resolved data; the member has neither user, deaf nor mute.
func (w *world) resolveMember(j *worldJSON, m *worldMember) {
	id := strconv.FormatUint(m.user.id, 10)
	j.obj("users")
	j.raw(id, m.user.json)
	j.end('}')
	j.obj("members")
	j.obj(id)
	m.write(j, worldMemberBare)
	j.bits("permissions", worldEveryoneBits)
	j.end('}')
	j.end('}')
}

// botAnswer is the bot's message after an interaction, or a further one.
func (w *world) botAnswer(g *worldGuild, m *worldMessage) bool {
	c := &g.lastCommand
	if c.id == 0 {
		return false
	}
	w.plain(g, m)
	m.author, m.channel, m.nonce = w.bot, c.channel, 0
	m.kind = worldMessageSlash
	switch {
	case c.kind != worldCommandInvoked:
		m.kind = worldMessageDefault
	case c.target != nil:
		m.kind = worldMessageContextMenu
	case c.message != nil:
		m.kind = worldMessageContextMenu
		m.reference = worldReference{message: c.message.id, channel: c.message.channel.id, guild: g.id}
		m.answer, m.answered = worldAnswerThere, c.message
	}
	m.extra = worldObject(func(j *worldJSON) {
		j.id("application_id", w.app)
		j.obj("interaction_metadata")
		w.writeMetadata(j, g, c)
		j.end('}')
		if c.kind == worldCommandInvoked {
			j.obj("interaction")
			j.id("id", c.id)
			j.num("type", int64(c.kind))
			j.str("name", c.name)
			j.raw("user", c.user.json)
			if member := g.byUser[c.user.id]; member != nil && w.dice.oneIn(2) {
				j.obj("member")
				member.write(j, worldMemberBare)
				j.end('}')
			}
			j.end('}')
		}
	})
	if c.answered != 0 || w.dice.oneIn(2) {
		*c = worldCommand{}
	} else {
		c.answered = m.id
	}
	return true
}

// writeMetadata writes docs /resources/message#message-interaction-metadata-object.
func (w *world) writeMetadata(j *worldJSON, g *worldGuild, c *worldCommand) {
	j.id("id", c.id)
	j.num("type", int64(c.kind))
	j.raw("user", c.user.json)
	w.writeOwners(j, g, c.user)
	if c.answered != 0 {
		j.id("original_response_message_id", c.answered)
	}
	switch {
	case c.target != nil:
		j.raw("target_user", c.target.json)
	case c.kind == worldModalSubmitted:
		from := worldCommand{id: c.id - 1<<22, kind: worldCommandInvoked, user: c.user}
		if c.message != nil {
			from.kind, from.message = worldComponentUsed, c.message
		}
		j.obj("triggering_interaction_metadata")
		w.writeMetadata(j, g, &from)
		j.end('}')
	case c.message != nil && c.kind == worldComponentUsed:
		j.id("interacted_message_id", c.message.id)
	case c.message != nil:
		j.id("target_message_id", c.message.id)
	}
}

// botMenu is a message of the bot with buttons and a menu, the menu's default choices resolved.
func (w *world) botMenu(g *worldGuild, m *worldMessage) bool {
	w.plain(g, m)
	m.author, m.nonce, m.components = w.bot, 0, w.dice.components()
	if w.dice.oneIn(2) {
		member := w.human(g)
		m.extra = worldObject(func(j *worldJSON) {
			j.obj("resolved")
			w.resolveMember(j, member)
			j.end('}')
		})
	}
	return true
}
