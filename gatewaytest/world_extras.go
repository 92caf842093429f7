package gatewaytest

// worldExtras is what a guild has that no live event here touches: written once.
type worldExtras struct {
	emojis                                                  []worldEmoji
	stickers                                                []worldSticker
	emojiJSON, stickerJSON, soundJSON, eventJSON, stageJSON []byte
}

// worldEmoji is a partial emoji: a character (id 0), or a custom one, whose name "" is null
// (docs /resources/emoji#emoji-object-custom-emoji-examples).
type worldEmoji struct {
	id       uint64
	name     string
	animated bool
}

type worldSticker struct {
	id     uint64
	name   string
	format int
}

func (e worldEmoji) write(j *worldJSON) {
	j.idOrNull("id", e.id)
	j.strOrNull("name", e.name)
	if e.animated {
		j.bool("animated", true)
	}
}

func (x *worldExtras) build(d worldDice, g *worldGuild, emojis int) {
	x.emojiJSON = worldList(emojis, func(j *worldJSON, _ int) { x.addEmoji(j, d, g) })
	x.stickerJSON = worldList(emojis/6, func(j *worldJSON, _ int) { x.addSticker(j, d, g) })
	x.soundJSON = worldList(min(8, emojis/3), func(j *worldJSON, i int) {
		j.str("name", worldPick(d, worldLast))
		j.id("sound_id", g.mint())
		j.float("volume", float64(d.between(1, 10))/10)
		if i%2 == 0 {
			j.id("emoji_id", worldPick(d, x.emojis).id)
			j.null("emoji_name")
		} else {
			j.null("emoji_id")
			j.strOrNull("emoji_name", worldPick(d, []string{"", "🦆", "📯"}))
		}
		if !d.oneIn(6) {
			j.id("guild_id", g.id)
		}
		j.bool("available", !d.oneIn(10))
		if d.oneIn(2) {
			j.raw("user", worldPick(d, g.members).user.json)
		}
	})
	x.eventJSON = worldList(min(6, len(g.members)/20), func(j *worldJSON, i int) { g.writeScheduledEvent(j, d, i) })
	stages := g.stages()
	x.stageJSON = worldList(min(2, len(stages)), func(j *worldJSON, i int) {
		j.id("id", g.mint())
		j.id("guild_id", g.id)
		j.id("channel_id", stages[i].id)
		j.str("topic", d.sentence())
		j.num("privacy_level", 2)
		j.bool("discoverable_disabled", true)
		if i == 0 {
			j.null("guild_scheduled_event_id")
		} else {
			j.id("guild_scheduled_event_id", g.mint())
		}
	})
}

func (g *worldGuild) stages() []*worldChannel {
	return append([]*worldChannel(nil), g.channelsOf(worldStageVoice, worldStageVoice)...)
}

func (x *worldExtras) addEmoji(j *worldJSON, d worldDice, g *worldGuild) {
	e := worldEmoji{id: g.mint(), name: worldPick(d, worldLast) + "_" + worldPick(d, worldFirst), animated: d.oneIn(4)}
	x.emojis = append(x.emojis, e)
	j.id("id", e.id)
	j.str("name", e.name)
	d.maybe("roles", func(k string) {
		j.arr(k)
		if d.oneIn(5) {
			j.idElem(worldPick(d, g.roles).id)
		}
		j.end(']')
	})
	if d.oneIn(5) {
		j.raw("user", worldPick(d, g.members).user.json)
	}
	d.maybe("require_colons", func(k string) { j.bool(k, true) })
	d.maybe("managed", func(k string) { j.bool(k, false) })
	if e.animated || d.oneIn(2) {
		j.bool("animated", e.animated)
	}
	d.maybe("available", func(k string) { j.bool(k, !d.oneIn(12)) })
}

func (x *worldExtras) addSticker(j *worldJSON, d worldDice, g *worldGuild) {
	s := worldSticker{id: g.mint(), name: d.title(), format: d.between(1, 4)}
	x.stickers = append(x.stickers, s)
	s.write(j)
	s.rest(j, d, g)
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

// writeScheduledEvent writes docs /resources/guild-scheduled-event#guild-scheduled-event-object; which fields are null
// depends on where it takes place.
func (g *worldGuild) writeScheduledEvent(j *worldJSON, d worldDice, i int) {
	creator := worldPick(d, g.members).user
	start := int64(worldBirth) + int64(d.IntN(2e9))
	id := g.mint()
	j.id("id", id)
	j.id("guild_id", g.id)
	external := i%3 == 2
	if external {
		j.null("channel_id")
		j.time("scheduled_end_time", start+7_200_000)
		j.num("entity_type", 3)
		j.obj("entity_metadata")
		j.str("location", "the usual place")
		j.end('}')
	} else {
		j.id("channel_id", g.channels[2].id)
		j.timeOrNull("scheduled_end_time", worldPick(d, []int64{0, start + 3_600_000}))
		j.num("entity_type", 2)
		j.null("entity_metadata")
	}
	j.idOrNull("entity_id", worldPick(d, []uint64{0, g.channels[2].id}))
	switch d.IntN(4) {
	case 0: // from before Discord kept the creator
		j.null("creator_id")
	case 1:
	default:
		j.id("creator_id", creator.id)
		j.raw("creator", creator.json)
	}
	j.str("name", d.title())
	switch d.IntN(3) {
	case 0:
		j.null("description")
	case 1:
		j.str("description", d.sentence())
	}
	j.time("scheduled_start_time", start)
	j.num("privacy_level", 2)
	j.num("status", int64(d.between(1, 2)))
	d.maybe("user_count", func(k string) { j.num(k, int64(d.IntN(200))) })
	d.maybe("image", func(k string) { j.strOrNull(k, d.hashOrNone(2)) })
	d.recurrence(j, start)
	j.arr("guild_scheduled_event_exceptions")
	for n := range d.IntN(3) {
		j.open('{')
		j.id("event_id", id)
		j.id("event_exception_id", worldSnowflake(start+int64(n)*604_800_000, 0))
		j.timeOrNull("scheduled_start_time", worldPick(d, []int64{0, start}))
		j.timeOrNull("scheduled_end_time", worldPick(d, []int64{0, start + 1000}))
		j.bool("is_canceled", d.oneIn(2))
		j.end('}')
	}
	j.end(']')
}

// recurrence writes one of the rules Discord accepts, or null
// (docs /resources/guild-scheduled-event#guild-scheduled-event-recurrence-rule-object).
func (d worldDice) recurrence(j *worldJSON, start int64) {
	rule := d.IntN(6)
	if rule > 3 {
		j.null("recurrence_rule")
		return
	}
	j.obj("recurrence_rule")
	j.time("start", start)
	j.timeOrNull("end", worldPick(d, []int64{0, start + 31_536_000_000}))
	j.num("frequency", int64(rule))
	j.num("interval", 1)
	lists := [4]map[string]string{
		{"by_month": "[7]", "by_month_day": "[24]"},
		{"by_n_weekday": `[{"n":4,"day":2}]`},
		{"by_weekday": "[2]"},
		{"by_weekday": "[0,1,2,3,4]"},
	}
	for _, k := range []string{"by_weekday", "by_n_weekday", "by_month", "by_month_day"} {
		if v, ok := lists[rule][k]; ok {
			j.raw(k, []byte(v))
		} else {
			j.null(k)
		}
	}
	j.rawOrNull("by_year_day", worldPick(d, [][]byte{nil, []byte("[100]")}))
	j.rawOrNull("count", worldPick(d, [][]byte{nil, []byte("12")}))
	j.end('}')
}
