package gatewaytest

// worldVoice is docs /resources/voice#voice-state-object of a connected member.
type worldVoice struct {
	channel              *worldChannel
	session              string
	selfDeaf, selfMute   bool
	selfStream, streamed bool // streamed: self_stream is sent at all
	video, suppress      bool
	handRaised           int64
}

func (d worldDice) newVoice(ch *worldChannel) *worldVoice {
	v := &worldVoice{channel: ch, session: d.hex(32)}
	v.arrive(d, ch)
	return v
}

// arrive is what a channel does to a voice state: the audience of a stage is suppressed, everyone else may speak.
func (v *worldVoice) arrive(d worldDice, ch *worldChannel) {
	v.channel, v.suppress, v.handRaised = ch, ch.kind == worldStageVoice, 0
	v.selfMute, v.streamed = d.oneIn(3), d.oneIn(2)
}

func (w *world) voiceStateUpdate(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	voice := g.channelsOf(worldGuildVoice, worldStageVoice)
	if len(voice) == 0 {
		return worldEvent{}, false
	}
	m := g.members[1+d.IntN(len(g.members)-1)]
	if crowded := len(g.inVoice)*6 > len(g.members); len(g.inVoice) > 0 && (crowded || d.oneIn(2)) {
		if other := worldPick(d, g.inVoice); other.at != 0 { // the bot only moves by its own op 4
			m = other
		}
	}
	switch n := d.IntN(10); {
	case m.voice == nil:
		m.voice = d.newVoice(worldPick(d, voice))
		g.inVoice = append(g.inVoice, m)
	case n < 4:
		return w.voiceLeave(g, m), true
	case n < 5:
		m.voice.arrive(d, worldPick(d, voice))
	default:
		w.toggle(m)
	}
	return w.voiceEvent(g, m, m.voice, m.voice.channel.id), true
}

func (w *world) toggle(m *worldMember) {
	v := m.voice
	switch w.dice.IntN(6) {
	case 0:
		v.selfMute = !v.selfMute
	case 1:
		v.selfDeaf = !v.selfDeaf
	case 2:
		v.selfStream, v.streamed = !v.selfStream, true
	case 3:
		v.video = !v.video
	case 4:
		m.mute = !m.mute
	case 5:
		if v.suppress && v.handRaised == 0 {
			v.handRaised = w.now
		} else {
			v.suppress, v.handRaised = false, 0
		}
	}
}

// voiceLeave takes m out of voice: the last state of the session, with a null channel.
func (w *world) voiceLeave(g *worldGuild, m *worldMember) worldEvent {
	v := m.voice
	m.voice = nil
	for i, other := range g.inVoice {
		if other == m {
			last := len(g.inVoice) - 1
			g.inVoice[i], g.inVoice[last] = g.inVoice[last], nil
			g.inVoice = g.inVoice[:last]
			break
		}
	}
	v.handRaised = 0
	return w.voiceEvent(g, m, v, 0)
}

func (w *world) voiceEvent(g *worldGuild, m *worldMember, v *worldVoice, channel uint64) worldEvent {
	j := w.start()
	j.id("guild_id", g.id)
	if !w.dice.oneIn(30) {
		j.obj("member")
		m.write(j, worldMemberUser|worldMemberVoice)
		j.end('}')
	}
	v.write(j, m, channel)
	return w.finish("VOICE_STATE_UPDATE", g, worldIntentVoiceStates)
}

func (v *worldVoice) write(j *worldJSON, m *worldMember, channel uint64) {
	j.idOrNull("channel_id", channel)
	j.id("user_id", m.user.id)
	j.str("session_id", v.session)
	j.bool("deaf", m.deaf)
	j.bool("mute", m.mute)
	j.bool("self_deaf", v.selfDeaf)
	j.bool("self_mute", v.selfMute)
	if v.streamed {
		j.bool("self_stream", v.selfStream)
	}
	j.bool("self_video", v.video)
	j.bool("suppress", v.suppress)
	j.timeOrNull("request_to_speak_timestamp", v.handRaised)
}
