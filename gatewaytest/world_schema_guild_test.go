package gatewaytest

// worldGuildObjects are a guild and what only GUILD_CREATE has of it, voice states and presences, in the notation of worldObjects.
var worldGuildObjects = map[string]string{
	"guild": `
		id id
		name string
		icon! string
		icon_hash never
		splash! string
		discovery_splash! string
		owner never
		owner_id id
		permissions never
		region?! string
		afk_channel_id! id
		afk_timeout int
		widget_enabled? bool
		widget_channel_id?! id
		verification_level int
		default_message_notifications int
		explicit_content_filter int
		roles list role
		emojis list guild_emoji
		features strings
		mfa_level int
		application_id! id
		system_channel_id! id
		system_channel_flags int
		rules_channel_id! id
		max_presences?! int
		max_members? int
		vanity_url_code! string
		description! string
		banner! string
		premium_tier int
		premium_subscription_count? int
		preferred_locale string
		public_updates_channel_id! id
		max_video_channel_users? int
		max_stage_video_channel_users? int
		approximate_member_count never
		approximate_presence_count never
		welcome_screen never
		nsfw_level int
		stickers? list sticker
		premium_progress_bar_enabled bool
		safety_alerts_channel_id! id
		incidents_data! object incidents`,
	"incidents": `
		invites_disabled_until! time
		dms_disabled_until! time
		dm_spam_detected_at?! time
		raid_detected_at?! time`,
	"stage": `
		id id
		guild_id id
		channel_id id
		topic string
		privacy_level int
		discoverable_disabled bool
		guild_scheduled_event_id! id`,
	"scheduled_event": `
		id id
		guild_id id
		channel_id! id
		creator_id?! id
		name string
		description?! string
		scheduled_start_time time
		scheduled_end_time! time
		privacy_level int
		status int
		entity_type int
		entity_id! id
		entity_metadata! object entity_metadata
		creator? object user
		user_count? int
		image?! string
		recurrence_rule! object recurrence
		guild_scheduled_event_exceptions list exception`,
	"entity_metadata": `
		location always string`,
	"recurrence": `
		start time
		end! time
		frequency int
		interval int
		by_weekday! ints
		by_n_weekday! list n_weekday
		by_month! ints
		by_month_day! ints
		by_year_day! ints
		count! int`,
	"n_weekday": `
		n int
		day int`,
	"exception": `
		event_id id
		event_exception_id id
		scheduled_start_time! time
		scheduled_end_time! time
		is_canceled bool`,
	"sound": `
		... bare_sound
		guild_id id`,
	"bare_sound": `
		name string
		sound_id id
		volume number
		emoji_id! id
		emoji_name! string
		available bool
		user? object user`,
	"voice_state": `
		guild_id always id
		... state
		member? object member`,
	"state": `
		channel_id! id
		user_id id
		session_id string
		deaf bool
		mute bool
		self_deaf bool
		self_mute bool
		self_stream? bool
		self_video bool
		suppress bool
		request_to_speak_timestamp! time`,
	"presence": `
		user object presence_user
		status string
		activities list activity
		client_status object client_status`,
	"presence_user": `
		id id
		username? string
		discriminator? string
		global_name?! string
		avatar?! string
		bot? bool
		system? bool
		banner?! string
		accent_color?! int
		flags? int
		public_flags? int
		avatar_decoration_data?! object decoration
		collectibles?! object collectibles
		primary_guild?! object primary_guild`,
	"client_status": `
		desktop? string
		mobile? string
		web? string
		vr? string`,
	"activity": `
		name string
		type int
		url?! string
		created_at int
		timestamps? object timestamps
		application_id? id
		status_display_type?! int
		details?! string
		details_url?! string
		state?! string
		state_url?! string
		emoji?! object activity_emoji
		party? object party
		assets? object assets
		secrets? object secrets
		instance? bool
		flags? int
		buttons? strings`,
	"timestamps": `
		start? int
		end? int`,
	"activity_emoji": `
		name string
		id? id
		animated? bool`,
	"party": `
		id? string
		size? ints`,
	"assets": `
		large_image? string
		large_text? string
		large_url? string
		small_image? string
		small_text? string
		small_url? string
		invite_cover_image? string`,
	"secrets": `
		join? string
		spectate? string
		match? string`,
}
