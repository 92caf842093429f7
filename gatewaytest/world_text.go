package gatewaytest

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// worldDice is a seeded source of everything that is left to chance.
type worldDice struct{ *rand.Rand }

func worldDiceFrom(seed, stream uint64) worldDice {
	return worldDice{rand.New(rand.NewPCG(seed, stream))}
}

func (d worldDice) oneIn(n int) bool { return d.IntN(n) == 0 }

// between returns a number in [lo, hi].
func (d worldDice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// hash returns an image hash; about one in ten is of an animated image (docs /reference#image-formatting).
func (d worldDice) hash() string {
	if d.oneIn(10) {
		return "a_" + d.hex(32)
	}
	return d.hex(32)
}

// hex returns n hexadecimal digits.
func (d worldDice) hex(n int) string {
	b := make([]byte, 0, 64)
	for len(b) < n {
		v := d.Uint64()
		for range 16 {
			b = append(b, worldHex[v&15])
			v >>= 4
		}
	}
	return string(b[:n])
}

// hashOrNone returns a hash in one of n cases and "" otherwise.
func (d worldDice) hashOrNone(n int) string {
	if d.oneIn(n) {
		return d.hash()
	}
	return ""
}

func worldPick[T any](d worldDice, from []T) T { return from[d.IntN(len(from))] }

// Sentences with holes: {t} a thing, {g} a game, {n} a number, {d} a day.
var worldSentences = []string{
	"anyone up for {g} tonight?", "gg", "lol", "brb 5 min", "did you see the new {g} trailer", "same", "nah I'm good, maybe {d}",
	"the {t} is broken again", "who left the {t} on fire this time", "good morning everyone", "ok but why does {g} need {n} GB",
	"I finished {g} in {n} hours and I regret nothing", "can someone help me with my {t}?", "works on my machine",
	"it says \"{t} not found\" since {d}", "just pushed a fix, try again", "thanks, that did it!", "meeting moved to {d}",
	"{n} people in voice and nobody says a word", "my cat walked over the {t}", "I need coffee", "what time is it for you?",
	"that's the best {t} I have seen all week", "path is C:\\games\\{g}\\{n}", "wait, what?", "no way", "yes", "no", "maybe {d}",
	"reminder: {t} night is on {d} at 20:00", "someone pinned the wrong {t}", "has anybody tried the {t} from last week?",
	"line one\nline two\n\nline four", "```go\nfmt.Println(\"{t}\", {n})\n```", "`{t}_{n}` is not a valid name",
	"> quoted {t}\nI disagree", "**big** news about the *{t}*", "||{g} ends with the {t}||", "she said: \"the {t} stays\"",
	"1\t2\t{n}", "https://example.com/{t}?q={n}&x=<y>", "just landed, see you {d}", "ranked is impossible today, {n} losses",
	"does the {t} work on linux", "if you need me I am in the {t} channel", "we hit {n} members!!", "sending the {t} now",
	"I'd rather play {g}", "please read the rules before asking about the {t}", "the queue is {n} minutes, so let us talk about {t}",
}

var worldThings = []string{
	"build", "server", "keyboard", "bot", "playlist", "map", "cake", "router", "mod", "update", "stream", "pizza", "patch",
	"schedule", "tournament", "emote", "wiki", "headset", "backup", "poll", "screenshot", "café", "Straße", "日本語", "задача", "jalapeño",
}

var worldGames = []string{
	"Factory Planet", "Rocket Soccer", "Deep Mine", "Starfield Golf", "Chess", "Tower Keeper", "Pixel Racer", "Café Tycoon", "ナイトシティ", "Ödland 2",
}

var worldDays = []string{"tomorrow", "friday", "saturday", "sunday", "monday", "next week"}

var worldTails = []string{"😂", "👍", "🎉", "❤️", "👨‍👩‍👧", "🔥🔥🔥", "…", " :)", " ¯\\_(ツ)_/¯", " 🇪🇺", "\u200b", " <3", "!!"}

var worldEmojiChars = []string{"👍", "❤️", "😂", "🔥", "🎉", "👀", "✅", "🤔", "👨‍👩‍👧", "🇪🇺", "1️⃣", "🏳️‍🌈"}

func (d worldDice) sentence() string {
	s := d.fill(worldPick(d, worldSentences))
	switch {
	case d.oneIn(6):
		s += worldPick(d, worldTails)
	case d.oneIn(12):
		for range d.between(2, 8) {
			s += " " + d.fill(worldPick(d, worldSentences))
		}
	}
	return s
}

func (d worldDice) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	b := make([]byte, 0, len(s)+32)
	for i := 0; i < len(s); i++ {
		if s[i] != '{' || i+2 >= len(s) || s[i+2] != '}' {
			b = append(b, s[i])
			continue
		}
		switch s[i+1] {
		case 't':
			b = append(b, worldPick(d, worldThings)...)
		case 'g':
			b = append(b, worldPick(d, worldGames)...)
		case 'd':
			b = append(b, worldPick(d, worldDays)...)
		default:
			b = strconv.AppendInt(b, int64(d.between(2, 900)), 10)
		}
		i += 2
	}
	return string(b)
}

var (
	worldFirst = []string{"red", "lazy", "quiet", "pixel", "nova", "tiny", "frost", "iron", "mellow", "neon", "salty", "lucky", "öko", "mr", "captain", "ghost"}
	worldLast  = []string{"fox", "panda", "otter", "bean", "byte", "storm", "cactus", "moth", "raven", "noodle", "comet", "badger", "tiger", "waffle", "owl", "kraken"}
	worldNames = []string{
		"general", "memes", "off-topic", "music", "help", "showcase", "art", "gaming", "bots", "releases", "feedback", "food", "pets", "dev-log",
		"looking-for-group", "screenshots", "日本語", "deutsch", "support", "introductions", "media", "trades", "events", "random",
	}
)

// handle returns a username: lower case, the index keeps it apart from others.
func (d worldDice) handle(i int) string {
	return worldPick(d, worldFirst) + "." + worldPick(d, worldLast) + strconv.Itoa(i)
}

func (d worldDice) title() string {
	a, b := worldPick(d, worldFirst), worldPick(d, worldLast)
	switch d.IntN(5) {
	case 0:
		return a + " " + b + " " + worldPick(d, worldEmojiChars)
	case 1:
		return "the \"" + b + "\""
	case 2:
		return strings.ToUpper(b)
	}
	return a + " " + b
}
