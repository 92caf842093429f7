package chiru

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Intents choose which events Discord sends (docs /events/gateway#list-of-intents).
// The zero value means IntentsUnprivileged.
type Intents uint64

// The intents of docs /events/gateway#list-of-intents. GuildMembers, GuildPresences and
// MessageContent are privileged: Discord closes with 4014 unless they are switched on for the app.
const (
	IntentGuilds                      Intents = 1 << 0
	IntentGuildMembers                Intents = 1 << 1
	IntentGuildModeration             Intents = 1 << 2
	IntentGuildExpressions            Intents = 1 << 3
	IntentGuildIntegrations           Intents = 1 << 4
	IntentGuildWebhooks               Intents = 1 << 5
	IntentGuildInvites                Intents = 1 << 6
	IntentGuildVoiceStates            Intents = 1 << 7
	IntentGuildPresences              Intents = 1 << 8
	IntentGuildMessages               Intents = 1 << 9
	IntentGuildMessageReactions       Intents = 1 << 10
	IntentGuildMessageTyping          Intents = 1 << 11
	IntentDirectMessages              Intents = 1 << 12
	IntentDirectMessageReactions      Intents = 1 << 13
	IntentDirectMessageTyping         Intents = 1 << 14
	IntentMessageContent              Intents = 1 << 15
	IntentGuildScheduledEvents        Intents = 1 << 16
	IntentAutoModerationConfiguration Intents = 1 << 20
	IntentAutoModerationExecution     Intents = 1 << 21
	IntentGuildMessagePolls           Intents = 1 << 24
	IntentDirectMessagePolls          Intents = 1 << 25
)

const (
	// IntentsPrivileged are the three that need approval.
	IntentsPrivileged = IntentGuildMembers | IntentGuildPresences | IntentMessageContent
	// IntentsAll is every intent, the privileged ones included.
	IntentsAll Intents = 0x331FFFF
	// IntentsUnprivileged is every intent that needs no approval.
	IntentsUnprivileged = IntentsAll &^ IntentsPrivileged
	// IntentsNone asks for the events that need no intent, and no others. It is a bit of its
	// own, so that it differs from an unset field; it is never sent and stands alone.
	IntentsNone Intents = 1 << 63
)

var intentNames = []struct {
	bit  Intents
	name string
}{
	{IntentGuilds, "GUILDS"},
	{IntentGuildMembers, "GUILD_MEMBERS"},
	{IntentGuildModeration, "GUILD_MODERATION"},
	{IntentGuildExpressions, "GUILD_EXPRESSIONS"},
	{IntentGuildIntegrations, "GUILD_INTEGRATIONS"},
	{IntentGuildWebhooks, "GUILD_WEBHOOKS"},
	{IntentGuildInvites, "GUILD_INVITES"},
	{IntentGuildVoiceStates, "GUILD_VOICE_STATES"},
	{IntentGuildPresences, "GUILD_PRESENCES"},
	{IntentGuildMessages, "GUILD_MESSAGES"},
	{IntentGuildMessageReactions, "GUILD_MESSAGE_REACTIONS"},
	{IntentGuildMessageTyping, "GUILD_MESSAGE_TYPING"},
	{IntentDirectMessages, "DIRECT_MESSAGES"},
	{IntentDirectMessageReactions, "DIRECT_MESSAGE_REACTIONS"},
	{IntentDirectMessageTyping, "DIRECT_MESSAGE_TYPING"},
	{IntentMessageContent, "MESSAGE_CONTENT"},
	{IntentGuildScheduledEvents, "GUILD_SCHEDULED_EVENTS"},
	{IntentAutoModerationConfiguration, "AUTO_MODERATION_CONFIGURATION"},
	{IntentAutoModerationExecution, "AUTO_MODERATION_EXECUTION"},
	{IntentGuildMessagePolls, "GUILD_MESSAGE_POLLS"},
	{IntentDirectMessagePolls, "DIRECT_MESSAGE_POLLS"},
}

// Has reports whether every bit of want is set, after the zero value is read as IntentsUnprivileged.
func (i Intents) Has(want Intents) bool { return i.wire()&want == want }

// wire is the number Discord gets.
func (i Intents) wire() Intents {
	if i == 0 {
		return IntentsUnprivileged
	}
	return i &^ IntentsNone
}

// String gives Discord's names joined by commas, "none" for IntentsNone, and bits without a
// name as a number. ParseIntents reads it back.
func (i Intents) String() string {
	if i == IntentsNone {
		return "none"
	}
	rest := i.wire()
	names := make([]string, 0, bits.OnesCount64(uint64(rest)))
	for _, n := range intentNames {
		if rest&n.bit != 0 {
			names = append(names, n.name)
			rest &^= n.bit
		}
	}
	if rest != 0 {
		names = append(names, strconv.FormatUint(uint64(rest), 10))
	}
	return strings.Join(names, ",")
}

// ParseIntents reads names in any case ("guilds,guild_messages"), the words all, none,
// unprivileged and privileged, and numbers, separated by commas, spaces or "|".
func ParseIntents(s string) (Intents, error) {
	var got Intents
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '|' })
	if len(words) == 0 {
		return 0, fmt.Errorf("chiru: no intents in %q", s)
	}
	for _, word := range words {
		bit, ok := intentNamed(word)
		if !ok {
			return 0, fmt.Errorf("chiru: unknown intent %q", word)
		}
		got |= bit
	}
	if got&IntentsNone != 0 && got != IntentsNone {
		return 0, fmt.Errorf("chiru: intents %q: none cannot stand with others", s)
	}
	return got, nil
}

func intentNamed(word string) (Intents, bool) {
	switch strings.ToLower(word) {
	case "all":
		return IntentsAll, true
	case "none":
		return IntentsNone, true
	case "unprivileged":
		return IntentsUnprivileged, true
	case "privileged":
		return IntentsPrivileged, true
	}
	for _, n := range intentNames {
		if strings.EqualFold(word, n.name) {
			return n.bit, true
		}
	}
	n, err := strconv.ParseUint(word, 0, 63)
	if n == 0 && err == nil {
		return IntentsNone, true
	}
	return Intents(n), err == nil
}

// MarshalText writes what String gives.
func (i Intents) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what ParseIntents reads.
func (i *Intents) UnmarshalText(text []byte) error {
	parsed, err := ParseIntents(string(text))
	if err == nil {
		*i = parsed
	}
	return err
}
