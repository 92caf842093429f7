package chiru

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/chiru-go/chiru/internal/envelope"
	"github.com/chiru-go/chiru/internal/session"
)

// Discord closes with 4002 for a longer payload (docs /events/gateway#sending-events).
const maxPayload = 4096

// The opcodes of the commands (docs /topics/opcodes-and-status-codes#gateway-gateway-opcodes).
const (
	opVoiceState       = 4
	opRequestMembers   = 8
	opSoundboardSounds = 31
	opChannelInfo      = 43
)

// command is an OutgoingEvent that may be sent.
type command struct {
	event   OutgoingEvent
	op      int
	data    json.RawMessage // d
	payload []byte          // the whole frame
}

// encode validates a command and builds its payload.
func encode(event OutgoingEvent, intents Intents) (command, error) {
	op, d, err := body(event, intents)
	if err != nil {
		return command{}, err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return command{}, &CommandError{Command: name(event), Field: "Data", Reason: "is not JSON: " + err.Error()}
	}
	payload := envelope.Append(nil, op, data)
	if len(payload) > maxPayload {
		return command{}, &CommandError{Command: name(event), Reason: fmt.Sprintf("the payload has %d bytes; Discord takes at most %d", len(payload), maxPayload)}
	}
	return command{event, op, data, payload}, nil
}

func name(event OutgoingEvent) string {
	switch event.(type) {
	case *MemberChunkRequest:
		return "MemberChunkRequest"
	case *PresenceUpdate:
		return "PresenceUpdate"
	case *VoiceStateUpdate:
		return "VoiceStateUpdate"
	case *SoundboardSoundsRequest:
		return "SoundboardSoundsRequest"
	case *ChannelInfoRequest:
		return "ChannelInfoRequest"
	case *RawCommand:
		return "RawCommand"
	}
	return "command"
}

// body is a command's opcode and d.
func body(event OutgoingEvent, intents Intents) (op int, d any, err error) {
	switch c := event.(type) {
	case *MemberChunkRequest:
		if c != nil {
			d, err = c.body(intents)
			return opRequestMembers, d, err
		}
	case *PresenceUpdate:
		if c != nil {
			d, err = c.body()
			return session.OpPresence, d, err
		}
	case *VoiceStateUpdate:
		if c != nil {
			d, err = c.body(intents)
			return opVoiceState, d, err
		}
	case *SoundboardSoundsRequest:
		if c != nil {
			d, err = c.body()
			return opSoundboardSounds, d, err
		}
	case *ChannelInfoRequest:
		if c != nil {
			d, err = c.body()
			return opChannelInfo, d, err
		}
	case *RawCommand:
		if c != nil {
			d, err = c.body()
			return c.Op, d, err
		}
	case nil:
	default:
		return 0, nil, &CommandError{Command: fmt.Sprintf("%T", event), Reason: "is none of Chiru's commands; use RawCommand"}
	}
	return 0, nil, &CommandError{Command: name(event), Reason: "is nil"}
}

func (c *MemberChunkRequest) body(intents Intents) (any, error) {
	bad := func(field, reason string) (any, error) {
		return nil, &CommandError{Command: "MemberChunkRequest", Field: field, Reason: reason}
	}
	d := struct {
		GuildID   Snowflake   `json:"guild_id"`
		Query     *string     `json:"query,omitempty"`
		Limit     *int        `json:"limit,omitempty"`
		UserIDs   []Snowflake `json:"user_ids,omitempty"`
		Presences bool        `json:"presences,omitempty"`
		Nonce     string      `json:"nonce,omitempty"`
	}{GuildID: c.GuildID, UserIDs: c.UserIDs, Presences: c.Presences, Nonce: c.Nonce}
	switch {
	case c.GuildID == 0:
		return bad("GuildID", "is unset")
	case len(c.Nonce) > 32:
		return bad("Nonce", "has "+strconv.Itoa(len(c.Nonce))+" bytes; Discord keeps at most 32")
	case !utf8.ValidString(c.Nonce):
		return bad("Nonce", "is not UTF-8, so it would come back as another")
	case len(c.UserIDs) > 100:
		return bad("UserIDs", "has "+strconv.Itoa(len(c.UserIDs))+" ids; Discord answers at most 100, so split them")
	case slices.Contains(c.UserIDs, 0):
		return bad("UserIDs", "has an id 0")
	case len(c.UserIDs) > 0 && (c.Query != "" || c.Limit != 0):
		return bad("UserIDs", "stands with Query or Limit; exactly one of UserIDs and Query selects")
	case c.Limit < 0:
		return bad("Limit", "is negative")
	case c.Query != "" && (c.Limit < 1 || c.Limit > 100):
		return bad("Limit", "is "+strconv.Itoa(c.Limit)+"; a Query needs 1 to 100")
	case len(c.UserIDs) == 0 && c.Query == "" && !intents.Has(IntentGuildMembers):
		return bad("Query", "is empty: the whole list needs IntentGuildMembers, else Discord does not answer")
	}
	if len(c.UserIDs) == 0 {
		d.Query, d.Limit = &c.Query, &c.Limit // both always: Discord closes with 4001 without them
	}
	return d, nil
}

func (c *PresenceUpdate) body() (any, error) {
	bad := func(field, reason string) (any, error) {
		return nil, &CommandError{Command: "PresenceUpdate", Field: field, Reason: reason}
	}
	d := struct {
		Since      *int64     `json:"since"`
		Activities []Activity `json:"activities"`
		Status     Status     `json:"status"`
		AFK        bool       `json:"afk"`
	}{Activities: c.Activities, Status: c.Status, AFK: c.AFK}
	switch c.Status {
	case "":
		d.Status = StatusOnline
	case StatusOnline, StatusDoNotDisturb, StatusIdle, StatusInvisible, StatusOffline:
	default:
		return bad("Status", fmt.Sprintf("is %q; use one of online, dnd, idle, invisible, offline", c.Status))
	}
	for _, a := range c.Activities {
		switch {
		case a.Type < ActivityPlaying || a.Type > ActivityCompeting:
			return bad("Activities", "has type "+strconv.Itoa(int(a.Type))+"; the types are 0 to 5")
		case a.Name == "":
			return bad("Activities", "has an activity without a Name")
		}
	}
	if d.Activities == nil {
		d.Activities = []Activity{}
	}
	if !c.Since.IsZero() {
		if year := c.Since.UTC().Year(); year < 1970 || year > 9999 {
			return bad("Since", "is in the year "+strconv.Itoa(year)+"; Discord takes milliseconds since 1970")
		}
		ms := c.Since.UnixMilli()
		d.Since = &ms
	}
	return d, nil
}

func (c *VoiceStateUpdate) body(intents Intents) (any, error) {
	bad := func(field, reason string) (any, error) {
		return nil, &CommandError{Command: "VoiceStateUpdate", Field: field, Reason: reason}
	}
	d := struct {
		GuildID   Snowflake  `json:"guild_id"`
		ChannelID *Snowflake `json:"channel_id"`
		SelfMute  bool       `json:"self_mute"`
		SelfDeaf  bool       `json:"self_deaf"`
	}{GuildID: c.GuildID, SelfMute: c.SelfMute, SelfDeaf: c.SelfDeaf}
	if c.GuildID == 0 {
		return bad("GuildID", "is unset")
	}
	if c.ChannelID != 0 {
		if !intents.Has(IntentGuildVoiceStates) {
			return bad("ChannelID", "joining needs IntentGuildVoiceStates, else the session id for voice never comes")
		}
		d.ChannelID = &c.ChannelID
	}
	return d, nil
}

func (c *SoundboardSoundsRequest) body() (any, error) {
	if len(c.GuildIDs) == 0 || slices.Contains(c.GuildIDs, 0) {
		return nil, &CommandError{Command: "SoundboardSoundsRequest", Field: "GuildIDs", Reason: "is empty or has an id 0"}
	}
	return struct {
		GuildIDs []Snowflake `json:"guild_ids"`
	}{c.GuildIDs}, nil
}

func (c *ChannelInfoRequest) body() (any, error) {
	bad := func(field, reason string) (any, error) {
		return nil, &CommandError{Command: "ChannelInfoRequest", Field: field, Reason: reason}
	}
	if c.GuildID == 0 {
		return bad("GuildID", "is unset")
	}
	if len(c.Fields) == 0 {
		return bad("Fields", "is empty")
	}
	for _, f := range c.Fields {
		if f != "status" && f != "voice_start_time" {
			return bad("Fields", fmt.Sprintf("has %q; Discord knows status and voice_start_time", f))
		}
	}
	return struct {
		GuildID Snowflake `json:"guild_id"`
		Fields  []string  `json:"fields"`
	}{c.GuildID, c.Fields}, nil
}

func (c *RawCommand) body() (any, error) {
	bad := func(field, reason string) (any, error) {
		return nil, &CommandError{Command: "RawCommand", Field: field, Reason: reason}
	}
	switch c.Op {
	case session.OpDispatch, session.OpReconnect, session.OpInvalidSession, session.OpHello, session.OpHeartbeatAck:
		return bad("Op", strconv.Itoa(c.Op)+" is for Discord to send")
	case session.OpHeartbeat, session.OpIdentify, session.OpResume:
		return bad("Op", strconv.Itoa(c.Op)+" is Chiru's own to send")
	}
	if c.Op < 0 {
		return bad("Op", "is negative")
	}
	if len(c.Data) > maxPayload {
		return bad("Data", fmt.Sprintf("has %d bytes; Discord takes at most %d", len(c.Data), maxPayload))
	}
	if !utf8.Valid(c.Data) {
		return bad("Data", "is not UTF-8, for which the connection would be closed") // RFC 6455, 8.1
	}
	if len(c.Data) == 0 {
		return nil, nil
	}
	return c.Data, nil
}
