package gatewaytest

import "strconv"

// embeds writes the embeds of a message: one to three, of every documented kind
// (docs /resources/message#embed-object).
func (d worldDice) embeds(now int64) []byte {
	n := 1
	if d.oneIn(8) {
		n = 3
	}
	return worldList(n, func(j *worldJSON, _ int) {
		kind := worldPick(d, []string{"rich", "rich", "image", "video", "gifv", "article", "link"})
		if !d.oneIn(20) {
			j.str("type", kind)
		}
		d.maybe("title", func(k string) { j.str(k, d.sentence()) })
		d.maybe("description", func(k string) { j.str(k, d.sentence()+"\n"+d.sentence()) })
		d.maybe("url", func(k string) { j.str(k, "https://example.com/"+worldPick(d, worldLast)) })
		d.maybe("color", func(k string) { j.num(k, int64(d.IntN(1<<24))) })
		if d.oneIn(4) {
			j.time("timestamp", now)
		}
		if d.oneIn(4) {
			j.obj("footer")
			j.str("text", d.title())
			d.maybe("icon_url", func(k string) { j.str(k, "https://example.com/f.png") })
			d.maybe("proxy_icon_url", func(k string) { j.str(k, "https://images-ext-1.discordapp.net/f.png") })
			j.end('}')
		}
		switch kind {
		case "image", "gifv", "article":
			d.embedMedia(j, "thumbnail", "image/png")
		case "rich":
			if d.oneIn(3) {
				d.embedMedia(j, "image", "image/webp")
			}
		case "video":
			d.embedMedia(j, "video", "video/mp4")
		}
		if d.oneIn(4) {
			j.obj("provider")
			d.maybe("name", func(k string) { j.str(k, "YouTube") })
			d.maybe("url", func(k string) { j.str(k, "https://www.youtube.com") })
			j.end('}')
		}
		if d.oneIn(4) {
			j.obj("author")
			j.str("name", d.title())
			d.maybe("url", func(k string) { j.str(k, "https://example.com/@me") })
			d.maybe("icon_url", func(k string) { j.str(k, "https://example.com/a.png") })
			d.maybe("proxy_icon_url", func(k string) { j.str(k, "https://images-ext-1.discordapp.net/a.png") })
			j.end('}')
		}
		if kind == "rich" && d.oneIn(2) {
			j.arr("fields")
			for range d.between(1, 6) {
				j.open('{')
				j.str("name", d.title())
				j.str("value", d.sentence())
				d.maybe("inline", func(k string) { j.bool(k, d.oneIn(2)) })
				j.end('}')
			}
			j.end(']')
		}
		if d.oneIn(6) {
			j.num("flags", 1<<5)
		}
	})
}

func (d worldDice) embedMedia(j *worldJSON, k, mime string) {
	j.obj(k)
	if k != "video" || !d.oneIn(4) {
		j.str("url", "https://example.com/"+d.hex(8))
	}
	d.maybe("proxy_url", func(k string) { j.str(k, "https://images-ext-1.discordapp.net/"+d.hex(8)) })
	d.maybe("height", func(k string) { j.num(k, 720) })
	d.maybe("width", func(k string) { j.num(k, 1280) })
	d.maybe("content_type", func(k string) { j.str(k, mime) })
	d.maybe("placeholder", func(k string) { j.str(k, "5fgFDQIHdoeAh4d/d3d4eHeI") })
	d.maybe("placeholder_version", func(k string) { j.num(k, 1) })
	d.maybe("description", func(k string) { j.str(k, d.sentence()) })
	d.maybe("flags", func(k string) { j.num(k, int64(d.IntN(2)<<5)) })
	j.end('}')
}

// worldFile is a kind of attachment.
type worldFile struct{ name, mime string }

var worldFiles = []worldFile{{"image.png", "image/png"}, {"IMG_2041.jpg", "image/jpeg"}, {"clip.mp4", "video/mp4"}, {"notes.txt", "text/plain; charset=utf-8"}, {"Übersicht (2).pdf", "application/pdf"}}

// attachments writes docs /resources/message#attachment-object; ids come from mint, clips show who was in them.
func (d worldDice) attachments(n int, channel uint64, mint func() uint64, now int64, near *worldUser) []byte {
	return worldList(n, func(j *worldJSON, _ int) {
		f := worldPick(d, worldFiles)
		id := mint()
		d.attachmentHead(j, id, channel, f.name)
		if !d.oneIn(10) {
			j.str("content_type", f.mime)
		}
		switch f.mime[:5] {
		case "image", "video":
			j.num("height", int64(d.between(100, 2000)))
			j.num("width", int64(d.between(100, 2000)))
			d.maybe("placeholder", func(k string) { j.str(k, "4/cJFYJ3d4Z3eHeHeIiHd3d3d4") })
			d.maybe("placeholder_version", func(k string) { j.num(k, 1) })
		default:
			if d.oneIn(2) {
				j.null("height")
				j.null("width")
			}
		}
		d.maybe("title", func(k string) { j.str(k, d.title()) })
		if d.oneIn(5) {
			j.str("description", d.sentence())
		}
		if d.oneIn(10) {
			j.bool("ephemeral", true)
		}
		d.maybe("flags", func(k string) { j.num(k, 0) })
		if f.name == "clip.mp4" {
			j.float("duration_secs", float64(d.between(1, 300))/8)
			j.arr("clip_participants")
			j.rawElem(near.json)
			j.end(']')
			j.time("clip_created_at", now)
			if d.oneIn(2) {
				j.null("application")
			} else {
				j.raw("application", worldApplication(mint(), worldPick(d, worldGames), d.hashOrNone(2)))
			}
		}
	})
}

func (d worldDice) attachmentHead(j *worldJSON, id, channel uint64, name string) {
	j.id("id", id)
	j.str("filename", name)
	j.num("size", int64(d.between(900, 8_000_000)))
	path := strconv.FormatUint(channel, 10) + "/" + strconv.FormatUint(id, 10) + "/" + name + "?ex=" + d.hex(8) + "&is=" + d.hex(8) + "&hm=" + d.hex(64) + "&"
	j.str("url", "https://cdn.discordapp.com/attachments/"+path)
	j.str("proxy_url", "https://media.discordapp.net/attachments/"+path)
}

// voiceMessage is the only attachment of its message (docs /resources/message#voice-messages).
func (d worldDice) voiceMessage(channel uint64, mint func() uint64) []byte {
	return worldList(1, func(j *worldJSON, _ int) {
		d.attachmentHead(j, mint(), channel, "voice-message.ogg")
		j.str("content_type", "audio/ogg")
		j.float("duration_secs", float64(d.between(8, 480))/8)
		j.str("waveform", "AAAAFB0gKTJAUFhgZm5sYldMQTMpIBsVEAwIBgQDAgEA")
	})
}

// worldApplication is a partial application as messages carry it.
func worldApplication(id uint64, name, icon string) []byte {
	return worldObject(func(j *worldJSON) {
		j.id("id", id)
		j.str("name", name)
		j.strOrNull("icon", icon)
		j.str("description", "")
	})
}

// components writes a row of buttons and a menu (docs /components/reference).
func (d worldDice) components() []byte {
	return worldList(2, func(j *worldJSON, i int) {
		j.num("type", 1)
		j.num("id", int64(3*i+1))
		j.arr("components")
		if i == 0 {
			for n := range 2 {
				j.open('{')
				j.num("type", 2)
				j.num("id", int64(n+2))
				j.num("style", int64(d.between(1, 4)))
				j.str("label", worldPick(d, []string{"Yes", "No", "Ja \"klar\"", "👍"}))
				j.str("custom_id", "vote:"+strconv.Itoa(n))
				j.bool("disabled", false)
				j.end('}')
			}
		} else {
			j.open('{')
			j.num("type", 3)
			j.num("id", 5)
			j.str("custom_id", "menu")
			j.str("placeholder", "Choose")
			j.num("min_values", 1)
			j.num("max_values", 1)
			j.arr("options")
			for _, v := range worldDays {
				j.open('{')
				j.str("label", v)
				j.str("value", v)
				j.end('}')
			}
			j.end(']')
			j.end('}')
		}
		j.end(']')
	})
}
