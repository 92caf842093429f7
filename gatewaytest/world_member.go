package gatewaytest

// worldMember is a user in one guild, with what is known of them there.
type worldMember struct {
	user     *worldUser
	at       int // index in worldGuild.members
	nick     string
	avatar   string
	banner   string
	roles    []uint64
	joined   int64 // ms; 0 for a guest (docs /resources/guild#guild-member-object)
	boosting int64
	timeout  int64
	deaf     bool
	mute     bool
	pending  bool
	sparse   bool // leaves out optional fields that would be null or false
	flags    int
	adorned  []byte // avatar_decoration_data and collectibles, braces included
	presence worldPresence
	voice    *worldVoice
}

// What of a member object an event carries.
const (
	worldMemberUser    = 1 << iota // the user object
	worldMemberPending             // events named GUILD_ always have pending
	worldMemberVoice               // deaf and mute even where they are optional
	worldMemberBare                // neither deaf nor mute
	worldMemberAlways  = worldMemberUser | worldMemberPending | worldMemberVoice
)

func (d worldDice) newMember(g *worldGuild, u *worldUser, joined int64) *worldMember {
	m := &worldMember{user: u, joined: joined, sparse: d.oneIn(5)}
	if d.oneIn(4) {
		m.nick = d.title()
	}
	m.avatar, m.banner = d.hashOrNone(20), d.hashOrNone(15)
	for range d.IntN(4) {
		m.addRole(worldPick(d, g.roles).id, g.id)
	}
	if d.oneIn(15) {
		m.boosting = joined + int64(d.IntN(1e9))
	}
	m.flags = worldPick(d, []int{0, 0, 0, 1, 2, 10, 64})
	m.adorned = worldObject(func(j *worldJSON) { d.adornments(j, u.id+16) })
	if !u.bot && !d.oneIn(3) {
		m.presence = d.newPresence(joined)
	}
	return m
}

func (m *worldMember) addRole(id, everyone uint64) {
	if id == everyone {
		return
	}
	for _, r := range m.roles {
		if r == id {
			return
		}
	}
	m.roles = append(m.roles, id)
}

// write writes the fields of docs /resources/guild#guild-member-object.
func (m *worldMember) write(j *worldJSON, with int) {
	if with&worldMemberUser != 0 {
		j.raw("user", m.user.json)
	}
	if m.nick != "" || !m.sparse {
		j.strOrNull("nick", m.nick)
	}
	if m.avatar != "" || !m.sparse {
		j.strOrNull("avatar", m.avatar)
	}
	if m.banner != "" || !m.sparse {
		j.strOrNull("banner", m.banner)
	}
	m.rest(j, with)
}

// rest is what the member object and GUILD_MEMBER_UPDATE share.
func (m *worldMember) rest(j *worldJSON, with int) {
	j.arr("roles")
	for _, r := range m.roles {
		j.idElem(r)
	}
	j.end(']')
	j.timeOrNull("joined_at", m.joined)
	if m.boosting != 0 || !m.sparse {
		j.timeOrNull("premium_since", m.boosting)
	}
	if with&worldMemberVoice != 0 || with&worldMemberBare == 0 && !m.sparse {
		j.bool("deaf", m.deaf)
		j.bool("mute", m.mute)
	}
	j.num("flags", int64(m.flags))
	if with&worldMemberPending != 0 {
		j.bool("pending", m.pending)
	}
	if m.timeout != 0 || !m.sparse {
		j.timeOrNull("communication_disabled_until", m.timeout)
	}
	j.members(m.adorned)
}

func (g *worldGuild) add(m *worldMember) {
	m.at = len(g.members)
	g.members = append(g.members, m)
	g.byUser[m.user.id] = m
}

func (g *worldGuild) remove(m *worldMember) {
	last := len(g.members) - 1
	g.members[m.at] = g.members[last]
	g.members[m.at].at = m.at
	g.members[last] = nil
	g.members = g.members[:last]
	delete(g.byUser, m.user.id)
}

// human returns a member who can act: not the bot, past the membership screening, no guest, not timed out.
func (w *world) human(g *worldGuild) *worldMember {
	for range 8 {
		m := g.members[1+w.dice.IntN(len(g.members)-1)]
		if !m.pending && m.timeout < w.now && m.joined != 0 {
			return m
		}
	}
	return g.members[1] // the owner: never pending, never timed out
}

func (w *world) memberAdd(g *worldGuild) (worldEvent, bool) {
	if len(g.members) >= g.most {
		return worldEvent{}, false
	}
	user := w.stranger(g)
	if user == nil {
		return worldEvent{}, false
	}
	m := &worldMember{user: user, joined: w.now, sparse: w.dice.oneIn(5), adorned: []byte("{}")}
	switch {
	case w.dice.oneIn(12): // a guest may only use the voice channel of the invite
		m.joined, m.flags = 0, 1<<4
	case g.screening:
		m.pending = true
	default:
		g.newcomer = m
	}
	if w.dice.oneIn(3) {
		full := w.dice.newMember(g, user, w.now) // back again, with what Discord kept
		m.flags |= 1
		m.nick, m.avatar, m.banner, m.adorned, m.boosting = full.nick, full.avatar, full.banner, full.adorned, full.boosting
		m.roles = full.roles
		if w.dice.oneIn(4) {
			m.timeout = w.now + 600_000
		}
	}
	g.add(m)
	j := w.start()
	j.id("guild_id", g.id)
	m.write(j, worldMemberAlways)
	return w.finish("GUILD_MEMBER_ADD", g, worldIntentMembers), true
}

// memberRemove lets a member go who is not in voice: Discord takes them out of the channel first.
func (w *world) memberRemove(g *worldGuild) (worldEvent, bool) {
	m := w.leaver(g)
	if m == nil {
		return worldEvent{}, false
	}
	w.remove(g, m)
	return w.goneEvent("GUILD_MEMBER_REMOVE", g, m.user, worldIntentMembers), true
}

// remove forgets a member and what they were about to do.
func (w *world) remove(g *worldGuild, m *worldMember) {
	g.remove(m)
	if g.typing.member == m {
		g.typing = worldTyping{}
	}
	if g.newcomer == m {
		g.newcomer = nil
	}
}

func (w *world) memberUpdate(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	m := g.members[d.IntN(len(g.members))]
	if d.oneIn(60) {
		m = g.members[0]
	}
	w.change(g, m)
	return w.memberEvent(g, m), true
}

// memberEvent writes docs /events/gateway-events#guild-member-update.
func (w *world) memberEvent(g *worldGuild, m *worldMember) worldEvent {
	j := w.start()
	j.id("guild_id", g.id)
	j.raw("user", m.user.json)
	if m.nick != "" || !m.sparse {
		j.strOrNull("nick", m.nick)
	}
	j.strOrNull("avatar", m.avatar)
	j.strOrNull("banner", m.banner)
	with := 0
	if !m.sparse || m.pending {
		with = worldMemberPending
	}
	m.rest(j, with)
	e := w.finish("GUILD_MEMBER_UPDATE", g, worldIntentMembers)
	if m.at == 0 {
		e.Intents = 0 // docs /events/gateway#list-of-intents: sent for the bot's own member whatever the intents
	}
	return e
}

// change alters one thing about m; the bot and the owner cannot be timed out.
func (w *world) change(g *worldGuild, m *worldMember) {
	d := w.dice
	switch n := d.IntN(10); {
	case m.pending:
		m.pending = false
		g.newcomer = m
	case n < 3:
		m.nick = ""
		if !d.oneIn(3) {
			m.nick = d.title()
		}
	case n < 6 && m.joined != 0:
		role := worldPick(d, g.roles).id
		if len(m.roles) > 0 && d.oneIn(2) {
			m.roles = append([]uint64(nil), m.roles[1:]...)
		} else if len(m.roles) < 6 {
			m.roles = append([]uint64(nil), m.roles...)
			m.addRole(role, g.id)
		}
	case n == 6:
		m.avatar, m.banner = d.hashOrNone(2), d.hashOrNone(3)
	case n == 7:
		if m.boosting != 0 {
			m.boosting = 0
		} else {
			m.boosting = w.now
		}
	case n == 8 && m.at > 1:
		m.timeout = 0
		if !d.oneIn(3) {
			m.timeout = w.now + int64(d.between(1, 60))*60_000
		}
	case m.voice == nil:
		m.deaf, m.mute = d.oneIn(3), d.oneIn(2)
	}
}
