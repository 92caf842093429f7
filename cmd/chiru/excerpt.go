package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
)

// part is one thing worth knowing of a body; without a label it is free text.
type part struct{ label, value string }

// body is what people want to see of any event. Discord uses these names for the same things everywhere
// (docs /events/gateway-events#receive-events), so one type does for all.
type body struct {
	ID        word   `json:"id"`
	GuildID   word   `json:"guild_id"`
	ChannelID word   `json:"channel_id"`
	MessageID word   `json:"message_id"`
	UserID    word   `json:"user_id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	Content   string `json:"content"`

	Author person `json:"author"`
	User   person `json:"user"`
	Member struct {
		User person `json:"user"`
	} `json:"member"`
	Emoji named    `json:"emoji"`
	Role  named    `json:"role"`
	Data  struct { // of an interaction
		Name     string `json:"name"`
		CustomID string `json:"custom_id"`
	} `json:"data"`

	Guilds      []struct{} `json:"guilds"`
	Channels    []struct{} `json:"channels"`
	Members     []struct{} `json:"members"`
	Embeds      []struct{} `json:"embeds"`
	Attachments []struct{} `json:"attachments"`
	MemberCount int        `json:"member_count"`
	Unavailable bool       `json:"unavailable"`
}

type named struct {
	Name string `json:"name"`
}

type person struct {
	ID       word   `json:"id"`
	Username string `json:"username"`
}

func (p person) name() string { return cmp.Or(p.Username, string(p.ID)) }

// word is an id: a string, though older events have numbers.
type word string

func (w *word) UnmarshalJSON(text []byte) error {
	if string(text) != "null" {
		*w = word(strings.Trim(string(text), `"`))
	}
	return nil
}

const longestContent = 48 // cells: ids should still fit on the line

// excerpt is what to show of a body: who and what first, ids after that. All of it is clean.
func excerpt(eventType string, raw []byte) []part {
	if eventType == "RESUMED" {
		return []part{{"", "all missed events have come"}}
	}
	var b body
	// An event of Discord's that uses a name for something else fails on that name only.
	_ = json.Unmarshal(raw, &b)
	var parts []part
	add := func(label, value string) {
		if value = clean(value); value != "" {
			parts = append(parts, part{label, value})
		}
	}
	amount := func(label string, n int) {
		if n > 0 {
			add(label, strconv.Itoa(n))
		}
	}
	add("user", cmp.Or(b.Author.name(), b.User.name(), b.Member.User.name(), string(b.UserID)))
	add("name", quote(cmp.Or(b.Name, b.Role.Name, b.Data.Name, b.Data.CustomID)))
	add("emoji", b.Emoji.Name)
	add("status", b.Status)
	add("", quote(b.Content))
	amount("guilds", len(b.Guilds))
	amount("members", max(b.MemberCount, len(b.Members)))
	amount("channels", len(b.Channels))
	amount("embeds", len(b.Embeds))
	amount("attachments", len(b.Attachments))
	if b.Unavailable {
		add("", "unavailable")
	}
	if eventType == "VOICE_STATE_UPDATE" && b.ChannelID == "" {
		add("", "left")
	}
	add("guild", string(b.GuildID))
	add("channel", string(b.ChannelID))
	add("message", string(b.MessageID))
	add("id", string(b.ID))
	if parts == nil {
		add("", whole(raw))
	}
	return parts
}

func quote(text string) string {
	if text == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(cut(clean(text), longestContent), `"`, `\"`) + `"`
}

// whole is a body of which nothing is known.
func whole(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw[:min(len(raw), 1000)])
	}
	return string(b.Bytes()[:min(b.Len(), 1000)])
}
