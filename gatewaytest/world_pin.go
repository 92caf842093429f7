package gatewaytest

// pin pins or unpins a message. A channel's last pin is that of the newest message that is still pinned.
func (w *world) pin(m *worldMessage) {
	m.pinned, m.pinnedAt = !m.pinned, w.now
	m.channel.lastPin = 0
	for _, o := range w.recent(m.guild).all {
		if o.pinned && o.channel == m.channel {
			m.channel.lastPin = max(m.channel.lastPin, o.pinnedAt)
		}
	}
}

// channelPinsUpdate pins or unpins a message: docs /events/gateway-events#channel-pins-update.
func (w *world) channelPinsUpdate(g *worldGuild) (worldEvent, bool) {
	m := w.recent(g).pick(w.dice)
	if m == nil {
		return worldEvent{}, false
	}
	w.pin(m)
	j := w.start()
	if g != nil {
		j.id("guild_id", g.id)
	}
	j.id("channel_id", m.channel.id)
	if m.channel.lastPin != 0 || !m.channel.sparse {
		j.timeOrNull("last_pin_timestamp", m.channel.lastPin)
	}
	if g == nil {
		return w.finish("CHANNEL_PINS_UPDATE", nil, worldIntentDirectMessages), true
	}
	return w.finish("CHANNEL_PINS_UPDATE", g, worldIntentGuilds), true
}

// webhooksUpdate says that a webhook of a channel is new, changed, or gone.
func (w *world) webhooksUpdate(g *worldGuild) (worldEvent, bool) {
	j := w.start()
	j.id("guild_id", g.id)
	j.id("channel_id", worldPick(w.dice, g.channelsOf(worldGuildText, worldAnnouncement)).id)
	return w.finish("WEBHOOKS_UPDATE", g, worldIntentWebhooks), true
}
