package gatewaytest

import "slices"

// worldScheduled is docs /resources/guild-scheduled-event#guild-scheduled-event-object.
type worldScheduled struct {
	id       uint64
	name     string
	status   int
	external bool
	fixed    []byte // the object without what changes
	counted  bool   // has user_count
	guests   int    // who came before anyone was told
	users    []uint64
}

// Statuses (docs /resources/guild-scheduled-event#guild-scheduled-event-object-guild-scheduled-event-status).
const (
	worldEventScheduled = 1
	worldEventActive    = 2
	worldEventCompleted = 3
	worldEventCanceled  = 4
)

const worldMostGuests = 12

// newScheduled plans something; which fields are null depends on where it takes place. Every third is somewhere else.
func (d worldDice) newScheduled(g *worldGuild, id uint64, i int, start int64) *worldScheduled {
	e := &worldScheduled{id: id, name: d.title(), status: worldEventScheduled, external: i%3 == 2, counted: d.oneIn(2), guests: d.IntN(200)}
	e.fixed = worldObject(func(j *worldJSON) { e.plan(j, d, g, start) })
	return e
}

func (e *worldScheduled) plan(j *worldJSON, d worldDice, g *worldGuild, start int64) {
	j.id("id", e.id)
	j.id("guild_id", g.id)
	if e.external {
		j.null("channel_id")
		j.time("scheduled_end_time", start+7_200_000)
		j.num("entity_type", 3)
		j.obj("entity_metadata")
		j.str("location", "the usual place")
		j.end('}')
	} else {
		j.id("channel_id", g.channels[2].id)
		j.timeOrNull("scheduled_end_time", worldPick(d, []int64{0, start + 3_600_000}))
		j.num("entity_type", 2)
		j.null("entity_metadata")
	}
	j.idOrNull("entity_id", worldPick(d, []uint64{0, g.channels[2].id}))
	switch creator := worldPick(d, g.members).user; d.IntN(4) {
	case 0: // from before Discord kept the creator
		j.null("creator_id")
	case 1:
	default:
		j.id("creator_id", creator.id)
		j.raw("creator", creator.json)
	}
	switch d.IntN(3) {
	case 0:
		j.null("description")
	case 1:
		j.str("description", d.sentence())
	}
	j.time("scheduled_start_time", start)
	j.num("privacy_level", 2)
	d.maybe("image", func(k string) { j.strOrNull(k, d.hashOrNone(2)) })
	d.recurrence(j, start)
	j.arr("guild_scheduled_event_exceptions")
	for n := range d.IntN(3) {
		j.open('{')
		j.id("event_id", e.id)
		j.id("event_exception_id", worldSnowflake(start+int64(n)*604_800_000, 0))
		j.timeOrNull("scheduled_start_time", worldPick(d, []int64{0, start}))
		j.timeOrNull("scheduled_end_time", worldPick(d, []int64{0, start + 1000}))
		j.bool("is_canceled", d.oneIn(2))
		j.end('}')
	}
	j.end(']')
}

// recurrence writes one of the rules Discord accepts, or null
// (docs /resources/guild-scheduled-event#guild-scheduled-event-recurrence-rule-object).
func (d worldDice) recurrence(j *worldJSON, start int64) {
	rule := d.IntN(6)
	if rule > 3 {
		j.null("recurrence_rule")
		return
	}
	j.obj("recurrence_rule")
	j.time("start", start)
	j.timeOrNull("end", worldPick(d, []int64{0, start + 31_536_000_000}))
	j.num("frequency", int64(rule))
	j.num("interval", 1)
	lists := [4]map[string]string{
		{"by_month": "[7]", "by_month_day": "[24]"},
		{"by_n_weekday": `[{"n":4,"day":2}]`},
		{"by_weekday": "[2]"},
		{"by_weekday": "[0,1,2,3,4]"},
	}
	for _, k := range []string{"by_weekday", "by_n_weekday", "by_month", "by_month_day"} {
		if v, ok := lists[rule][k]; ok {
			j.raw(k, []byte(v))
		} else {
			j.null(k)
		}
	}
	j.rawOrNull("by_year_day", worldPick(d, [][]byte{nil, []byte("[100]")}))
	j.rawOrNull("count", worldPick(d, [][]byte{nil, []byte("12")}))
	j.end('}')
}

func (e *worldScheduled) write(j *worldJSON) {
	j.members(e.fixed)
	j.str("name", e.name)
	j.num("status", int64(e.status))
	if e.counted {
		j.num("user_count", int64(e.guests+len(e.users)))
	}
}

func (w *world) scheduledEvent(t string, g *worldGuild, e *worldScheduled) worldEvent {
	j := w.start()
	e.write(j)
	return w.finish(t, g, worldIntentScheduledEvents)
}

func (w *world) guildScheduledEventCreate(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.events) >= min(6, len(g.members)/20)+4 {
		return worldEvent{}, false
	}
	e := w.dice.newScheduled(g, w.newID(), w.dice.IntN(3), w.now+int64(w.dice.between(1, 500))*3_600_000)
	e.guests = 0
	x.events = append(x.events, e)
	return w.scheduledEvent("GUILD_SCHEDULED_EVENT_CREATE", g, e), true
}

// guildScheduledEventUpdate renames an event or starts it.
func (w *world) guildScheduledEventUpdate(g *worldGuild) (worldEvent, bool) {
	if len(g.extras.events) == 0 {
		return worldEvent{}, false
	}
	e := worldPick(w.dice, g.extras.events)
	if e.status == worldEventScheduled && w.dice.oneIn(3) {
		e.status = worldEventActive
	} else {
		e.name = w.dice.title()
	}
	return w.scheduledEvent("GUILD_SCHEDULED_EVENT_UPDATE", g, e), true
}

// guildScheduledEventDelete ends an event that has begun, or cancels one that has not.
func (w *world) guildScheduledEventDelete(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.events) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.events))
	e := x.events[at]
	x.events = slices.Delete(x.events, at, at+1)
	if e.status == worldEventActive {
		e.status = worldEventCompleted
	} else {
		e.status = worldEventCanceled
	}
	return w.scheduledEvent("GUILD_SCHEDULED_EVENT_DELETE", g, e), true
}

func (w *world) guildScheduledEventUserAdd(g *worldGuild) (worldEvent, bool) {
	if len(g.extras.events) == 0 {
		return worldEvent{}, false
	}
	e, user := worldPick(w.dice, g.extras.events), w.human(g).user.id
	if len(e.users) >= worldMostGuests || slices.Contains(e.users, user) {
		return worldEvent{}, false
	}
	e.users = append(e.users, user)
	return w.guestEvent("GUILD_SCHEDULED_EVENT_USER_ADD", g, e, user), true
}

func (w *world) guildScheduledEventUserRemove(g *worldGuild) (worldEvent, bool) {
	d := w.dice
	from := 0
	if n := len(g.extras.events); n > 0 {
		from = d.IntN(n)
	}
	for i := range g.extras.events {
		e := g.extras.events[(from+i)%len(g.extras.events)]
		if len(e.users) > 0 {
			at := d.IntN(len(e.users))
			user := e.users[at]
			e.users = slices.Delete(e.users, at, at+1)
			return w.guestEvent("GUILD_SCHEDULED_EVENT_USER_REMOVE", g, e, user), true
		}
	}
	return worldEvent{}, false
}

func (w *world) guestEvent(t string, g *worldGuild, e *worldScheduled, user uint64) worldEvent {
	j := w.start()
	j.id("guild_scheduled_event_id", e.id)
	j.id("user_id", user)
	j.id("guild_id", g.id)
	return w.finish(t, g, worldIntentScheduledEvents)
}
