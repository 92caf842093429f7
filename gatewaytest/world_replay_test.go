package gatewaytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

type worldID = string

// worldBody is what the replay looks at, of every event and of GUILD_CREATE.
type worldBody struct {
	ID        worldID
	Type      int
	GuildID   worldID  `json:"guild_id"`
	ChannelID *worldID `json:"channel_id"`
	ParentID  worldID  `json:"parent_id"`
	UserID    worldID  `json:"user_id"`
	MessageID worldID  `json:"message_id"`
	SessionID string   `json:"session_id"`
	Timestamp any
	WebhookID worldID `json:"webhook_id"`
	User      struct{ ID worldID }
	Author    struct{ ID worldID }
	Role      struct{ ID worldID }
	Emoji     struct{ ID, Name *string }
	Member    json.RawMessage
	Roles     json.RawMessage
	Reference *struct {
		Type      int
		MessageID worldID `json:"message_id"`
		ChannelID worldID `json:"channel_id"`
	} `json:"message_reference"`
	Referenced  json.RawMessage         `json:"referenced_message"`
	Metadata    struct{ Archived bool } `json:"thread_metadata"`
	Status      string
	Members     []struct{ User struct{ ID worldID } }
	Channels    []worldBody
	Threads     []worldBody
	Voice       []worldBody `json:"voice_states"`
	MemberCount int         `json:"member_count"`
}

type worldSeen struct {
	channel, author worldID
	deleted         bool
	reactions       map[string]bool
}

// worldModel is a client's picture of one guild, or of the DMs, built from dispatches alone.
type worldModel struct {
	t        *testing.T
	members  map[worldID]bool
	roles    map[worldID]bool
	channels map[worldID]int // type
	threads  map[worldID]worldID
	voice    map[worldID][2]string // channel, session
	messages map[worldID]*worldSeen
	newest   worldID
}

func newWorldModel(t *testing.T, create []byte) *worldModel {
	m := &worldModel{t: t, members: map[worldID]bool{}, roles: map[worldID]bool{}, channels: map[worldID]int{}, threads: map[worldID]worldID{},
		voice: map[worldID][2]string{}, messages: map[worldID]*worldSeen{}}
	if create == nil {
		return m
	}
	var g worldBody
	if err := json.Unmarshal(create, &g); err != nil {
		t.Fatal(err)
	}
	var roles []struct{ ID worldID }
	if err := json.Unmarshal(g.Roles, &roles); err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		m.roles[r.ID] = true
	}
	for _, u := range g.Members {
		m.members[u.User.ID] = true
	}
	for _, c := range g.Channels {
		m.channels[c.ID] = c.Type
	}
	for _, c := range g.Threads {
		m.threads[c.ID] = c.ParentID
	}
	for _, v := range g.Voice {
		m.voice[v.UserID] = [2]string{*v.ChannelID, v.SessionID}
	}
	if len(m.members) != g.MemberCount {
		t.Errorf("guild %s: got %d members of %d", g.ID, len(m.members), g.MemberCount)
	}
	return m
}

func (m *worldModel) want(ok bool, e worldEvent, rule string) {
	if !ok {
		m.t.Errorf("%s: %s: %s", e.Type, rule, e.Body)
	}
}

func (m *worldModel) talks(id worldID) bool {
	kind, ok := m.channels[id]
	_, thread := m.threads[id]
	return thread || ok && kind != worldGuildCategory && kind != worldForum && kind != worldMedia
}

func (m *worldModel) apply(e worldEvent, now time.Time) {
	var b worldBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		m.t.Fatalf("%s: %v", e.Type, err)
	}
	var channel worldID
	if b.ChannelID != nil {
		channel = *b.ChannelID
	}
	direct := e.Guild == 0
	switch e.Type {
	case "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE":
		m.message(e, &b, channel, now)
	case "TYPING_START":
		m.want(direct || m.members[b.UserID] && m.talks(channel), e, "who types is a member, and in a channel")
	case "PRESENCE_UPDATE":
		m.want(m.members[b.User.ID], e, "whose presence changes is a member")
	case "INTERACTION_CREATE":
		m.want(direct || m.talks(channel), e, "an interaction is in a channel")
	case "VOICE_STATE_UPDATE":
		m.voiceState(e, &b, channel)
	case "GUILD_MEMBER_ADD":
		m.want(!m.members[b.User.ID], e, "who joins was no member")
		m.members[b.User.ID] = true
	case "GUILD_MEMBER_REMOVE":
		_, talking := m.voice[b.User.ID]
		m.want(m.members[b.User.ID] && !talking, e, "who leaves was a member and is not in voice")
		delete(m.members, b.User.ID)
	case "GUILD_MEMBER_UPDATE":
		var roles []worldID
		if err := json.Unmarshal(b.Roles, &roles); err != nil {
			m.t.Fatal(err)
		}
		for _, r := range roles {
			m.want(m.roles[r], e, "a member's role exists")
		}
		m.want(m.members[b.User.ID], e, "who changes is a member")
	case "GUILD_ROLE_UPDATE":
		m.want(m.roles[b.Role.ID], e, "a role that changes exists")
	case "GUILD_UPDATE":
	default:
		m.channel(e, &b)
	}
}

func (m *worldModel) voiceState(e worldEvent, b *worldBody, channel worldID) {
	before, was := m.voice[b.UserID]
	m.want(m.members[b.UserID], e, "who talks is a member")
	m.want(!was || before[1] == b.SessionID, e, "a voice session keeps its id")
	if channel == "" {
		m.want(was, e, "who leaves voice was there")
		delete(m.voice, b.UserID)
		return
	}
	kind, ok := m.channels[channel]
	m.want(ok && (kind == worldGuildVoice || kind == worldStageVoice), e, "voice is in a voice channel")
	m.voice[b.UserID] = [2]string{channel, b.SessionID}
}

func (m *worldModel) channel(e worldEvent, b *worldBody) {
	_, known := m.channels[b.ID]
	_, thread := m.threads[b.ID]
	switch e.Type {
	case "CHANNEL_CREATE":
		m.want(!known, e, "a new channel is new")
		m.channels[b.ID] = b.Type
	case "CHANNEL_UPDATE":
		m.want(known && m.channels[b.ID] == b.Type, e, "a channel that changes exists and keeps its type")
	case "CHANNEL_DELETE":
		m.want(known, e, "a channel that goes was there")
		for _, v := range m.voice {
			m.want(v[0] != b.ID, e, "nobody is talking in a channel that goes")
		}
		delete(m.channels, b.ID)
		maps.DeleteFunc(m.threads, func(_, parent worldID) bool { return parent == b.ID })
	case "THREAD_CREATE":
		kind, ok := m.channels[b.ParentID]
		m.want(!thread && ok && (kind == worldGuildText || kind == worldForum), e, "a new thread is new and has a parent")
		m.threads[b.ID] = b.ParentID
	case "THREAD_UPDATE", "THREAD_DELETE":
		m.want(thread && m.threads[b.ID] == b.ParentID, e, "a thread was there, under the same parent")
		if e.Type == "THREAD_DELETE" || b.Metadata.Archived {
			delete(m.threads, b.ID)
		}
	default:
		m.t.Errorf("got %s, which the model does not know", e.Type)
	}
}

func (m *worldModel) message(e worldEvent, b *worldBody, channel worldID, now time.Time) {
	direct := e.Guild == 0
	id := b.ID
	if id == "" {
		id = b.MessageID
	}
	old := m.messages[id]
	if e.Type == "MESSAGE_CREATE" {
		m.want(old == nil && (len(id) > len(m.newest) || id > m.newest), e, "ids of messages grow")
		m.want(direct || b.WebhookID != "" || m.members[b.Author.ID], e, "who writes is a member or a webhook")
		m.want(direct || b.WebhookID != "" || b.Member != nil, e, "who writes comes with their member")
		m.want(direct || m.talks(channel), e, "a message is in a channel")
		m.want(b.Timestamp == now.UTC().Format("2006-01-02T15:04:05.000000+00:00"), e, "a message is of now")
		if b.Type == worldMessageReply {
			to := m.messages[b.Reference.MessageID]
			m.want(to != nil && to.channel == channel && b.Reference.ChannelID == channel, e, "a reply is to a message of the channel")
			m.want(to == nil || string(b.Referenced) != "null" || to.deleted, e, "only a deleted message is null")
		}
		m.newest = id
		m.messages[id] = &worldSeen{channel: channel, author: b.Author.ID, reactions: map[string]bool{}}
		return
	}
	if old == nil {
		m.want(false, e, "the message had been sent")
		return
	}
	m.want(!old.deleted && old.channel == channel, e, "the message is there, in that channel")
	name := "null"
	if b.Emoji.Name != nil {
		name = *b.Emoji.Name
	}
	if b.Emoji.ID != nil {
		name += *b.Emoji.ID
	}
	key := fmt.Sprint(name, " of ", b.UserID)
	switch e.Type {
	case "MESSAGE_UPDATE":
		m.want(old.author == b.Author.ID, e, "the author stays")
		if b.Reference != nil && len(b.Referenced) > 0 {
			to := m.messages[b.Reference.MessageID]
			m.want(to == nil || to.deleted == (string(b.Referenced) == "null"), e, "a deleted message is null, any other is not")
		}
	case "MESSAGE_DELETE":
		old.deleted = true
	case "MESSAGE_REACTION_ADD":
		m.want(direct || m.members[b.UserID] && b.Member != nil, e, "who reacts is a member")
		m.want(!old.reactions[key], e, "nobody reacts twice")
		old.reactions[key] = true
	case "MESSAGE_REACTION_REMOVE":
		m.want(old.reactions[key], e, "a reaction that goes was there")
		delete(old.reactions, key)
	}
}

// A client that starts from GUILD_CREATE and follows the events agrees with the GUILD_CREATE it would get at the end.
func TestWorldEventsKeepAClientUpToDate(t *testing.T) {
	w := newWorld(worldConfig{Seed: 33, Guilds: 6})
	models := map[uint64]*worldModel{0: newWorldModel(t, nil)}
	for _, id := range w.guildIDs() {
		models[id] = newWorldModel(t, w.guildCreate(id, worldEveryIntent, 1<<30))
	}
	now := worldTestStart
	for i := range 20_000 {
		if i%4 == 0 { // often several events in one millisecond
			now = now.Add(7 * time.Millisecond)
		}
		e := w.next(now)
		models[e.Guild].apply(e, now)
	}
	for _, id := range w.guildIDs() {
		got, want := models[id], newWorldModel(t, w.guildCreate(id, worldEveryIntent, 1<<30))
		if !maps.Equal(got.members, want.members) {
			t.Errorf("guild %d: got %d members, want %d, or others", id, len(got.members), len(want.members))
		}
		if !maps.Equal(got.channels, want.channels) || !maps.Equal(got.threads, want.threads) {
			t.Errorf("guild %d: got channels %v and threads %v, want %v and %v", id, got.channels, got.threads, want.channels, want.threads)
		}
		if !maps.Equal(got.voice, want.voice) {
			t.Errorf("guild %d: got voice states %v, want %v", id, got.voice, want.voice)
		}
	}
}

func worldListed(t *testing.T, create []byte) (members, presences int, online int) {
	t.Helper()
	var g struct {
		Members   []json.RawMessage
		Presences []struct{ Status string }
		Large     bool
	}
	if err := json.Unmarshal(create, &g); err != nil {
		t.Fatal(err)
	}
	for _, p := range g.Presences {
		if p.Status != "offline" {
			online++
		}
	}
	return len(g.Members), len(g.Presences), online
}

func TestWorldGuildCreateListsMembersByIntentAndThreshold(t *testing.T) {
	w := newWorld(worldConfig{Seed: 2, Guilds: 10})
	id := w.guildIDs()[3]
	g := w.guild(id)
	all, voice, active := len(g.members), len(g.inVoice)+1, 0
	for _, m := range g.members {
		if m.at == 0 || m.voice != nil || m.presence.status != 0 || len(m.roles) > 0 || m.nick != "" {
			active++
		}
	}
	if voice >= active || active >= all {
		t.Fatalf("got %d in voice, %d active, %d members, want a guild where these differ", voice, active, all)
	}
	for _, c := range []struct {
		name      string
		intents   uint64
		threshold int
		want      int
	}{
		{"every intent, small", worldEveryIntent, all, all},
		{"every intent, large", worldEveryIntent, all - 1, active},
		{"no presences, small", worldEveryIntent &^ worldIntentPresences, all, voice},
		{"no presences, large", worldEveryIntent &^ worldIntentPresences, 50, voice},
	} {
		members, presences, online := worldListed(t, w.guildCreate(id, c.intents, c.threshold))
		if members != c.want {
			t.Errorf("%s: got %d members, want %d", c.name, members, c.want)
		}
		if want := members; c.threshold >= all && presences != want || c.threshold < all && presences != online {
			t.Errorf("%s: got %d presences, %d of them online, want %d or only those online", c.name, presences, online, want)
		}
	}
}

func TestWorldGuildsAreSmallAndLarge(t *testing.T) {
	w := newWorld(worldConfig{Seed: 8, Guilds: 20})
	var sizes []int
	for _, id := range w.guildIDs() {
		sizes = append(sizes, len(w.guildCreate(id, worldEveryIntent, 250)))
	}
	slices.Sort(sizes)
	if sizes[0] > 12<<10 || sizes[3] > 16<<10 {
		t.Errorf("smallest guilds: got %v bytes, want a few KB", sizes[:4])
	}
	if big := sizes[len(sizes)-2:]; big[0] < 80<<10 || big[1] > 260<<10 {
		t.Errorf("largest guilds: got %v bytes, want 80 to 260 KB", big)
	}
}

func TestWorldGivesEveryGuildTheMembersAskedFor(t *testing.T) {
	w := newWorld(worldConfig{Seed: 8, Guilds: 3, MembersPerGuild: 700})
	for _, id := range w.guildIDs() {
		if got, _, _ := worldListed(t, w.guildCreate(id, worldEveryIntent, 1<<30)); got != 700 {
			t.Errorf("guild %d: got %d members, want 700", id, got)
		}
	}
}
