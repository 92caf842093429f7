package gatewaytest

import "slices"

// Channel types (docs /resources/channel#channel-object-channel-types).
const (
	worldGuildText     = 0
	worldDM            = 1
	worldGuildVoice    = 2
	worldGuildCategory = 4
	worldAnnouncement  = 5
	worldPublicThread  = 11
	worldPrivateThread = 12
	worldStageVoice    = 13
	worldForum         = 15
	worldMedia         = 16
)

// worldMostNew is how many channels, and roles, a guild may have beyond those it began with.
const worldMostNew = 6

// worldChannel is a channel of a guild, a thread, or a direct message channel.
type worldChannel struct {
	id          uint64
	kind        int
	parent      uint64
	position    int
	name, topic string
	nsfw        bool
	sparse      bool // leaves out optional fields at their defaults
	slowmode    int
	lastMessage uint64
	lastPin     int64
	overwrites  []worldOverwrite
	bitrate     int
	region      string
	quality     int
	archive     int // default_auto_archive_duration, 0 for none
	threadSlow  int
	flags       int
	forum       []byte // what only forums have: tags, default reaction, sort order, layout
	tags        []uint64
	thread      *worldThread
	recipient   *worldUser // of a DM
	started     int64      // of a voice channel: since when there is talk, in s since 1970; 0 for not
}

// worldOverwrite is docs /resources/channel#overwrite-object.
type worldOverwrite struct {
	id, allow, deny uint64
	member          bool
}

func (ch *worldChannel) isText() bool {
	return ch.kind == worldGuildText || ch.kind == worldAnnouncement
}

func (d worldDice) newChannel(g *worldGuild, mint func() uint64, kind, position int) *worldChannel {
	ch := &worldChannel{id: mint(), kind: kind, position: position, sparse: d.oneIn(4), name: worldPick(d, worldNames)}
	if d.oneIn(3) {
		ch.name = worldPick(d, worldEmojiChars) + "-" + ch.name
	}
	for i := range d.IntN(3) {
		o := worldOverwrite{id: worldPick(d, g.roles).id, allow: 1 << 10, deny: 1 << 11}
		if i == 1 && len(g.members) > 1 {
			o.id, o.member = worldPick(d, g.members).user.id, true
		}
		ch.overwrites = append(ch.overwrites, o)
	}
	switch kind {
	case worldGuildVoice, worldStageVoice:
		ch.bitrate = worldPick(d, []int{64000, 64000, 96000, 40000})
		ch.region = worldPick(d, []string{"", "", "rotterdam", "us-east", "japan"})
		ch.quality = d.between(1, 2)
	case worldForum, worldMedia:
		ch.forumExtras(d, mint)
		d.retopic(ch)
	case worldGuildText, worldAnnouncement:
		d.retopic(ch)
	}
	if kind != worldGuildCategory {
		ch.archive = worldPick(d, []int{0, 60, 1440, 4320, 10080})
		ch.threadSlow = worldPick(d, []int{0, 0, 10})
		ch.slowmode = worldPick(d, []int{0, 0, 0, 5, 30})
		ch.nsfw = d.oneIn(15)
	}
	return ch
}

func (d worldDice) retopic(ch *worldChannel) {
	ch.topic = ""
	if !d.oneIn(3) {
		ch.topic = d.sentence()
	}
}

func (ch *worldChannel) forumExtras(d worldDice, mint func() uint64) {
	j := &worldJSON{}
	j.open('{')
	j.arr("available_tags")
	for range d.between(0, 5) {
		t := mint()
		ch.tags = append(ch.tags, t)
		j.open('{')
		j.id("id", t)
		j.str("name", worldPick(d, worldLast))
		j.bool("moderated", d.oneIn(4))
		custom := d.oneIn(3)
		if custom {
			j.id("emoji_id", mint())
			j.null("emoji_name")
		} else {
			j.null("emoji_id")
			j.str("emoji_name", worldPick(d, worldEmojiChars))
		}
		j.end('}')
	}
	j.end(']')
	if d.oneIn(2) {
		j.null("default_reaction_emoji")
	} else {
		j.obj("default_reaction_emoji")
		if d.oneIn(2) {
			j.id("emoji_id", mint())
			j.null("emoji_name")
		} else {
			j.null("emoji_id")
			j.str("emoji_name", "👍")
		}
		j.end('}')
	}
	if d.oneIn(2) {
		j.null("default_sort_order")
	} else {
		j.num("default_sort_order", int64(d.IntN(2)))
	}
	j.num("default_forum_layout", int64(d.IntN(3)))
	j.end('}')
	ch.forum = j.text()
	if ch.kind == worldMedia {
		ch.flags |= 1 << 15
	}
	ch.flags |= d.IntN(2) << 4
}

// write writes the fields of docs /resources/channel#channel-object. The channels inside GUILD_CREATE have no guild_id.
func (ch *worldChannel) write(j *worldJSON, guild uint64) {
	j.id("id", ch.id)
	j.num("type", int64(ch.kind))
	if guild != 0 {
		j.id("guild_id", guild)
	}
	j.str("name", ch.name)
	j.num("flags", int64(ch.flags))
	j.idOrNull("parent_id", ch.parent)
	if ch.thread != nil {
		ch.writeThread(j)
		return
	}
	j.num("position", int64(ch.position))
	j.arr("permission_overwrites")
	for _, o := range ch.overwrites {
		j.open('{')
		j.id("id", o.id)
		kind := int64(0)
		if o.member {
			kind = 1
		}
		j.num("type", kind)
		j.bits("allow", o.allow)
		j.bits("deny", o.deny)
		j.end('}')
	}
	j.end(']')
	if ch.kind == worldGuildCategory {
		return
	}
	j.bool("nsfw", ch.nsfw)
	j.idOrNull("last_message_id", ch.lastMessage)
	if ch.slowmode != 0 || !ch.sparse {
		j.num("rate_limit_per_user", int64(ch.slowmode))
	}
	switch ch.kind {
	case worldGuildVoice, worldStageVoice:
		j.num("bitrate", int64(ch.bitrate))
		j.num("user_limit", 0)
		j.strOrNull("rtc_region", ch.region)
		if ch.quality != 1 || !ch.sparse {
			j.num("video_quality_mode", int64(ch.quality))
		}
		return
	case worldForum, worldMedia:
		j.members(ch.forum)
	}
	j.strOrNull("topic", ch.topic)
	if ch.lastPin != 0 || !ch.sparse {
		j.timeOrNull("last_pin_timestamp", ch.lastPin)
	}
	if ch.archive != 0 {
		j.num("default_auto_archive_duration", int64(ch.archive))
	}
	if ch.threadSlow != 0 || !ch.sparse {
		j.num("default_thread_rate_limit_per_user", int64(ch.threadSlow))
	}
}

func (w *world) channelEvent(t string, g *worldGuild, ch *worldChannel) worldEvent {
	j := w.start()
	ch.write(j, g.id)
	return w.finish(t, g, worldIntentGuilds)
}

func (w *world) channelCreate(g *worldGuild) (worldEvent, bool) {
	if len(g.channels) >= g.fixed+worldMostNew {
		return worldEvent{}, false
	}
	kind := worldPick(w.dice, []int{worldGuildText, worldGuildText, worldGuildText, worldAnnouncement, worldGuildVoice, worldForum, worldGuildCategory})
	ch := w.dice.newChannel(g, w.newID, kind, len(g.channels))
	if kind != worldGuildCategory && w.dice.oneIn(2) {
		ch.parent = g.category
	}
	g.channels = append(g.channels, ch)
	return w.channelEvent("CHANNEL_CREATE", g, ch), true
}

func (w *world) channelUpdate(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	ch := worldPick(d, g.channels)
	switch d.IntN(4) {
	case 0:
		ch.name = worldPick(d, worldNames)
	case 1:
		if ch.isText() || ch.forum != nil {
			d.retopic(ch)
		} else {
			ch.name += "!"
		}
	case 2:
		ch.overwrites = []worldOverwrite{{id: worldPick(d, g.roles).id, allow: 1 << 10}}
	default:
		ch.position, ch.slowmode, ch.nsfw = d.IntN(50), worldPick(d, []int{0, 5, 60}), d.oneIn(10)
	}
	if len(ch.name) > 60 {
		ch.name = worldPick(d, worldNames)
	}
	return w.channelEvent("CHANNEL_UPDATE", g, ch), true
}

// channelDelete removes a channel that is not part of the guild's first layout and that nobody is talking in.
// Its threads and messages go with it, without an event of their own.
func (w *world) channelDelete(g *worldGuild) (worldEvent, bool) {
	if len(g.channels) <= g.fixed {
		return worldEvent{}, false
	}
	at := g.fixed + w.dice.IntN(len(g.channels)-g.fixed)
	ch := g.channels[at]
	for _, m := range g.inVoice {
		if m.voice.channel == ch {
			return worldEvent{}, false
		}
	}
	g.channels = append(g.channels[:at], g.channels[at+1:]...)
	g.dropThreads(func(t *worldChannel) bool { return t.parent == ch.id })
	g.forget(ch)
	g.extras.invites = slices.DeleteFunc(g.extras.invites, func(v worldInvite) bool { return v.channel == ch.id })
	return w.channelEvent("CHANNEL_DELETE", g, ch), true
}
