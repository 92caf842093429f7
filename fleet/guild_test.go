package fleet

import (
	"encoding/json"
	"testing"

	"github.com/chiru-go/chiru"
)

func TestGuildOfAnEventIsItsOwn(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		want       chiru.Snowflake
	}{
		{"MESSAGE_CREATE", `{"id":"1","guild_id":"42"}`, 42},
		{"MESSAGE_CREATE", `{"message_reference":{"guild_id":"7"},"content":"\"guild_id\":\"8\"","guild_id" : "42" }`, 42},
		{"MESSAGE_CREATE", `{"message_reference":{"guild_id":"7"}}`, 0},
		{"MESSAGE_CREATE", `{"x":["guild_id","7"],"guild_id":42}`, 42},
		{"MESSAGE_CREATE", `{"content":"a\\","guild_id":"42"}`, 42},
		{"MESSAGE_CREATE", `{"guild_id":null}`, 0},
		{"GUILD_CREATE", `{"channels":[{"id":"9"}],"id":"42"}`, 42},
		{"GUILD_MEMBER_ADD", `{"id":"9","guild_id":"42"}`, 42},
		{"READY", `{"guilds":[{"id":"9"}]}`, 0},
		{"X", `null`, 0}, {"X", ``, 0}, {"X", `{"guild_id":`, 0}, {"X", `["guild_id":"1"]`, 0}, {"X", `{"guild_id":"`, 0},
	} {
		if got := guildOf(c.kind, []byte(c.body)); got != c.want {
			t.Errorf("%s %s: got %d, want %d", c.kind, c.body, got, c.want)
		}
	}
}

// FuzzGuild: of any JSON object, what encoding/json finds.
func FuzzGuild(f *testing.F) {
	f.Add([]byte(`{"a":[{"guild_id":"1"}],"guild_id":"2","b":{}}`))
	f.Add([]byte(`{"a":"\\\"guild_id\":","guild_id":3}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := guildOf("MESSAGE_CREATE", body)
		var fields []json.RawMessage
		var top map[string]json.RawMessage
		if json.Unmarshal(body, &fields) == nil || json.Unmarshal(body, &top) != nil {
			return // no object
		}
		if got == 0 {
			return // of a guild_id written with escapes, or no number
		}
		var last any
		if err := json.Unmarshal(top["guild_id"], &last); err != nil {
			t.Fatalf("got %d of %q, which has no guild_id", got, body)
		}
	})
}
