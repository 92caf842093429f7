package gatewaytest

// worldOtherObjects are the objects of moderation, integrations and sales, in the notation of worldObjects.
var worldOtherObjects = map[string]string{
	"command_permission": `
		id id
		type int
		permission bool`,
	"rule": `
		id id
		guild_id id
		name string
		creator_id id
		event_type int
		trigger_type int
		trigger_metadata object trigger_metadata
		actions list action
		enabled bool
		exempt_roles ids
		exempt_channels ids`,
	"trigger_metadata": `
		keyword_filter? strings
		regex_patterns? strings
		presets? ints
		allow_list? strings
		mention_total_limit? int
		mention_raid_protection_enabled? bool`,
	"action": `
		type int
		metadata object action_metadata`,
	"action_metadata": `
		channel_id? id
		duration_seconds? int
		custom_message? string`,
	"own_thread_member": `
		id always id
		user_id always id
		join_timestamp time
		flags int
		member never`,
	"added_member": `
		id always id
		user_id always id
		join_timestamp time
		flags int
		member always object member
		presence! object full_presence`,
	"full_presence": `
		guild_id id
		... presence`,
	"change": `
		new_value? any
		old_value? any
		key string`,
	"entry_info": `
		application_id? id
		auto_moderation_rule_name? string
		auto_moderation_rule_trigger_type? string
		channel_id? id
		count? string
		delete_member_days? string
		id? id
		members_removed? string
		message_id? id
		role_name? string
		type? string
		integration_type? string`,
	"integration": `
		id id
		name string
		type string
		enabled bool
		syncing? bool
		role_id? id
		enable_emoticons? bool
		expire_behavior? int
		expire_grace_period? int
		user never
		account object account
		synced_at? time
		subscriber_count? int
		revoked? bool
		application? object integration_application
		scopes? strings
		guild_id id`,
	"account": `
		id string
		name string`,
	"integration_application": `
		id id
		name string
		icon! string
		description string
		bot? object user`,
	"guild_sound": `
		... bare_sound
		guild_id always id`,
	"subscription": `
		id id
		user_id id
		sku_ids ids
		entitlement_ids ids
		renewal_sku_ids! ids
		current_period_start time
		current_period_end time
		status int
		canceled_at! time
		country never`,
}
