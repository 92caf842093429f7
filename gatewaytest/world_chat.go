package gatewaytest

import (
	"bytes"
	"slices"
)

// worldTyping is who was last seen typing, and where.
type worldTyping struct {
	member  *worldMember
	channel *worldChannel
}

// room is a channel that people talk in, mostly one of the first, sometimes a thread or a voice channel's chat.
func (w *world) room(g *worldGuild) *worldChannel {
	d := w.dice
	if len(g.threads) > 0 && d.oneIn(6) {
		return worldPick(d, g.threads)
	}
	if voice := g.channelsOf(worldGuildVoice, worldStageVoice); len(voice) > 0 && d.oneIn(40) {
		return worldPick(d, voice)
	}
	text := g.channelsOf(worldGuildText, worldAnnouncement)
	return text[min(d.IntN(len(text)), d.IntN(len(text)))]
}

func (w *world) typingStart(g *worldGuild) (worldEvent, bool) {
	if g == nil {
		ch := worldPick(w.dice, w.dms.channels)
		j := w.start()
		j.id("channel_id", ch.id)
		j.id("user_id", ch.recipient.id)
		j.num("timestamp", w.now/1000)
		return w.finish("TYPING_START", nil, worldIntentDirectTyping), true
	}
	m := w.human(g)
	g.typing = worldTyping{member: m, channel: w.room(g)}
	j := w.start()
	j.id("channel_id", g.typing.channel.id)
	j.id("guild_id", g.id)
	j.id("user_id", m.user.id)
	j.num("timestamp", w.now/1000)
	if !w.dice.oneIn(50) {
		j.obj("member")
		m.write(j, worldMemberUser|worldMemberVoice)
		j.end('}')
	}
	return w.finish("TYPING_START", g, worldIntentTyping), true
}

// messageCreate is always possible.
func (w *world) messageCreate(g *worldGuild) (worldEvent, bool) {
	if g == nil {
		return w.dms.create(w), true
	}
	m := w.newMessage()
	m.guild = g
	if g.typing.member != nil && !w.dice.oneIn(4) {
		m.author, m.channel = g.typing.member.user, g.typing.channel
		g.typing = worldTyping{}
	} else {
		m.author, m.channel = w.human(g).user, w.room(g)
	}
	w.compose(g, m)
	w.place(m, &g.recent)
	return w.messageEvent("MESSAGE_CREATE", m), true
}

func (w *world) newMessage() *worldMessage {
	d := w.dice
	m := &worldMessage{id: w.newID(), sent: w.now, ascii: d.oneIn(8), sparse: d.oneIn(4)}
	if !d.oneIn(5) {
		m.nonce, m.nonceNumber = m.id-1<<22, d.oneIn(10)
	}
	return m
}

// place puts a finished message where it belongs and settles who may read it.
func (w *world) place(m *worldMessage, ring *worldRing) {
	m.open = m.guild == nil || m.author == w.bot || slices.Contains(m.mentions, w.bot)
	m.channel.lastMessage = m.id
	if t := m.channel.thread; t != nil {
		m.position = t.messages
		t.messages++
		t.total++
	}
	ring.push(m)
}

// messageEvent writes MESSAGE_CREATE or MESSAGE_UPDATE, with the fields only these two have
// (docs /events/gateway-events#message-create), once for each kind of reader where they differ.
func (w *world) messageEvent(t string, m *worldMessage) worldEvent {
	intents := uint64(worldIntentMessages)
	if m.guild == nil {
		intents = worldIntentDirectMessages
	}
	w.writeMessageEvent(m, false)
	e := w.finish(t, m.guild, intents)
	if m.hidden() {
		w.writeMessageEvent(m, true)
		w.j.end('}')
		if !bytes.Equal(w.j.b, e.Body) {
			e.Blank = w.j.text()
		}
	}
	return e
}

func (w *world) writeMessageEvent(m *worldMessage, blank bool) {
	j := w.start()
	m.write(j, blank)
	if m.guild != nil {
		j.id("guild_id", m.guild.id)
		if member := m.guild.byUser[m.by()]; member != nil {
			j.obj("member")
			member.write(j, worldMemberVoice)
			j.end('}')
		}
	}
	if !m.sparse || m.guild == nil {
		j.num("channel_type", int64(m.channel.kind))
	}
}

// recent are the newest messages of a guild or, if g is nil, of all direct messages.
func (w *world) recent(g *worldGuild) *worldRing {
	if g == nil {
		return &w.dms.recent
	}
	return &g.recent
}

func (w *world) messageUpdate(g *worldGuild) (worldEvent, bool) {
	m := w.recent(g).find(w.dice, func(m *worldMessage) bool {
		return g == nil || m.author == nil || g.byUser[m.author.id] != nil
	})
	if m == nil {
		return worldEvent{}, false
	}
	w.edit(m)
	return w.messageEvent("MESSAGE_UPDATE", m), true
}

// edit is what an author does to a message, or Discord: it adds the embed of a link without calling that an edit.
// Voice messages and polls cannot be edited.
func (w *world) edit(m *worldMessage) {
	d := w.dice
	switch {
	case m.flags&(1<<13|1<<14) != 0 || m.poll != nil || m.kind != worldMessageDefault && m.kind != worldMessageReply || d.oneIn(4):
		w.pin(m)
	case m.embeds == nil && d.oneIn(4):
		m.content += " https://example.com/" + worldPick(d, worldLast)
		m.embeds, m.edited = d.embeds(w.now), w.now
	default:
		m.content, m.edited = d.sentence(), w.now
	}
	m.tts = false // docs /events/gateway-events#message-update
}

func (w *world) messageDelete(g *worldGuild) (worldEvent, bool) {
	m := w.recent(g).pick(w.dice)
	if m == nil {
		return worldEvent{}, false
	}
	w.erase(g, m)
	j := w.start()
	j.id("id", m.id)
	j.id("channel_id", m.channel.id)
	if g == nil {
		return w.finish("MESSAGE_DELETE", nil, worldIntentDirectMessages), true
	}
	j.id("guild_id", g.id)
	return w.finish("MESSAGE_DELETE", g, worldIntentMessages), true
}

// messageDeleteBulk deletes at least two messages of one channel, as a moderator does.
func (w *world) messageDeleteBulk(g *worldGuild) (worldEvent, bool) {
	first := g.recent.pick(w.dice)
	if first == nil {
		return worldEvent{}, false
	}
	var gone []*worldMessage
	for _, m := range g.recent.all {
		if m.channel == first.channel {
			gone = append(gone, m)
		}
	}
	if len(gone) < 2 {
		return worldEvent{}, false
	}
	gone = gone[w.dice.IntN(len(gone)-1):]
	j := w.start()
	j.arr("ids")
	for _, m := range gone {
		j.idElem(m.id)
		w.erase(g, m)
	}
	j.end(']')
	j.id("channel_id", first.channel.id)
	j.id("guild_id", g.id)
	return w.finish("MESSAGE_DELETE_BULK", g, worldIntentMessages), true
}

// erase forgets a message; whoever had answered it keeps a null.
func (w *world) erase(g *worldGuild, m *worldMessage) {
	ring := w.recent(g)
	ring.drop(func(o *worldMessage) bool { return o == m })
	for _, o := range ring.all {
		if o.answer == worldAnswerThere && o.reference.message == m.id {
			o.answer, o.answered = worldAnswerDeleted, nil
		}
	}
	if t := m.channel.thread; t != nil {
		t.messages = max(t.messages-1, 0)
	}
	if g == nil {
		return
	}
	g.gone = worldReference{message: m.id, channel: m.channel.id, guild: g.id}
	if c := g.lastCommand.message; c != nil && c.id == m.id {
		g.lastCommand = worldCommand{}
	}
}

// recall brings back two messages from before the first event, with a poll and with a reaction, for whoever wants to
// change what nobody has sent yet.
func (w *world) recall(g *worldGuild) {
	d := w.dice
	var author *worldUser
	var ch *worldChannel
	if g != nil {
		author, ch = g.members[1].user, g.channels[1]
	} else {
		ch = worldPick(d, w.dms.channels)
		author = ch.recipient
	}
	for i := range 2 {
		w.recalled++
		sent := worldBirth - 86_400_000 + w.recalled%86_400_000
		m := &worldMessage{id: worldSnowflake(sent, uint64(w.recalled)), guild: g, channel: ch, author: author, sent: sent, open: g == nil}
		w.plain(g, m)
		if i == 0 {
			m.content, m.poll = "", d.poll(w.now)
			m.poll.votes = []worldVote{{author.id, 1}}
		} else {
			m.reactions = []worldReaction{{emoji: worldEmoji{name: worldPick(d, worldEmojiChars)}, users: []uint64{author.id}}}
		}
		w.recent(g).push(m)
	}
}
