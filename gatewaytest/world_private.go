package gatewaytest

// worldPrivate is the bot's direct message channels and what was said in them lately.
type worldPrivate struct {
	channels []*worldChannel
	recent   worldRing
}

func (p *worldPrivate) build(w *world, d worldDice) {
	for i := range 12 {
		u := worldPick(d, w.users)
		p.channels = append(p.channels, &worldChannel{id: u.id + uint64(i+1)<<22 + 5, kind: worldDM, recipient: u})
	}
}

func (p *worldPrivate) create(w *world) worldEvent {
	d := w.dice
	m := w.newMessage()
	m.channel = worldPick(d, p.channels)
	ch := m.channel
	m.author = ch.recipient
	w.plain(nil, m)
	switch n := d.IntN(16); {
	case n < 3:
		m.author, m.nonce = w.bot, 0
		m.embeds = d.embeds(w.now)
	case n == 3:
		w.files(nil, m)
	case n == 4:
		w.sticker(nil, m)
	case n == 5:
		p.reply(w, m)
	case n == 7 && d.oneIn(4):
		w.ask(nil, m)
	case n == 6 && d.oneIn(2):
		m.kind, m.content, m.nonce = worldMessageCall, "", 0
		m.mentions = []*worldUser{ch.recipient}
		m.extra = worldObject(func(j *worldJSON) {
			j.obj("call")
			j.arr("participants")
			j.idElem(ch.recipient.id)
			j.end(']')
			switch d.IntN(3) {
			case 0:
				j.null("ended_timestamp")
			case 1:
				j.time("ended_timestamp", w.now)
			}
			j.end('}')
		})
	}
	w.place(m, &p.recent)
	return w.messageEvent("MESSAGE_CREATE", m)
}

func (p *worldPrivate) reply(w *world, m *worldMessage) {
	to := p.recent.find(w.dice, func(o *worldMessage) bool { return o.channel == m.channel })
	if to == nil {
		return
	}
	m.kind, m.answer, m.answered = worldMessageReply, worldAnswerThere, to.quoted()
	m.reference = worldReference{message: to.id, channel: to.channel.id}
}
