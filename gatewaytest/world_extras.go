package gatewaytest

import "slices"

// worldExtras is what a guild has besides people, roles and channels.
type worldExtras struct {
	emojis       []worldGuildEmoji
	stickers     []worldGuildSticker
	sounds       []*worldSound
	events       []*worldScheduled
	stages       []*worldStage
	most         int // of emojis, of stickers, of sounds
	rules        []*worldRule
	bans         []*worldUser
	invites      []worldInvite
	integrations []*worldIntegration
}

// worldEmoji is a partial emoji: a character (id 0), or a custom one, whose name "" is null
// (docs /resources/emoji#emoji-object-custom-emoji-examples).
type worldEmoji struct {
	id       uint64
	name     string
	animated bool
}

// worldGuildEmoji is an emoji with its object as the guild's list has it.
type worldGuildEmoji struct {
	worldEmoji
	text []byte
}

type worldSticker struct {
	id     uint64
	name   string
	format int
}

type worldGuildSticker struct {
	worldSticker
	text []byte
}

func (e worldEmoji) write(j *worldJSON) {
	j.idOrNull("id", e.id)
	j.strOrNull("name", e.name)
	if e.animated {
		j.bool("animated", true)
	}
}

func (x *worldExtras) build(d worldDice, g *worldGuild, users []*worldUser, n int) {
	x.most = n + 6
	for range n {
		x.emojis = append(x.emojis, d.newEmoji(g, g.mint()))
	}
	for range n / 6 {
		x.stickers = append(x.stickers, d.newSticker(g, g.mint()))
	}
	for range max(1, min(8, n/3)) {
		x.sounds = append(x.sounds, d.newSound(g, g.mint()))
	}
	for i := range max(1, min(6, len(g.members)/20)) {
		e := d.newScheduled(g, g.mint(), i, worldBirth+int64(d.IntN(2e9)))
		e.users = append(e.users, g.members[1].user.id)
		x.events = append(x.events, e)
	}
	for i, ch := range slices.Clone(g.channelsOf(worldStageVoice, worldStageVoice)) {
		if i < 2 && (i > 0 || g.index%2 == 1) {
			x.stages = append(x.stages, d.newStage(g, ch, g.mint()))
		}
	}
	for range 2 {
		x.rules = append(x.rules, d.newRule(g, g.mint()))
	}
	for range 2 {
		if u := worldPick(d, users); g.byUser[u.id] == nil && !slices.Contains(x.bans, u) {
			x.bans = append(x.bans, u)
		}
	}
	x.invites = append(x.invites, worldInvite{d.hex(8), g.channels[1].id})
	x.integrations = append(x.integrations, d.newIntegration(g, g.mint(), worldBirth))
}

func (d worldDice) newEmoji(g *worldGuild, id uint64) worldGuildEmoji {
	return d.drawEmoji(g, worldEmoji{id: id, animated: d.oneIn(4)})
}

// drawEmoji names an emoji and writes its object.
func (d worldDice) drawEmoji(g *worldGuild, e worldEmoji) worldGuildEmoji {
	e.name = worldPick(d, worldLast) + "_" + worldPick(d, worldFirst)
	return worldGuildEmoji{e, worldObject(func(j *worldJSON) {
		j.id("id", e.id)
		j.str("name", e.name)
		j.arr("roles") // always there: discord.js reads it without a look
		if d.oneIn(5) {
			j.idElem(g.fixedRole(d))
		}
		j.end(']')
		if d.oneIn(5) {
			j.raw("user", worldPick(d, g.members).user.json)
		}
		d.maybe("require_colons", func(k string) { j.bool(k, true) })
		d.maybe("managed", func(k string) { j.bool(k, false) })
		if e.animated || d.oneIn(2) {
			j.bool("animated", e.animated)
		}
		d.maybe("available", func(k string) { j.bool(k, !d.oneIn(12)) })
	})}
}

func (d worldDice) newSticker(g *worldGuild, id uint64) worldGuildSticker {
	return d.drawSticker(g, worldSticker{id: id, format: d.between(1, 4)})
}

func (d worldDice) drawSticker(g *worldGuild, s worldSticker) worldGuildSticker {
	s.name = d.title()
	return worldGuildSticker{s, worldObject(func(j *worldJSON) {
		s.write(j)
		s.rest(j, d, g)
	})}
}

func (s worldSticker) write(j *worldJSON) {
	j.id("id", s.id)
	j.str("name", s.name)
	j.num("format_type", int64(s.format))
}

// rest writes what docs /resources/sticker#sticker-object has beyond a sticker item. A standard sticker belongs to a pack.
func (s worldSticker) rest(j *worldJSON, d worldDice, g *worldGuild) {
	if d.oneIn(3) {
		j.null("description")
	} else {
		j.str("description", d.sentence())
	}
	j.str("tags", worldPick(d, worldThings))
	if g == nil {
		j.num("type", 1)
		j.id("pack_id", 847199849233514549)
		j.num("sort_value", int64(d.IntN(30)))
		return
	}
	j.num("type", 2)
	j.id("guild_id", g.id)
	d.maybe("available", func(k string) { j.bool(k, true) })
	if d.oneIn(4) {
		j.raw("user", worldPick(d, g.members).user.json)
	}
}

func (x *worldExtras) writeEmojis(j *worldJSON) {
	j.arr("emojis")
	for i := range x.emojis {
		j.rawElem(x.emojis[i].text)
	}
	j.end(']')
}

func (x *worldExtras) writeStickers(j *worldJSON) {
	j.arr("stickers")
	for i := range x.stickers {
		j.rawElem(x.stickers[i].text)
	}
	j.end(']')
}

// guildEmojisUpdate adds, renames or removes an emoji and sends all of them (docs /events/gateway-events#guild-emojis-update).
func (w *world) guildEmojisUpdate(g *worldGuild) (worldEvent, bool) {
	d, x := w.dice, &g.extras
	switch n := d.IntN(3); {
	case len(x.emojis) == 0 || n == 0 && len(x.emojis) < x.most:
		x.emojis = append(x.emojis, d.newEmoji(g, w.newID()))
	case n == 1:
		at := d.IntN(len(x.emojis))
		x.emojis[at] = d.drawEmoji(g, x.emojis[at].worldEmoji)
	default:
		at := d.IntN(len(x.emojis))
		x.emojis = slices.Delete(x.emojis, at, at+1)
	}
	j := w.start()
	j.id("guild_id", g.id)
	x.writeEmojis(j)
	return w.finish("GUILD_EMOJIS_UPDATE", g, worldIntentExpressions), true
}

// guildStickersUpdate is guildEmojisUpdate for stickers.
func (w *world) guildStickersUpdate(g *worldGuild) (worldEvent, bool) {
	d, x := w.dice, &g.extras
	switch n := d.IntN(3); {
	case len(x.stickers) == 0 || n == 0 && len(x.stickers) < x.most:
		x.stickers = append(x.stickers, d.newSticker(g, w.newID()))
	case n == 1:
		at := d.IntN(len(x.stickers))
		x.stickers[at] = d.drawSticker(g, x.stickers[at].worldSticker)
	default:
		at := d.IntN(len(x.stickers))
		x.stickers = slices.Delete(x.stickers, at, at+1)
	}
	j := w.start()
	j.id("guild_id", g.id)
	x.writeStickers(j)
	return w.finish("GUILD_STICKERS_UPDATE", g, worldIntentExpressions), true
}
