package chiru

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/chiru-go/chiru/internal/envelope"
	"github.com/chiru-go/chiru/internal/inflate"
	"github.com/chiru-go/chiru/internal/session"
)

// Version is Chiru's own; it stands in the User-Agent.
const Version = "0.1.0"

// DefaultURL is Discord's gateway.
const DefaultURL = "wss://gateway.discord.gg"

// Compression of what Discord sends (docs /events/gateway#encoding-and-compression).
type Compression uint8

const (
	// CompressionZstdStream costs the least CPU and traffic, and about 0.7 MB of heap for a shard, half of it touched.
	CompressionZstdStream Compression = iota
	// CompressionZlibStream costs the least memory of the compressed ones, about 48 KB for a shard.
	CompressionZlibStream
	// CompressionNone costs the most traffic.
	CompressionNone
)

// String is the word of the compress query parameter, or "none".
func (c Compression) String() string {
	switch c {
	case CompressionZstdStream:
		return "zstd-stream"
	case CompressionZlibStream:
		return "zlib-stream"
	case CompressionNone:
		return "none"
	}
	return "Compression(" + strconv.Itoa(int(c)) + ")"
}

// ParseCompression reads what String gives.
func ParseCompression(s string) (Compression, error) {
	for c := CompressionZstdStream; c <= CompressionNone; c++ {
		if s == c.String() {
			return c, nil
		}
	}
	return 0, fmt.Errorf("chiru: unknown compression %q; use zstd-stream, zlib-stream or none", s)
}

func (c Compression) mode() inflate.Mode {
	switch c {
	case CompressionZlibStream:
		return inflate.Zlib
	case CompressionZstdStream:
		return inflate.Zstd
	}
	return inflate.None
}

// StopBehavior says what a stop does to the session.
type StopBehavior uint8

const (
	// StopDefault keeps the session if there is a Store, and ends it if not.
	StopDefault StopBehavior = iota
	// StopEndsSession closes with 1000: Discord shows the bot offline at once.
	StopEndsSession
	// StopKeepsSession closes with a private code: Discord holds the session for a few minutes.
	StopKeepsSession
)

// Properties tell Discord what connects (docs /events/gateway-events#identify-identify-connection-properties).
type Properties struct {
	OS      string `json:"os"`      // default runtime.GOOS
	Browser string `json:"browser"` // default "chiru"
	Device  string `json:"device"`  // default "chiru"
}

const (
	defaultBacklogEvents = 256
	defaultBacklogBytes  = 4 << 20
	defaultMaxMessage    = 64 << 20
)

// Config is one shard's. Every field but Token may be left at its zero value. Run copies it.
type Config struct {
	// URL is the gateway's address, ws or wss; default DefaultURL. Discover finds the address that an
	// HTTP API names. Query parameters of its own are kept.
	URL string
	// Token is the bot's, with or without "Bot " before it.
	Token string
	// ShardID and ShardCount place the shard; default 0 of 1. Discord sends it the guilds for which
	// (guild id >> 22) % ShardCount is ShardID (docs /events/gateway#sharding). A lost connection is
	// followed at once by the next if ShardCount is 1, else after a random part of 10 ms for each other
	// shard, 5 s at most, so that shards cut together do not come back together.
	ShardID, ShardCount int
	// Intents default to IntentsUnprivileged.
	Intents Intents
	// Compression defaults to CompressionZstdStream.
	Compression Compression

	// HTTPClient carries the WebSocket upgrade; of an *http.Transport a copy is used, without keep-alives. Redirects are not followed and Timeout is not used,
	// whatever it says. The default speaks HTTP/1.1 over IPv4 and IPv6, TLS 1.2 or later, with the proxy of the environment.
	HTTPClient *http.Client
	// Gate paces new sessions; default one for this Run alone. Several Runs with one token must share one.
	Gate IdentifyGate
	// Store keeps the session between Runs; default none.
	Store SessionStore
	// Stats is filled in if set. Each Run needs its own.
	Stats *Stats
	// Filter says which dispatches are wanted; default all. The others are dropped before anything of
	// them is copied. READY and RESUMED always pass. It is called from one goroutine at a time and must not block.
	Filter func(eventType string) bool
	// Observe sees each event before it waits for inbound, voidable ones also when nobody is ready for them. It is called
	// from one goroutine at a time, must not block, and must not keep or change a Body. A dispatch for which it returns
	// false is dropped as Filter's are; READY and RESUMED always pass. Default none.
	Observe func(IncomingEvent) bool
	// Logger gets connects, losses and oddities; default none. The token is in no record.
	Logger *slog.Logger

	// Presence is the first one; default online with no activity.
	Presence *PresenceUpdate
	// Properties default as their fields say.
	Properties Properties
	// Capabilities are optional bits of IDENTIFY (docs /change-log, 2026-08-12); default 0, which is not sent.
	Capabilities int
	// LargeThreshold is the number of members above which a guild's offline members are left out,
	// 50 to 250; default 50.
	LargeThreshold int

	// BacklogEvents and BacklogBytes bound what waits for inbound: default 256 events and 4 MiB. An event
	// larger than that passes alone. When the backlog is full the socket is not read, but heartbeats go on.
	BacklogEvents, BacklogBytes int
	// MaxMessage bounds one message, decompressed, in bytes; default 64 MiB. A longer one ends the connection, and the session is resumed.
	//
	// The two bound a shard's memory: against a server that sends messages of MaxMessage to a consumer that takes none, no
	// more than 2 MiB, the larger of BacklogBytes and MaxMessage, and MaxMessage 3 times (5 with CompressionZlibStream, 4 with
	// CompressionZstdStream, and the window) live on the heap. docs/design.md has the formula.
	MaxMessage int
	// ResumeHosts are hosts that a resume URL may name besides those near URL's own: such a URL is sent the token.
	ResumeHosts []string
	// OnStop says what a stop does to the session; default StopDefault.
	OnStop StopBehavior
}

// Format keeps the token out of every verb. It cannot where a Config stands in an unexported field: fmt
// may not call it there.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.summary()) }

// LogValue keeps the token out of every logger.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.summary()) }

// MarshalJSON keeps the token out of every encoder.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.summary()) }

func (c Config) summary() string {
	url := c.URL
	if base, err := parseBase(c.URL); err == nil {
		url = base.Scheme + "://" + base.Host
	}
	return fmt.Sprintf("chiru.Config{URL: %q, shard %d of %d, intents %s, %s}", url, c.ShardID, max(c.ShardCount, 1), c.Intents, c.Compression)
}

// settled is a copy with the defaults filled in, where it connects and its first presence; or the first thing wrong with it.
func (c Config) settled() (Config, *address, *command, error) {
	bad := func(field, format string, args ...any) (Config, *address, *command, error) {
		return c, nil, nil, &ConfigError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	// Discord takes the bare token on the gateway (docs /events/gateway-events#identify).
	c.Token = strings.TrimPrefix(c.Token, "Bot ")
	if c.Token == "" {
		return bad("Token", "is empty; a bot's token is on its page in the developer portal")
	}
	c.ShardCount = orDefault(c.ShardCount, 1)
	c.BacklogEvents = orDefault(c.BacklogEvents, defaultBacklogEvents)
	c.BacklogBytes = orDefault(c.BacklogBytes, defaultBacklogBytes)
	c.MaxMessage = orDefault(c.MaxMessage, defaultMaxMessage)
	c.LargeThreshold = orDefault(c.LargeThreshold, 50)
	if c.URL == "" {
		c.URL = DefaultURL
	}
	base, err := parseBase(c.URL)
	switch {
	case err != nil:
		return bad("URL", "%v", err)
	case c.ShardCount < 1:
		return bad("ShardCount", "is %d", c.ShardCount)
	case c.ShardID < 0 || c.ShardID >= c.ShardCount:
		return bad("ShardID", "is %d; with ShardCount %d it must be 0 to %d", c.ShardID, c.ShardCount, c.ShardCount-1)
	case c.Intents&IntentsNone != 0 && c.Intents != IntentsNone:
		return bad("Intents", "IntentsNone stands with others")
	case c.Compression > CompressionNone:
		return bad("Compression", "is %d, which means nothing", int(c.Compression))
	case c.LargeThreshold < 50 || c.LargeThreshold > 250:
		return bad("LargeThreshold", "is %d; it must be 50 to 250", c.LargeThreshold)
	case c.BacklogEvents < 1:
		return bad("BacklogEvents", "is %d", c.BacklogEvents)
	case c.BacklogBytes < 1:
		return bad("BacklogBytes", "is %d", c.BacklogBytes)
	case c.MaxMessage < 4096:
		return bad("MaxMessage", "is %d; it must be 4096 or more", c.MaxMessage)
	case c.Capabilities < 0:
		return bad("Capabilities", "is negative")
	case c.OnStop > StopKeepsSession:
		return bad("OnStop", "is %d, which means nothing", int(c.OnStop))
	}
	c.Properties = c.Properties.settled()
	c.HTTPClient = upgradeClient(c.HTTPClient)
	if c.Gate == nil {
		c.Gate = NewIdentifyGate(1)
	}
	if c.Stats == nil {
		c.Stats = new(Stats)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("shard", c.ShardID)
	var presence *command
	if c.Presence != nil {
		cmd, err := encode(c.Presence, c.Intents)
		if err != nil {
			return bad("Presence", "%v", err)
		}
		presence = &cmd
	}
	if n := len(c.identify(presence)); n > maxPayload {
		return bad("Presence", "and Token and Properties make an IDENTIFY of %d bytes; Discord takes at most %d", n, maxPayload)
	}
	return c, &address{base: base, query: c.query(base), trusted: c.ResumeHosts}, presence, nil
}

func (p Properties) settled() Properties {
	if p.OS == "" {
		p.OS = runtime.GOOS
	}
	if p.Browser == "" {
		p.Browser = "chiru"
	}
	if p.Device == "" {
		p.Device = "chiru"
	}
	return p
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// identify is the whole IDENTIFY payload (docs /events/gateway-events#identify).
func (c *Config) identify(presence *command) []byte {
	var shown json.RawMessage
	if presence != nil {
		shown = presence.data
	}
	d, err := json.Marshal(struct {
		Token          string          `json:"token"`
		Properties     Properties      `json:"properties"`
		LargeThreshold int             `json:"large_threshold"`
		Shard          [2]int          `json:"shard"`
		Presence       json.RawMessage `json:"presence,omitempty"`
		Intents        uint64          `json:"intents"`
		Capabilities   int             `json:"capabilities,omitempty"`
	}{
		Token: c.Token, Properties: c.Properties, LargeThreshold: c.LargeThreshold,
		Shard: [2]int{c.ShardID, c.ShardCount}, Presence: shown,
		Intents: uint64(c.Intents.wire()), Capabilities: c.Capabilities,
	})
	if err != nil {
		return nil // cannot be: strings and numbers, and a presence that was encoded before
	}
	return envelope.Append(nil, session.OpIdentify, d)
}

// resume is the whole RESUME payload (docs /events/gateway-events#resume).
func (c *Config) resume(s session.Session) []byte {
	d, err := json.Marshal(struct {
		Token     string `json:"token"`
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}{c.Token, s.ID, max(s.Seq, 0)})
	if err != nil {
		return nil // cannot be: two strings and a number
	}
	return envelope.Append(nil, session.OpResume, d)
}

func heartbeat(seq int64) []byte {
	if seq == session.NoSeq {
		return []byte(`{"op":1,"d":null}`)
	}
	return append(strconv.AppendInt([]byte(`{"op":1,"d":`), seq, 10), '}')
}
