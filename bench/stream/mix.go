// Package stream makes the traffic of the benchmarks from a seed, and encodes it once for every compression.
package stream

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/model"
)

// Event is one dispatch of the mix.
type Event struct {
	Type    string
	Body    []byte
	Witness uint64
}

type witness interface{ Witness() uint64 }

// kinds are what happens how often, per thousand.
var kinds = []struct {
	name  string
	share int
	make  func(*Mix) witness
}{
	{"MESSAGE_CREATE", 450, func(m *Mix) witness { return m.message(true) }},
	{"PRESENCE_UPDATE", 245, func(m *Mix) witness { p := m.presence(m.user(), m.id(guildIDs)); return &p }},
	{"TYPING_START", 120, (*Mix).typing},
	{"MESSAGE_REACTION_ADD", 60, (*Mix).reaction},
	{"VOICE_STATE_UPDATE", 50, (*Mix).voice},
	{"GUILD_MEMBER_UPDATE", 40, (*Mix).memberUpdate},
	{"MESSAGE_UPDATE", 30, (*Mix).edit},
	{"GUILD_CREATE", 5, (*Mix).guild},
}

// Mix makes events. The same seed makes the same bytes.
type Mix struct {
	dice  *rand.Rand
	now   time.Time
	users []model.User
	last  uint64
}

// What a number of an id's last digits stands for, so that ids of a kind repeat as they do in life.
const (
	guildIDs   = 200
	channelIDs = 2000
	roleIDs    = 900
	users      = 4000
)

// NewMix begins anew.
func NewMix(seed uint64) *Mix {
	m := &Mix{dice: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	for range users {
		u := model.User{
			ID: m.fresh(), Username: strings.ToLower(m.words(1, 2, "_")) + strconv.Itoa(m.dice.IntN(1000)),
			Discriminator: "0", Avatar: m.hash(80), PublicFlags: m.dice.IntN(2) * 128, Bot: m.dice.IntN(25) == 0,
		}
		if m.dice.IntN(3) > 0 {
			u.GlobalName = new(m.words(1, 2, " "))
		}
		if m.dice.IntN(8) == 0 {
			u.AvatarDecorationData = &model.AvatarDecoration{Asset: "a_" + *m.hash(100), SKUID: m.id(roleIDs)}
		}
		m.users = append(m.users, u)
	}
	return m
}

// Next makes one event.
func (m *Mix) Next() Event {
	m.now = m.now.Add(time.Duration(m.dice.IntN(1000)) * time.Microsecond)
	roll := m.dice.IntN(1000)
	for _, k := range kinds {
		if roll -= k.share; roll < 0 {
			v := k.make(m)
			body, err := json.Marshal(v)
			if err != nil {
				panic(fmt.Sprintf("stream: %s: %v", k.name, err)) // the types are plain data
			}
			return Event{k.name, body, v.Witness()}
		}
	}
	panic("stream: the shares are not a thousand")
}

// fresh is an id of now that no other has.
func (m *Mix) fresh() chiru.Snowflake {
	m.last = max(m.last+1, uint64(m.now.UnixMilli()-1420070400000)<<22|m.dice.Uint64N(1<<22))
	return chiru.Snowflake(m.last)
}

// id is one of n ids.
func (m *Mix) id(n int) chiru.Snowflake {
	return chiru.Snowflake(1100000000000000000 + uint64(n)<<40 + uint64(m.dice.IntN(n))*7919*1000003)
}

func (m *Mix) ids(n, most int) []chiru.Snowflake {
	list := make([]chiru.Snowflake, m.dice.IntN(most+1))
	for i := range list {
		list[i] = m.id(n)
	}
	return list
}

// hash is an image's, there in so many of a hundred cases.
func (m *Mix) hash(percent int) *string {
	if m.dice.IntN(100) >= percent {
		return nil
	}
	return new(fmt.Sprintf("%016x%016x", m.dice.Uint64(), m.dice.Uint64()))
}

func (m *Mix) user() model.User { return m.users[min(m.dice.IntN(users), m.dice.IntN(users))] }

// past is a time of the last three years, as Discord writes it.
func (m *Mix) past() time.Time {
	return m.now.Add(-time.Duration(m.dice.Int64N(int64(3 * 365 * 24 * time.Hour)))).Truncate(time.Microsecond)
}

func (m *Mix) member(u *model.User) *model.Member {
	v := &model.Member{User: u, Roles: m.ids(roleIDs, 8), JoinedAt: m.past()}
	if m.dice.IntN(3) == 0 {
		v.Nick = new(m.words(1, 2, " "))
	}
	if m.dice.IntN(8) == 0 {
		v.PremiumSince = new(m.past())
	}
	return v
}

func (m *Mix) message(reply bool) *model.Message {
	v := &model.Message{
		ID: m.fresh(), ChannelID: m.id(channelIDs), GuildID: m.id(guildIDs), Author: m.user(), Member: m.member(nil),
		Content: m.words(2, 28, " "), Timestamp: m.now.Truncate(time.Microsecond), Nonce: m.fresh().String(),
		Mentions: []model.Mention{}, MentionRoles: m.ids(roleIDs, m.dice.IntN(2)),
		Attachments: []model.Attachment{}, Embeds: []model.Embed{}, Components: []struct{}{},
	}
	if m.dice.IntN(6) == 0 {
		u := m.user()
		v.Mentions = append(v.Mentions, model.Mention{User: u, Member: m.member(nil)})
	}
	if m.dice.IntN(9) == 0 {
		v.Attachments = append(v.Attachments, m.attachment(v.ChannelID))
	}
	for range max(0, m.dice.IntN(14)-11) {
		v.Embeds = append(v.Embeds, m.embed())
	}
	if reply && m.dice.IntN(5) == 0 {
		v.Type, v.ReferencedMessage = 19, m.message(false)
		v.MessageReference = &model.Reference{MessageID: v.ReferencedMessage.ID, ChannelID: v.ChannelID, GuildID: v.GuildID}
	}
	return v
}

func (m *Mix) attachment(channel chiru.Snowflake) model.Attachment {
	id, name := m.fresh(), m.words(1, 3, "_")+".png"
	path := "/attachments/" + channel.String() + "/" + id.String() + "/" + name + "?ex=" + *m.hash(100)
	return model.Attachment{
		ID: id, Filename: name, ContentType: "image/png", Size: m.dice.IntN(8 << 20), Width: m.dice.IntN(4000), Height: m.dice.IntN(4000),
		URL: "https://cdn.discordapp.com" + path, ProxyURL: "https://media.discordapp.net" + path,
	}
}

func (m *Mix) embed() model.Embed {
	e := model.Embed{
		Title: m.words(2, 8, " "), Type: "rich", Description: m.words(10, 60, " "), Color: m.dice.IntN(1 << 24),
		URL:    "https://example.com/" + m.words(1, 4, "/"),
		Footer: &model.EmbedFooter{Text: m.words(2, 5, " "), IconURL: "https://example.com/icons/" + *m.hash(100) + ".png"},
	}
	for range m.dice.IntN(4) {
		e.Fields = append(e.Fields, model.EmbedField{Name: m.words(1, 3, " "), Value: m.words(1, 12, " "), Inline: m.dice.IntN(2) == 0})
	}
	return e
}

func (m *Mix) edit() witness {
	v := m.message(false)
	v.EditedTimestamp = new(v.Timestamp)
	return v
}

func (m *Mix) presence(u model.User, guild chiru.Snowflake) model.PresenceUpdate {
	v := model.PresenceUpdate{GuildID: guild, Status: []string{"online", "idle", "dnd"}[m.dice.IntN(3)], Activities: []model.Activity{}}
	v.User.ID = u.ID
	v.ClientStatus = model.ClientStatus{Desktop: v.Status}
	if m.dice.IntN(2) == 0 {
		v.Activities = append(v.Activities, model.Activity{
			ID: "custom", Name: "Custom Status", Type: 4, CreatedAt: m.now.UnixMilli(), State: m.words(1, 6, " "), Emoji: &model.Emoji{Name: "🌿"},
		})
	}
	for range m.dice.IntN(3) {
		start := m.past().UnixMilli()
		v.Activities = append(v.Activities, model.Activity{
			ID: fmt.Sprintf("%x", m.dice.Uint64()), Name: m.words(1, 3, " "), CreatedAt: m.now.UnixMilli(),
			Timestamps: &model.ActivityTimes{Start: start, End: start + 200_000}, ApplicationID: m.id(roleIDs),
			Details: m.words(2, 6, " "), State: m.words(1, 5, " "), Flags: 1,
			Party:  &model.ActivityParty{ID: *m.hash(100), Size: []int{1 + m.dice.IntN(4), 5}},
			Assets: &model.ActivityAssets{LargeImage: m.id(roleIDs).String(), LargeText: m.words(1, 4, " "), SmallImage: m.id(roleIDs).String(), SmallText: m.words(1, 2, " ")},
		})
	}
	return v
}

func (m *Mix) typing() witness {
	u := m.user()
	return &model.TypingStart{ChannelID: m.id(channelIDs), GuildID: m.id(guildIDs), UserID: u.ID, Timestamp: m.now.Unix(), Member: m.member(&u)}
}

func (m *Mix) reaction() witness {
	u := m.user()
	return &model.MessageReactionAdd{
		UserID: u.ID, ChannelID: m.id(channelIDs), MessageID: m.fresh(), GuildID: m.id(guildIDs), Member: m.member(&u),
		Emoji: m.emoji(), MessageAuthorID: m.user().ID,
	}
}

func (m *Mix) emoji() model.Emoji {
	if m.dice.IntN(2) == 0 {
		return model.Emoji{Name: "🔥"}
	}
	return model.Emoji{ID: new(m.id(roleIDs)), Name: m.words(1, 2, "_"), Animated: m.dice.IntN(4) == 0}
}

func (m *Mix) voiceState(u model.User) model.VoiceState {
	return model.VoiceState{
		ChannelID: new(m.id(channelIDs)), UserID: u.ID, SessionID: *m.hash(100),
		SelfMute: m.dice.IntN(2) == 0, SelfDeaf: m.dice.IntN(4) == 0,
	}
}

func (m *Mix) voice() witness {
	u := m.user()
	v := m.voiceState(u)
	v.GuildID, v.Member = m.id(guildIDs), m.member(&u)
	return &v
}

func (m *Mix) memberUpdate() witness {
	u := m.user()
	return &model.GuildMemberUpdate{GuildID: m.id(guildIDs), Member: *m.member(&u)}
}
