package chiru

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/chiru-go/chiru/internal/session"
)

// MarshalCommand is a command as it goes to Discord, {"op":...,"d":...}, for one that another process sends. The error is the
// *CommandError with which a Run of these intents would give it back.
func MarshalCommand(event OutgoingEvent, intents Intents) ([]byte, error) {
	if intents == 0 {
		intents = IntentsUnprivileged
	}
	cmd, err := encode(event, intents)
	return cmd.payload, err
}

// UnmarshalCommand is MarshalCommand undone: what has a type here comes as that, unless it has fields that the type lacks, and the rest as a
// *RawCommand. What is no command is a *CommandError; MarshalCommand says whether one may be sent.
func UnmarshalCommand(payload []byte) (OutgoingEvent, error) {
	bad := func(reason string) (OutgoingEvent, error) {
		return nil, &CommandError{Command: "command", Reason: reason}
	}
	var whole struct {
		Op *int            `json:"op"`
		D  json.RawMessage `json:"d"`
	}
	if err := strictly(payload, &whole); err != nil {
		return bad(`is no {"op":...,"d":...}: ` + err.Error())
	}
	if whole.Op == nil {
		return bad("has no op")
	}
	raw := &RawCommand{Op: *whole.Op, Data: whole.D}
	typed, fields := wireOf(*whole.Op)
	if fields == nil {
		return raw, nil
	}
	if err := json.Unmarshal(whole.D, fields); err != nil {
		return nil, &CommandError{Command: name(typed()), Reason: "d cannot be read: " + err.Error()}
	}
	if strictly(whole.D, fields) != nil {
		return raw, nil
	}
	return typed(), nil
}

// strictly decodes one value that has no fields but those of what it goes into.
func strictly(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

// wireOf is what the d of an op is decoded into, and the command that is then made of it; nil for an op without a type.
func wireOf(op int) (typed func() OutgoingEvent, fields any) {
	switch op {
	case session.OpPresence:
		d := new(struct {
			Since      *int64     `json:"since"`
			Activities []Activity `json:"activities"`
			Status     Status     `json:"status"`
			AFK        bool       `json:"afk"`
		})
		return func() OutgoingEvent {
			c := &PresenceUpdate{Activities: d.Activities, Status: d.Status, AFK: d.AFK}
			if d.Since != nil {
				c.Since = time.UnixMilli(*d.Since)
			}
			return c
		}, d
	case opVoiceState:
		d := new(struct {
			GuildID   Snowflake  `json:"guild_id"`
			ChannelID *Snowflake `json:"channel_id"`
			SelfMute  bool       `json:"self_mute"`
			SelfDeaf  bool       `json:"self_deaf"`
		})
		return func() OutgoingEvent {
			c := &VoiceStateUpdate{GuildID: d.GuildID, SelfMute: d.SelfMute, SelfDeaf: d.SelfDeaf}
			if d.ChannelID != nil {
				c.ChannelID = *d.ChannelID
			}
			return c
		}, d
	case opRequestMembers:
		d := new(struct {
			GuildID   Snowflake   `json:"guild_id"`
			Query     string      `json:"query"`
			Limit     int         `json:"limit"`
			UserIDs   []Snowflake `json:"user_ids"`
			Presences bool        `json:"presences"`
			Nonce     string      `json:"nonce"`
		})
		return func() OutgoingEvent {
			return &MemberChunkRequest{GuildID: d.GuildID, UserIDs: d.UserIDs, Query: d.Query, Limit: d.Limit, Presences: d.Presences, Nonce: d.Nonce}
		}, d
	case opSoundboardSounds:
		d := new(struct {
			GuildIDs []Snowflake `json:"guild_ids"`
		})
		return func() OutgoingEvent { return &SoundboardSoundsRequest{GuildIDs: d.GuildIDs} }, d
	case opChannelInfo:
		d := new(struct {
			GuildID Snowflake `json:"guild_id"`
			Fields  []string  `json:"fields"`
		})
		return func() OutgoingEvent { return &ChannelInfoRequest{GuildID: d.GuildID, Fields: d.Fields} }, d
	}
	return nil, nil
}
