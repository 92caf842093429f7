package gatewaytest

// worldPrivate is the bot's direct message channels and what was said in them lately.
type worldPrivate struct {
	channels []*worldChannel
	recent   worldRing
	gone     worldReference
}

func (p *worldPrivate) build(w *world, d worldDice) {
	for i := range 12 {
		u := worldPick(d, w.users)
		p.channels = append(p.channels, &worldChannel{id: u.id + uint64(i+1)<<22 + 5, kind: worldDM, recipient: u})
	}
}

// next makes an event in a direct message channel, most often a message.
func (p *worldPrivate) next(w *world) worldEvent {
	d := w.dice
	ch := worldPick(d, p.channels)
	old := p.recent.pick(d)
	switch n := d.IntN(20); {
	case n < 3:
		j := w.start()
		j.id("channel_id", ch.id)
		j.id("user_id", ch.recipient.id)
		j.num("timestamp", w.now/1000)
		return w.finish("TYPING_START", nil, worldIntentDirectTyping)
	case n == 3:
		return w.interaction(nil, nil, ch)
	case old == nil:
	case n == 4 || n == 5:
		if e, ok := w.react(old, nil); ok {
			return e
		}
	case n == 6:
		if e, ok := w.unreact(&p.recent); ok {
			return e
		}
	case n == 7:
		p.gone = worldReference{message: old.id, channel: old.channel.id}
		return w.erase(old, &p.recent)
	case n == 8:
		w.edit(old)
		return w.messageEvent("MESSAGE_UPDATE", old)
	}
	return p.create(w, ch)
}

func (p *worldPrivate) create(w *world, ch *worldChannel) worldEvent {
	d := w.dice
	m := w.newMessage()
	m.channel, m.author = ch, ch.recipient
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
