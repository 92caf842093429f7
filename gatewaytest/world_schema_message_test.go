package gatewaytest

// worldMessageObjects are the objects around messages and interactions, in the notation of worldObjects.
var worldMessageObjects = map[string]string{
	"message_event": `
		... message
		guild_id? id
		member? object member
		channel_type? int`,
	// message lacks reactions and thread: a message has neither while it is new, MESSAGE_UPDATE adds them.
	"message": `
		id id
		channel_id id
		author object user
		content string
		timestamp time
		edited_timestamp! time
		tts bool
		mention_everyone bool
		mentions list mention
		mention_roles ids
		mention_channels? list channel_mention
		attachments list attachment
		embeds list embed
		nonce? any
		pinned bool
		webhook_id? id
		type int
		activity? object message_activity
		application? object application
		application_id? id
		flags? int
		message_reference? object reference
		message_snapshots? list snapshot
		referenced_message?! object message
		interaction_metadata? object metadata
		interaction? object message_interaction
		components? list any
		sticker_items? list sticker_item
		stickers? list any_sticker
		position? int
		role_subscription_data? object role_subscription
		resolved? object resolved
		poll? object poll
		call? object call
		shared_client_theme? object theme`,
	"channel_mention": `
		id id
		guild_id id
		type int
		name string`,
	"attachment": `
		id id
		filename string
		title? string
		description? string
		content_type? string
		size int
		url string
		proxy_url string
		height?! int
		width?! int
		placeholder? string
		placeholder_version? int
		ephemeral? bool
		duration_secs? number
		waveform? string
		flags? int
		clip_participants? list user
		clip_created_at? time
		application?! object application`,
	"application": `
		id id
		name string
		icon! any
		description string`,
	"embed": `
		title? string
		type? string
		description? string
		url? string
		timestamp? time
		color? int
		footer? object footer
		image? object media
		thumbnail? object media
		video? object media
		provider? object provider
		author? object embed_author
		fields? list field
		flags? int`,
	"footer": `
		text string
		icon_url? string
		proxy_icon_url? string`,
	"media": `
		url? string
		proxy_url? string
		height? int
		width? int
		content_type? string
		placeholder? string
		placeholder_version? int
		description? string
		flags? int`,
	"provider": `
		name? string
		url? string`,
	"embed_author": `
		name string
		url? string
		icon_url? string
		proxy_icon_url? string`,
	"field": `
		name string
		value string
		inline? bool`,
	"reaction": `
		count int
		count_details object count_details
		me bool
		me_burst bool
		emoji object reaction_emoji
		burst_colors strings`,
	"count_details": `
		burst int
		normal int`,
	"reaction_emoji": `
		id! id
		name! string
		animated? bool`,
	"message_activity": `
		type int
		party_id? string`,
	"reference": `
		type? int
		message_id? id
		channel_id always id
		guild_id? id
		fail_if_not_exists never`,
	"snapshot": `
		message object snapshot_message`,
	"snapshot_message": `
		type int
		content string
		embeds list embed
		attachments list attachment
		timestamp time
		edited_timestamp! time
		flags int
		mentions list mention
		mention_roles ids
		stickers? list any_sticker
		sticker_items? list sticker_item
		components? list any`,
	"metadata": `
		id id
		type int
		user object user
		authorizing_integration_owners map id
		original_response_message_id? id
		target_user? object user
		target_message_id? id
		interacted_message_id? id
		triggering_interaction_metadata? object trigger`,
	"trigger": `
		id id
		type int
		user object user
		authorizing_integration_owners map id
		interacted_message_id? id`,
	"message_interaction": `
		id id
		type int
		name string
		user object user
		member? object member`,
	"role_subscription": `
		role_subscription_listing_id id
		tier_name string
		total_months_subscribed int
		is_renewal bool`,
	"poll": `
		question object poll_media
		answers list answer
		expiry! time
		allow_multiselect bool
		layout_type int
		results? object results`,
	"poll_media": `
		text string
		emoji? object reaction_emoji`,
	"answer": `
		answer_id int
		poll_media object poll_media`,
	"results": `
		is_finalized bool
		answer_counts list answer_count`,
	"answer_count": `
		id int
		count int
		me_voted bool`,
	"call": `
		participants ids
		ended_timestamp?! time`,
	"theme": `
		colors strings
		gradient_angle int
		base_mix int
		base_theme?! int`,
	"resolved": `
		users? map user
		members? map member
		roles? map role
		channels? map partial_channel
		messages? map message
		attachments? map attachment`,
	"interaction": `
		id id
		application_id id
		type int
		data always object data
		guild? object partial_guild
		guild_id? id
		channel always object partial_channel
		channel_id always id
		member? object member
		user? object user
		token string
		version int
		message? object message
		app_permissions id
		locale always string
		guild_locale? string
		entitlements list entitlement
		authorizing_integration_owners map id
		context? int
		attachment_size_limit int`,
	"partial_guild": `
		id id
		locale string
		features strings`,
	// data joins the three kinds: a command's, a component's and a modal's.
	"data": `
		id? id
		name? string
		type? int
		resolved? object resolved
		options? list option
		guild_id? id
		target_id? id
		custom_id? string
		component_type? int
		values? strings
		components? list any`,
	"option": `
		name string
		type int
		value? any
		options? list option
		focused? bool`,
	"entitlement": `
		id id
		sku_id id
		application_id id
		user_id? id
		type int
		deleted bool
		starts_at! time
		ends_at! time
		guild_id? id
		consumed? bool`,
}
