package gatewaytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

type worldID = string

// worldType is a type that is a number, 0 for one that is a text.
type worldType int

func (t *worldType) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return nil
	}
	return json.Unmarshal(b, (*int)(t))
}

// worldBody is what the replay looks at, of every event and of GUILD_CREATE.
type worldBody struct {
	ID        worldID
	Type      worldType
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
		Type      worldType
		MessageID worldID `json:"message_id"`
		ChannelID worldID `json:"channel_id"`
	} `json:"message_reference"`
	Referenced  json.RawMessage         `json:"referenced_message"`
	Metadata    struct{ Archived bool } `json:"thread_metadata"`
	Members     []struct{ User struct{ ID worldID } }
	Channels    []worldBody
	Threads     []worldBody
	Voice       []worldBody `json:"voice_states"`
	MemberCount int         `json:"member_count"`
	Answer      int         `json:"answer_id"`
	IDs         []worldID
	worldRareBody
}

type worldSeen struct {
	channel, author worldID
	deleted         bool
	old             bool            // from before the first event
	reactions       map[string]bool // and votes
}

// worldModel is a client's picture of one guild, or of the DMs, built from dispatches alone.
type worldModel struct {
	t        *testing.T
	members  map[worldID]bool
	roles    map[worldID]bool
	channels map[worldID]worldType
	threads  map[worldID]worldThreadSeen
	voice    map[worldID][2]string // channel, session
	messages map[worldID]*worldSeen
	newest   worldID
	worldRareModel
}

type worldThreadSeen struct {
	parent worldID
	joined bool
	people int
}

func newWorldModel(t *testing.T, create []byte) *worldModel {
	m := &worldModel{t: t, members: map[worldID]bool{}, roles: map[worldID]bool{}, channels: map[worldID]worldType{}, threads: map[worldID]worldThreadSeen{},
		voice: map[worldID][2]string{}, messages: map[worldID]*worldSeen{}, worldRareModel: newWorldRareModel()}
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
		m.threads[c.ID] = worldThreadSeen{c.ParentID, c.Member != nil, c.MemberCount}
	}
	m.load(&g)
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
	m.want(!m.down || e.Type == "GUILD_CREATE", e, "nothing happens in an outage")
	m.want(m.leaving == "" || e.Type == "GUILD_MEMBER_REMOVE" && b.User.ID == m.leaving, e, "who is banned leaves next")
	m.leaving = ""
	switch e.Type {
	case "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE_ALL",
		"MESSAGE_REACTION_REMOVE_EMOJI", "MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE":
		m.message(e, &b, channel, now)
	case "MESSAGE_DELETE_BULK":
		m.want(len(b.IDs) > 1, e, "a bulk is more than one")
		for _, id := range b.IDs {
			b.ID = id
			m.message(e, &b, channel, now)
		}
	case "TYPING_START":
		m.want(direct || m.members[b.UserID] && m.talks(channel), e, "who types is a member, and in a channel")
	case "PRESENCE_UPDATE":
		m.want(m.members[b.User.ID], e, "whose presence changes is a member")
	case "INTERACTION_CREATE":
		m.want(direct || m.talks(channel), e, "an interaction is in a channel")
	case "VOICE_STATE_UPDATE":
		m.voiceState(e, &b, channel)
	case "GUILD_MEMBER_ADD":
		m.want(!m.members[b.User.ID] && !m.bans[b.User.ID], e, "who joins was no member and is not banned")
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
	case "GUILD_ROLE_CREATE":
		m.want(!m.roles[b.Role.ID], e, "a new role is new")
		m.roles[b.Role.ID] = true
	case "GUILD_ROLE_DELETE":
		m.want(m.roles[b.RoleID], e, "a role that goes was there")
		delete(m.roles, b.RoleID)
	case "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE":
		m.channel(e, &b)
	default:
		m.rare(e, &b, channel)
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
		maps.DeleteFunc(m.threads, func(_ worldID, t worldThreadSeen) bool { return t.parent == b.ID })
	case "THREAD_CREATE":
		kind, ok := m.channels[b.ParentID]
		m.want(!thread && ok && (kind == worldGuildText || kind == worldForum), e, "a new thread is new and has a parent")
		m.threads[b.ID] = worldThreadSeen{b.ParentID, b.Member != nil, b.MemberCount}
	case "THREAD_UPDATE", "THREAD_DELETE":
		t := m.threads[b.ID]
		m.want(thread && t.parent == b.ParentID, e, "a thread was there, under the same parent")
		m.want(e.Type == "THREAD_DELETE" || t.people == b.MemberCount, e, "only THREAD_MEMBERS_UPDATE changes the count")
		if e.Type == "THREAD_DELETE" || b.Metadata.Archived {
			delete(m.threads, b.ID)
		}
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
			m.want((worldOldID(b.Reference.MessageID) || to != nil && to.channel == channel) && b.Reference.ChannelID == channel, e, "a reply is to a message of the channel")
			m.want(to == nil || string(b.Referenced) != "null" || to.deleted, e, "only a deleted message is null")
		}
		m.newest = id
		m.messages[id] = &worldSeen{channel: channel, author: b.Author.ID, reactions: map[string]bool{}}
		return
	}
	if old == nil && worldOldID(id) {
		old = &worldSeen{channel: channel, author: b.Author.ID, old: true, reactions: map[string]bool{}}
		m.messages[id] = old
	}
	if old == nil {
		m.want(false, e, "the message had been sent")
		return
	}
	if old.author == "" {
		old.author = b.Author.ID
	}
	m.want(!old.deleted && old.channel == channel, e, "the message is there, in that channel")
	name := "null"
	if b.Emoji.Name != nil {
		name = *b.Emoji.Name
	}
	if b.Emoji.ID != nil {
		name += *b.Emoji.ID
	}
	key := name + " of " + b.UserID
	if b.Answer != 0 {
		key = fmt.Sprint("vote ", b.Answer, " of ", b.UserID)
	}
	switch e.Type {
	case "MESSAGE_UPDATE":
		m.want(old.author == b.Author.ID, e, "the author stays")
		if b.Reference != nil && len(b.Referenced) > 0 {
			to := m.messages[b.Reference.MessageID]
			m.want(to == nil || to.deleted == (string(b.Referenced) == "null"), e, "a deleted message is null, any other is not")
		}
	case "MESSAGE_DELETE", "MESSAGE_DELETE_BULK":
		old.deleted = true
	case "MESSAGE_REACTION_ADD", "MESSAGE_POLL_VOTE_ADD":
		m.want(direct || m.members[b.UserID] && (b.Member != nil || b.Answer != 0), e, "who reacts is a member")
		m.want(!old.reactions[key], e, "nobody reacts twice")
		old.reactions[key] = true
	case "MESSAGE_REACTION_REMOVE", "MESSAGE_POLL_VOTE_REMOVE":
		m.want(old.reactions[key] || old.old, e, "a reaction or vote that goes was there")
		delete(old.reactions, key)
	case "MESSAGE_REACTION_REMOVE_ALL", "MESSAGE_REACTION_REMOVE_EMOJI":
		before := len(old.reactions)
		maps.DeleteFunc(old.reactions, func(key string, _ bool) bool {
			return !strings.HasPrefix(key, "vote ") && (e.Type == "MESSAGE_REACTION_REMOVE_ALL" || strings.HasPrefix(key, name+" of "))
		})
		m.want(len(old.reactions) < before || old.old, e, "reactions that go were there")
	}
}
