package chiru

import (
	"encoding/json"
	"time"
)

// OutgoingEvent is a command for Discord, sent through outbound as a pointer. The set is closed;
// RawCommand carries what has no type of its own. Run reads a command only while the session is live
// and the send limit has room, and validates it then: what cannot be sent comes back as
// *CommandRejected. The value must not be changed once it has been sent to outbound.
type OutgoingEvent interface {
	outgoing()
}

// MemberChunkRequest asks for members of one guild (docs /events/gateway-events#request-guild-members).
// The answer is one or more GUILD_MEMBERS_CHUNK dispatches with the same nonce, or RATE_LIMITED: the
// whole list of a guild may be asked for once in 30 s.
type MemberChunkRequest struct {
	GuildID Snowflake
	// UserIDs asks for these members, 1 to 100. Query and Limit must then be unset.
	UserIDs []Snowflake
	// Query asks for members whose name begins so. Empty, with no UserIDs, it asks for the whole list,
	// which needs IntentGuildMembers: without it Discord does not answer at all.
	Query string
	// Limit bounds the answer: 1 to 100 with a Query, 0 (no bound) or more with the whole list.
	Limit int
	// Presences asks for presences too; without IntentGuildPresences Discord sends none.
	Presences bool
	// Nonce comes back in each chunk; at most 32 bytes, empty for none.
	Nonce string
}

// Status is the status shown of a bot.
type Status string

// The statuses of docs /events/gateway-events#update-presence-status-types.
const (
	StatusOnline       Status = "online"
	StatusDoNotDisturb Status = "dnd"
	StatusIdle         Status = "idle"
	StatusInvisible    Status = "invisible"
	StatusOffline      Status = "offline"
)

// ActivityType is what a bot is shown to be doing.
type ActivityType int

// The types of docs /events/gateway-events#activity-object-activity-types.
const (
	ActivityPlaying ActivityType = iota
	ActivityStreaming
	ActivityListening
	ActivityWatching
	ActivityCustom // shows State
	ActivityCompeting
)

// Activity is what a bot may set of an activity (docs /events/gateway-events#activity-object).
type Activity struct {
	Name  string       `json:"name"`
	Type  ActivityType `json:"type"`
	State string       `json:"state,omitempty"`
	// URL is shown with ActivityStreaming only; Discord takes Twitch and YouTube.
	URL string `json:"url,omitempty"`
}

// PresenceUpdate sets the bot's status (docs /events/gateway-events#update-presence). Five pass in
// 20 s; of those beyond, the newest waits and the others are forgotten. The newest accepted one is part of every later
// new session.
type PresenceUpdate struct {
	// Since is when the bot went idle; zero means it has not.
	Since      time.Time
	Activities []Activity
	// Status is StatusOnline if empty.
	Status Status
	AFK    bool
}

// VoiceStateUpdate joins, moves in, or leaves voice (docs /events/gateway-events#update-voice-state).
// Discord answers with VOICE_STATE_UPDATE, which needs IntentGuildVoiceStates, and VOICE_SERVER_UPDATE;
// to a full channel not at all.
type VoiceStateUpdate struct {
	GuildID   Snowflake
	ChannelID Snowflake // 0 leaves
	SelfMute  bool
	SelfDeaf  bool
}

// SoundboardSoundsRequest asks for the sounds of guilds (docs /events/gateway-events#request-soundboard-sounds).
// The answer is one SOUNDBOARD_SOUNDS dispatch a guild. About 180 ids fit into one command.
type SoundboardSoundsRequest struct {
	GuildIDs []Snowflake
}

// ChannelInfoRequest asks for the voice channels' status and start time (docs
// /events/gateway-events#request-channel-info). The answer is a CHANNEL_INFO dispatch; nothing else
// tells these, so ask again after each new session.
type ChannelInfoRequest struct {
	GuildID Snowflake
	Fields  []string // "status", "voice_start_time"
}

// RawCommand is any other payload. Op must be one that a client sends and that Chiru does not send
// itself; Data is its d, and nil is null. If Discord closes the connection for it, it comes back as *CommandRejected.
type RawCommand struct {
	Op   int
	Data json.RawMessage
}

func (*MemberChunkRequest) outgoing()      {}
func (*PresenceUpdate) outgoing()          {}
func (*VoiceStateUpdate) outgoing()        {}
func (*SoundboardSoundsRequest) outgoing() {}
func (*ChannelInfoRequest) outgoing()      {}
func (*RawCommand) outgoing()              {}
