package gatewaytest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// worldRareBody is what the replay looks at, of the rarer events.
type worldRareBody struct {
	RoleID      worldID `json:"role_id"`
	Name        string
	Topic       string
	Code        string
	Unavailable bool
	Status      json.RawMessage
	Count       *int            `json:"user_count"`
	EventID     worldID         `json:"guild_scheduled_event_id"`
	SoundID     json.RawMessage `json:"sound_id"`
	Available   bool
	RuleID      worldID `json:"rule_id"`
	Trigger     int     `json:"rule_trigger_type"`
	Emojis      json.RawMessage
	Stickers    json.RawMessage
	Sounds      []worldBody `json:"soundboard_sounds"`
	Stages      []worldBody `json:"stage_instances"`
	Events      []worldBody `json:"guild_scheduled_events"`
	Added       []worldBody `json:"added_members"`
	Removed     []worldID   `json:"removed_member_ids"`
	ChannelIDs  []worldID   `json:"channel_ids"`
}

type worldEventSeen struct {
	name   string
	status string
	count  int // -1 for unknown
}

type worldSoundSeen struct {
	name      string
	available bool
}

// worldRareModel is a client's picture of what a guild has besides people, channels and messages.
type worldRareModel struct {
	bot              worldID
	down             bool
	leaving          worldID // was banned and is about to go
	emojis, stickers string
	sounds           map[worldID]worldSoundSeen
	stages           map[worldID]string
	events           map[worldID]worldEventSeen
	guests           map[worldID]bool // event and user
	bans             map[worldID]bool
	older            int             // bans from before the first event that were lifted
	things           map[string]bool // rules, invites, integrations, entitlements, subscriptions: there, or gone
	unknown          map[string]int  // how many things from before have gone, by type
}

func newWorldRareModel() worldRareModel {
	return worldRareModel{emojis: "[]", stickers: "[]", sounds: map[worldID]worldSoundSeen{}, stages: map[worldID]string{}, events: map[worldID]worldEventSeen{},
		guests: map[worldID]bool{}, bans: map[worldID]bool{}, things: map[string]bool{}, unknown: map[string]int{}}
}

// worldOldID reports whether something was made before the first event.
func worldOldID(id worldID) bool {
	n, err := strconv.ParseUint(id, 10, 64)
	return err == nil && n < worldSnowflake(worldBirth, 0)
}

func (b *worldBody) event() worldEventSeen {
	e := worldEventSeen{b.Name, string(b.Status), -1}
	if b.Count != nil {
		e.count = *b.Count
	}
	return e
}

// load takes over what GUILD_CREATE says.
func (m *worldModel) load(g *worldBody) {
	m.bot = g.Members[0].User.ID
	m.lists(g)
	m.sounds = worldSoundsOf(g.Sounds)
	for _, s := range g.Stages {
		m.stages[s.ID] = s.Topic
	}
	for _, e := range g.Events {
		m.events[e.ID] = e.event()
	}
}

func (m *worldModel) lists(b *worldBody) {
	if b.Emojis != nil {
		m.emojis = string(b.Emojis)
	}
	if b.Stickers != nil {
		m.stickers = string(b.Stickers)
	}
}

func worldSoundsOf(list []worldBody) map[worldID]worldSoundSeen {
	all := map[worldID]worldSoundSeen{}
	for _, s := range list {
		all[string(s.SoundID)] = worldSoundSeen{s.Name, s.Available}
	}
	return all
}

func (m *worldModel) agreeRare(id uint64, want *worldModel) {
	m.t.Helper()
	for _, c := range []struct{ name, got, want string }{{"emojis", m.emojis, want.emojis}, {"stickers", m.stickers, want.stickers}} {
		if c.got != c.want {
			m.t.Errorf("guild %d: got %s %s, want %s", id, c.name, c.got, c.want)
		}
	}
	if !maps.Equal(m.sounds, want.sounds) {
		m.t.Errorf("guild %d: got sounds %v, want %v", id, m.sounds, want.sounds)
	}
	if !maps.Equal(m.stages, want.stages) {
		m.t.Errorf("guild %d: got stages %v, want %v", id, m.stages, want.stages)
	}
	if !maps.Equal(m.events, want.events) {
		m.t.Errorf("guild %d: got scheduled events %v, want %v", id, m.events, want.events)
	}
}

// create, change and end follow a thing of which no list tells. One or two of each are from before the first event.
func (m *worldModel) create(e worldEvent, key string) {
	_, seen := m.things[key]
	m.want(!seen, e, "a new one is new")
	m.things[key] = true
}

func (m *worldModel) change(e worldEvent, kind, key string) {
	there, seen := m.things[key]
	if !seen {
		m.unknown[kind]++
		m.want(m.unknown[kind] <= 2, e, "what changes or goes was there")
		there = true
	}
	m.want(there, e, "what changes or goes is not gone yet")
	m.things[key] = true
}

func (m *worldModel) end(e worldEvent, kind, key string) {
	m.change(e, kind, key)
	m.things[key] = false
}

func (m *worldModel) rare(e worldEvent, b *worldBody, channel worldID) {
	id := b.ID
	_, stage := m.stages[id]
	_, event := m.events[id]
	_, sound := m.sounds[string(b.SoundID)]
	switch e.Type {
	case "GUILD_DELETE":
		m.want(b.Unavailable, e, "only outages take a guild away")
		m.down = true
	case "GUILD_CREATE":
		m.want(m.down && !b.Unavailable, e, "a guild comes back after an outage")
		m.down = false
	case "GUILD_UPDATE":
		m.want(string(b.Emojis) == m.emojis && (b.Stickers == nil || string(b.Stickers) == m.stickers), e, "emojis and stickers are those of the lists")
	case "GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE":
		before := m.emojis + m.stickers
		m.lists(b)
		m.want(m.emojis+m.stickers != before, e, "something about the list changed")
	case "GUILD_SOUNDBOARD_SOUND_CREATE":
		m.want(!sound, e, "a new sound is new")
		m.sounds[string(b.SoundID)] = worldSoundSeen{b.Name, b.Available}
	case "GUILD_SOUNDBOARD_SOUND_UPDATE":
		m.want(sound, e, "a sound that changes exists")
		m.sounds[string(b.SoundID)] = worldSoundSeen{b.Name, b.Available}
	case "GUILD_SOUNDBOARD_SOUND_DELETE":
		m.want(sound, e, "a sound that goes was there")
		delete(m.sounds, string(b.SoundID))
	case "GUILD_SOUNDBOARD_SOUNDS_UPDATE":
		m.sounds = worldSoundsOf(b.Sounds)
	case "STAGE_INSTANCE_CREATE":
		m.want(!stage && m.channels[channel] == worldStageVoice, e, "a new stage is new, and in a stage channel")
		m.stages[id] = b.Topic
	case "STAGE_INSTANCE_UPDATE":
		m.want(stage, e, "a stage that changes is live")
		m.stages[id] = b.Topic
	case "STAGE_INSTANCE_DELETE":
		m.want(stage && m.stages[id] == b.Topic, e, "a stage that closes was live")
		delete(m.stages, id)
	case "GUILD_SCHEDULED_EVENT_CREATE":
		m.want(!event, e, "a new scheduled event is new")
		m.events[id] = b.event()
	case "GUILD_SCHEDULED_EVENT_UPDATE":
		m.want(event && m.events[id].count == b.event().count, e, "a scheduled event that changes exists and keeps its guests")
		m.events[id] = b.event()
	case "GUILD_SCHEDULED_EVENT_DELETE":
		m.want(event, e, "a scheduled event that goes was there")
		delete(m.events, id)
	case "GUILD_SCHEDULED_EVENT_USER_ADD", "GUILD_SCHEDULED_EVENT_USER_REMOVE":
		m.guest(e, b)
	case "THREAD_LIST_SYNC", "THREAD_MEMBER_UPDATE", "THREAD_MEMBERS_UPDATE":
		m.threadMembers(e, b)
	case "CHANNEL_PINS_UPDATE", "WEBHOOKS_UPDATE":
		m.want(e.Guild == 0 || m.talks(channel), e, "pins and webhooks are in a channel")
	case "VOICE_CHANNEL_STATUS_UPDATE", "VOICE_CHANNEL_START_TIME_UPDATE":
		m.want(m.channels[id] == worldGuildVoice || m.channels[id] == worldStageVoice, e, "it is of a voice channel")
	case "VOICE_CHANNEL_EFFECT_SEND":
		m.want(m.voice[b.UserID][0] == channel, e, "who sends an effect is in the channel")
	case "GUILD_AUDIT_LOG_ENTRY_CREATE", "APPLICATION_COMMAND_PERMISSIONS_UPDATE", "GUILD_INTEGRATIONS_UPDATE", "USER_UPDATE":
	default:
		m.moderation(e, b, channel)
	}
}

func (m *worldModel) guest(e worldEvent, b *worldBody) {
	seen, there := m.events[b.EventID]
	key := b.EventID + " " + b.UserID
	going, known := m.guests[key]
	m.want(there, e, "the scheduled event is there")
	by := 1
	if e.Type == "GUILD_SCHEDULED_EVENT_USER_ADD" {
		m.want(!going && m.members[b.UserID], e, "a new guest is a member and new")
	} else {
		m.want(going || !known && worldOldID(b.EventID), e, "a guest who goes had come")
		by = -1
	}
	m.guests[key] = by > 0
	if seen.count >= 0 {
		seen.count += by
	}
	m.events[b.EventID] = seen
}

func (m *worldModel) threadMembers(e worldEvent, b *worldBody) {
	t, there := m.threads[b.ID]
	switch e.Type {
	case "THREAD_LIST_SYNC":
		for _, s := range b.Threads {
			m.want(m.threads[s.ID].parent == s.ParentID && (b.ChannelIDs == nil || slices.Contains(b.ChannelIDs, s.ParentID)), e, "a synced thread is there, in a synced channel")
		}
	case "THREAD_MEMBER_UPDATE":
		m.want(there && t.joined, e, "the bot is in the thread")
	default:
		m.want(there, e, "the thread is there")
		for _, a := range b.Added {
			m.want(m.members[a.UserID] && a.ID == b.ID, e, "who comes is a member")
			t.joined = t.joined || a.UserID == m.bot
		}
		t.joined = t.joined && !slices.Contains(b.Removed, m.bot)
		m.want(len(b.Added)+len(b.Removed) > 0, e, "someone comes or goes")
		m.want(t.people == 50 || b.MemberCount == min(50, max(0, t.people+len(b.Added)-len(b.Removed))), e, "the count says so too")
		t.people = b.MemberCount
		m.threads[b.ID] = t
	}
}

func (m *worldModel) moderation(e worldEvent, b *worldBody, channel worldID) {
	switch e.Type {
	case "GUILD_BAN_ADD":
		m.want(!m.bans[b.User.ID], e, "who is banned was not")
		m.bans[b.User.ID] = true
		if m.members[b.User.ID] {
			m.leaving = b.User.ID
		}
	case "GUILD_BAN_REMOVE":
		banned, known := m.bans[b.User.ID]
		if !known {
			m.older++
		}
		m.want(banned || !known && m.older <= 2, e, "only who is banned is unbanned")
		m.bans[b.User.ID] = false
	case "AUTO_MODERATION_ACTION_EXECUTION":
		m.change(e, "rule", "rule "+b.RuleID)
		m.want(m.members[b.UserID] && (channel == "" || m.talks(channel)), e, "who breaks a rule is a member, in a channel")
		m.want(b.MessageID == "" || worldOldID(b.MessageID) || m.messages[b.MessageID] != nil && !m.messages[b.MessageID].deleted && m.messages[b.MessageID].channel == channel, e, "the message is there")
	case "AUTO_MODERATION_RULE_CREATE":
		m.create(e, "rule "+b.ID)
	case "AUTO_MODERATION_RULE_UPDATE":
		m.change(e, "rule", "rule "+b.ID)
	case "AUTO_MODERATION_RULE_DELETE":
		m.end(e, "rule", "rule "+b.ID)
	case "INVITE_CREATE":
		_, there := m.channels[channel]
		m.want(there, e, "an invite is to a channel")
		m.create(e, "invite "+b.Code)
	case "INVITE_DELETE":
		m.end(e, "invite", "invite "+b.Code)
	case "INTEGRATION_CREATE":
		m.create(e, "integration "+b.ID)
	case "INTEGRATION_UPDATE":
		m.change(e, "integration", "integration "+b.ID)
	case "INTEGRATION_DELETE":
		m.end(e, "integration", "integration "+b.ID)
	case "ENTITLEMENT_CREATE", "SUBSCRIPTION_CREATE":
		m.create(e, b.ID)
	case "ENTITLEMENT_UPDATE":
		m.change(e, "entitlement", b.ID)
	case "SUBSCRIPTION_UPDATE":
		m.change(e, "subscription", b.ID)
	case "ENTITLEMENT_DELETE":
		m.end(e, "entitlement", b.ID)
	case "SUBSCRIPTION_DELETE":
		m.end(e, "subscription", b.ID)
	default:
		m.t.Errorf("got %s, which the model does not know", e.Type)
	}
}
