package model

import "github.com/chiru-go/chiru/bench/proof"

// Witness of a message; see package proof.
func (m *Message) Witness() uint64 {
	return proof.Mod(m.ID) + proof.Lens(len(m.Mentions), len(m.Embeds), len(m.Attachments))
}

// Witness of a presence.
func (p *PresenceUpdate) Witness() uint64 {
	return proof.Mod(p.User.ID) + proof.Lens(len(p.Activities))
}

// Witness of a typing start.
func (t *TypingStart) Witness() uint64 { return proof.Mod(t.UserID) + uint64(t.Timestamp%1000) }

// Witness of a voice state.
func (v *VoiceState) Witness() uint64 {
	if v.ChannelID == nil {
		return proof.Mod(v.UserID)
	}
	return proof.Mod(v.UserID) + proof.Mod(*v.ChannelID)
}

// Witness of a member's update.
func (u *GuildMemberUpdate) Witness() uint64 { return proof.Mod(u.User.ID) + proof.Lens(len(u.Roles)) }

// Witness of a reaction.
func (r *MessageReactionAdd) Witness() uint64 { return proof.Mod(r.UserID) + proof.Mod(r.MessageID) }

// Witness of a guild.
func (g *GuildCreate) Witness() uint64 {
	return proof.Mod(g.ID) + proof.Lens(len(g.Members), len(g.Channels), len(g.Roles), len(g.Presences))
}
