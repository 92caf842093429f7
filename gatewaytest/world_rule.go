package gatewaytest

import (
	"slices"
	"strings"
)

// worldRule is docs /resources/auto-moderation#auto-moderation-rule-object.
type worldRule struct {
	id       uint64
	name     string
	creator  uint64
	trigger  int
	enabled  bool
	words    []string // of a keyword or profile rule
	metadata []byte
	actions  []worldAction
	roles    []uint64 // exempt, as are the channels
	channels []uint64
}

// Trigger and action types (docs /resources/auto-moderation#auto-moderation-rule-object-trigger-types, and
// #auto-moderation-action-object-action-types).
const (
	worldTriggerKeyword = 1
	worldTriggerSpam    = 3
	worldTriggerPreset  = 4
	worldTriggerMention = 5
	worldTriggerProfile = 6

	worldActionBlock   = 1
	worldActionAlert   = 2
	worldActionTimeout = 3
	worldActionSilence = 4
)

const worldMostRules = 6

// worldAction is docs /resources/auto-moderation#auto-moderation-action-object.
type worldAction struct {
	kind    int
	channel uint64 // of an alert
	seconds int    // of a timeout
	message string // of a block, "" for none
}

func (a worldAction) write(j *worldJSON) {
	j.num("type", int64(a.kind))
	j.obj("metadata") // always there: discord.js reads it without a look
	switch a.kind {
	case worldActionBlock:
		if a.message != "" {
			j.str("custom_message", a.message)
		}
	case worldActionAlert:
		j.id("channel_id", a.channel)
	case worldActionTimeout:
		j.num("duration_seconds", int64(a.seconds))
	}
	j.end('}')
}

// newRule makes a rule; of all types but keyword a guild has one at most.
func (d worldDice) newRule(g *worldGuild, id uint64) *worldRule {
	r := &worldRule{id: id, name: d.title(), creator: g.members[1].user.id, enabled: !d.oneIn(5)}
	r.trigger = worldPick(d, []int{worldTriggerKeyword, worldTriggerSpam, worldTriggerPreset, worldTriggerMention, worldTriggerProfile})
	if slices.ContainsFunc(g.extras.rules, func(o *worldRule) bool { return o.trigger == r.trigger }) {
		r.trigger = worldTriggerKeyword
	}
	r.tighten(d)
	if r.trigger == worldTriggerProfile {
		r.actions = append(r.actions, worldAction{kind: worldActionSilence})
	} else {
		r.actions = append(r.actions, worldAction{kind: worldActionBlock, message: worldPick(d, []string{"", "please mind the rules"})})
	}
	if d.oneIn(2) {
		r.actions = append(r.actions, worldAction{kind: worldActionAlert, channel: g.channels[1].id})
	}
	if (r.trigger == worldTriggerKeyword || r.trigger == worldTriggerMention) && d.oneIn(2) {
		r.actions = append(r.actions, worldAction{kind: worldActionTimeout, seconds: worldPick(d, []int{60, 600, 3600})})
	}
	if d.oneIn(2) {
		r.roles = append(r.roles, g.fixedRole(d))
	}
	if d.oneIn(2) {
		r.channels = append(r.channels, g.channels[1].id)
	}
	return r
}

// tighten sets what triggers the rule.
func (r *worldRule) tighten(d worldDice) {
	r.words = nil
	list := func(j *worldJSON, k string, words ...string) {
		j.arr(k)
		for _, v := range words {
			j.strElem(v)
		}
		j.end(']')
	}
	r.metadata = worldObject(func(j *worldJSON) {
		switch r.trigger {
		case worldTriggerKeyword, worldTriggerProfile:
			r.words = []string{worldPick(d, worldThings), worldPick(d, worldLast)}
			list(j, "keyword_filter", r.words...)
			list(j, "regex_patterns", `(b|c)at\d+`)
			list(j, "allow_list", worldPick(d, worldFirst))
		case worldTriggerPreset:
			j.raw("presets", []byte("[1,3]"))
			list(j, "allow_list")
		case worldTriggerMention:
			j.num("mention_total_limit", int64(d.between(3, 50)))
			j.bool("mention_raid_protection_enabled", d.oneIn(2))
		}
	})
}

func (r *worldRule) write(j *worldJSON, g *worldGuild) {
	j.id("id", r.id)
	j.id("guild_id", g.id)
	j.str("name", r.name)
	j.id("creator_id", r.creator)
	event := int64(1)
	if r.trigger == worldTriggerProfile {
		event = 2
	}
	j.num("event_type", event)
	j.num("trigger_type", int64(r.trigger))
	j.raw("trigger_metadata", r.metadata)
	j.arr("actions")
	for _, a := range r.actions {
		j.open('{')
		a.write(j)
		j.end('}')
	}
	j.end(']')
	j.bool("enabled", r.enabled)
	for _, list := range []struct {
		key string
		ids []uint64
	}{{"exempt_roles", r.roles}, {"exempt_channels", r.channels}} {
		j.arr(list.key)
		for _, id := range list.ids {
			j.idElem(id)
		}
		j.end(']')
	}
}

func (w *world) ruleEvent(t string, g *worldGuild, r *worldRule) worldEvent {
	j := w.start()
	r.write(j, g)
	return w.finish(t, g, worldIntentRules)
}

func (w *world) autoModerationRuleCreate(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.rules) >= worldMostRules {
		return worldEvent{}, false
	}
	r := w.dice.newRule(g, w.newID())
	x.rules = append(x.rules, r)
	return w.ruleEvent("AUTO_MODERATION_RULE_CREATE", g, r), true
}

func (w *world) autoModerationRuleUpdate(g *worldGuild) (worldEvent, bool) {
	if len(g.extras.rules) == 0 {
		return worldEvent{}, false
	}
	r := worldPick(w.dice, g.extras.rules)
	switch {
	case !r.enabled || w.dice.oneIn(4):
		r.enabled = !r.enabled
	case w.dice.oneIn(2):
		r.name = w.dice.title()
	default:
		r.tighten(w.dice)
	}
	return w.ruleEvent("AUTO_MODERATION_RULE_UPDATE", g, r), true
}

func (w *world) autoModerationRuleDelete(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.rules) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.rules))
	r := x.rules[at]
	x.rules = slices.Delete(x.rules, at, at+1)
	return w.ruleEvent("AUTO_MODERATION_RULE_DELETE", g, r), true
}

// autoModerationActionExecution is one action of a rule that someone broke. A blocked message never existed; any other
// was sent before. Who is timed out changes as a member.
func (w *world) autoModerationActionExecution(g *worldGuild) (worldEvent, bool) {
	d, x := w.dice, &g.extras
	at := slices.IndexFunc(x.rules, func(r *worldRule) bool { return r.enabled })
	if at < 0 {
		return worldEvent{}, false
	}
	r := x.rules[at]
	if other := worldPick(d, x.rules); other.enabled {
		r = other
	}
	a := worldPick(d, r.actions)
	var member *worldMember
	var channel, message uint64
	word, content := "", d.sentence()
	if a.kind == worldActionAlert && len(r.words) == 0 && d.oneIn(2) { // found out too late to be blocked
		if m := g.recent.find(d, func(m *worldMessage) bool {
			return m.author != nil && g.byUser[m.author.id] != nil && m.channel.thread == nil
		}); m != nil {
			member, channel, message, content = g.byUser[m.author.id], m.channel.id, m.id, m.content
		}
	}
	if member == nil {
		member = w.human(g)
		if r.trigger != worldTriggerProfile {
			channel = w.room(g).id
		}
	}
	if len(r.words) > 0 {
		word = worldPick(d, r.words)
		content += " " + strings.ToUpper(word)
	}
	if a.kind == worldActionTimeout && !w.timeOut(g, member, a.seconds) {
		return worldEvent{}, false
	}
	write := func(content, matched string) {
		j := w.start()
		j.id("guild_id", g.id)
		j.obj("action")
		a.write(j)
		j.end('}')
		j.id("rule_id", r.id)
		j.num("rule_trigger_type", int64(r.trigger))
		j.id("user_id", member.user.id)
		if channel != 0 {
			j.id("channel_id", channel)
		}
		if message != 0 {
			j.id("message_id", message)
		}
		if a.kind == worldActionAlert {
			j.id("alert_system_message_id", w.lastID)
		}
		j.str("content", content)
		j.strOrNull("matched_keyword", word)
		if word == "" {
			j.null("matched_content")
		} else {
			j.str("matched_content", matched)
		}
	}
	if a.kind == worldActionAlert {
		w.newID()
	}
	write(content, strings.ToUpper(word))
	e := w.finish("AUTO_MODERATION_ACTION_EXECUTION", g, worldIntentExecution)
	write("", "")
	w.j.end('}')
	e.Blank = w.j.text()
	return e, true
}

// timeOut silences a member, who is not the bot or the owner, and has the news of it told.
func (w *world) timeOut(g *worldGuild, m *worldMember, seconds int) bool {
	if m.at < 2 || len(w.news) >= worldMostNews {
		return false
	}
	m.timeout = w.now + int64(seconds)*1000
	w.news = append(w.news, worldNews{"GUILD_MEMBER_UPDATE", g, func(w *world) (worldEvent, bool) {
		if g.byUser[m.user.id] != m {
			return worldEvent{}, false
		}
		return w.memberEvent(g, m), true
	}})
	return true
}
