package gatewaytest

import "slices"

// worldPoll is docs /resources/poll#poll-object.
type worldPoll struct {
	fixed    []byte // the object without its results
	answers  int
	multi    bool
	counted  bool // has results
	votes    []worldVote
	deadline int64 // 0 for none
}

type worldVote struct {
	user   uint64
	answer int
}

const worldMostVotes = 12

func (d worldDice) poll(now int64) *worldPoll {
	p := &worldPoll{answers: d.between(2, 5), multi: d.oneIn(2), counted: d.oneIn(2)}
	p.deadline = worldPick(d, []int64{now + 86_400_000, now + 3_600_000, 0})
	p.fixed = worldObject(func(j *worldJSON) {
		j.obj("question")
		j.str("text", d.sentence())
		j.end('}')
		j.arr("answers")
		for i := range p.answers {
			j.open('{')
			j.num("answer_id", int64(i+1))
			j.obj("poll_media")
			j.str("text", worldPick(d, worldGames))
			if d.oneIn(2) {
				j.obj("emoji")
				worldEmoji{name: worldPick(d, worldEmojiChars)}.write(j)
				j.end('}')
			}
			j.end('}')
			j.end('}')
		}
		j.end(']')
		j.timeOrNull("expiry", p.deadline)
		j.bool("allow_multiselect", p.multi)
		j.num("layout_type", 1)
	})
	return p
}

func (p *worldPoll) write(j *worldJSON) {
	j.obj("poll")
	j.members(p.fixed)
	if p.counted {
		j.obj("results")
		j.bool("is_finalized", false)
		j.arr("answer_counts")
		for answer := range p.answers {
			n := 0
			for _, v := range p.votes {
				if v.answer == answer+1 {
					n++
				}
			}
			if n > 0 { // docs /resources/poll#poll-results-object: an answer without votes may be left out
				j.open('{')
				j.num("id", int64(answer+1))
				j.num("count", int64(n))
				j.bool("me_voted", false)
				j.end('}')
			}
		}
		j.end(']')
		j.end('}')
	}
	j.end('}')
}

// pollCreate asks something, so that there is something to vote on.
func (w *world) pollCreate(g *worldGuild) (worldEvent, bool) {
	m := w.newMessage()
	m.guild = g
	if g == nil {
		m.channel = worldPick(w.dice, w.dms.channels)
		m.author = m.channel.recipient
	} else {
		m.author, m.channel = w.human(g).user, w.room(g)
	}
	w.ask(g, m)
	w.place(m, w.recent(g))
	return w.messageEvent("MESSAGE_CREATE", m), true
}

// messagePollVoteAdd votes for an answer; where only one is allowed, only those who have not voted do.
func (w *world) messagePollVoteAdd(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	m := w.recent(g).find(d, func(m *worldMessage) bool {
		return m.poll != nil && len(m.poll.votes) < worldMostVotes && (m.poll.deadline == 0 || m.poll.deadline > w.now)
	})
	if m == nil {
		return worldEvent{}, false
	}
	user := m.channel.recipient
	if g != nil {
		user = w.human(g).user
	}
	vote := worldVote{user.id, 1 + d.IntN(m.poll.answers)}
	if slices.ContainsFunc(m.poll.votes, func(v worldVote) bool { return v == vote || v.user == vote.user && !m.poll.multi }) {
		return worldEvent{}, false
	}
	m.poll.votes = append(m.poll.votes, vote)
	return w.pollEvent("MESSAGE_POLL_VOTE_ADD", g, m, vote), true
}

func (w *world) messagePollVoteRemove(g *worldGuild) (worldEvent, bool) {
	m := w.recent(g).find(w.dice, func(m *worldMessage) bool {
		return m.poll != nil && len(m.poll.votes) > 0 && (m.poll.deadline == 0 || m.poll.deadline > w.now)
	})
	if m == nil {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(m.poll.votes))
	vote := m.poll.votes[at]
	m.poll.votes = slices.Delete(m.poll.votes, at, at+1)
	return w.pollEvent("MESSAGE_POLL_VOTE_REMOVE", g, m, vote), true
}

func (w *world) pollEvent(t string, g *worldGuild, m *worldMessage, vote worldVote) worldEvent {
	j := w.start()
	j.id("user_id", vote.user)
	j.id("channel_id", m.channel.id)
	j.id("message_id", m.id)
	j.num("answer_id", int64(vote.answer))
	if g == nil {
		return w.finish(t, nil, worldIntentDirectPolls)
	}
	j.id("guild_id", g.id)
	return w.finish(t, g, worldIntentPolls)
}
