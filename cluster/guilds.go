package cluster

import (
	"sync"

	"github.com/chiru-go/chiru"
)

// Guilds counts a shard's guilds. They are known from READY on, so not of a session that another process began, and only
// with IntentGuilds.
type Guilds struct {
	Known       bool
	Pending     int // named by READY, and not come yet
	Available   int
	Unavailable int // in an outage
}

type guildState uint8

const (
	pending guildState = iota
	available
	unavailable
)

// guilds follows READY, GUILD_CREATE and GUILD_DELETE (docs /events/gateway-events#guild-create, #guild-delete).
type guilds struct {
	mu    sync.Mutex
	known bool
	of    map[chiru.Snowflake]guildState
}

type guildBody struct {
	ID          chiru.Snowflake `json:"id"`
	Unavailable bool            `json:"unavailable"`
}

func (g *guilds) ready(d *chiru.Dispatch, told bool) {
	body, err := chiru.Decode[struct {
		Guilds []guildBody `json:"guilds"`
	}](d)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.of = err == nil && told, nil
	if g.known {
		g.of = make(map[chiru.Snowflake]guildState, len(body.Guilds))
		for _, guild := range body.Guilds {
			g.of[guild.ID] = pending
		}
	}
}

func (g *guilds) create(d *chiru.Dispatch) {
	g.set(d, func(body guildBody) {
		g.of[body.ID] = available
		if body.Unavailable {
			g.of[body.ID] = unavailable
		}
	})
}

func (g *guilds) delete(d *chiru.Dispatch) {
	g.set(d, func(body guildBody) {
		if body.Unavailable { // only true means an outage
			g.of[body.ID] = unavailable
		} else {
			delete(g.of, body.ID)
		}
	})
}

func (g *guilds) set(d *chiru.Dispatch, do func(guildBody)) {
	g.mu.Lock()
	known := g.known
	g.mu.Unlock()
	if !known {
		return
	}
	body, err := chiru.Decode[guildBody](d)
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known {
		do(body)
	}
}

func (g *guilds) count() Guilds {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := Guilds{Known: g.known}
	for _, state := range g.of {
		switch state {
		case pending:
			n.Pending++
		case available:
			n.Available++
		case unavailable:
			n.Unavailable++
		}
	}
	return n
}
