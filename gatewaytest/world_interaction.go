package gatewaytest

// Interaction types (docs /interactions/receiving-and-responding#interaction-object-interaction-type).
const (
	worldCommandInvoked = 2
	worldComponentUsed  = 3
	worldAutocomplete   = 4
	worldModalSubmitted = 5
)

// worldCommand is the last interaction of a guild, as long as the bot has something to answer.
type worldCommand struct {
	id, answered uint64 // answered: the first answer
	kind         int
	name         string
	channel      *worldChannel
	user         *worldUser
	target       *worldUser    // of a user command
	message      *worldMessage // of a message command, or with the component
}

func (w *world) interactionCreate(g *worldGuild) (worldEvent, bool) {
	if g == nil {
		return w.interaction(nil, nil, worldPick(w.dice, w.dms.channels)), true
	}
	return w.interaction(g, w.human(g), w.room(g)), true
}

// interaction writes docs /interactions/receiving-and-responding#interaction-object. In a DM there is a user and no member.
func (w *world) interaction(g *worldGuild, m *worldMember, ch *worldChannel) worldEvent {
	d := w.dice
	c := worldCommand{id: w.newID(), kind: worldCommandInvoked, name: "roll", channel: ch}
	if c.user = ch.recipient; m != nil {
		c.user = m.user
	}
	w.aim(g, &c)
	j := w.start()
	j.id("id", c.id)
	j.id("application_id", w.app)
	j.num("type", int64(c.kind))
	j.obj("data")
	w.writeData(j, g, &c)
	j.end('}')
	j.str("token", "aW50ZXJhY3Rpb246"+d.hex(64))
	j.num("version", 1)
	j.id("channel_id", ch.id)
	j.obj("channel")
	ch.writePartial(j, g)
	j.end('}')
	if c.message != nil && c.kind != worldCommandInvoked {
		j.obj("message")
		c.message.write(j, false)
		j.end('}')
	}
	j.bits("app_permissions", worldBotBits)
	j.str("locale", worldPick(d, []string{"en-US", "de", "ja"}))
	j.arr("entitlements")
	w.shop.writeOf(j, g, c.user, w.app)
	j.end(']')
	w.writeOwners(j, g, c.user)
	j.num("attachment_size_limit", 10_485_760)
	if g == nil {
		j.raw("user", c.user.json)
		if !d.oneIn(10) {
			j.num("context", 1)
		}
		return w.finish("INTERACTION_CREATE", nil, 0)
	}
	j.id("guild_id", g.id)
	j.obj("guild")
	j.id("id", g.id)
	j.str("locale", g.locale)
	j.arr("features")
	for _, f := range g.features {
		j.strElem(f)
	}
	j.end(']')
	j.end('}')
	j.str("guild_locale", g.locale)
	j.obj("member")
	m.write(j, worldMemberUser|worldMemberVoice)
	j.bits("permissions", worldEveryoneBits)
	j.end('}')
	if !d.oneIn(10) {
		j.num("context", 0)
	}
	if c.kind != worldAutocomplete {
		g.lastCommand = c
	}
	return w.finish("INTERACTION_CREATE", g, 0)
}

// aim chooses what was used and on whom or what.
func (w *world) aim(g *worldGuild, c *worldCommand) {
	d := w.dice
	n := d.IntN(20)
	if g == nil || n < 10 {
		return
	}
	switch {
	case n == 10 || n == 11:
		c.name, c.target = "Who is this?", w.human(g).user
	case n < 14:
		if m := g.recent.find(d, func(o *worldMessage) bool { return o.channel == c.channel }); m != nil {
			c.name, c.message = "Translate", m.quoted()
		}
	case n == 14:
		c.kind = worldAutocomplete
	default:
		m := g.recent.find(d, func(o *worldMessage) bool { return o.components != nil })
		switch {
		case n < 18 && m == nil:
		case n < 18:
			c.kind, c.message, c.channel = worldComponentUsed, m.quoted(), m.channel
		case m != nil:
			c.kind, c.message = worldModalSubmitted, m.quoted()
		default:
			c.kind = worldModalSubmitted
		}
	}
}

func (w *world) writeOwners(j *worldJSON, g *worldGuild, u *worldUser) {
	j.obj("authorizing_integration_owners")
	if g != nil {
		j.id("0", g.id)
	} else {
		j.str("0", "0")
	}
	if w.dice.oneIn(4) {
		j.id("1", u.id)
	}
	j.end('}')
}

// writePartial writes the channel of an interaction: the fields of a partial channel, recipients in a DM.
func (ch *worldChannel) writePartial(j *worldJSON, g *worldGuild) {
	j.id("id", ch.id)
	j.num("type", int64(ch.kind))
	j.idOrNull("last_message_id", ch.lastMessage)
	j.num("flags", int64(ch.flags))
	if g == nil {
		j.arr("recipients")
		j.rawElem(ch.recipient.json)
		j.end(']')
		return
	}
	j.id("guild_id", g.id)
	j.str("name", ch.name)
	j.bits("permissions", worldEveryoneBits)
	j.idOrNull("parent_id", ch.parent)
	j.num("rate_limit_per_user", int64(ch.slowmode))
	if ch.lastPin != 0 {
		j.time("last_pin_timestamp", ch.lastPin)
	}
	if ch.thread != nil {
		ch.thread.writeMetadata(j, ch)
		return
	}
	j.bits("app_permissions", worldBotBits)
	j.bool("nsfw", ch.nsfw)
	j.strOrNull("topic", ch.topic)
	j.num("position", int64(ch.position))
}
