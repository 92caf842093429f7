package gatewaytest

import "encoding/json"

// describe gives a guild its looks and features.
func (g *worldGuild) describe(d worldDice, s worldSize) {
	g.name = d.title()
	g.icon, g.splash, g.discovery, g.banner, g.description, g.vanity = d.hashOrNone(2), "", "", "", "", ""
	g.region, g.locale = worldPick(d, []string{"", "", "rotterdam"}), worldPick(d, []string{"en-US", "en-US", "de", "ja", "pt-BR"})
	if g.features != nil && s.members < 30 {
		return
	}
	g.features = append(g.features[:0:0], "SOUNDBOARD", "GUESTS_ENABLED")
	if s.members >= 30 {
		g.features = append(g.features, "COMMUNITY", "NEWS", "ANIMATED_ICON", "INVITE_SPLASH", "ROLE_ICONS", "WELCOME_SCREEN_ENABLED", "AUTO_MODERATION")
		g.splash, g.description = d.hashOrNone(2), d.sentence()
		g.boosts = d.IntN(30)
		g.tier = min(3, g.boosts/7)
	}
	if s.members >= 120 {
		g.features = append(g.features, "BANNER", "VANITY_URL", "DISCOVERABLE", "ENHANCED_ROLE_COLORS", "MORE_STICKERS", "MEMBER_VERIFICATION_GATE_ENABLED")
		g.banner, g.discovery, g.vanity = d.hash(), d.hashOrNone(2), worldPick(d, worldLast)
	}
}

// configure sets the plain settings. Community guilds have the channels others do not.
func (g *worldGuild) configure(d worldDice) {
	text, voice := g.channels[1].id, g.channels[2].id
	maybe := func(id uint64) uint64 {
		if d.oneIn(2) {
			return 0
		}
		return id
	}
	g.settings = worldSettings{
		afk: maybe(voice), system: maybe(text), widget: maybe(text),
		afkTimeout: worldPick(d, []int{60, 300, 900, 1800, 3600}), systemFlags: d.IntN(64),
		verification: d.IntN(5), notifications: d.IntN(2), filter: d.IntN(3), mfa: d.IntN(2), nsfw: worldPick(d, []int{0, 0, 0, 3}),
		widgetEnabled: d.oneIn(4), progressBar: d.oneIn(2), sparse: d.oneIn(4),
	}
	if d.oneIn(5) {
		g.settings.application = g.members[0].user.id
	}
	if d.oneIn(5) {
		g.settings.maxPresences = 40_000
	}
	if g.has("COMMUNITY") {
		g.settings.rules, g.settings.updates, g.settings.safety = text, text, maybe(text)
	}
}

// write writes the guild object. Left out is what only HTTP endpoints have: icon_hash, owner, permissions,
// approximate_member_count, approximate_presence_count and welcome_screen.
func (g *worldGuild) write(j *worldJSON) {
	s := &g.settings
	j.id("id", g.id)
	j.str("name", g.name)
	j.strOrNull("icon", g.icon)
	j.strOrNull("splash", g.splash)
	j.strOrNull("discovery_splash", g.discovery)
	j.id("owner_id", g.members[1].user.id)
	if g.region != "" || !s.sparse {
		j.strOrNull("region", g.region)
	}
	j.idOrNull("afk_channel_id", s.afk)
	j.num("afk_timeout", int64(s.afkTimeout))
	if !s.sparse {
		j.bool("widget_enabled", s.widgetEnabled)
		j.idOrNull("widget_channel_id", s.widget)
	}
	j.num("verification_level", int64(s.verification))
	j.num("default_message_notifications", int64(s.notifications))
	j.num("explicit_content_filter", int64(s.filter))
	j.arr("roles")
	for _, r := range g.roles {
		j.open('{')
		r.write(j)
		j.end('}')
	}
	j.end(']')
	g.extras.writeEmojis(j)
	j.arr("features")
	for _, f := range g.features {
		j.strElem(f)
	}
	j.end(']')
	j.num("mfa_level", int64(s.mfa))
	j.idOrNull("application_id", s.application)
	j.idOrNull("system_channel_id", s.system)
	j.num("system_channel_flags", int64(s.systemFlags))
	j.idOrNull("rules_channel_id", s.rules)
	g.writeLimits(j)
	j.strOrNull("vanity_url_code", g.vanity)
	j.strOrNull("description", g.description)
	j.strOrNull("banner", g.banner)
	j.num("premium_tier", int64(g.tier))
	j.str("preferred_locale", g.locale)
	j.idOrNull("public_updates_channel_id", s.updates)
	j.num("nsfw_level", int64(s.nsfw))
	if !s.sparse || len(g.extras.stickers) > 0 {
		g.extras.writeStickers(j)
	}
	j.bool("premium_progress_bar_enabled", s.progressBar)
	j.idOrNull("safety_alerts_channel_id", s.safety)
	j.rawOrNull("incidents_data", g.incidents)
}

func (g *worldGuild) writeLimits(j *worldJSON) {
	if g.settings.sparse {
		return
	}
	if g.settings.maxPresences == 0 {
		j.null("max_presences")
	} else {
		j.num("max_presences", int64(g.settings.maxPresences))
	}
	j.num("max_members", 500_000)
	j.num("premium_subscription_count", int64(g.boosts))
	j.num("max_video_channel_users", 25)
	j.num("max_stage_video_channel_users", 50)
}

// create writes GUILD_CREATE. Who is listed (docs /events/gateway-events#guild-create): without GUILD_PRESENCES the bot and
// whoever is in voice; in a large guild also those online, with a role or with a nickname; otherwise everyone.
func (g *worldGuild) create(w *world, presences, large bool) json.RawMessage {
	j := w.start()
	g.write(j)
	j.time("joined_at", g.members[0].joined)
	j.bool("large", large)
	if !g.settings.sparse {
		j.bool("unavailable", false)
	}
	j.num("member_count", int64(len(g.members)))
	j.arr("voice_states")
	for _, m := range g.inVoice {
		j.open('{')
		m.voice.write(j, m, m.voice.channel.id)
		j.end('}')
	}
	j.end(']')
	j.arr("members")
	for _, m := range g.members {
		if !g.lists(m, presences, large) {
			continue
		}
		j.open('{')
		m.write(j, worldMemberAlways)
		j.end('}')
	}
	j.end(']')
	j.arr("channels")
	for _, ch := range g.channels {
		j.open('{')
		ch.write(j, 0)
		j.end('}')
	}
	j.end(']')
	j.arr("threads")
	for _, t := range g.threads {
		j.open('{')
		t.write(j, g.id)
		t.writeJoined(j, 0)
		j.end('}')
	}
	j.end(']')
	j.arr("presences")
	for _, m := range g.members {
		if !g.lists(m, presences, large) || large && m.presence.status == 0 {
			continue
		}
		j.open('{')
		j.obj("user")
		j.id("id", m.user.id)
		j.end('}')
		w.writePresence(j, &m.presence)
		j.end('}')
	}
	j.end(']')
	j.arr("stage_instances")
	for _, s := range g.extras.stages {
		j.open('{')
		s.write(j, g)
		j.end('}')
	}
	j.end(']')
	j.arr("guild_scheduled_events")
	for _, e := range g.extras.events {
		j.open('{')
		e.write(j)
		j.end('}')
	}
	j.end(']')
	g.extras.writeSounds(j, g)
	j.end('}')
	return j.text()
}

func (g *worldGuild) lists(m *worldMember, presences, large bool) bool {
	switch {
	case m.at == 0 || m.voice != nil:
		return true
	case !presences:
		return false
	case large:
		return m.presence.status != 0 || len(m.roles) > 0 || m.nick != ""
	}
	return true
}
