package gatewaytest

// worldObjects are the objects of the docs, one field a line: name, then ? for optional and ! for nullable, then its type.
// Types: id, ids, string, strings, int, ints, number, bool, time, any, object NAME, list NAME, map NAME.
// "never" is a documented field that no gateway event has, or none of a guild; "always" one that is optional only elsewhere.
var worldObjects = map[string]string{
	"user": `
		id id
		username string
		discriminator string
		global_name! string
		avatar! string
		bot? bool
		system? bool
		mfa_enabled never
		banner?! string
		accent_color?! int
		locale never
		verified never
		email never
		flags? int
		premium_type never
		public_flags? int
		avatar_decoration_data?! object decoration
		collectibles?! object collectibles
		primary_guild?! object primary_guild`,
	"decoration": `
		asset string
		sku_id id`,
	"collectibles": `
		nameplate? object nameplate`,
	"nameplate": `
		sku_id id
		asset string
		label string
		palette string`,
	"primary_guild": `
		identity_guild_id! id
		identity_enabled! bool
		tag! string
		badge! string`,
	// member fields: user is left out in messages, pending outside GUILD_ events, permissions outside interactions.
	"member": `
		user? object user
		nick?! string
		avatar?! string
		banner?! string
		roles ids
		joined_at! time
		premium_since?! time
		deaf? bool
		mute? bool
		flags int
		pending? bool
		permissions? id
		communication_disabled_until?! time
		avatar_decoration_data?! object decoration
		collectibles?! object collectibles`,
	"mention": `
		... user
		member? object member`,
	"role": `
		id id
		name string
		color int
		colors object colors
		hoist bool
		icon?! string
		unicode_emoji?! string
		position int
		permissions id
		managed bool
		mentionable bool
		tags? object tags
		flags int`,
	"colors": `
		primary_color int
		secondary_color! int
		tertiary_color! int`,
	"tags": `
		bot_id? id
		integration_id? id
		premium_subscriber? any
		subscription_listing_id? id
		available_for_purchase? any
		guild_connections? any`,
	// guild_emoji is a custom emoji in the guild's list: neither id nor name is null there.
	"guild_emoji": `
		id id
		name string
		roles ids
		user? object user
		require_colons? bool
		managed? bool
		animated? bool
		available? bool`,
	"sticker": `
		id id
		pack_id never
		name string
		description! string
		tags string
		type int
		format_type int
		available? bool
		guild_id always id
		user? object user
		sort_value never`,
	"any_sticker": `
		id id
		pack_id? id
		name string
		description! string
		tags string
		type int
		format_type int
		available? bool
		guild_id? id
		user? object user
		sort_value? int`,
	"sticker_item": `
		id id
		name string
		format_type int`,
	"channel": `
		id id
		type int
		position always int
		permission_overwrites always list overwrite
		name always string
		topic?! string
		nsfw? bool
		last_message_id?! id
		bitrate? int
		user_limit? int
		rate_limit_per_user? int
		recipients never
		icon never
		owner_id never
		application_id never
		managed never
		parent_id! id
		last_pin_timestamp?! time
		rtc_region?! string
		video_quality_mode? int
		message_count never
		member_count never
		thread_metadata never
		member never
		default_auto_archive_duration? int
		permissions never
		app_permissions never
		flags always int
		total_message_sent never
		available_tags? list tag
		applied_tags never
		default_reaction_emoji?! object default_reaction
		default_thread_rate_limit_per_user? int
		default_sort_order?! int
		default_forum_layout? int`,
	"guild_channel": `
		guild_id always id
		... channel`,
	"thread": `
		id id
		type int
		guild_id always id
		name always string
		last_message_id! id
		rate_limit_per_user? int
		owner_id always id
		parent_id always id
		last_pin_timestamp?! time
		message_count always int
		member_count always int
		thread_metadata always object thread_metadata
		flags always int
		total_message_sent always int
		applied_tags? ids`,
	"joined_thread": `
		... thread
		member? object thread_member`,
	"partial_channel": `
		id id
		name? string
		type int
		permissions? id
		app_permissions? id
		last_message_id! id
		last_pin_timestamp? time
		nsfw? bool
		parent_id?! id
		guild_id? id
		flags int
		rate_limit_per_user? int
		topic?! string
		position? int
		recipients? list user
		thread_metadata? object thread_metadata`,
	"overwrite": `
		id id
		type int
		allow id
		deny id`,
	"thread_metadata": `
		archived bool
		auto_archive_duration int
		archive_timestamp time
		locked bool
		invitable? bool
		create_timestamp?! time`,
	"thread_member": `
		id? id
		user_id? id
		join_timestamp time
		flags int
		member never`,
	"tag": `
		id id
		name string
		moderated bool
		emoji_id! id
		emoji_name! string`,
	"default_reaction": `
		emoji_id! id
		emoji_name! string`,
}
