package gatewaytest

import "strconv"

// worldUser is an account. Its public object is written once and copied from then on; only the bot's ever changes.
type worldUser struct {
	id      uint64
	name    string
	display string // "" for none
	avatar  string
	banner  string // of the bot's own
	accent  int    // likewise; 0 for none
	bot     bool
	json    []byte
}

// newWorldUser makes an account with the fields of docs /resources/user#user-object that a bot may see.
// Fields behind an OAuth2 scope a bot has no business with (email, locale, ...) are only on the bot itself.
func newWorldUser(d worldDice, id uint64, index int, bot bool) *worldUser {
	u := &worldUser{id: id, name: d.handle(index), avatar: d.hash(), bot: bot}
	if d.oneIn(8) {
		u.avatar = ""
	}
	if !d.oneIn(4) {
		u.display = d.title()
	}
	j := &worldJSON{}
	j.open('{')
	u.identity(j)
	if bot {
		j.bool("bot", true)
	} else if d.oneIn(20) {
		j.bool("bot", false)
	}
	if d.oneIn(12) {
		j.bool("system", false)
	}
	if !d.oneIn(8) {
		j.num("public_flags", int64(worldPick(d, []int{0, 0, 0, 64, 128, 256, 4194304, 131072})))
	}
	if d.oneIn(10) {
		j.num("flags", int64(worldPick(d, []int{0, 64, 256})))
	}
	if d.oneIn(6) {
		j.strOrNull("banner", d.hashOrNone(2))
		if d.oneIn(2) {
			j.null("accent_color")
		} else {
			j.num("accent_color", int64(d.IntN(1<<24)))
		}
	}
	d.adornments(j, id)
	if !d.oneIn(10) {
		d.primaryGuild(j, id)
	}
	j.end('}')
	u.json = j.text()
	return u
}

func (u *worldUser) identity(j *worldJSON) {
	j.id("id", u.id)
	j.str("username", u.name)
	j.str("discriminator", u.discriminator())
	j.strOrNull("global_name", u.display)
	j.strOrNull("avatar", u.avatar)
}

// discriminator is "0" for a migrated account; bots kept their four digits.
func (u *worldUser) discriminator() string {
	if !u.bot {
		return "0"
	}
	return strconv.Itoa(1000 + int(u.id%9000))
}

// adornments writes avatar_decoration_data and collectibles, which users and members have alike: filled, null or left out.
func (d worldDice) adornments(j *worldJSON, near uint64) {
	switch d.IntN(10) {
	case 0:
		j.obj("avatar_decoration_data")
		j.str("asset", d.hash())
		j.id("sku_id", near+1)
		j.end('}')
	case 1:
	default:
		j.null("avatar_decoration_data")
	}
	switch d.IntN(10) {
	case 0:
		j.obj("collectibles")
		if !d.oneIn(4) {
			palette := worldPick(d, []string{"crimson", "berry", "sky", "teal", "forest", "bubble_gum", "violet", "cobalt", "clover", "lemon", "white"})
			j.obj("nameplate")
			j.id("sku_id", near+2)
			j.str("asset", "nameplates/nameplates/"+palette+"/")
			j.str("label", "")
			j.str("palette", palette)
			j.end('}')
		}
		j.end('}')
	case 1:
	default:
		j.null("collectibles")
	}
}

func (d worldDice) primaryGuild(j *worldJSON, near uint64) {
	switch d.IntN(8) {
	case 0:
		j.obj("primary_guild")
		j.id("identity_guild_id", near+3)
		j.bool("identity_enabled", true)
		j.str("tag", worldPick(d, []string{"FOX", "BEAN", "1337", "猫"}))
		j.str("badge", d.hash())
		j.end('}')
	case 1:
		j.obj("primary_guild")
		j.null("identity_guild_id")
		j.null("identity_enabled")
		j.null("tag")
		j.null("badge")
		j.end('}')
	default:
		j.null("primary_guild")
	}
}

// own is the bot as READY and USER_UPDATE show it to itself.
func (u *worldUser) own() []byte {
	return worldObject(func(j *worldJSON) {
		u.identity(j)
		j.bool("bot", true)
		j.bool("system", false)
		j.bool("mfa_enabled", true)
		u.profile(j)
		j.str("locale", "en-US")
		j.bool("verified", true)
		j.null("email")
		j.num("flags", 0)
		j.num("premium_type", 0)
		j.num("public_flags", 0)
		j.null("avatar_decoration_data")
		j.null("collectibles")
		j.null("primary_guild")
	})
}

func (u *worldUser) profile(j *worldJSON) {
	j.strOrNull("banner", u.banner)
	if u.accent == 0 {
		j.null("accent_color")
	} else {
		j.num("accent_color", int64(u.accent))
	}
}

// userUpdate gives the bot another name or other looks.
func (w *world) userUpdate(*worldGuild) (worldEvent, bool) {
	d, u := w.dice, w.bot
	switch d.IntN(3) {
	case 0:
		u.display = ""
		if d.oneIn(2) {
			u.display = d.title()
		}
	case 1:
		u.avatar = d.hashOrNone(2)
	default:
		u.banner, u.accent = d.hashOrNone(2), d.IntN(2)*(1+d.IntN(1<<24-1))
	}
	u.json = worldObject(func(j *worldJSON) {
		u.identity(j)
		j.bool("bot", true)
		u.profile(j)
		j.num("public_flags", 0)
	})
	j := w.start()
	j.members(u.own())
	return w.finish("USER_UPDATE", nil, 0), true
}
