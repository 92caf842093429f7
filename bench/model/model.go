// Package model holds the events of the mix in the shape that Discord's documentation gives them: the generator fills them in,
// and Chiru's decoding client reads them back.
package model

import (
	"time"

	"github.com/chiru-go/chiru"
)

// User is docs /resources/user#user-object.
type User struct {
	ID                   chiru.Snowflake   `json:"id"`
	Username             string            `json:"username"`
	Discriminator        string            `json:"discriminator"`
	GlobalName           *string           `json:"global_name"`
	Avatar               *string           `json:"avatar"`
	Bot                  bool              `json:"bot,omitempty"`
	PublicFlags          int               `json:"public_flags"`
	AvatarDecorationData *AvatarDecoration `json:"avatar_decoration_data"`
}

// AvatarDecoration is docs /resources/user#avatar-decoration-data-object.
type AvatarDecoration struct {
	Asset string          `json:"asset"`
	SKUID chiru.Snowflake `json:"sku_id"`
}

// Member is docs /resources/guild#guild-member-object.
type Member struct {
	User                       *User             `json:"user,omitempty"`
	Nick                       *string           `json:"nick"`
	Avatar                     *string           `json:"avatar"`
	Banner                     *string           `json:"banner"`
	Roles                      []chiru.Snowflake `json:"roles"`
	JoinedAt                   time.Time         `json:"joined_at"`
	PremiumSince               *time.Time        `json:"premium_since"`
	Deaf                       bool              `json:"deaf"`
	Mute                       bool              `json:"mute"`
	Flags                      int               `json:"flags"`
	Pending                    bool              `json:"pending"`
	CommunicationDisabledUntil *time.Time        `json:"communication_disabled_until"`
}

// Message is docs /resources/message#message-object, of MESSAGE_CREATE and MESSAGE_UPDATE.
type Message struct {
	ID                chiru.Snowflake   `json:"id"`
	ChannelID         chiru.Snowflake   `json:"channel_id"`
	GuildID           chiru.Snowflake   `json:"guild_id,omitempty"`
	Author            User              `json:"author"`
	Member            *Member           `json:"member,omitempty"`
	Content           string            `json:"content"`
	Timestamp         time.Time         `json:"timestamp"`
	EditedTimestamp   *time.Time        `json:"edited_timestamp"`
	TTS               bool              `json:"tts"`
	MentionEveryone   bool              `json:"mention_everyone"`
	Mentions          []Mention         `json:"mentions"`
	MentionRoles      []chiru.Snowflake `json:"mention_roles"`
	Attachments       []Attachment      `json:"attachments"`
	Embeds            []Embed           `json:"embeds"`
	Reactions         []Reaction        `json:"reactions,omitempty"`
	Nonce             string            `json:"nonce,omitempty"`
	Pinned            bool              `json:"pinned"`
	Type              int               `json:"type"`
	Flags             int               `json:"flags"`
	MessageReference  *Reference        `json:"message_reference,omitempty"`
	ReferencedMessage *Message          `json:"referenced_message,omitempty"`
	Components        []struct{}        `json:"components"`
}

// Mention is a user with the member of the guild.
type Mention struct {
	User
	Member *Member `json:"member,omitempty"`
}

// Attachment is docs /resources/message#attachment-object.
type Attachment struct {
	ID          chiru.Snowflake `json:"id"`
	Filename    string          `json:"filename"`
	ContentType string          `json:"content_type"`
	Size        int             `json:"size"`
	URL         string          `json:"url"`
	ProxyURL    string          `json:"proxy_url"`
	Width       int             `json:"width"`
	Height      int             `json:"height"`
}

// Embed is docs /resources/message#embed-object.
type Embed struct {
	Title       string       `json:"title"`
	Type        string       `json:"type"`
	Description string       `json:"description"`
	URL         string       `json:"url"`
	Color       int          `json:"color"`
	Footer      *EmbedFooter `json:"footer,omitempty"`
	Thumbnail   *EmbedImage  `json:"thumbnail,omitempty"`
	Fields      []EmbedField `json:"fields,omitempty"`
}

// EmbedFooter is docs /resources/message#embed-object-embed-footer-structure.
type EmbedFooter struct {
	Text    string `json:"text"`
	IconURL string `json:"icon_url"`
}

// EmbedImage is docs /resources/message#embed-object-embed-thumbnail-structure.
type EmbedImage struct {
	URL      string `json:"url"`
	ProxyURL string `json:"proxy_url"`
	Height   int    `json:"height"`
	Width    int    `json:"width"`
}

// EmbedField is docs /resources/message#embed-object-embed-field-structure.
type EmbedField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

// Reaction is docs /resources/message#reaction-object.
type Reaction struct {
	Count int   `json:"count"`
	Me    bool  `json:"me"`
	Emoji Emoji `json:"emoji"`
}

// Emoji is docs /resources/emoji#emoji-object.
type Emoji struct {
	ID            *chiru.Snowflake  `json:"id"`
	Name          string            `json:"name"`
	Animated      bool              `json:"animated,omitempty"`
	Roles         []chiru.Snowflake `json:"roles,omitempty"`
	RequireColons bool              `json:"require_colons,omitempty"`
	Managed       bool              `json:"managed,omitempty"`
	Available     bool              `json:"available,omitempty"`
}

// Reference is docs /resources/message#message-reference-structure.
type Reference struct {
	Type      int             `json:"type"`
	MessageID chiru.Snowflake `json:"message_id"`
	ChannelID chiru.Snowflake `json:"channel_id"`
	GuildID   chiru.Snowflake `json:"guild_id"`
}

// PresenceUpdate is docs /events/gateway-events#presence-update.
type PresenceUpdate struct {
	User struct {
		ID chiru.Snowflake `json:"id"`
	} `json:"user"`
	GuildID      chiru.Snowflake `json:"guild_id,omitempty"`
	Status       string          `json:"status"`
	Activities   []Activity      `json:"activities"`
	ClientStatus ClientStatus    `json:"client_status"`
}

// ClientStatus is docs /events/gateway-events#client-status-object.
type ClientStatus struct {
	Desktop string `json:"desktop,omitempty"`
	Mobile  string `json:"mobile,omitempty"`
	Web     string `json:"web,omitempty"`
}

// Activity is docs /events/gateway-events#activity-object.
type Activity struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Type          int             `json:"type"`
	CreatedAt     int64           `json:"created_at"`
	Timestamps    *ActivityTimes  `json:"timestamps,omitempty"`
	ApplicationID chiru.Snowflake `json:"application_id,omitempty"`
	Details       string          `json:"details,omitempty"`
	State         string          `json:"state,omitempty"`
	Emoji         *Emoji          `json:"emoji,omitempty"`
	Party         *ActivityParty  `json:"party,omitempty"`
	Assets        *ActivityAssets `json:"assets,omitempty"`
	Flags         int             `json:"flags,omitempty"`
}

// ActivityTimes is docs /events/gateway-events#activity-object-activity-timestamps.
type ActivityTimes struct {
	Start int64 `json:"start"`
	End   int64 `json:"end,omitempty"`
}

// ActivityParty is docs /events/gateway-events#activity-object-activity-party.
type ActivityParty struct {
	ID   string `json:"id"`
	Size []int  `json:"size,omitempty"`
}

// ActivityAssets is docs /events/gateway-events#activity-object-activity-assets.
type ActivityAssets struct {
	LargeImage string `json:"large_image"`
	LargeText  string `json:"large_text"`
	SmallImage string `json:"small_image,omitempty"`
	SmallText  string `json:"small_text,omitempty"`
}

// TypingStart is docs /events/gateway-events#typing-start.
type TypingStart struct {
	ChannelID chiru.Snowflake `json:"channel_id"`
	GuildID   chiru.Snowflake `json:"guild_id"`
	UserID    chiru.Snowflake `json:"user_id"`
	Timestamp int64           `json:"timestamp"`
	Member    *Member         `json:"member"`
}

// VoiceState is docs /resources/voice#voice-state-object.
type VoiceState struct {
	GuildID                 chiru.Snowflake  `json:"guild_id,omitempty"`
	ChannelID               *chiru.Snowflake `json:"channel_id"`
	UserID                  chiru.Snowflake  `json:"user_id"`
	Member                  *Member          `json:"member,omitempty"`
	SessionID               string           `json:"session_id"`
	Deaf                    bool             `json:"deaf"`
	Mute                    bool             `json:"mute"`
	SelfDeaf                bool             `json:"self_deaf"`
	SelfMute                bool             `json:"self_mute"`
	SelfVideo               bool             `json:"self_video"`
	Suppress                bool             `json:"suppress"`
	RequestToSpeakTimestamp *time.Time       `json:"request_to_speak_timestamp"`
}

// GuildMemberUpdate is docs /events/gateway-events#guild-member-update.
type GuildMemberUpdate struct {
	GuildID chiru.Snowflake `json:"guild_id"`
	Member
}

// MessageReactionAdd is docs /events/gateway-events#message-reaction-add.
type MessageReactionAdd struct {
	UserID          chiru.Snowflake `json:"user_id"`
	ChannelID       chiru.Snowflake `json:"channel_id"`
	MessageID       chiru.Snowflake `json:"message_id"`
	GuildID         chiru.Snowflake `json:"guild_id"`
	Member          *Member         `json:"member"`
	Emoji           Emoji           `json:"emoji"`
	MessageAuthorID chiru.Snowflake `json:"message_author_id"`
	Burst           bool            `json:"burst"`
	BurstColors     []string        `json:"burst_colors,omitempty"`
	Type            int             `json:"type"`
}

// Role is docs /topics/permissions#role-object.
type Role struct {
	ID           chiru.Snowflake `json:"id"`
	Name         string          `json:"name"`
	Color        int             `json:"color"`
	Hoist        bool            `json:"hoist"`
	Icon         *string         `json:"icon"`
	UnicodeEmoji *string         `json:"unicode_emoji"`
	Position     int             `json:"position"`
	Permissions  string          `json:"permissions"`
	Managed      bool            `json:"managed"`
	Mentionable  bool            `json:"mentionable"`
	Flags        int             `json:"flags"`
}

// Overwrite is docs /resources/channel#overwrite-object.
type Overwrite struct {
	ID    chiru.Snowflake `json:"id"`
	Type  int             `json:"type"`
	Allow string          `json:"allow"`
	Deny  string          `json:"deny"`
}

// Channel is docs /resources/channel#channel-object.
type Channel struct {
	ID                   chiru.Snowflake  `json:"id"`
	Type                 int              `json:"type"`
	Position             int              `json:"position"`
	PermissionOverwrites []Overwrite      `json:"permission_overwrites"`
	Name                 string           `json:"name"`
	Topic                *string          `json:"topic,omitempty"`
	NSFW                 bool             `json:"nsfw"`
	LastMessageID        *chiru.Snowflake `json:"last_message_id,omitempty"`
	Bitrate              int              `json:"bitrate,omitempty"`
	UserLimit            int              `json:"user_limit,omitempty"`
	RateLimitPerUser     int              `json:"rate_limit_per_user"`
	ParentID             *chiru.Snowflake `json:"parent_id"`
	Flags                int              `json:"flags"`
}

// GuildCreate is docs /events/gateway-events#guild-create.
type GuildCreate struct {
	ID                          chiru.Snowflake  `json:"id"`
	Name                        string           `json:"name"`
	Icon                        *string          `json:"icon"`
	Splash                      *string          `json:"splash"`
	OwnerID                     chiru.Snowflake  `json:"owner_id"`
	AFKChannelID                *chiru.Snowflake `json:"afk_channel_id"`
	AFKTimeout                  int              `json:"afk_timeout"`
	VerificationLevel           int              `json:"verification_level"`
	DefaultMessageNotifications int              `json:"default_message_notifications"`
	ExplicitContentFilter       int              `json:"explicit_content_filter"`
	Roles                       []Role           `json:"roles"`
	Emojis                      []Emoji          `json:"emojis"`
	Features                    []string         `json:"features"`
	MFALevel                    int              `json:"mfa_level"`
	SystemChannelID             *chiru.Snowflake `json:"system_channel_id"`
	SystemChannelFlags          int              `json:"system_channel_flags"`
	RulesChannelID              *chiru.Snowflake `json:"rules_channel_id"`
	VanityURLCode               *string          `json:"vanity_url_code"`
	Description                 *string          `json:"description"`
	Banner                      *string          `json:"banner"`
	PremiumTier                 int              `json:"premium_tier"`
	PremiumSubscriptionCount    int              `json:"premium_subscription_count"`
	PreferredLocale             string           `json:"preferred_locale"`
	NSFWLevel                   int              `json:"nsfw_level"`
	JoinedAt                    time.Time        `json:"joined_at"`
	Large                       bool             `json:"large"`
	Unavailable                 bool             `json:"unavailable"`
	MemberCount                 int              `json:"member_count"`
	VoiceStates                 []VoiceState     `json:"voice_states"`
	Members                     []Member         `json:"members"`
	Channels                    []Channel        `json:"channels"`
	Threads                     []Channel        `json:"threads"`
	Presences                   []PresenceUpdate `json:"presences"`
	StageInstances              []struct{}       `json:"stage_instances"`
	GuildScheduledEvents        []struct{}       `json:"guild_scheduled_events"`
	Stickers                    []struct{}       `json:"stickers"`
	SoundboardSounds            []struct{}       `json:"soundboard_sounds"`
}
