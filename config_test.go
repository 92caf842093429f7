package chiru_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

func TestConfigThatCannotWorkIsRefusedBeforeTheDial(t *testing.T) {
	for _, c := range []struct {
		field string
		cfg   chiru.Config
	}{
		{"Token", chiru.Config{}},
		{"Token", chiru.Config{Token: "Bot "}},
		{"URL", chiru.Config{Token: "x", URL: "https://discord.com"}},
		{"URL", chiru.Config{Token: "x", URL: "wss://"}},
		{"URL", chiru.Config{Token: "x", URL: "gateway.discord.gg"}},
		{"URL", chiru.Config{Token: "x", URL: "ws://u:p@host"}},
		{"ShardCount", chiru.Config{Token: "x", ShardCount: -1}},
		{"ShardID", chiru.Config{Token: "x", ShardID: -1}},
		{"ShardID", chiru.Config{Token: "x", ShardID: 1}},
		{"ShardID", chiru.Config{Token: "x", ShardID: 4, ShardCount: 4}},
		{"Intents", chiru.Config{Token: "x", Intents: chiru.IntentsNone | chiru.IntentGuilds}},
		{"Compression", chiru.Config{Token: "x", Compression: 9}},
		{"LargeThreshold", chiru.Config{Token: "x", LargeThreshold: 49}},
		{"LargeThreshold", chiru.Config{Token: "x", LargeThreshold: 251}},
		{"BacklogEvents", chiru.Config{Token: "x", BacklogEvents: -1}},
		{"BacklogBytes", chiru.Config{Token: "x", BacklogBytes: -1}},
		{"MaxMessage", chiru.Config{Token: "x", MaxMessage: 100}},
		{"Capabilities", chiru.Config{Token: "x", Capabilities: -1}},
		{"OnStop", chiru.Config{Token: "x", OnStop: 9}},
		{"Presence", chiru.Config{Token: "x", Presence: &chiru.PresenceUpdate{Status: "away"}}},
		{"Presence", chiru.Config{Token: "x", Properties: chiru.Properties{OS: strings.Repeat("x", 4096)}}},
	} {
		err := chiru.Run(t.Context(), c.cfg, nil, make(chan chiru.IncomingEvent))
		if e, ok := err.(*chiru.ConfigError); !ok || e.Field != c.field {
			t.Errorf("%+v: got %v, want a ConfigError about %s", c.cfg, err, c.field)
		}
	}
}

// docs /events/gateway-events#identify
func TestIdentifyCarriesWhatConfigSays(t *testing.T) {
	for name, c := range map[string]struct {
		configure func(*chiru.Config)
		want      string
	}{
		"defaults": {func(cfg *chiru.Config) { cfg.Properties.OS = "linux" },
			`{"token":"gatewaytest-token","properties":{"os":"linux","browser":"chiru","device":"chiru"},"large_threshold":50,"shard":[0,1],"intents":53575421}`},
		"everything": {func(cfg *chiru.Config) {
			cfg.Token = "Bot gatewaytest-token"
			cfg.Properties = chiru.Properties{OS: "a", Browser: "b", Device: "c"}
			cfg.LargeThreshold, cfg.ShardID, cfg.ShardCount = 250, 3, 7
			cfg.Intents, cfg.Capabilities = chiru.IntentsAll, 1<<15
			cfg.Presence = &chiru.PresenceUpdate{Status: chiru.StatusInvisible}
		}, `{"token":"gatewaytest-token","properties":{"os":"a","browser":"b","device":"c"},"large_threshold":250,"shard":[3,7],"presence":{"since":null,"activities":[],"status":"invisible","afk":false},"intents":53608447,"capabilities":32768}`},
		"no intents": {func(cfg *chiru.Config) { cfg.Properties.OS, cfg.Intents = "linux", chiru.IntentsNone },
			`{"token":"gatewaytest-token","properties":{"os":"linux","browser":"chiru","device":"chiru"},"large_threshold":50,"shard":[0,1],"intents":0}`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, c.configure)
				wait(time.Second)
				b.mustBeLive()
				if got := string(sent(s, 2)[0].Data); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
				b.stop()
			})
		})
	}
}

func TestIntentsReadBackWhatTheyPrint(t *testing.T) {
	for _, c := range []struct {
		text string
		want chiru.Intents
	}{
		{"GUILDS", chiru.IntentGuilds},
		{"guilds, Guild_Messages|message_content", chiru.IntentGuilds | chiru.IntentGuildMessages | chiru.IntentMessageContent},
		{"all", chiru.IntentsAll}, {"none", chiru.IntentsNone}, {"0", chiru.IntentsNone},
		{"unprivileged", chiru.IntentsUnprivileged}, {"privileged", chiru.IntentsPrivileged}, {"0x201", 0x201}, {"134217728", 1 << 27},
	} {
		got, err := chiru.ParseIntents(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q: got %d, %v; want %d", c.text, got, err, c.want)
		}
		if again, err := chiru.ParseIntents(got.String()); err != nil || again != got {
			t.Errorf("%q prints as %q, which reads as %d, %v", c.text, got, again, err)
		}
	}
	for _, text := range []string{"", " , ", "guild", "none,guilds", "-1", "9223372036854775808"} {
		if got, err := chiru.ParseIntents(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
	var unset chiru.Intents
	if unset.String() != chiru.IntentsUnprivileged.String() || !unset.Has(chiru.IntentGuilds) || unset.Has(chiru.IntentGuildMembers) || chiru.IntentsNone.Has(chiru.IntentGuilds) {
		t.Errorf("unset intents print as %s", unset)
	}
	if uint64(chiru.IntentsAll) != 53608447 || uint64(chiru.IntentsPrivileged) != 33026 || uint64(chiru.IntentsUnprivileged) != 53575421 {
		t.Error("the masks are not those of the docs")
	}
	text, err := json.Marshal(chiru.IntentGuilds)
	var back chiru.Intents
	if err != nil || json.Unmarshal(text, &back) != nil || back != chiru.IntentGuilds {
		t.Errorf("JSON %s reads back as %d, %v", text, back, err)
	}
}

func TestCompressionReadsBackWhatItPrints(t *testing.T) {
	for _, c := range []chiru.Compression{chiru.CompressionZstdStream, chiru.CompressionZlibStream, chiru.CompressionNone} {
		if got, err := chiru.ParseCompression(c.String()); err != nil || got != c {
			t.Errorf("%v reads back as %v, %v", c, got, err)
		}
	}
	if got, err := chiru.ParseCompression("gzip"); err == nil {
		t.Errorf("gzip: got %v, want an error", got)
	}
}

// docs /reference#id-serialization
func TestSnowflakeIsWrittenAsAStringAndReadFromEither(t *testing.T) {
	for text, want := range map[string]chiru.Snowflake{`"80351110224678912"`: 80351110224678912, `80351110224678912`: 80351110224678912, `null`: 0, `"18446744073709551615"`: 1<<64 - 1} {
		var got chiru.Snowflake
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{`""`, `"x"`, `-1`, `1.5`, `"18446744073709551616"`, `{}`} {
		var got chiru.Snowflake
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s: got %d, want an error", text, got)
		}
	}
	if text, err := json.Marshal(chiru.Snowflake(7)); err != nil || string(text) != `"7"` {
		t.Errorf("7 is written as %s, %v", text, err)
	}
}
