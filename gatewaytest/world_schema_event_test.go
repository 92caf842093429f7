package gatewaytest

// worldEvents says what the body of each event is. A body has the fields of one object, or those listed.
var worldEvents = map[string]string{
	"GUILD_CREATE": `
		... guild
		joined_at time
		large bool
		unavailable? bool
		member_count int
		voice_states list state
		members list member
		channels list channel
		threads list joined_thread
		presences list presence
		stage_instances list stage
		guild_scheduled_events list scheduled_event
		soundboard_sounds list sound`,
	"GUILD_UPDATE":   `... guild`,
	"CHANNEL_CREATE": `... guild_channel`,
	"CHANNEL_UPDATE": `... guild_channel`,
	"CHANNEL_DELETE": `... guild_channel`,
	"THREAD_CREATE": `
		... joined_thread
		newly_created? bool`,
	"THREAD_UPDATE": `... thread`,
	"THREAD_DELETE": `
		id id
		guild_id id
		parent_id id
		type int`,
	"GUILD_ROLE_UPDATE": `
		guild_id id
		role object role`,
	"GUILD_MEMBER_ADD": `
		guild_id id
		user always object user
		nick?! string
		avatar?! string
		banner?! string
		roles ids
		joined_at! time
		premium_since?! time
		deaf bool
		mute bool
		flags int
		pending always bool
		communication_disabled_until?! time
		avatar_decoration_data?! object decoration
		collectibles?! object collectibles`,
	"GUILD_MEMBER_REMOVE": `
		guild_id id
		user object user`,
	"GUILD_MEMBER_UPDATE": `
		guild_id id
		roles ids
		user object user
		nick?! string
		avatar! string
		banner! string
		joined_at! time
		premium_since?! time
		deaf? bool
		mute? bool
		pending? bool
		flags int
		communication_disabled_until?! time
		avatar_decoration_data?! object decoration
		collectibles?! object collectibles`,
	"PRESENCE_UPDATE": `
		guild_id id
		... presence`,
	"VOICE_STATE_UPDATE": `... voice_state`,
	"TYPING_START": `
		channel_id id
		guild_id? id
		user_id id
		timestamp int
		member? object member`,
	"MESSAGE_CREATE": `... message_event`,
	"MESSAGE_UPDATE": `
		... message_event
		reactions? list reaction
		thread? object thread`,
	"MESSAGE_DELETE": `
		id id
		channel_id id
		guild_id? id`,
	"MESSAGE_REACTION_ADD": `
		user_id id
		channel_id id
		message_id id
		guild_id? id
		member? object member
		emoji object reaction_emoji
		message_author_id? id
		burst bool
		burst_colors? strings
		type int`,
	"MESSAGE_REACTION_REMOVE": `
		user_id id
		channel_id id
		message_id id
		guild_id? id
		emoji object reaction_emoji
		burst bool
		type int`,
	"INTERACTION_CREATE": `... interaction`,
}
