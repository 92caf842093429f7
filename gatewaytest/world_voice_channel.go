package gatewaytest

// voiceChannelEffectSend needs the bot in a voice channel: docs /events/gateway-events#voice-channel-effect-send.
func (w *world) voiceChannelEffectSend(g *worldGuild) (worldEvent, bool) {
	d, bot := w.dice, g.members[0]
	if bot.voice == nil {
		return worldEvent{}, false
	}
	sender := bot
	if m := worldPick(d, g.inVoice); m.voice.channel == bot.voice.channel {
		sender = m
	}
	j := w.start()
	j.id("channel_id", bot.voice.channel.id)
	j.id("guild_id", g.id)
	j.id("user_id", sender.user.id)
	emoji := func(k string) {
		j.obj(k)
		w.emoji(g).write(j)
		j.end('}')
	}
	if d.oneIn(2) {
		emoji("emoji")
		j.num("animation_type", int64(d.IntN(2)))
		j.num("animation_id", int64(d.IntN(20)))
		return w.finish("VOICE_CHANNEL_EFFECT_SEND", g, worldIntentVoiceStates), true
	}
	switch d.IntN(3) {
	case 0:
		emoji("emoji")
		j.num("animation_type", 1)
		j.num("animation_id", int64(d.IntN(20)))
	case 1:
		j.null("emoji")
		j.null("animation_type")
	}
	if len(g.extras.sounds) > 0 && d.oneIn(2) {
		j.id("sound_id", worldPick(d, g.extras.sounds).id)
	} else { // one of Discord's own has a small number
		j.num("sound_id", int64(d.between(1, 8)))
	}
	j.float("sound_volume", float64(d.between(1, 10))/10)
	return w.finish("VOICE_CHANNEL_EFFECT_SEND", g, worldIntentVoiceStates), true
}

// voiceChannelStatusUpdate sets what a voice channel says about itself, or clears it.
func (w *world) voiceChannelStatusUpdate(g *worldGuild) (worldEvent, bool) {
	voice := g.channelsOf(worldGuildVoice, worldGuildVoice)
	if len(voice) == 0 {
		return worldEvent{}, false
	}
	ch := worldPick(w.dice, voice)
	status := ""
	if !w.dice.oneIn(3) {
		status = w.dice.sentence()
	}
	j := w.start()
	j.id("id", ch.id)
	j.id("guild_id", g.id)
	j.strOrNull("status", status)
	return w.finish("VOICE_CHANNEL_STATUS_UPDATE", g, worldIntentGuilds), true
}

// voiceChannelStartTimeUpdate says since when people talk in a channel, or that nobody does any more.
func (w *world) voiceChannelStartTimeUpdate(g *worldGuild) (worldEvent, bool) {
	voice := g.channelsOf(worldGuildVoice, worldStageVoice)
	if len(voice) == 0 {
		return worldEvent{}, false
	}
	ch := worldPick(w.dice, voice)
	if len(g.inVoice) > 0 && w.dice.oneIn(2) {
		ch = worldPick(w.dice, g.inVoice).voice.channel
	}
	busy := false
	for _, m := range g.inVoice {
		busy = busy || m.voice.channel == ch
	}
	switch {
	case !busy:
		ch.started = 0
	case ch.started == 0:
		ch.started = w.now / 1000
	}
	j := w.start()
	j.id("id", ch.id)
	j.id("guild_id", g.id)
	switch {
	case ch.started != 0:
		j.num("voice_start_time", ch.started)
	case w.dice.oneIn(2):
		j.null("voice_start_time")
	}
	return w.finish("VOICE_CHANNEL_START_TIME_UPDATE", g, worldIntentGuilds), true
}

// moveBot is what the bot's own op 4 does in a guild: it joins, moves, or with channel 0 leaves. The session is that of
// its voice connection. It reports false for a guild or a voice channel the world does not have, for a guild in an
// outage, and for leaving without being there.
func (w *world) moveBot(guild, channel uint64, session string, deaf, mute bool, now int64) (worldEvent, bool) {
	g := w.guild(guild)
	if g == nil || g.down != 0 {
		return worldEvent{}, false
	}
	w.now = now
	bot := g.members[0]
	if channel == 0 {
		if bot.voice == nil {
			return worldEvent{}, false
		}
		return w.voiceLeave(g, bot), true
	}
	for _, ch := range g.channelsOf(worldGuildVoice, worldStageVoice) {
		if ch.id == channel {
			if bot.voice == nil {
				g.inVoice = append(g.inVoice, bot)
			}
			bot.voice = &worldVoice{channel: ch, session: session, selfDeaf: deaf, selfMute: mute, suppress: ch.kind == worldStageVoice}
			return w.voiceEvent(g, bot, bot.voice, ch.id), true
		}
	}
	return worldEvent{}, false
}
