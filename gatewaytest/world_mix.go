package gatewaytest

import (
	"fmt"
	"strconv"
	"strings"
)

// mix says how often what happens.
type mix struct {
	shares []worldShare
	total  int
	bursts bool // some kinds come many at a time
}

type worldShare struct {
	kind   *worldKind
	weight int
}

// worldMostWeight keeps the sum of all weights within 32 bits.
const worldMostWeight = 1_000_000

// parseMix reads a mix: the name of one, or the weights of event types as in "MESSAGE_CREATE=45,TYPING_START=10".
// The names are chatty (also ""), quiet (presences, voice and everything rare, few messages), raid (crowds that join,
// write, and are banned, in bursts), and every (all types about equally often). Types that are not named do not happen,
// but for what others need: a ban of a member removes them, an outage ends.
func parseMix(text string) (mix, error) {
	var m mix
	switch text {
	case "", "chatty", "quiet", "raid", "every":
		for i := range worldLife {
			m.add(&worldLife[i], worldLife[i].weightIn(text))
		}
		m.bursts = text == "raid"
		return m, nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, number, ok := strings.Cut(part, "=")
		name, number = strings.TrimSpace(name), strings.TrimSpace(number)
		if !ok || name == "" || number == "" {
			return mix{}, fmt.Errorf("gatewaytest: mix %q: %q is neither the name of a mix nor an event type with a weight, as in MESSAGE_CREATE=45", text, part)
		}
		weight, err := strconv.Atoi(number)
		switch kind := worldKindOf(name); {
		case kind == nil:
			return mix{}, fmt.Errorf("gatewaytest: mix %q: %q is no event type that happens in a world", text, name)
		case seen[name]:
			return mix{}, fmt.Errorf("gatewaytest: mix %q: %s is there twice", text, name)
		case err != nil || weight < 0 || weight > worldMostWeight:
			return mix{}, fmt.Errorf("gatewaytest: mix %q: the weight %q of %s is not a whole number from 0 to %d", text, number, name, worldMostWeight)
		default:
			seen[name] = true
			m.add(kind, weight)
		}
	}
	if m.total == 0 {
		return mix{}, fmt.Errorf("gatewaytest: mix %q is empty: every weight is 0", text)
	}
	return m, nil
}

// add keeps the heaviest in front, where roll finds it first.
func (m *mix) add(k *worldKind, weight int) {
	if weight == 0 {
		return
	}
	at := len(m.shares)
	m.shares = append(m.shares, worldShare{})
	for ; at > 0 && m.shares[at-1].weight < weight; at-- {
		m.shares[at] = m.shares[at-1]
	}
	m.shares[at] = worldShare{k, weight}
	m.total += weight
}

func (m *mix) roll(d worldDice) *worldKind {
	n := d.IntN(m.total)
	for _, s := range m.shares {
		if n -= s.weight; n < 0 {
			return s.kind
		}
	}
	return m.shares[0].kind
}

// worldKind is one type of event and how it happens.
type worldKind struct {
	name string
	// act makes it happen, in a guild or, with a nil guild, in none. It reports false if that is impossible at the moment.
	act     func(*world, *worldGuild) (worldEvent, bool)
	where   worldWhere
	instead func(*world, *worldGuild) (worldEvent, bool) // nil, or what makes it possible again
	// Weights in the mixes of these names.
	chatty, quiet, raid int
}

// worldWhere is where an event type happens.
type worldWhere uint8

const (
	worldInGuild worldWhere = 1 << iota
	worldDirect             // in direct messages, or of no guild and no channel
	worldCrowd              // in bursts, in mixes that have them
	worldOld                // to a message: there are some from before the first event
	worldBoth    = worldInGuild | worldDirect
)

func (k *worldKind) weightIn(name string) int {
	switch name {
	case "quiet":
		return k.quiet
	case "raid":
		return k.raid
	case "every":
		return 1
	}
	return k.chatty
}

// worldKindOf returns nil for what does not happen in a world.
func worldKindOf(name string) *worldKind {
	for i := range worldLife {
		if worldLife[i].name == name {
			return &worldLife[i]
		}
	}
	return nil
}
