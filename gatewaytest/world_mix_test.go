package gatewaytest

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// worldCountKinds makes n events of a mix.
func worldCountKinds(mix string, n int) map[string]int {
	seen := map[string]int{}
	worldRun(newWorld(worldConfig{Seed: 5, Guilds: 10, Mix: mix}), n, func(e worldEvent) { seen[e.Type]++ })
	return seen
}

// The tables of fields, of intents and of kinds list the same events: all but those a session brings about.
func TestWorldTablesListTheSameEvents(t *testing.T) {
	tables := slices.Sorted(maps.Keys(worldEvents))
	tables = append(tables, slices.Sorted(maps.Keys(worldRareEvents))...)
	slices.Sort(tables)
	var kinds []string
	for _, k := range worldLife {
		kinds = append(kinds, k.name)
	}
	slices.Sort(kinds)
	if !slices.Equal(tables, kinds) || !slices.Equal(slices.Sorted(maps.Keys(worldIntents)), kinds) {
		t.Errorf("got kinds %v, fields of %v, want the same", kinds, tables)
	}
	if want := 79 - 7; len(kinds) != want { // docs /events/gateway-events#receive-events
		t.Errorf("got %d kinds, want %d", len(kinds), want)
	}
}

func TestWorldMixEveryShowsEveryKindAboutEquallyOften(t *testing.T) {
	const n = 10_000
	seen := worldCountKinds("every", n)
	for _, k := range worldLife {
		if got := seen[k.name]; got < n/len(worldLife)/4 || got > n/len(worldLife)*4 {
			t.Errorf("%s: got %d of %d, want about %d", k.name, got, n, n/len(worldLife))
		}
	}
}

func TestWorldMixesDiffer(t *testing.T) {
	const n = 8_000
	counts := map[string]map[string]int{}
	crowd := []string{"GUILD_MEMBER_ADD", "MESSAGE_CREATE", "AUTO_MODERATION_ACTION_EXECUTION", "GUILD_BAN_ADD", "MESSAGE_DELETE_BULK"}
	for _, c := range []struct {
		mix      string
		names    []string
		min, max float64
	}{
		{"", []string{"MESSAGE_CREATE"}, 0.42, 0.52},
		{"chatty", []string{"MESSAGE_CREATE"}, 0.42, 0.52},
		{"quiet", []string{"MESSAGE_CREATE"}, 0.05, 0.15},
		{"quiet", []string{"PRESENCE_UPDATE", "TYPING_START", "VOICE_STATE_UPDATE"}, 0.55, 0.75},
		{"raid", crowd, 0.75, 0.95},
		{"raid", []string{"GUILD_MEMBER_ADD"}, 0.05, 0.4},
		{"raid", []string{"GUILD_BAN_ADD"}, 0.04, 0.3},
		{"raid", []string{"AUTO_MODERATION_ACTION_EXECUTION"}, 0.04, 0.3},
		{"raid", []string{"MESSAGE_DELETE_BULK"}, 0.01, 0.1},
		{"MESSAGE_CREATE=45,TYPING_START=10", []string{"MESSAGE_CREATE"}, 0.79, 0.85},
		{"MESSAGE_CREATE=45, TYPING_START = 10", []string{"MESSAGE_CREATE", "TYPING_START"}, 1, 1},
	} {
		if counts[c.mix] == nil {
			counts[c.mix] = worldCountKinds(c.mix, n)
		}
		got := 0.0
		for _, name := range c.names {
			got += float64(counts[c.mix][name]) / n
		}
		if got < c.min-1e-9 || got > c.max+1e-9 {
			t.Errorf("mix %q, %v: got %.3f of all events, want %.2f to %.2f", c.mix, c.names, got, c.min, c.max)
		}
	}
}

// A raid is many joining in a row, in one guild.
func TestWorldRaidComesInBursts(t *testing.T) {
	longest, run := 0, 0
	var last worldEvent
	worldRun(newWorld(worldConfig{Seed: 5, Guilds: 10, Mix: "raid"}), 5_000, func(e worldEvent) {
		if e.Type == "GUILD_MEMBER_ADD" && last.Type == e.Type && last.Guild == e.Guild {
			run++
		} else {
			run = 0
		}
		longest, last = max(longest, run), e
	})
	if longest < 6 {
		t.Errorf("got at most %d members joining a guild in a row, want more", longest+1)
	}
}

func TestWorldMixErrorsSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"loud", `"loud" is neither the name of a mix nor an event type with a weight`},
		{" ", `" " is neither`},
		{"MESSAGE_CREATE=1,", `"" is neither`},
		{"MESSAGE_CREATE=", `"MESSAGE_CREATE=" is neither`},
		{"=3", `"=3" is neither`},
		{"MESSAGE_CREAT=1", `"MESSAGE_CREAT" is no event type`},
		{"READY=1", `"READY" is no event type that happens in a world`},
		{"MESSAGE_CREATE=1,TYPING_START=-2", `the weight "-2" of TYPING_START is not a whole number from 0 to 1000000`},
		{"MESSAGE_CREATE=1.5", `the weight "1.5"`},
		{"MESSAGE_CREATE=99999999999999999999", "is not a whole number"},
		{"MESSAGE_CREATE=1,MESSAGE_CREATE=2", "MESSAGE_CREATE is there twice"},
		{"MESSAGE_CREATE=0", "every weight is 0"},
	} {
		if _, err := parseMix(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("parseMix(%q): got %v, want an error with %q", c.text, err, c.want)
		}
	}
}
