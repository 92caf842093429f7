package main

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
)

func asIs(text string) string { return text }

// all are events of chiru's own, each with what it says to people.
var all = []struct {
	event      chiru.IncomingEvent
	name, text string
	fields     string
}{
	{&chiru.Hello{HeartbeatInterval: 41250 * time.Millisecond}, "hello", "a heartbeat every 41.25s", `"heartbeat_interval_ms":41250`},
	{&chiru.HeartbeatSent{Count: 2, Sequence: 7}, "heartbeat_sent", "number 2", `"count":2,"last_sequence":7`},
	{&chiru.HeartbeatSent{Count: 1, Sequence: chiru.NoSequence}, "heartbeat_sent", "number 1", `"count":1,"last_sequence":null`},
	{&chiru.HeartbeatAck{Count: 1, Latency: 42123456}, "heartbeat_ack", "number 1 after 42.12ms", `"count":1,"latency_ms":42.123`},
	{&chiru.ReconnectRequested{}, "reconnect_requested", "Discord asks for a new connection", ""},
	{&chiru.InvalidateSession{Resumable: true}, "invalidate_session", "Discord refuses the session; it may still be resumed", `"resumable":true`},
	{&chiru.InvalidateSession{}, "invalidate_session", "Discord has ended the session", `"resumable":false`},
	{&chiru.Connected{SessionID: "abc", Host: "gateway.discord.gg"}, "connected", "new session abc at gateway.discord.gg",
		`"resumed":false,"session_id":"abc","host":"gateway.discord.gg"`},
	{&chiru.Connected{Resumed: true, SessionID: "abc", Host: "r.discord.gg"}, "connected", "resumed session abc at r.discord.gg",
		`"resumed":true,"session_id":"abc","host":"r.discord.gg"`},
	{&chiru.Disconnected{Err: errors.New("a\x1b[2J\nb"), Next: chiru.NextResume, Attempt: 1, Wait: 1500 * time.Millisecond}, "disconnected",
		"a [2J b; the session is resumed in 1.5s (attempt 1)", `"error":"a [2J b","next":"resume","attempt":1,"wait_ms":1500`},
	{&chiru.Disconnected{Err: &chiru.CloseError{Code: 4009, Reason: "idle"}, Next: chiru.NextIdentify, Attempt: 3}, "disconnected",
		`discord closed the connection: 4009 session timed out ("idle"); a new session begins now (attempt 3)`,
		`"error":"discord closed the connection: 4009 session timed out (\"idle\")","close_code":4009,"next":"identify","attempt":3,"wait_ms":0`},
	{&chiru.Disconnected{Err: &chiru.UpgradeError{Host: "h", Status: 503}, Next: chiru.NextResume, Attempt: 1}, "disconnected",
		"h answered 503 Service Unavailable; the session is resumed now (attempt 1)",
		`"error":"h answered 503 Service Unavailable","http_status":503,"next":"resume","attempt":1,"wait_ms":0`},
	{&chiru.CommandRejected{Command: &chiru.RawCommand{}, Err: errors.New("too long")}, "command_rejected", "RawCommand: too long",
		`"command":"RawCommand","error":"too long"`},
}

func TestLifecycleLines(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	for _, e := range all {
		var text, object output
		if err := newTextLines(&text, asIs, false, 200, 1).lifecycle(at, e.event); err != nil {
			t.Fatal(err)
		}
		want := at.Local().Format("15:04:05.000") + "  0          " + e.name + strings.Repeat(" ", 22-len(e.name)) + e.text + "\n"
		if got := text.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := (&jsonLines{w: &object, redact: asIs}).lifecycle(at, e.event); err != nil {
			t.Fatal(err)
		}
		want = `{"shard":0,"type":"` + e.name + `","at":"2026-02-03T03:05:06.000000Z"`
		if e.fields != "" {
			want += "," + e.fields
		}
		if got := object.String(); got != want+"}\n" {
			t.Errorf("got %q, want %q", got, want+"}\n")
		}
		if text.writes != 1 || object.writes != 1 {
			t.Errorf("%s: got %d and %d writes, want 1 and 1", e.name, text.writes, object.writes)
		}
		if dispatches, lifecycle := readLines(t, object.String()); len(dispatches) != 0 || len(lifecycle) != 1 {
			t.Errorf("%s: a program takes %q for an event of Discord's", e.name, object.String())
		}
	}
}

func TestDispatchLines(t *testing.T) {
	received := time.Date(2026, 2, 3, 4, 5, 6, 70_000_000, time.UTC)
	const head, tail = `{"shard":0,"type":"T","sequence":5,"session":"s","received":"2026-02-03T04:05:06.070000Z","body":`, "}\n"
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, test := range []struct {
		sequence   int64
		body, want string
	}{
		{5, `{"a":"<&>é"}`, head + `{"a":"<&>é"}` + tail},
		{5, "{\n \"a\": 1,\r\n \"b\": 12345678901234567890.0\n}", head + `{"a":1,"b":12345678901234567890.0}` + tail},
		{5, "null", head + "null" + tail},
		{5, `{"a":`, head + `null,"body_text":"{\"a\":"` + tail},
		{5, "", head + `null,"body_text":""` + tail},
		{5, "\"\xff\"", head + `null,"body_text":"\"\ufffd\""` + tail},
		{5, deep, head + `null,"body_text":"` + deep + `"` + tail},
		{0, "1", strings.Replace(head, `"sequence":5`, `"sequence":0`, 1) + "1" + tail},
		{chiru.NoSequence, "1", strings.Replace(head, `"sequence":5,`, "", 1) + "1" + tail},
	} {
		var out output
		d := &chiru.Dispatch{Type: "T", Sequence: test.sequence, SessionID: "s", Received: received, Body: json.RawMessage(test.body)}
		if err := (&jsonLines{w: &out, redact: asIs}).dispatch(d); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != test.want || out.writes != 1 {
			t.Errorf("got %.300q in %d writes, want %.300q in 1", got, out.writes, test.want)
		}
	}
}

// excerptOf is the line of a dispatch after its type.
func excerptOf(t *testing.T, eventType, body string, width int) string {
	t.Helper()
	var out output
	l := newTextLines(&out, asIs, false, width, 1)
	if err := l.dispatch(&chiru.Dispatch{Type: eventType, Sequence: 12, Body: json.RawMessage(body)}); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if n := cells(text); n > width || strings.Contains(text, "\n") {
		t.Errorf("%q takes %d cells, want one line of %d at most", text, n, width)
	}
	_, rest, ok := strings.Cut(text, "  0      12  "+eventType)
	if !ok {
		t.Fatalf("got %q, want shard, sequence and type in it", text)
	}
	return strings.TrimLeft(rest, " ")
}

func TestExcerpts(t *testing.T) {
	for _, test := range []struct{ eventType, body, want string }{
		{"READY", `{"user":{"id":"1","username":"bot"},"guilds":[{"id":"2"},{"id":"3"}],"session_id":"s"}`, "user=bot guilds=2"},
		{"GUILD_CREATE", `{"id":"5","name":"a \"b\"","member_count":7,"channels":[{},{}],"members":[{}]}`, `name="a \"b\"" members=7 channels=2 id=5`},
		{"GUILD_DELETE", `{"id":"5","unavailable":true}`, "unavailable id=5"},
		{"MESSAGE_CREATE", `{"id":"9","guild_id":"5","channel_id":"6","author":{"id":"7","username":"ann"},"content":"hi\n\u001b[31mall\u202e\u2028","embeds":[]}`,
			`user=ann "hi  [31mall " guild=5 channel=6 id=9`},
		{"MESSAGE_DELETE", `{"id":9,"guild_id":"5","channel_id":"6"}`, "guild=5 channel=6 id=9"},
		{"MESSAGE_REACTION_ADD", `{"user_id":"7","message_id":"9","emoji":{"name":"ok"},"member":{"user":{"username":"ann"}}}`, "user=ann emoji=ok message=9"},
		{"VOICE_STATE_UPDATE", `{"user_id":"7","guild_id":"5","channel_id":null}`, "user=7 left guild=5"},
		{"INTERACTION_CREATE", `{"data":{"name":"roll"},"member":{"user":{"username":"ann"}}}`, `user=ann name="roll"`},
		{"GUILD_ROLE_UPDATE", `{"role":{"name":"mods"},"guild_id":"5"}`, `name="mods" guild=5`},
		{"PRESENCE_UPDATE", `{"user":{"id":"7"},"status":"idle","guild_id":"5"}`, "user=7 status=idle guild=5"},
		{"OTHER", `{"name":{"not":"text"},"user":"neither","id":"1"}`, "id=1"},
		{"OTHER", "{ \"x\":\n[1, 2] }", `{"x":[1,2]}`},
		{"OTHER", "null", "null"},
		{"OTHER", "{broken\n\x1b", "{broken"},
	} {
		if got := excerptOf(t, test.eventType, test.body, 120); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.eventType, test.body, got, test.want)
		}
	}
}

func TestLongTextIsCutToTheLine(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{`{"x":"` + strings.Repeat("a", 5000) + `"}`, `{"x":"aaaaaaaaaaaaaaaaaaaaa...`},
		{`{"user_id":"1","guild_id":"222222222222222222222","channel_id":"3"}`, "user=1 channel=3"},
		{`{"name":"` + strings.Repeat("\U0001f44d", 100) + `"}`, `name="` + strings.Repeat("\U0001f44d", 10) + "..."},
	} {
		if got := excerptOf(t, "T", test.body, 77); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	long := strings.Repeat("LONG_", 100)
	var out output
	if err := newTextLines(&out, asIs, true, 40, 1).dispatch(&chiru.Dispatch{Type: long, Body: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if n := cells(escapes.ReplaceAllString(out.String(), "")) - 1; n > 40 {
		t.Errorf("%q takes %d cells, want 40 at most", out.String(), n)
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColoursAreForTerminals(t *testing.T) {
	for _, test := range []struct {
		terminal bool
		env      []string
		want     bool
	}{
		{true, []string{"TERM=xterm"}, true},
		{true, []string{"TERM=xterm", "NO_COLOR="}, true},
		{true, []string{"TERM=xterm", "NO_COLOR=1"}, false},
		{true, []string{"TERM=dumb"}, false},
		{false, []string{"TERM=xterm"}, false},
	} {
		c := newCall(test.env...)
		c.terminal = test.terminal
		c.want(t, t.Context(), 0, "tail", "-n", "3")
		got := c.out.String()
		if strings.Contains(got, "\x1b[") != test.want {
			t.Errorf("terminal %t, %q: colours are not %t:\n%s", test.terminal, test.env, test.want, got)
		}
		for text := range strings.Lines(escapes.ReplaceAllString(got, "")) {
			if regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}  0  .{6}  [A-Za-z_]{5,20} *  `).FindString(text) == "" {
				t.Errorf("%q is not aligned", text)
			}
		}
	}
}
