package gatewaytest

import "encoding/json"

// worldConfig says how large a world is. The same configuration and the same calls make the same bytes.
type worldConfig struct {
	Seed   uint64
	Guilds int
	// MembersPerGuild is the number of members every guild starts with, the bot included. 0 makes most guilds small and
	// one in ten large.
	MembersPerGuild int
	// Mix is what happens how often, in the words of parseMix. "" is "chatty".
	Mix string
}

// world is guilds and the life in them, made from a seed. It is data: no goroutine, no lock, no clock, no I/O. One goroutine at a time may use it.
type world struct {
	cfg        worldConfig
	dice       worldDice
	bot        *worldUser
	app        uint64
	users      []*worldUser
	activities []worldActivity
	ids        []uint64
	index      map[uint64]int
	guilds     []*worldGuild // nil until first looked at
	dms        worldPrivate
	shop       worldShop
	lastID     uint64
	recalled   int64 // how many messages from before the first event have come up
	now        int64 // of the event in the making, ms since 1970
	j          worldJSON

	mix   mix
	burst worldBurst
	news  []worldNews
	down  []*worldGuild // in an outage, the oldest first
}

// worldEvent is one dispatch, before anyone has been chosen to receive it.
type worldEvent struct {
	Type    string
	Guild   uint64          // 0: of no guild, goes to shard 0
	Intents uint64          // a session gets the event if it has any of these bits; 0 = always sent
	Body    json.RawMessage // as a session with MESSAGE_CONTENT and all other intents sees it; of GUILD_CREATE, guildCreate has the other views
	Blank   json.RawMessage // as a session without MESSAGE_CONTENT sees it; nil = same as Body
}

// Intents that decide who gets an event (docs /events/gateway#list-of-intents).
const (
	worldIntentGuilds          = 1 << 0
	worldIntentMembers         = 1 << 1
	worldIntentModeration      = 1 << 2
	worldIntentExpressions     = 1 << 3
	worldIntentIntegrations    = 1 << 4
	worldIntentWebhooks        = 1 << 5
	worldIntentInvites         = 1 << 6
	worldIntentVoiceStates     = 1 << 7
	worldIntentPresences       = 1 << 8
	worldIntentMessages        = 1 << 9
	worldIntentReactions       = 1 << 10
	worldIntentTyping          = 1 << 11
	worldIntentDirectMessages  = 1 << 12
	worldIntentDirectReactions = 1 << 13
	worldIntentDirectTyping    = 1 << 14
	worldIntentScheduledEvents = 1 << 16
	worldIntentRules           = 1 << 20
	worldIntentExecution       = 1 << 21
	worldIntentPolls           = 1 << 24
	worldIntentDirectPolls     = 1 << 25
)

const (
	worldEpoch = 1420070400000 // ms since 1970 of the first second of 2015 (docs /reference#snowflakes)
	worldBirth = 1748736000000 // everything older than the first event happened before 2025-06-01
	worldDawn  = 1577836800000 // no guild is older than 2020
	// worldStep parts the creation times of guilds in ms. It is a prime, so the guilds spread evenly over any number of shards.
	worldStep = 104729
)

// worldSnowflake makes an id from a time in ms since 1970 and 22 bits (docs /reference#snowflakes).
func worldSnowflake(ms int64, low uint64) uint64 {
	return uint64(max(ms-worldEpoch, 0))<<22 | low&(1<<22-1)
}

// newWorld makes a world. It panics if cfg.Mix is not one that parseMix takes.
func newWorld(cfg worldConfig) *world {
	m, err := parseMix(cfg.Mix)
	if err != nil {
		panic(err.Error())
	}
	w := &world{
		mix:    m,
		cfg:    cfg,
		dice:   worldDiceFrom(cfg.Seed, 1),
		ids:    make([]uint64, cfg.Guilds),
		index:  make(map[uint64]int, cfg.Guilds),
		guilds: make([]*worldGuild, cfg.Guilds),
		lastID: worldSnowflake(worldBirth, 0),
	}
	d := worldDiceFrom(cfg.Seed, 2)
	first := worldDawn + d.Int64N(300*86_400_000)
	for i := range w.ids {
		w.ids[i] = worldSnowflake(first+int64(i)*worldStep, uint64(i+1))
		w.index[w.ids[i]] = i
	}
	w.users = make([]*worldUser, min(max(600, cfg.Guilds*20, cfg.MembersPerGuild*3/2+64), max(20_000, cfg.MembersPerGuild*3/2+64)))
	// Accounts are older than guilds, and apart from each other, so that no id is given twice.
	const youth = worldEpoch + 30*86_400_000
	gap := int64(worldDawn-youth) / int64(len(w.users)+1)
	account := func(i int) uint64 { return worldSnowflake(youth+int64(i)*gap+d.Int64N(gap), uint64(i)) }
	w.bot = newWorldUser(d, account(0), 0, true)
	w.app = w.bot.id
	for i := range w.users {
		w.users[i] = newWorldUser(d, account(i+1), i+1, d.oneIn(25))
	}
	w.activities = newWorldActivities(d, func() uint64 { return worldSnowflake(worldDawn-int64(1+d.IntN(1e9)), d.Uint64()) })
	w.dms.build(w, d)
	w.shop.build(w, d)
	return w
}

// botUser is READY's user.
func (w *world) botUser() json.RawMessage { return w.bot.own() }

// application is READY's partial application with every privileged intent switched on
// (docs /resources/application#application-object-application-flags).
func (w *world) application() json.RawMessage {
	return worldObject(func(j *worldJSON) {
		j.id("id", w.app)
		j.num("flags", 1<<12|1<<14|1<<18|1<<23)
	})
}

// guildIDs are the bot's guilds, oldest first. The caller must not change the slice.
func (w *world) guildIDs() []uint64 { return w.ids }

// guild builds a guild when it is first looked at, from its own dice: the order of looking changes nothing.
func (w *world) guild(id uint64) *worldGuild {
	i, ok := w.index[id]
	if !ok {
		return nil
	}
	if w.guilds[i] == nil {
		w.guilds[i] = newWorldGuild(w, i)
	}
	return w.guilds[i]
}

// newID returns an id that is newer than every other, of the time of the event where that is possible.
func (w *world) newID() uint64 {
	w.lastID = max(worldSnowflake(w.now, 0), w.lastID+1)
	return w.lastID
}

// start opens the object of an event's body.
func (w *world) start() *worldJSON {
	w.j.reset()
	w.j.open('{')
	return &w.j
}

// finish closes it and makes the event.
func (w *world) finish(t string, g *worldGuild, intents uint64) worldEvent {
	w.j.end('}')
	e := worldEvent{Type: t, Intents: intents, Body: w.j.text()}
	if g != nil {
		e.Guild = g.id
	}
	return e
}
