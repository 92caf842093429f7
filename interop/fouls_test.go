package interop

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chiru-go/chiru/gatewaytest"
)

// foul is a rule of the referee that a library is known to break, and the line of it that does.
type foul struct {
	rule   string
	file   string // below the library's folder
	line   int
	code   string // what the line has, so that another version is noticed
	reason string
	may    bool // not in every run
}

const (
	dialled = "no User-Agent of its own on the WebSocket handshake"
	offered = "the WebSocket library offers permessage-deflate"
)

var discordgoFouls = []foul{
	{rule: gatewaytest.RuleHeartbeatJitter, file: "wsapi.go", line: 298, code: "WriteJSON(heartbeatOp{1, sequence})",
		reason: "beats at once after READY, without jitter"},
	{rule: gatewaytest.RuleProperties, file: "structs.go", line: 2323, code: "`json:\"$os\"`",
		reason: "names of properties begin with $"},
	{rule: gatewaytest.RuleResumeHost, file: "wsapi.go", line: 80, code: "Dial(s.gateway, header)",
		reason: "does not know resume_gateway_url"},
	{rule: gatewaytest.RuleUserAgent, file: "wsapi.go", line: 80, code: "Dial(s.gateway, header)", reason: dialled},
}

var disgoFouls = []foul{
	{rule: gatewaytest.RuleHeartbeatJitter, file: "gateway/gateway.go", line: 456, code: "time.NewTicker(g.heartbeatInterval)",
		reason: "first beats after a whole interval, without jitter"},
	{rule: gatewaytest.RuleUserAgent, file: "gateway/gateway.go", line: 250, code: "DialContext(ctx, gatewayURL, nil)", reason: dialled},
}

var arikawaFouls = []foul{
	{rule: gatewaytest.RuleHeartbeatJitter, file: "gateway/gateway.go", line: 362, code: "ResetHeartbeat(g.heartrate)",
		reason: "first beats after a whole interval, without jitter"},
	{rule: gatewaytest.RuleResumeHost, file: "utils/ws/ws.go", line: 67, code: "Dial(ctx, ws.addr)",
		reason: "does not know resume_gateway_url"},
	{rule: gatewaytest.RuleUserAgent, file: "api/api.go", line: 26, code: "DiscordBot (https://github.com/diamondburned/arikawa/v3)",
		reason: "no version in the User-Agent; " + dialled},
	{rule: gatewaytest.RuleWebSocket, file: "utils/ws/conn.go", line: 72, code: "EnableCompression: true", reason: offered},
}

var wsFouls = []foul{
	{rule: gatewaytest.RuleUserAgent, file: "dist/index.mjs", line: 695, code: "new WebSocketConstructor(url, []", reason: dialled},
	{rule: gatewaytest.RuleWebSocket, file: "dist/index.mjs", line: 695, code: "new WebSocketConstructor(url, []", reason: offered},
}

var discordjsFouls = []foul{
	{rule: gatewaytest.RuleUserAgent, file: "node_modules/@discordjs/ws/dist/index.js", line: 677,
		code: "new WebSocketConstructor(url, []", reason: dialled},
	{rule: gatewaytest.RuleWebSocket, file: "node_modules/@discordjs/ws/dist/index.js", line: 677,
		code: "new WebSocketConstructor(url, []", reason: offered},
}

// judge fails the test for violations the library's list does not have, and for rules on it that the
// library did not break, or not in the line it says.
func judge(t *testing.T, library installed, known []foul, violations []gatewaytest.Violation) {
	t.Helper()
	broken := map[string][]gatewaytest.Violation{}
	for _, v := range violations {
		broken[v.Rule] = append(broken[v.Rule], v)
	}
	for _, f := range known {
		if len(broken[f.rule]) == 0 && !f.may {
			t.Errorf("%s is on the list of %s and was not broken: take it off", f.rule, library.version)
		}
		delete(broken, f.rule)
		if got := library.source(t, f.file, f.line); !strings.Contains(got, f.code) {
			t.Errorf("%s: line %d of %s is %q, want %q in it", f.rule, f.line, f.file, got, f.code)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(broken)) {
		t.Errorf("broken %d times, not on the list: %s", len(broken[rule]), broken[rule][0])
	}
}

// source is one line of a file of the library.
func (i installed) source(t *testing.T, file string, line int) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(i.dir, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	if line > len(lines) {
		return ""
	}
	return lines[line-1]
}

// tells sums up violations for the log.
func tells(violations []gatewaytest.Violation) []string {
	first, count := map[string]string{}, map[string]int{}
	for _, v := range violations {
		if count[v.Rule]++; count[v.Rule] == 1 {
			first[v.Rule] = v.String()
		}
	}
	var out []string
	for _, rule := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%d x %s", count[rule], first[rule]))
	}
	return out
}
