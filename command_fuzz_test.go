package chiru

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzCommand: whatever a caller sends, it comes back with a CommandError or is one payload that Discord takes,
// as a second reading of the docs has it.
func FuzzCommand(f *testing.F) {
	f.Add(byte(0), uint64(1), []byte{1, 2, 3}, "", "nonce", 0, byte(1))
	f.Add(byte(0), uint64(1), []byte(nil), "prefix", "", 100, byte(0))
	f.Add(byte(0), uint64(1), []byte(nil), "", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0, byte(0xff))
	f.Add(byte(1), uint64(0), []byte{1, 5}, "dnd", "a <name> & \u2028 more", 3, byte(1))
	f.Add(byte(1), uint64(1)<<63, []byte(nil), "away", "", -1, byte(0))
	f.Add(byte(2), uint64(1), []byte{7}, "", "", 0, byte(7))
	f.Add(byte(3), uint64(0), bytes.Repeat([]byte{9}, 300), "", "", 0, byte(0))
	f.Add(byte(4), uint64(9), []byte(nil), "status", "voice_start_time", 2, byte(0))
	f.Add(byte(5), uint64(0), []byte(`{"a":[1,"\ud800"],"a":null}`), "", "", 60, byte(0))
	f.Add(byte(5), uint64(0), []byte("\"\xff\""), "", "", 60, byte(0))
	f.Fuzz(func(t *testing.T, kind byte, id uint64, data []byte, one, other string, number int, flags byte) {
		intents := IntentsNone
		if flags&0x80 != 0 {
			intents = IntentsAll
		}
		cmd, err := encode(someCommand(kind, id, data, one, other, number, flags), intents)
		if err != nil {
			if _, ok := errors.AsType[*CommandError](err); !ok || cmd.payload != nil || err.Error() == "" {
				t.Fatalf("got %#v and %q, want a CommandError alone", err, cmd.payload)
			}
			return
		}
		d := readPayload(t, cmd)
		switch raw := kind%6 == 5; {
		case slices.Contains([]int{0, 1, 2, 6, 7, 9, 10, 11}, cmd.op):
			t.Fatalf("op %d is not a caller's to send", cmd.op)
		case raw:
		case cmd.op == 3:
			readPresence(t, d)
		case cmd.op == 8:
			readMembers(t, d, intents == IntentsAll)
		default:
			readOther(t, cmd.op, d, intents == IntentsAll)
		}
	})
}

func someCommand(kind byte, id uint64, data []byte, one, other string, number int, flags byte) OutgoingEvent {
	ids := make([]Snowflake, len(data))
	for i, b := range data {
		ids[i] = Snowflake(b) * Snowflake(id|1)
	}
	switch kind % 6 {
	case 0:
		return &MemberChunkRequest{GuildID: Snowflake(id), UserIDs: ids, Query: one, Limit: number, Presences: flags&1 != 0, Nonce: other}
	case 1:
		p := &PresenceUpdate{Status: Status(one), AFK: flags&1 != 0, Since: time.Unix(int64(id), 0)}
		if flags&2 != 0 {
			p.Since = time.Time{}
		}
		for _, b := range data {
			p.Activities = append(p.Activities, Activity{Name: other, Type: ActivityType(int(b) - 1), State: one, URL: other[:len(other)/2]})
		}
		return p
	case 2:
		return &VoiceStateUpdate{GuildID: Snowflake(id), ChannelID: Snowflake(len(data)), SelfMute: flags&1 != 0, SelfDeaf: flags&2 != 0}
	case 3:
		return &SoundboardSoundsRequest{GuildIDs: ids}
	case 4:
		return &ChannelInfoRequest{GuildID: Snowflake(id), Fields: []string{one, other}[:min(max(number, 0), 2)]}
	}
	return &RawCommand{Op: number, Data: data}
}

type object = map[string]json.RawMessage

// readPayload is d, of what must be one JSON text of op and d alone (docs /events/gateway#sending-events).
func readPayload(t *testing.T, cmd command) json.RawMessage {
	var whole object
	if len(cmd.payload) > 4096 || !utf8.Valid(cmd.payload) || json.Unmarshal(cmd.payload, &whole) != nil {
		t.Fatalf("%d bytes that are not one JSON text of at most 4096: %q", len(cmd.payload), cmd.payload)
	}
	if op, err := strconv.Atoi(string(whole["op"])); len(whole) != 2 || err != nil || op != cmd.op || op < 0 || whole["d"] == nil {
		t.Fatalf("got %s, want op %d and d", cmd.payload, cmd.op)
	}
	return whole["d"]
}

// members is an object that has all of the needed members and none but these and the others.
func members(t *testing.T, text json.RawMessage, needed, others string) object {
	var o object
	if err := json.Unmarshal(text, &o); err != nil || o == nil {
		t.Fatalf("%s is no object", text)
	}
	for _, name := range strings.Fields(needed) {
		if o[name] == nil {
			t.Fatalf("%s has no %s", text, name)
		}
	}
	for name := range o {
		if !slices.Contains(strings.Fields(needed+" "+others), name) {
			t.Fatalf("%s has %s", text, name)
		}
	}
	return o
}

func isID(v json.RawMessage) bool {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && n > 0 && s[0] != '0'
}

func areIDs(v json.RawMessage, most int) bool {
	var list []json.RawMessage
	return json.Unmarshal(v, &list) == nil && len(list) >= 1 && len(list) <= most &&
		!slices.ContainsFunc(list, func(id json.RawMessage) bool { return !isID(id) })
}

func isBool(v json.RawMessage) bool { return string(v) == "true" || string(v) == "false" }

func isText(v json.RawMessage, most int) bool {
	var s string
	return len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &s) == nil && len(s) <= most
}

// docs /events/gateway-events#request-guild-members
func readMembers(t *testing.T, d json.RawMessage, all bool) {
	o := members(t, d, "guild_id", "query limit user_ids presences nonce")
	limit, err := strconv.Atoi(string(o["limit"]))
	switch {
	case !isID(o["guild_id"]):
	case (o["query"] == nil) == (o["user_ids"] == nil), (o["query"] == nil) != (o["limit"] == nil):
	case o["user_ids"] != nil && !areIDs(o["user_ids"], 100):
	case o["query"] != nil && (!isText(o["query"], 4096) || err != nil || limit < 0):
	case o["query"] != nil && string(o["query"]) != `""` && (limit < 1 || limit > 100):
	case string(o["query"]) == `""` && !all:
	case o["presences"] != nil && !isBool(o["presences"]):
	case o["nonce"] != nil && !isText(o["nonce"], 32):
	default:
		return
	}
	t.Fatalf("a request for members that Discord does not take: %s", d)
}

// docs /events/gateway-events#update-presence
func readPresence(t *testing.T, d json.RawMessage) {
	o := members(t, d, "since activities status afk", "")
	var activities []json.RawMessage
	since, err := strconv.ParseInt(string(o["since"]), 10, 64)
	switch {
	case string(o["since"]) != "null" && (err != nil || since < 0 || since >= 253402300800000): // the year 10000
	case json.Unmarshal(o["activities"], &activities) != nil || activities == nil:
	case !slices.Contains([]string{`"online"`, `"dnd"`, `"idle"`, `"invisible"`, `"offline"`}, string(o["status"])):
	case !isBool(o["afk"]):
	default:
		for _, text := range activities {
			a := members(t, text, "name type", "state url")
			kind, err := strconv.Atoi(string(a["type"]))
			if err != nil || kind < 0 || kind > 5 || !isText(a["name"], 4096) || string(a["name"]) == `""` {
				t.Fatalf("an activity that Discord does not take: %s", text)
			}
		}
		return
	}
	t.Fatalf("a presence that Discord does not take: %s", d)
}

// docs /events/gateway-events#update-voice-state, #request-soundboard-sounds, #request-channel-info
func readOther(t *testing.T, op int, d json.RawMessage, all bool) {
	taken := false
	switch op {
	case 4:
		o := members(t, d, "guild_id channel_id self_mute self_deaf", "")
		taken = isID(o["guild_id"]) && (string(o["channel_id"]) == "null" || isID(o["channel_id"]) && all) &&
			isBool(o["self_mute"]) && isBool(o["self_deaf"])
	case 31:
		taken = areIDs(members(t, d, "guild_ids", "")["guild_ids"], 4096)
	case 43:
		o := members(t, d, "guild_id fields", "")
		var fields []string
		taken = isID(o["guild_id"]) && json.Unmarshal(o["fields"], &fields) == nil && len(fields) > 0 &&
			!slices.ContainsFunc(fields, func(f string) bool { return f != "status" && f != "voice_start_time" })
	}
	if !taken {
		t.Fatalf("op %d that Discord does not take: %s", op, d)
	}
}
