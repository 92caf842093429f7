package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// every is all 21 intents, docs /events/gateway#list-of-intents.
const every = 53608447

// token is shaped as Discord's are, for libraries that read the bot's id from it.
var token = base64.RawStdEncoding.EncodeToString([]byte("170910216912470016")) + ".interop.token"

// target is the server a library is pointed at.
type target struct {
	api    string // the root of the HTTP API, as in https://discord.com/api/v10
	shards int
	tally  *tally
}

// client is one library.
type client struct {
	name string
	find func(t *testing.T) installed
	// connect opens every shard, reporting to the tally until stop. ctx bounds the connecting.
	connect func(ctx context.Context, to target) (stop func(), err error)
	fouls   []foul
}

var clients = []client{
	{"discordgo", module("github.com/bwmarrin/discordgo"), connectDiscordgo, discordgoFouls},
	{"disgo", module("github.com/disgoorg/disgo"), connectDisgo, disgoFouls},
	{"arikawa", module("github.com/diamondburned/arikawa/v3"), connectArikawa, arikawaFouls},
	{"@discordjs/ws", npm("@discordjs/ws"), connectNode("ws.mjs"), wsFouls},
	{"discord.js", npm("discord.js"), connectNode("discordjs.mjs"), discordjsFouls},
}

// installed is a library on this machine.
type installed struct{ version, dir string }

// module finds a module of go.mod. Its version is not asked of the test binary, which does not know.
func module(path string) func(*testing.T) installed {
	return func(t *testing.T) installed {
		t.Helper()
		ctx, cancel := deadline()
		defer cancel()
		out, err := exec.CommandContext(ctx, "go", "list", "-m", "-json", path).Output()
		if err != nil {
			t.Fatalf("go list -m %s: %v", path, err)
		}
		var m struct{ Version, Dir string }
		if err := json.Unmarshal(out, &m); err != nil || m.Dir == "" {
			t.Fatalf("go list -m %s: %v in %q", path, err, out)
		}
		return installed{strings.TrimPrefix(m.Version, "v"), m.Dir}
	}
}

// npm finds a package that npm ci has installed.
func npm(name string) func(*testing.T) installed {
	return func(t *testing.T) installed {
		t.Helper()
		dir := filepath.Join("node", "node_modules", filepath.FromSlash(name))
		b, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if err != nil {
			t.Fatalf("%v: run npm ci --prefix node", err)
		}
		var p struct{ Version string }
		if err := json.Unmarshal(b, &p); err != nil {
			t.Fatalf("package.json of %s: %v", name, err)
		}
		return installed{p.Version, dir}
	}
}
