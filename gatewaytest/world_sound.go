package gatewaytest

import "slices"

// worldSound is docs /resources/soundboard#soundboard-sound-object.
type worldSound struct {
	id        uint64
	name      string
	volume    int    // in tenths
	emoji     uint64 // 0 for none
	char      string // "" for none
	available bool
	user      *worldUser
}

func (d worldDice) newSound(g *worldGuild, id uint64) *worldSound {
	s := &worldSound{id: id, available: !d.oneIn(10)}
	d.tune(g, s)
	if d.oneIn(2) {
		s.user = worldPick(d, g.members).user
	}
	return s
}

// tune gives a sound a name, a volume and an emoji.
func (d worldDice) tune(g *worldGuild, s *worldSound) {
	s.name, s.volume, s.emoji, s.char = worldPick(d, worldLast), d.between(1, 10), 0, ""
	if len(g.extras.emojis) > 0 && d.oneIn(2) {
		s.emoji = worldPick(d, g.extras.emojis).id
	} else {
		s.char = worldPick(d, []string{"", "🦆", "📯"})
	}
}

func (s *worldSound) write(j *worldJSON) {
	j.str("name", s.name)
	j.id("sound_id", s.id)
	j.float("volume", float64(s.volume)/10)
	j.idOrNull("emoji_id", s.emoji)
	j.strOrNull("emoji_name", s.char)
	j.bool("available", s.available)
	if s.user != nil {
		j.raw("user", s.user.json)
	}
}

func (x *worldExtras) writeSounds(j *worldJSON, g *worldGuild) {
	j.arr("soundboard_sounds")
	for _, s := range x.sounds {
		j.open('{')
		s.write(j)
		j.id("guild_id", g.id)
		j.end('}')
	}
	j.end(']')
}

func (w *world) soundEvent(t string, g *worldGuild, s *worldSound) worldEvent {
	j := w.start()
	s.write(j)
	j.id("guild_id", g.id)
	return w.finish(t, g, worldIntentExpressions)
}

func (w *world) guildSoundboardSoundCreate(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.sounds) >= x.most {
		return worldEvent{}, false
	}
	s := w.dice.newSound(g, w.newID())
	x.sounds = append(x.sounds, s)
	return w.soundEvent("GUILD_SOUNDBOARD_SOUND_CREATE", g, s), true
}

func (w *world) guildSoundboardSoundUpdate(g *worldGuild) (worldEvent, bool) {
	if len(g.extras.sounds) == 0 {
		return worldEvent{}, false
	}
	s := worldPick(w.dice, g.extras.sounds)
	w.dice.tune(g, s)
	return w.soundEvent("GUILD_SOUNDBOARD_SOUND_UPDATE", g, s), true
}

func (w *world) guildSoundboardSoundDelete(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.sounds) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.sounds))
	s := x.sounds[at]
	x.sounds = slices.Delete(x.sounds, at, at+1)
	j := w.start()
	j.id("sound_id", s.id)
	j.id("guild_id", g.id)
	return w.finish("GUILD_SOUNDBOARD_SOUND_DELETE", g, worldIntentExpressions), true
}

// guildSoundboardSoundsUpdate is what happens when boosts come or go: some sounds become available, or no longer are.
func (w *world) guildSoundboardSoundsUpdate(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.sounds) == 0 {
		return worldEvent{}, false
	}
	from := w.dice.IntN(len(x.sounds))
	for _, s := range x.sounds[from:] {
		s.available = !s.available
	}
	j := w.start()
	x.writeSounds(j, g)
	j.id("guild_id", g.id)
	return w.finish("GUILD_SOUNDBOARD_SOUNDS_UPDATE", g, worldIntentExpressions), true
}
