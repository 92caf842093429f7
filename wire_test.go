package chiru_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
)

func TestCommandsComeBackFromTheirPayloadsAsTheyWere(t *testing.T) {
	for _, want := range []chiru.OutgoingEvent{
		&chiru.MemberChunkRequest{GuildID: 5},
		&chiru.MemberChunkRequest{GuildID: 5, Query: "ab", Limit: 100, Presences: true, Nonce: "n"},
		&chiru.MemberChunkRequest{GuildID: 5, UserIDs: []chiru.Snowflake{1, 2}},
		&chiru.PresenceUpdate{Status: chiru.StatusIdle, Activities: []chiru.Activity{{Name: "x", Type: chiru.ActivityStreaming, State: "s", URL: "u"}}, AFK: true, Since: time.UnixMilli(91879201)},
		&chiru.VoiceStateUpdate{GuildID: 5, ChannelID: 6, SelfMute: true, SelfDeaf: true},
		&chiru.VoiceStateUpdate{GuildID: 5},
		&chiru.SoundboardSoundsRequest{GuildIDs: []chiru.Snowflake{5, 6}},
		&chiru.ChannelInfoRequest{GuildID: 5, Fields: []string{"status"}},
		&chiru.RawCommand{Op: 99, Data: json.RawMessage(`{"a":1}`)},
		&chiru.RawCommand{Op: 99, Data: json.RawMessage(`null`)},
		&chiru.RawCommand{Op: 8, Data: json.RawMessage(`{"guild_id":"5","query":"","limit":0,"new":true}`)}, // a field that the type lacks
	} {
		payload, err := chiru.MarshalCommand(want, chiru.IntentsAll)
		if err != nil {
			t.Errorf("%+v: %v", want, err)
			continue
		}
		got, err := chiru.UnmarshalCommand(payload)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", payload, got, err, want)
		}
	}
}

func TestPayloadThatIsNoCommandIsRefused(t *testing.T) {
	for payload, want := range map[string]string{
		``:                                "is no {",
		`null`:                            "has no op",
		`[]`:                              "is no {",
		`{"d":{}}`:                        "has no op",
		`{"op":3,"d":{},"s":1}`:           "unknown field",
		`{"op":3,"d":{}} {"op":3}`:        "something follows",
		`{"op":3}`:                        "d cannot be read",
		`{"op":8,"d":{"limit":"many"}}`:   "d cannot be read",
		`{"op":4,"d":{"guild_id":"abc"}}`: "d cannot be read",
	} {
		event, err := chiru.UnmarshalCommand([]byte(payload))
		if wrong, ok := errors.AsType[*chiru.CommandError](err); !ok || event != nil || !strings.Contains(wrong.Reason, want) {
			t.Errorf("%s: got %v, %v, want %q", payload, event, err, want)
		}
	}
}

func TestMarshalCommandTakesUnsetIntentsForThoseOfRun(t *testing.T) {
	whole := &chiru.MemberChunkRequest{GuildID: 5}
	if _, err := chiru.MarshalCommand(whole, 0); err == nil {
		t.Error("the whole list needs an intent that is privileged")
	}
	if _, err := chiru.MarshalCommand(whole, chiru.IntentGuildMembers); err != nil {
		t.Error(err)
	}
	if _, err := chiru.MarshalCommand(nil, 0); err == nil {
		t.Error("nil is taken")
	}
}
