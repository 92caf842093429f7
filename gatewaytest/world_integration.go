package gatewaytest

import "slices"

// worldIntegration is docs /resources/guild#integration-object, without its user.
type worldIntegration struct {
	id          uint64
	kind        string // twitch, youtube, or discord for a bot
	name        string
	enabled     bool
	role        uint64
	application uint64 // of a bot
	fixed       []byte // the account, and of a bot its application
	synced      []byte // what only twitch and youtube have
}

const worldMostIntegrations = 4

func (d worldDice) newIntegration(g *worldGuild, id uint64, now int64) *worldIntegration {
	n := &worldIntegration{id: id, kind: worldPick(d, []string{"twitch", "youtube", "discord"}), enabled: !d.oneIn(6), role: g.fixedRole(d)}
	n.name = d.title()
	account := id + 1
	if n.kind == "discord" {
		n.application, account = id+2, id+2
	}
	n.fixed = worldObject(func(j *worldJSON) {
		j.obj("account")
		j.id("id", account)
		j.str("name", worldPick(d, worldLast))
		j.end('}')
		if n.application == 0 {
			return
		}
		j.obj("application")
		j.members(worldApplication(n.application, n.name, d.hashOrNone(2)))
		if d.oneIn(2) {
			j.raw("bot", newWorldUser(d, n.application, int(id%1000), true).json)
		}
		j.end('}')
		j.arr("scopes")
		j.strElem("bot")
		j.strElem("applications.commands")
		j.end(']')
	})
	n.sync(d, now)
	return n
}

// sync brings up to date what a bot's integration does not have.
func (n *worldIntegration) sync(d worldDice, now int64) {
	n.synced = worldObject(func(j *worldJSON) {
		if n.application != 0 {
			return
		}
		j.bool("syncing", d.oneIn(3))
		j.id("role_id", n.role)
		if n.kind == "twitch" {
			j.bool("enable_emoticons", d.oneIn(2))
		}
		j.num("expire_behavior", int64(d.IntN(2)))
		j.num("expire_grace_period", int64(worldPick(d, []int{1, 3, 7, 14, 30})))
		j.time("synced_at", now)
		j.num("subscriber_count", int64(d.IntN(500)))
		j.bool("revoked", d.oneIn(20))
	})
}

func (w *world) integrationEvent(t string, g *worldGuild, n *worldIntegration) worldEvent {
	j := w.start()
	j.id("id", n.id)
	j.str("name", n.name)
	j.str("type", n.kind)
	j.bool("enabled", n.enabled)
	j.members(n.fixed)
	j.members(n.synced)
	j.id("guild_id", g.id)
	return w.finish(t, g, worldIntentIntegrations)
}

func (w *world) integrationCreate(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.integrations) >= worldMostIntegrations {
		return worldEvent{}, false
	}
	n := w.dice.newIntegration(g, w.newID(), w.now)
	w.lastID += 2 // the account's and the application's
	x.integrations = append(x.integrations, n)
	return w.integrationEvent("INTEGRATION_CREATE", g, n), true
}

func (w *world) integrationUpdate(g *worldGuild) (worldEvent, bool) {
	if len(g.extras.integrations) == 0 {
		return worldEvent{}, false
	}
	n := worldPick(w.dice, g.extras.integrations)
	if w.dice.oneIn(3) {
		n.enabled = !n.enabled
	} else {
		n.name = w.dice.title()
	}
	n.sync(w.dice, w.now)
	return w.integrationEvent("INTEGRATION_UPDATE", g, n), true
}

func (w *world) integrationDelete(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.integrations) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.integrations))
	n := x.integrations[at]
	x.integrations = slices.Delete(x.integrations, at, at+1)
	j := w.start()
	j.id("id", n.id)
	j.id("guild_id", g.id)
	if n.application != 0 {
		j.id("application_id", n.application)
	}
	return w.finish("INTEGRATION_DELETE", g, worldIntentIntegrations), true
}

// guildIntegrationsUpdate only says that something about integrations changed.
func (w *world) guildIntegrationsUpdate(g *worldGuild) (worldEvent, bool) {
	j := w.start()
	j.id("guild_id", g.id)
	return w.finish("GUILD_INTEGRATIONS_UPDATE", g, worldIntentIntegrations), true
}
