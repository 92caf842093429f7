package gatewaytest

import "strconv"

// guildAuditLogEntryCreate writes something a moderator did: docs /resources/audit-log#audit-log-entry-object. It only
// names who and what there is.
func (w *world) guildAuditLogEntryCreate(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	id := w.newID()
	j := w.start()
	j.id("id", id)
	j.id("guild_id", g.id)
	by, target, action := w.human(g).user.id, w.human(g).user.id, 0
	switch d.IntN(9) {
	case 0:
		action = w.auditOverwrite(j, g)
		target = worldPick(d, g.channels).id
	case 1:
		action, target = 31, worldPick(d, g.roles).id // ROLE_UPDATE
		w.auditChanges(j, "name", d.title(), d.title())
	case 2:
		action = 24 // MEMBER_UPDATE
		w.auditChanges(j, "nick", worldPick(d, []string{"", d.title()}), d.title())
	case 3:
		action = 72 // MESSAGE_DELETE
		w.auditOptions(j, "channel_id", strconv.FormatUint(w.room(g).id, 10), "count", strconv.Itoa(d.between(1, 20)))
	case 4:
		action, target = 21, 0 // MEMBER_PRUNE
		w.auditOptions(j, "delete_member_days", "7", "members_removed", strconv.Itoa(d.IntN(90)))
	case 5:
		if action = 74; d.oneIn(3) { // MESSAGE_PIN, MESSAGE_UNPIN
			action = 75
		}
		w.auditOptions(j, "channel_id", strconv.FormatUint(g.channels[1].id, 10), "message_id", strconv.FormatUint(max(g.channels[1].lastMessage, g.id), 10))
	case 6:
		action, target = 121, w.app+60 // APPLICATION_COMMAND_PERMISSION_UPDATE
		w.auditOptions(j, "application_id", strconv.FormatUint(w.app, 10))
	case 7:
		if len(g.extras.rules) == 0 {
			action, by, target = 52, 0, g.id+1 // WEBHOOK_DELETE, with its own token
			break
		}
		r := worldPick(d, g.extras.rules)
		action, by = worldPick(d, []int{143, 144, 145, 146}), r.creator // what AutoMod did
		w.auditOptions(j, "auto_moderation_rule_name", r.name, "auto_moderation_rule_trigger_type", strconv.Itoa(r.trigger),
			"channel_id", strconv.FormatUint(w.room(g).id, 10))
	default:
		switch {
		case len(g.extras.bans) > 0 && d.oneIn(2):
			action, target = 22, g.extras.bans[len(g.extras.bans)-1].id // MEMBER_BAN_ADD
		case d.oneIn(3):
			action, by, target = 52, 0, g.id+1
		default:
			action = 25 // MEMBER_ROLE_UPDATE
			w.auditOptions(j, "integration_type", worldPick(d, []string{"twitch", "youtube"}))
		}
	}
	j.idOrNull("target_id", target)
	j.idOrNull("user_id", by)
	j.num("action_type", int64(action))
	if d.oneIn(3) {
		j.str("reason", d.sentence())
	}
	return w.finish("GUILD_AUDIT_LOG_ENTRY_CREATE", g, worldIntentModeration), true
}

// auditChanges writes one change; "" is a value that was or has become null, which is left out.
func (w *world) auditChanges(j *worldJSON, key, from, to string) {
	if w.dice.oneIn(4) {
		to = ""
	}
	j.arr("changes")
	j.open('{')
	j.str("key", key)
	if from != "" {
		j.str("old_value", from)
	}
	if to != "" {
		j.str("new_value", to)
	}
	j.end('}')
	j.end(']')
}

// auditOptions writes pairs of names and values, which are all strings.
func (w *world) auditOptions(j *worldJSON, pairs ...string) {
	j.obj("options")
	for i := 0; i < len(pairs); i += 2 {
		j.str(pairs[i], pairs[i+1])
	}
	j.end('}')
}

// auditOverwrite writes what an entry about a permission overwrite has, and returns its action type.
func (w *world) auditOverwrite(j *worldJSON, g *worldGuild) int {
	d := w.dice
	if r := worldPick(d, g.roles); d.oneIn(2) {
		w.auditOptions(j, "id", strconv.FormatUint(r.id, 10), "type", "0", "role_name", r.name)
	} else {
		w.auditOptions(j, "id", strconv.FormatUint(w.human(g).user.id, 10), "type", "1")
	}
	w.auditChanges(j, "deny", "0", "2048")
	return 13 + d.IntN(3) // CHANNEL_OVERWRITE_CREATE, _UPDATE, _DELETE
}
