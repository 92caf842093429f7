package gatewaytest

import "strconv"

// worldPresence is what a member shows of themselves; the zero value is offline.
type worldPresence struct {
	status  uint8 // index into worldStatuses
	clients uint8 // bits: desktop, mobile, web, vr
	acts    uint8 // how many activities
	act     [2]uint8
	since   int64
}

var (
	worldStatuses = []string{"offline", "online", "idle", "dnd"}
	worldClients  = []string{"desktop", "mobile", "web", "vr"}
)

func (d worldDice) newPresence(now int64) worldPresence {
	p := worldPresence{status: uint8(d.between(1, 3)), clients: 1 << d.IntN(3), since: now}
	if d.oneIn(8) {
		p.clients |= 1 << d.IntN(4)
	}
	if d.oneIn(2) {
		p.acts = uint8(d.between(1, 2))
		for i := range p.act {
			p.act[i] = uint8(d.IntN(256))
		}
	}
	return p
}

// worldActivity is an activity but for its times.
type worldActivity struct {
	head       []byte // open object
	start, end bool
	length     int64
}

// newWorldActivities makes the catalogue of things people do (docs /events/gateway-events#activity-object).
func newWorldActivities(d worldDice, mint func() uint64) []worldActivity {
	all := make([]worldActivity, 0, 96)
	for i := range cap(all) {
		j := &worldJSON{}
		a := worldActivity{length: int64(d.between(120, 400)) * 1000}
		j.open('{')
		switch kind := i % 6; kind {
		case 4:
			d.customStatus(j, mint)
		case 1:
			j.str("name", "Twitch")
			j.num("type", 1)
			j.str("url", "https://twitch.tv/"+d.handle(i))
			j.str("details", d.sentence())
			j.str("state", worldPick(d, worldGames))
			a.start = d.oneIn(2)
		default:
			a.start = i%5 != 0
			a.end = kind == 2 || i%10 == 0
			d.richPresence(j, kind, mint)
		}
		a.head = j.text()
		all = append(all, a)
	}
	return all
}

func (d worldDice) customStatus(j *worldJSON, mint func() uint64) {
	j.str("name", "Custom Status")
	j.num("type", 4)
	j.null("url")
	j.strOrNull("state", worldPick(d, []string{"", "afk", "be kind", "работаю", "☕ then \"code\""}))
	switch d.IntN(4) {
	case 0:
		j.null("emoji")
	case 1:
		j.obj("emoji")
		j.str("name", worldPick(d, worldEmojiChars))
		j.end('}')
	case 2:
		j.obj("emoji")
		j.str("name", worldPick(d, worldLast))
		j.id("id", mint())
		j.bool("animated", d.oneIn(2))
		j.end('}')
	}
}

func (d worldDice) richPresence(j *worldJSON, kind int, mint func() uint64) {
	j.str("name", worldPick(d, worldGames))
	j.num("type", int64(kind))
	d.maybe("application_id", func(k string) { j.id(k, mint()) })
	if d.oneIn(2) {
		if d.oneIn(3) {
			j.null("status_display_type")
		} else {
			j.num("status_display_type", int64(d.IntN(3)))
		}
	}
	for _, k := range []string{"details", "state"} {
		switch d.IntN(4) {
		case 0:
			j.null(k)
		case 1, 2:
			j.str(k, d.title())
		}
		switch url := k + "_url"; d.IntN(4) {
		case 0:
			j.null(url)
		case 1:
			j.str(url, "https://example.com/"+worldPick(d, worldLast))
		}
	}
	d.maybe("party", func(k string) {
		j.obj(k)
		d.maybe("id", func(k string) { j.str(k, d.hash()) })
		d.maybe("size", func(k string) { j.raw(k, []byte("["+strconv.Itoa(d.between(1, 4))+",4]")) })
		j.end('}')
	})
	d.maybe("assets", func(k string) {
		j.obj(k)
		for _, f := range []string{"large_image", "large_text", "large_url", "small_image", "small_text", "small_url", "invite_cover_image"} {
			d.maybe(f, func(k string) { j.str(k, "mp:external/"+k) })
		}
		j.end('}')
	})
	if d.oneIn(4) {
		j.obj("secrets")
		for _, f := range []string{"join", "spectate", "match"} {
			d.maybe(f, func(k string) { j.str(k, d.hash()) })
		}
		j.end('}')
	}
	if d.oneIn(3) {
		j.bool("instance", d.oneIn(2))
	}
	d.maybe("flags", func(k string) { j.num(k, int64(d.IntN(512))) })
	if d.oneIn(3) {
		j.arr("buttons")
		j.strElem("Join us")
		j.strElem("Website")
		j.end(']')
	}
}

// maybe writes an optional field in half of the cases.
func (d worldDice) maybe(k string, write func(string)) {
	if d.oneIn(2) {
		write(k)
	}
}

func (a *worldActivity) write(j *worldJSON, since int64) {
	j.rawElem(a.head)
	j.num("created_at", since)
	if a.start || a.end {
		j.obj("timestamps")
		if a.start {
			j.num("start", since)
		}
		if a.end {
			j.num("end", since+a.length)
		}
		j.end('}')
	}
	j.end('}')
}

// writePresence writes the fields GUILD_CREATE's presences and PRESENCE_UPDATE share.
func (w *world) writePresence(j *worldJSON, p *worldPresence) {
	j.str("status", worldStatuses[p.status])
	j.arr("activities")
	for i := range p.acts {
		w.activities[int(p.act[i])%len(w.activities)].write(j, p.since)
	}
	j.end(']')
	j.obj("client_status")
	for i, c := range worldClients {
		if p.clients&(1<<i) != 0 {
			j.str(c, worldStatuses[p.status])
		}
	}
	j.end('}')
}

// presenceUpdate changes someone's presence. The user object is partial: only its id is certain.
func (w *world) presenceUpdate(g *worldGuild) (worldEvent, bool) {
	m := g.members[1+w.dice.IntN(len(g.members)-1)]
	if m.presence.status != 0 && w.dice.oneIn(4) {
		m.presence = worldPresence{}
	} else {
		m.presence = w.dice.newPresence(w.now)
	}
	j := w.start()
	if w.dice.oneIn(8) {
		j.raw("user", m.user.json)
	} else {
		j.obj("user")
		j.id("id", m.user.id)
		j.end('}')
	}
	j.id("guild_id", g.id)
	w.writePresence(j, &m.presence)
	return w.finish("PRESENCE_UPDATE", g, worldIntentPresences), true
}
