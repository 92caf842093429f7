package gatewaytest

// worldRareEvents are the rest of worldEvents.
var worldRareEvents = map[string]string{
	"APPLICATION_COMMAND_PERMISSIONS_UPDATE": `
		id id
		application_id id
		guild_id id
		permissions list command_permission`,
	"AUTO_MODERATION_RULE_CREATE": `... rule`,
	"AUTO_MODERATION_RULE_UPDATE": `... rule`,
	"AUTO_MODERATION_RULE_DELETE": `... rule`,
	"AUTO_MODERATION_ACTION_EXECUTION": `
		guild_id id
		action object action
		rule_id id
		rule_trigger_type int
		user_id id
		channel_id? id
		message_id? id
		alert_system_message_id? id
		content string
		matched_keyword! string
		matched_content! string`,
	"CHANNEL_PINS_UPDATE": `
		guild_id? id
		channel_id id
		last_pin_timestamp?! time`,
	"THREAD_LIST_SYNC": `
		guild_id id
		channel_ids? ids
		threads list thread
		members list own_thread_member`,
	"THREAD_MEMBER_UPDATE": `
		... own_thread_member
		guild_id id`,
	"THREAD_MEMBERS_UPDATE": `
		id id
		guild_id id
		member_count int
		added_members? list added_member
		removed_member_ids? ids`,
	"ENTITLEMENT_CREATE": `... entitlement`,
	"ENTITLEMENT_UPDATE": `... entitlement`,
	"ENTITLEMENT_DELETE": `... entitlement`,
	"GUILD_DELETE": `
		id id
		unavailable always bool`,
	"GUILD_AUDIT_LOG_ENTRY_CREATE": `
		guild_id id
		target_id! string
		changes? list change
		user_id! id
		id id
		action_type int
		options? object entry_info
		reason? string`,
	"GUILD_BAN_ADD": `
		guild_id id
		user object user`,
	"GUILD_BAN_REMOVE": `
		guild_id id
		user object user`,
	"GUILD_EMOJIS_UPDATE": `
		guild_id id
		emojis list guild_emoji`,
	"GUILD_STICKERS_UPDATE": `
		guild_id id
		stickers list sticker`,
	"GUILD_INTEGRATIONS_UPDATE": `guild_id id`,
	"GUILD_ROLE_CREATE": `
		guild_id id
		role object role`,
	"GUILD_ROLE_DELETE": `
		guild_id id
		role_id id`,
	"GUILD_SCHEDULED_EVENT_CREATE": `... scheduled_event`,
	"GUILD_SCHEDULED_EVENT_UPDATE": `... scheduled_event`,
	"GUILD_SCHEDULED_EVENT_DELETE": `... scheduled_event`,
	"GUILD_SCHEDULED_EVENT_USER_ADD": `
		guild_scheduled_event_id id
		user_id id
		guild_id id`,
	"GUILD_SCHEDULED_EVENT_USER_REMOVE": `
		guild_scheduled_event_id id
		user_id id
		guild_id id`,
	"GUILD_SOUNDBOARD_SOUND_CREATE": `... guild_sound`,
	"GUILD_SOUNDBOARD_SOUND_UPDATE": `... guild_sound`,
	"GUILD_SOUNDBOARD_SOUND_DELETE": `
		sound_id id
		guild_id id`,
	"GUILD_SOUNDBOARD_SOUNDS_UPDATE": `
		soundboard_sounds list sound
		guild_id id`,
	"INTEGRATION_CREATE": `... integration`,
	"INTEGRATION_UPDATE": `... integration`,
	"INTEGRATION_DELETE": `
		id id
		guild_id id
		application_id? id`,
	"INVITE_CREATE": `
		channel_id id
		code string
		created_at time
		guild_id always id
		inviter? object user
		max_age int
		max_uses int
		target_type? int
		target_user? object user
		target_application? object application
		temporary bool
		uses int
		expires_at! time
		role_ids? ids`,
	"INVITE_DELETE": `
		channel_id id
		guild_id always id
		code string`,
	"MESSAGE_DELETE_BULK": `
		ids ids
		channel_id id
		guild_id always id`,
	"MESSAGE_REACTION_REMOVE_ALL": `
		channel_id id
		message_id id
		guild_id? id`,
	"MESSAGE_REACTION_REMOVE_EMOJI": `
		channel_id id
		guild_id? id
		message_id id
		emoji object reaction_emoji`,
	"STAGE_INSTANCE_CREATE": `... stage`,
	"STAGE_INSTANCE_UPDATE": `... stage`,
	"STAGE_INSTANCE_DELETE": `... stage`,
	"SUBSCRIPTION_CREATE":   `... subscription`,
	"SUBSCRIPTION_UPDATE":   `... subscription`,
	"SUBSCRIPTION_DELETE":   `... subscription`,
	"USER_UPDATE": `
		id id
		username string
		discriminator string
		global_name! string
		avatar! string
		bot always bool
		system always bool
		mfa_enabled always bool
		banner! string
		accent_color! int
		locale always string
		verified always bool
		email! string
		flags always int
		premium_type always int
		public_flags always int
		avatar_decoration_data! object decoration
		collectibles! object collectibles
		primary_guild! object primary_guild`,
	"VOICE_CHANNEL_EFFECT_SEND": `
		channel_id id
		guild_id id
		user_id id
		emoji?! object reaction_emoji
		animation_type?! int
		animation_id? int
		sound_id? any
		sound_volume? number`,
	"VOICE_CHANNEL_START_TIME_UPDATE": `
		id id
		guild_id id
		voice_start_time?! int`,
	"VOICE_CHANNEL_STATUS_UPDATE": `
		id id
		guild_id id
		status! string`,
	"WEBHOOKS_UPDATE": `
		guild_id id
		channel_id id`,
	"MESSAGE_POLL_VOTE_ADD": `
		user_id id
		channel_id id
		message_id id
		guild_id? id
		answer_id int`,
	"MESSAGE_POLL_VOTE_REMOVE": `
		user_id id
		channel_id id
		message_id id
		guild_id? id
		answer_id int`,
}

// worldAlwaysNull are nullable fields that one event cannot have filled: nothing new was edited, pinned in or written in.
var worldAlwaysNull = map[string]bool{
	"MESSAGE_CREATE.edited_timestamp":   true,
	"CHANNEL_CREATE.last_message_id":    true,
	"CHANNEL_CREATE.last_pin_timestamp": true,
	"THREAD_CREATE.last_message_id":     true,
	"THREAD_CREATE.last_pin_timestamp":  true,
	// A bot has none of these.
	"USER_UPDATE.email":                  true,
	"USER_UPDATE.avatar_decoration_data": true,
	"USER_UPDATE.collectibles":           true,
	"USER_UPDATE.primary_guild":          true,
}
