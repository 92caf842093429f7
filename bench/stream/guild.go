package stream

import (
	"strconv"
	"strings"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/model"
)

// guild is a GUILD_CREATE of 80 to 200 KB.
func (m *Mix) guild() witness {
	g := &model.GuildCreate{
		ID: m.id(guildIDs), Name: m.words(1, 4, " "), Icon: m.hash(80), OwnerID: m.user().ID, AFKTimeout: 300, VerificationLevel: 1,
		DefaultMessageNotifications: 1, ExplicitContentFilter: 2, Features: []string{"COMMUNITY", "NEWS", "INVITE_SPLASH", "ANIMATED_ICON"},
		SystemChannelID: new(m.id(channelIDs)), RulesChannelID: new(m.id(channelIDs)), Description: new(m.words(4, 20, " ")),
		PremiumTier: m.dice.IntN(4), PremiumSubscriptionCount: m.dice.IntN(30), PreferredLocale: "en-US", JoinedAt: m.past(),
		VoiceStates: []model.VoiceState{}, Threads: []model.Channel{}, StageInstances: []struct{}{}, GuildScheduledEvents: []struct{}{},
		Stickers: []struct{}{}, SoundboardSounds: []struct{}{}, Large: true,
	}
	for i := range 20 + m.dice.IntN(40) {
		g.Roles = append(g.Roles, model.Role{
			ID: m.id(roleIDs), Name: m.words(1, 3, " "), Color: m.dice.IntN(1 << 24), Hoist: i%5 == 0, Position: i,
			Permissions: strconv.FormatUint(m.dice.Uint64N(1<<46), 10), Mentionable: i%3 == 0,
		})
	}
	for i := range 30 + m.dice.IntN(50) {
		g.Channels = append(g.Channels, m.channel(i))
	}
	for range 10 + m.dice.IntN(60) {
		g.Emojis = append(g.Emojis, model.Emoji{
			ID: new(m.id(roleIDs)), Name: m.words(1, 2, "_"), Roles: []chiru.Snowflake{}, RequireColons: true, Available: true,
		})
	}
	members := 85 + m.dice.IntN(115)
	for i := range members {
		u := m.user()
		g.Members = append(g.Members, *m.member(&u))
		if i%2 == 0 {
			g.Presences = append(g.Presences, m.presence(u, 0))
		}
		if i%12 == 0 {
			g.VoiceStates = append(g.VoiceStates, m.voiceState(u))
		}
	}
	g.MemberCount = members * 4
	return g
}

func (m *Mix) channel(i int) model.Channel {
	c := model.Channel{
		ID: m.id(channelIDs), Type: []int{0, 0, 0, 2, 4, 5}[i%6], Position: i, Name: m.words(1, 3, "-"),
		LastMessageID: new(m.fresh()), ParentID: new(m.id(channelIDs)), PermissionOverwrites: []model.Overwrite{},
	}
	if c.Type == 0 {
		c.Topic = new(m.words(3, 15, " "))
	}
	for range m.dice.IntN(4) {
		c.PermissionOverwrites = append(c.PermissionOverwrites, model.Overwrite{
			ID: m.id(roleIDs), Allow: strconv.FormatUint(m.dice.Uint64N(1<<20), 10), Deny: strconv.FormatUint(m.dice.Uint64N(1<<20), 10),
		})
	}
	return c
}

var vocabulary = strings.Fields(`a about after all also and any are as at away back bad be because bed been before best better big bot but by
call can channel check close code come cool could day did different do does done down each easy else end even every fast few find first for
friend from fun game get give go good great green group had has have he help her here him his hold home hour how idea if in into is it its
join just keep kind know large last later leave less let life light like line list little live long look lot made make many maybe me mean
message might mind more morning most much music must my name need never new next night no nobody not nothing now of off often old on once
one only open or other our out over part people place plan play please point problem quick quiet rather read really red right role round
said same say see send server she short should side since small so some something soon sound start still stop such take talk tell than
thank that the their them then there these they thing think this those though time to today together tomorrow too try turn two under until
up update us use user very voice wait want was watch water way we week well went were what when where which while who why will win with
without word work world would write wrong yeah year yes yesterday yet you your`)

// words are most likely the first ones of the vocabulary, as in any language.
func (m *Mix) words(least, most int, sep string) string {
	var b strings.Builder
	for i := range least + m.dice.IntN(most-least+1) {
		if i > 0 {
			b.WriteString(sep)
		}
		n := len(vocabulary)
		b.WriteString(vocabulary[(m.dice.IntN(n)+m.dice.IntN(n)/2)%n])
	}
	return b.String()
}
