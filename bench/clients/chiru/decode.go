package main

import (
	"fmt"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/bench/model"
)

// witness decodes an event of the mix.
func witness(d *chiru.Dispatch) (uint64, error) {
	switch d.Type {
	case "MESSAGE_CREATE", "MESSAGE_UPDATE":
		v, err := chiru.Decode[model.Message](d)
		return v.Witness(), err
	case "PRESENCE_UPDATE":
		v, err := chiru.Decode[model.PresenceUpdate](d)
		return v.Witness(), err
	case "TYPING_START":
		v, err := chiru.Decode[model.TypingStart](d)
		return v.Witness(), err
	case "VOICE_STATE_UPDATE":
		v, err := chiru.Decode[model.VoiceState](d)
		return v.Witness(), err
	case "GUILD_MEMBER_UPDATE":
		v, err := chiru.Decode[model.GuildMemberUpdate](d)
		if err != nil {
			return 0, err
		}
		return v.Witness(), nil
	case "MESSAGE_REACTION_ADD":
		v, err := chiru.Decode[model.MessageReactionAdd](d)
		return v.Witness(), err
	case "GUILD_CREATE":
		v, err := chiru.Decode[model.GuildCreate](d)
		return v.Witness(), err
	}
	return 0, fmt.Errorf("%s is not of the mix", d.Type)
}
