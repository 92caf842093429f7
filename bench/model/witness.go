package model

import "github.com/chiru-go/chiru/bench/proof"

// Witness of a message; see package proof.
func (m *Message) Witness() uint64 {
	return uint64(m.ID)%10000 + proof.Lens(len(m.Mentions), len(m.Embeds), len(m.Attachments))
}

// Witness of a presence.
func (p *PresenceUpdate) Witness() uint64 {
	return uint64(p.User.ID)%10000 + proof.Lens(len(p.Activities))
}

// Witness of a typing start.
func (t *TypingStart) Witness() uint64 { return uint64(t.UserID)%10000 + uint64(t.Timestamp%1000) }

// Witness of a voice state.
func (v *VoiceState) Witness() uint64 {
	if v.ChannelID == nil {
		return uint64(v.UserID) % 10000
	}
	return uint64(v.UserID)%10000 + uint64(*v.ChannelID)%10000
}

// Witness of a member's update.
func (u *GuildMemberUpdate) Witness() uint64 {
	return uint64(u.User.ID)%10000 + proof.Lens(len(u.Roles))
}

// Witness of a reaction.
func (r *MessageReactionAdd) Witness() uint64 {
	return uint64(r.UserID)%10000 + uint64(r.MessageID)%10000
}

// Witness of a guild.
func (g *GuildCreate) Witness() uint64 {
	return uint64(g.ID)%10000 + proof.Lens(len(g.Members), len(g.Channels), len(g.Roles), len(g.Presences))
}
