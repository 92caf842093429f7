package gatewaytest

import "strconv"

// worldKinds is what people and bots post, in thousandths. What is impossible at the moment becomes a plain message.
var worldKinds = []struct {
	weight int
	make   func(*world, *worldGuild, *worldMessage) bool
}{
	{524, (*world).plain},
	{130, (*world).reply},
	{60, (*world).link},
	{50, (*world).files},
	{40, (*world).sticker},
	{40, (*world).callOut},
	{35, (*world).webhook},
	{35, (*world).botAnswer},
	{10, (*world).botMenu},
	{6, (*world).ask},
	{14, (*world).forward},
	{6, (*world).speak},
	{15, (*world).welcome},
	{35, (*world).notice},
}

// compose fills a message of which author and channel are known; some kinds choose another author.
func (w *world) compose(g *worldGuild, m *worldMessage) {
	n := w.dice.IntN(1000)
	for _, k := range worldKinds {
		if n -= k.weight; n < 0 {
			if k.make(w, g, m) {
				return
			}
			break
		}
	}
	w.plain(g, m)
}

func (w *world) plain(_ *worldGuild, m *worldMessage) bool {
	m.content = w.dice.sentence()
	m.tts = w.dice.oneIn(200)
	if w.dice.oneIn(100) {
		m.flags |= 1 << 12 // silent
	}
	return true
}

// reply answers a message of the same channel. Sometimes that one is gone already, sometimes nobody looked it up.
func (w *world) reply(g *worldGuild, m *worldMessage) bool {
	d := w.dice
	if g.gone.message != 0 && g.gone.channel == m.channel.id && d.oneIn(3) {
		m.kind, m.reference, m.answer = worldMessageReply, g.gone, worldAnswerDeleted
		return w.plain(g, m)
	}
	to := g.recent.find(d, func(o *worldMessage) bool { return o.channel == m.channel })
	if to == nil {
		return false
	}
	m.kind, m.answer, m.answered = worldMessageReply, worldAnswerThere, to.quoted()
	m.reference = worldReference{message: to.id, channel: to.channel.id, guild: g.id}
	if d.oneIn(20) {
		m.answer, m.answered = worldAnswerUnknown, nil
	}
	if to.author != nil && d.oneIn(2) {
		m.mentions = append(m.mentions, to.author)
	}
	return w.plain(g, m)
}

func (w *world) link(_ *worldGuild, m *worldMessage) bool {
	m.content = w.dice.sentence() + " https://example.com/" + worldPick(w.dice, worldLast) + "?v=" + w.dice.hex(6)
	m.embeds = w.dice.embeds(w.now)
	return true
}

func (w *world) files(_ *worldGuild, m *worldMessage) bool {
	if w.dice.oneIn(2) {
		m.content = w.dice.sentence()
	}
	m.attachments = w.dice.attachments(w.dice.between(1, 2), m.channel.id, w.newID, w.now, m.author)
	return true
}

// sticker sends one of the guild's, or one of Discord's.
func (w *world) sticker(g *worldGuild, m *worldMessage) bool {
	d := w.dice
	s := worldSticker{id: 749054660769218631, name: "Wave", format: 3}
	owner := g
	if g != nil && len(g.extras.stickers) > 0 && d.oneIn(2) {
		s = worldPick(d, g.extras.stickers).worldSticker
	} else {
		owner = nil
	}
	m.stickers = worldObject(func(j *worldJSON) {
		j.raw("sticker_items", worldList(1, func(j *worldJSON, _ int) { s.write(j) }))
		if d.oneIn(2) {
			j.raw("stickers", worldList(1, func(j *worldJSON, _ int) {
				s.write(j)
				s.rest(j, d, owner)
			}))
		}
	})
	return true
}

// callOut mentions the bot, a member, a role, or everyone.
func (w *world) callOut(g *worldGuild, m *worldMessage) bool {
	d := w.dice
	w.plain(g, m)
	switch n := d.IntN(10); {
	case n < 4:
		m.content = worldMention("<@", w.bot.id) + m.content
		m.mentions = []*worldUser{w.bot}
	case n < 8:
		u := w.human(g).user
		m.content = worldMention("<@", u.id) + m.content
		m.mentions = []*worldUser{u}
	case n < 9:
		r := worldPick(d, g.roles[1:])
		m.content = worldMention("<@&", r.id) + m.content
		m.roles = []uint64{r.id}
	default:
		m.content, m.everyone = "@everyone "+m.content, true
	}
	return true
}

func worldMention(open string, id uint64) string { return open + strconv.FormatUint(id, 10) + "> " }

// webhook posts as one: a plain one, one of an application, or what another guild's announcement channel published.
func (w *world) webhook(g *worldGuild, m *worldMessage) bool {
	d := w.dice
	if m.channel.thread != nil {
		return false
	}
	w.plain(g, m)
	m.author, m.nonce = nil, 0
	hook := g.id + uint64(1+d.IntN(4))
	m.hook = worldObject(func(j *worldJSON) {
		j.id("id", hook)
		j.str("username", d.title())
		j.str("discriminator", "0000")
		j.null("global_name")
		j.strOrNull("avatar", d.hashOrNone(2))
		j.bool("bot", true)
		j.num("public_flags", 0)
	})
	if d.oneIn(2) {
		m.embeds = d.embeds(w.now)
	}
	crosspost := d.oneIn(3)
	if crosspost {
		m.flags |= 1 << 1
		m.reference = worldReference{message: m.id - 1<<22, channel: g.id + 7, guild: g.id + 6}
	}
	m.extra = worldObject(func(j *worldJSON) {
		j.id("webhook_id", hook)
		switch {
		case crosspost && d.oneIn(2):
			j.arr("mention_channels")
			j.open('{')
			j.id("id", g.id+7)
			j.id("guild_id", g.id+6)
			j.num("type", worldAnnouncement)
			j.str("name", worldPick(d, worldNames))
			j.end('}')
			j.end(']')
		case !crosspost && d.oneIn(3):
			j.id("application_id", g.id+9)
		}
	})
	return true
}

func (w *world) ask(_ *worldGuild, m *worldMessage) bool {
	m.poll = w.dice.poll(w.now)
	return true
}

// forward sends a snapshot of another message of the guild.
func (w *world) forward(g *worldGuild, m *worldMessage) bool {
	from := g.recent.find(w.dice, func(o *worldMessage) bool {
		return o.kind == worldMessageDefault && o.poll == nil && !o.reference.forward
	})
	if from == nil {
		return false
	}
	m.flags |= 1 << 14
	m.snapshot = from.quoted()
	m.snapshot.mentions = nil // members come and go, a snapshot stays
	m.reference = worldReference{forward: true, message: from.id, channel: from.channel.id, guild: g.id}
	return true
}

// speak sends a voice message.
func (w *world) speak(_ *worldGuild, m *worldMessage) bool {
	m.flags |= 1 << 13
	m.attachments = w.dice.voiceMessage(m.channel.id, w.newID)
	return true
}

// welcome is Discord's own message about the newest member.
func (w *world) welcome(g *worldGuild, m *worldMessage) bool {
	if g.newcomer == nil {
		return false
	}
	m.kind, m.author, m.channel, m.nonce = worldMessageJoin, g.newcomer.user, g.channels[1], 0
	g.newcomer = nil
	return true
}

// notice is one of the rarer messages: a boost, a pin, a thread, a subscription, an invitation to a game, a theme.
func (w *world) notice(g *worldGuild, m *worldMessage) bool {
	d := w.dice
	m.nonce = 0
	switch d.IntN(6) {
	case 0:
		m.kind = worldMessageBoost
		if d.oneIn(3) {
			m.content = strconv.Itoa(d.between(2, 10))
		}
	case 1:
		pinned := g.recent.find(d, func(o *worldMessage) bool { return o.channel == m.channel && !o.pinned })
		if pinned == nil {
			return false
		}
		w.pin(pinned)
		m.kind, m.reference = worldMessagePin, worldReference{message: pinned.id, channel: m.channel.id, guild: g.id}
	case 2:
		if len(g.threads) == 0 {
			return false
		}
		t := worldPick(d, g.threads)
		m.channel = g.channels[1]
		m.kind, m.content, m.reference = worldMessageThread, t.name, worldReference{channel: t.id, guild: g.id}
	case 3:
		m.kind = worldMessageSubscription
		m.extra = worldObject(func(j *worldJSON) {
			j.obj("role_subscription_data")
			j.id("role_subscription_listing_id", g.id+11)
			j.str("tier_name", d.title())
			j.num("total_months_subscribed", int64(d.between(1, 30)))
			j.bool("is_renewal", d.oneIn(2))
			j.end('}')
		})
	case 4:
		m.extra = worldObject(func(j *worldJSON) {
			j.obj("activity")
			j.num("type", int64(worldPick(d, []int{1, 2, 3, 5})))
			d.maybe("party_id", func(k string) { j.str(k, d.hex(16)) })
			j.end('}')
			j.raw("application", worldApplication(g.id+12, worldPick(d, worldGames), d.hashOrNone(2)))
		})
	default:
		m.extra = worldObject(func(j *worldJSON) { d.theme(j) })
	}
	return true
}

// theme writes docs /resources/message#shared-client-theme-object.
func (d worldDice) theme(j *worldJSON) {
	j.obj("shared_client_theme")
	j.arr("colors")
	for range d.between(1, 5) {
		j.strElem(d.hex(6))
	}
	j.end(']')
	j.num("gradient_angle", int64(d.IntN(361)))
	j.num("base_mix", int64(d.IntN(101)))
	switch d.IntN(3) {
	case 0:
		j.null("base_theme")
	case 1:
		j.num("base_theme", int64(d.IntN(5)))
	}
	j.end('}')
}
