package gatewaytest

// applicationCommandPermissionsUpdate writes who may use a command, or if the id is the application's, all of them
// (docs /interactions/application-commands#application-command-permissions-object).
func (w *world) applicationCommandPermissionsUpdate(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	command := w.app + 60
	if d.oneIn(4) {
		command = w.app
	}
	j := w.start()
	j.id("id", command)
	j.id("application_id", w.app)
	j.id("guild_id", g.id)
	j.arr("permissions")
	for kind := range 3 {
		id := worldPick(d, g.roles).id
		switch kind {
		case 1:
			id = w.human(g).user.id
		case 2:
			id = g.id - 1 // every channel (docs, under "Application Command Permissions Constants")
			if d.oneIn(2) {
				id = worldPick(d, g.channelsOf(worldGuildText, worldAnnouncement)).id
			}
		}
		if d.oneIn(3) {
			continue
		}
		j.open('{')
		j.id("id", id)
		j.num("type", int64(kind+1))
		j.bool("permission", d.oneIn(2))
		j.end('}')
	}
	j.end(']')
	return w.finish("APPLICATION_COMMAND_PERMISSIONS_UPDATE", g, 0), true
}
