package gatewaytest

import "slices"

// worldReaction is one emoji under a message and who put it there.
type worldReaction struct {
	emoji  worldEmoji
	burst  bool
	colors []string
	users  []uint64
}

const (
	worldMostReactions = 4
	worldMostReactors  = 8
)

// writeReactions writes docs /resources/message#reaction-object of each emoji.
func (m *worldMessage) writeReactions(j *worldJSON) {
	if len(m.reactions) == 0 {
		return
	}
	j.arr("reactions")
	for _, r := range m.reactions {
		n := int64(len(r.users))
		normal, burst := n, int64(0)
		if r.burst {
			normal, burst = 0, n
		}
		j.open('{')
		j.num("count", n)
		j.obj("count_details")
		j.num("burst", burst)
		j.num("normal", normal)
		j.end('}')
		j.bool("me", false)
		j.bool("me_burst", false)
		j.obj("emoji")
		r.emoji.write(j)
		j.end('}')
		j.arr("burst_colors")
		for _, c := range r.colors {
			j.strElem(c)
		}
		j.end(']')
		j.end('}')
	}
	j.end(']')
}

// emoji is a character, one of the guild's emojis, or one Discord knows no more of than its id.
func (w *world) emoji(g *worldGuild) worldEmoji {
	d := w.dice
	switch {
	case d.oneIn(25):
		return worldEmoji{id: w.app + uint64(d.between(100, 120)), animated: d.oneIn(4)}
	case g != nil && len(g.extras.emojis) > 0 && d.oneIn(2):
		return worldPick(d, g.extras.emojis).worldEmoji
	}
	return worldEmoji{name: worldPick(d, worldEmojiChars)}
}

func (w *world) reactionAdd(g *worldGuild) (worldEvent, bool) {
	m := w.recent(g).pick(w.dice)
	switch {
	case m == nil:
		return worldEvent{}, false
	case g == nil:
		return w.react(m, nil)
	}
	return w.react(m, w.human(g))
}

// react adds a reaction of member, or in a DM of the recipient, unless they had reacted like that.
func (w *world) react(m *worldMessage, member *worldMember) (worldEvent, bool) {
	d := w.dice
	user := m.channel.recipient
	if member != nil {
		user = member.user
	}
	var r *worldReaction
	if len(m.reactions) > 0 && (len(m.reactions) == worldMostReactions || d.oneIn(2)) {
		r = &m.reactions[d.IntN(len(m.reactions))]
	} else {
		e := w.emoji(m.guild)
		if slices.ContainsFunc(m.reactions, func(o worldReaction) bool { return o.emoji == e }) {
			return worldEvent{}, false
		}
		m.reactions = append(m.reactions, worldReaction{emoji: e})
		r = &m.reactions[len(m.reactions)-1]
		if r.burst = d.oneIn(12); r.burst {
			r.colors = []string{"#" + d.hex(6), "#" + d.hex(6)}
		}
	}
	if len(r.users) == worldMostReactors || slices.Contains(r.users, user.id) {
		return worldEvent{}, false
	}
	r.users = append(r.users, user.id)
	j := w.startReaction(m, r, user.id)
	if member != nil {
		j.obj("member")
		member.write(j, worldMemberUser|worldMemberVoice)
		j.end('}')
	}
	if m.author != nil {
		j.id("message_author_id", m.author.id)
	}
	if r.burst {
		j.arr("burst_colors")
		for _, c := range r.colors {
			j.strElem(c)
		}
		j.end(']')
	}
	return w.finishReaction("MESSAGE_REACTION_ADD", m), true
}

func (w *world) startReaction(m *worldMessage, r *worldReaction, user uint64) *worldJSON {
	j := w.start()
	j.id("user_id", user)
	j.id("channel_id", m.channel.id)
	j.id("message_id", m.id)
	j.obj("emoji")
	r.emoji.write(j)
	j.end('}')
	j.bool("burst", r.burst)
	kind := int64(0)
	if r.burst {
		kind = 1
	}
	j.num("type", kind)
	return j
}

func (w *world) finishReaction(t string, m *worldMessage) worldEvent {
	if m.guild == nil {
		return w.finish(t, nil, worldIntentDirectReactions)
	}
	w.j.id("guild_id", m.guild.id)
	return w.finish(t, m.guild, worldIntentReactions)
}

// reactionRemove takes back one reaction of one user.
func (w *world) reactionRemove(g *worldGuild) (worldEvent, bool) {
	m, at := w.reacted(g)
	if m == nil {
		return worldEvent{}, false
	}
	r := m.reactions[at]
	who := w.dice.IntN(len(r.users))
	w.startReaction(m, &r, r.users[who])
	r.users = slices.Delete(r.users, who, who+1)
	m.reactions[at] = r
	if len(r.users) == 0 {
		m.reactions = slices.Delete(m.reactions, at, at+1)
	}
	return w.finishReaction("MESSAGE_REACTION_REMOVE", m), true
}

// reacted returns a message with reactions, and which of them; nil if there is none.
func (w *world) reacted(g *worldGuild) (*worldMessage, int) {
	m := w.recent(g).find(w.dice, func(m *worldMessage) bool { return len(m.reactions) > 0 })
	if m == nil {
		return nil, 0
	}
	return m, w.dice.IntN(len(m.reactions))
}

func (w *world) reactionRemoveAll(g *worldGuild) (worldEvent, bool) {
	m, _ := w.reacted(g)
	if m == nil {
		return worldEvent{}, false
	}
	m.reactions = nil
	j := w.start()
	j.id("channel_id", m.channel.id)
	j.id("message_id", m.id)
	return w.finishReaction("MESSAGE_REACTION_REMOVE_ALL", m), true
}

func (w *world) reactionRemoveEmoji(g *worldGuild) (worldEvent, bool) {
	m, at := w.reacted(g)
	if m == nil {
		return worldEvent{}, false
	}
	j := w.start()
	j.id("channel_id", m.channel.id)
	j.id("message_id", m.id)
	j.obj("emoji")
	m.reactions[at].emoji.write(j)
	j.end('}')
	m.reactions = slices.Delete(m.reactions, at, at+1)
	return w.finishReaction("MESSAGE_REACTION_REMOVE_EMOJI", m), true
}
