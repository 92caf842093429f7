package gatewaytest

import (
	"encoding/json"
	"slices"
)

// worldGuild is docs /resources/guild#guild-object with all that is going on in it.
type worldGuild struct {
	id     uint64
	birth  int64 // ms since 1970
	minted int64
	index  int

	name, icon, splash, discovery, banner string
	description, vanity, region, locale   string
	features                              []string
	settings                              worldSettings
	tier, boosts                          int
	incidents                             []byte // nil for none

	roles      []*worldRole // the first fixedRoles are never deleted
	fixedRoles int
	channels   []*worldChannel // the first fixed ones are never deleted
	fixed      int
	category   uint64
	threads    []*worldChannel
	extras     worldExtras

	members      []*worldMember // the bot, the owner, others
	byUser       map[uint64]*worldMember
	inVoice      []*worldMember
	fewest, most int
	screening    bool // newcomers are pending at first
	newcomer     *worldMember
	typing       worldTyping
	recent       worldRing
	gone         worldReference // the last message that was deleted
	lastCommand  worldCommand
	talk         []*worldChannel // of channelsOf
	down         int64           // when the outage ends, ms since 1970; 0 for none
}

// worldSettings are the plain settings of a guild; ids of 0 are null.
type worldSettings struct {
	afk, system, rules, updates, safety, widget uint64
	afkTimeout, systemFlags                     int
	verification, notifications, filter         int
	mfa, nsfw, maxPresences                     int
	widgetEnabled, progressBar, sparse          bool
	application                                 uint64
}

// mint returns the id of something that was there before the first event. The low bits keep guilds apart.
func (g *worldGuild) mint() uint64 {
	g.minted++
	return worldSnowflake(g.birth+g.minted*1000, uint64(g.index+1))
}

func (g *worldGuild) has(feature string) bool { return slices.Contains(g.features, feature) }

// worldSize is how much of everything a guild has.
type worldSize struct{ members, channels, roles, emojis int }

func (w *world) size(d worldDice, i int) worldSize {
	s := worldSize{members: d.between(4, 50), channels: d.between(3, 20), roles: d.between(4, 12), emojis: d.IntN(12)}
	switch i % 10 {
	case 0, 5: // a handful of friends
		s = worldSize{members: d.between(4, 8), channels: 3, roles: 3, emojis: 0}
	case 3: // a large community
		s = worldSize{members: d.between(160, 260), channels: d.between(40, 70), roles: d.between(25, 40), emojis: d.between(40, 80)}
	case 7:
		s.members = d.between(60, 120)
	}
	if n := w.cfg.MembersPerGuild; n > 0 {
		s.members = max(n, 4)
	}
	return s
}

func newWorldGuild(w *world, i int) *worldGuild {
	id := w.ids[i]
	d := worldDiceFrom(w.cfg.Seed, id)
	s := w.size(d, i)
	g := &worldGuild{id: id, index: i, birth: int64(id>>22) + worldEpoch, byUser: make(map[uint64]*worldMember, s.members)}
	g.describe(d, s)
	g.buildRoles(d, s.roles, w.bot)
	g.buildMembers(d, w, s.members)
	g.buildChannels(d, s.channels)
	g.configure(d)
	for i := range max(1, min(s.members/12, worldMostThreads/2)) {
		parent := worldPick(d, g.channelsOf(worldGuildText, worldForum))
		t := d.newThread(g.mint(), parent, worldPick(d, g.members).user.id, worldBirth-int64(d.IntN(1e8)))
		if i == 0 || d.oneIn(3) {
			t.thread.joined = worldBirth - int64(d.IntN(1e7))
		}
		g.threads = append(g.threads, t)
	}
	for range s.members / 15 {
		m := worldPick(d, g.members[1:])
		if voice := g.channelsOf(worldGuildVoice, worldStageVoice); m.voice == nil && len(voice) > 0 {
			m.voice = d.newVoice(worldPick(d, voice))
			g.inVoice = append(g.inVoice, m)
		}
	}
	if i%2 == 1 { // the bot was in voice before
		bot := g.members[0]
		bot.voice = d.newVoice(worldPick(d, g.channelsOf(worldGuildVoice, worldGuildVoice)))
		g.inVoice = append(g.inVoice, bot)
	}
	g.extras.build(d, g, w.users, s.emojis)
	return g
}

func (g *worldGuild) buildMembers(d worldDice, w *world, n int) {
	g.add(d.newMember(g, w.bot, worldBirth-int64(d.IntN(1e9))))
	for len(g.members) < n {
		u := worldPick(d, w.users)
		if g.byUser[u.id] == nil {
			g.add(d.newMember(g, u, g.birth+1+d.Int64N(worldBirth-g.birth)))
		}
	}
	bot := g.members[0]
	bot.nick, bot.presence = "", worldPresence{status: 1, clients: 1 << 2, since: worldBirth}
	bot.addRole(g.roles[1].id, g.id)
	g.members[1].joined = g.birth
	g.fewest, g.most = max(4, n*4/5), n+n/5+2
	if w.mix.bursts {
		g.most += g.most/8 + 20
	}
	g.screening = d.oneIn(3)
}

func (g *worldGuild) buildChannels(d worldDice, n int) {
	kinds := []int{worldGuildCategory, worldGuildText, worldGuildVoice, worldGuildText, worldGuildText, worldStageVoice, worldForum, worldAnnouncement, worldGuildText}
	for i := range n {
		kind := kinds[i%len(kinds)]
		if i > 30 && i%len(kinds) == 6 && d.oneIn(2) {
			kind = worldMedia
		}
		ch := d.newChannel(g, g.mint, kind, i)
		switch {
		case kind == worldGuildCategory:
			g.category = ch.id
		case !d.oneIn(8):
			ch.parent = g.category
		}
		if kind == worldGuildText && d.oneIn(2) {
			ch.lastMessage = g.mint()
		}
		g.channels = append(g.channels, ch)
	}
	if n <= 5 {
		g.channels = append(g.channels, d.newChannel(g, g.mint, worldStageVoice, n))
	}
	g.fixed = len(g.channels)
	g.channels = append(g.channels, d.newChannel(g, g.mint, worldGuildText, g.fixed))
}

// channelsOf returns the channels of the two types. The slice is good until the next call.
func (g *worldGuild) channelsOf(a, b int) []*worldChannel {
	g.talk = g.talk[:0]
	for _, ch := range g.channels {
		if ch.kind == a || ch.kind == b {
			g.talk = append(g.talk, ch)
		}
	}
	return g.talk
}

// guildCreate is the full GUILD_CREATE body as a session with these intents may see it.
// In an outage that is an unavailable guild. It returns nil for a guild that is not in guildIDs.
func (w *world) guildCreate(id uint64, intents uint64, largeThreshold int) json.RawMessage {
	g := w.guild(id)
	if g == nil {
		return nil
	}
	if g.down != 0 {
		return g.unavailable()
	}
	return g.create(w, intents&worldIntentPresences != 0, len(g.members) > largeThreshold)
}

// guildUpdate changes a setting of the guild.
func (w *world) guildUpdate(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	switch d.IntN(5) {
	case 0:
		g.name = d.title()
	case 1:
		g.describe(d, worldSize{members: len(g.members)})
	case 2:
		g.boosts, g.tier = g.boosts+1, min(3, (g.boosts+1)/7)
	case 3:
		g.incidents = nil
		if d.oneIn(2) {
			g.incidents = w.incident()
		}
	default:
		g.configure(d)
	}
	j := w.start()
	g.write(j)
	return w.finish("GUILD_UPDATE", g, worldIntentGuilds), true
}

// incident writes docs /resources/guild#incidents-data-object.
func (w *world) incident() []byte {
	return worldObject(func(j *worldJSON) {
		for i, k := range []string{"invites_disabled_until", "dms_disabled_until", "dm_spam_detected_at", "raid_detected_at"} {
			switch {
			case w.dice.oneIn(2):
				j.time(k, w.now+3_600_000)
			case i < 2 || w.dice.oneIn(2):
				j.null(k)
			}
		}
	})
}
