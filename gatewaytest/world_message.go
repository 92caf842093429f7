package gatewaytest

import (
	"slices"
	"strconv"
)

// Message types (docs /resources/message#message-object-message-types).
const (
	worldMessageDefault      = 0
	worldMessageCall         = 3
	worldMessagePin          = 6
	worldMessageJoin         = 7
	worldMessageBoost        = 8
	worldMessageThread       = 18
	worldMessageReply        = 19
	worldMessageSlash        = 20
	worldMessageContextMenu  = 23
	worldMessageSubscription = 25
)

// worldMessage is a message as it was sent and has been edited since (docs /resources/message#message-object).
type worldMessage struct {
	id           uint64
	guild        *worldGuild // nil in a DM
	channel      *worldChannel
	author       *worldUser // nil for a webhook
	hook         []byte     // the webhook as author
	kind         int
	sent, edited int64
	content      string
	flags        int
	tts          bool
	everyone     bool
	pinned       bool
	pinnedAt     int64
	open         bool // content is for everyone: in a DM, by the bot, or mentioning it
	ascii        bool
	sparse       bool
	mentions     []*worldUser
	roles        []uint64
	nonce        uint64
	nonceNumber  bool
	position     int // within a thread

	embeds, attachments, components []byte // nil for none
	stickers, extra                 []byte // objects of the rarer fields, which never change
	poll                            *worldPoll

	reference worldReference
	answer    worldAnswer
	answered  *worldMessage // a copy without one of its own
	snapshot  *worldMessage
	reactions []worldReaction
	thread    *worldChannel
}

// worldReference is docs /resources/message#message-reference-structure; message 0 is none.
type worldReference struct {
	forward                 bool
	message, channel, guild uint64
}

// worldAnswer is the state of referenced_message: unknown, deleted (null), or there.
type worldAnswer uint8

const (
	worldAnswerUnknown worldAnswer = iota
	worldAnswerDeleted
	worldAnswerThere
)

// worldRing keeps the newest messages of one guild, or of all DMs.
type worldRing struct{ all []*worldMessage }

const worldRingSize = 32

func (r *worldRing) push(m *worldMessage) {
	if len(r.all) < worldRingSize {
		r.all = append(r.all, m)
		return
	}
	copy(r.all, r.all[1:])
	r.all[worldRingSize-1] = m
}

func (r *worldRing) pick(d worldDice) *worldMessage {
	if len(r.all) == 0 {
		return nil
	}
	return worldPick(d, r.all)
}

// find returns a message that fits, nil if none does.
func (r *worldRing) find(d worldDice, fits func(*worldMessage) bool) *worldMessage {
	if len(r.all) == 0 {
		return nil
	}
	from := d.IntN(len(r.all))
	for i := range r.all {
		if m := r.all[(from+i)%len(r.all)]; fits(m) {
			return m
		}
	}
	return nil
}

func (r *worldRing) drop(gone func(*worldMessage) bool) { r.all = slices.DeleteFunc(r.all, gone) }

// quoted is a copy of m for a message that refers to it: without what m itself refers to, so that no chain grows.
func (m *worldMessage) quoted() *worldMessage {
	c := *m
	c.answered, c.snapshot, c.thread, c.reactions = nil, nil, nil, nil
	if c.answer == worldAnswerThere {
		c.answer = worldAnswerUnknown
	}
	return &c
}

func (m *worldMessage) by() uint64 {
	if m.author == nil {
		return 0
	}
	return m.author.id
}

// hidden reports whether a session without MESSAGE_CONTENT may see less of m than others.
func (m *worldMessage) hidden() bool {
	return !m.open || m.answered != nil && !m.answered.open
}

// write writes the message object. Blank leaves the content out where it needs MESSAGE_CONTENT
// (docs /events/gateway#message-content-intent).
func (m *worldMessage) write(j *worldJSON, blank bool) {
	ask := blank
	blank = ask && !m.open
	j.ascii = m.ascii
	j.num("type", int64(m.kind))
	m.writeContent(j, blank)
	j.bool("tts", m.tts)
	j.time("timestamp", m.sent)
	j.timeOrNull("edited_timestamp", m.edited)
	j.id("id", m.id)
	j.id("channel_id", m.channel.id)
	if m.author != nil {
		j.raw("author", m.author.json)
	} else {
		j.raw("author", m.hook)
	}
	j.bool("pinned", m.pinned)
	j.bool("mention_everyone", m.everyone)
	m.writeMentions(j)
	if m.flags != 0 || !m.sparse {
		j.num("flags", int64(m.flags))
	}
	switch {
	case m.nonce == 0:
	case m.nonceNumber:
		j.num("nonce", int64(m.nonce&(1<<31-1)))
	default:
		j.str("nonce", strconv.FormatUint(m.nonce, 10))
	}
	j.members(m.extra)
	j.members(m.stickers)
	if m.channel.thread != nil {
		j.num("position", int64(m.position))
	}
	m.writeReactions(j)
	m.writeReference(j, ask, blank)
	if m.thread != nil {
		j.obj("thread")
		m.thread.write(j, m.guild.id)
		j.end('}')
	}
}

// writeContent writes the five fields MESSAGE_CONTENT is about. Blank, a poll is left out and the others are empty.
func (m *worldMessage) writeContent(j *worldJSON, blank bool) {
	if blank {
		j.str("content", "")
	} else {
		j.str("content", m.content)
	}
	list := func(k string, v []byte) {
		if v == nil || blank {
			v = []byte("[]")
		}
		j.raw(k, v)
	}
	list("embeds", m.embeds)
	list("attachments", m.attachments)
	if m.components != nil || !m.sparse {
		list("components", m.components)
	}
	if m.poll != nil && !blank {
		m.poll.write(j)
	}
}

func (m *worldMessage) writeMentions(j *worldJSON) {
	j.arr("mentions")
	for _, u := range m.mentions {
		j.rawElem(u.json[:len(u.json)-1])
		if m.guild != nil {
			if member := m.guild.byUser[u.id]; member != nil {
				j.obj("member")
				member.write(j, worldMemberVoice)
				j.end('}')
			}
		}
		j.end('}')
	}
	j.end(']')
	j.arr("mention_roles")
	for _, r := range m.roles {
		j.idElem(r)
	}
	j.end(']')
}

func (m *worldMessage) writeReference(j *worldJSON, ask, blank bool) {
	if m.reference.channel != 0 {
		j.obj("message_reference")
		switch {
		case m.reference.forward:
			j.num("type", 1)
		case !m.sparse:
			j.num("type", 0)
		}
		if m.reference.message != 0 {
			j.id("message_id", m.reference.message)
		}
		j.id("channel_id", m.reference.channel)
		if m.reference.guild != 0 {
			j.id("guild_id", m.reference.guild)
		}
		j.end('}')
	}
	switch {
	case m.answer == worldAnswerDeleted:
		j.null("referenced_message")
	case m.answer == worldAnswerThere && m.answered != nil:
		j.obj("referenced_message")
		m.answered.write(j, ask)
		j.end('}')
	}
	if m.snapshot != nil {
		j.arr("message_snapshots")
		j.open('{')
		j.obj("message")
		m.snapshot.writeSnapshot(j, blank)
		j.end('}')
		j.end('}')
		j.end(']')
	}
}

// writeSnapshot writes the fields a forwarded message keeps (docs /resources/message#message-snapshot-object).
func (m *worldMessage) writeSnapshot(j *worldJSON, blank bool) {
	j.num("type", int64(m.kind))
	m.writeContent(j, blank)
	j.time("timestamp", m.sent)
	j.timeOrNull("edited_timestamp", m.edited)
	j.num("flags", int64(m.flags))
	m.writeMentions(j)
	j.members(m.stickers)
}
