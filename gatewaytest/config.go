package gatewaytest

import (
	"fmt"
	"log/slog"
	"time"
)

// Config describes a server. The zero value is usable: one shard, no guilds, no traffic.
type Config struct {
	// Seed makes two servers behave alike: guilds, session ids, the order of GUILD_CREATEs.
	Seed uint64
	// Guilds is how many guilds the bot is in. Default 0.
	Guilds int
	// Members is how many members each guild has. Default 0: the world's own choice.
	Members int
	// Shards is the number of shards GET /gateway/bot recommends. Default 1. Any count is served.
	Shards int
	// Rate is how many live events happen per second, over all shards that have a session. Each session
	// gets those its intents cover. Default 0: none.
	Rate float64
	// Mix is what those events are: chatty, quiet, raid, every (each type about equally often), or weights, as in
	// "MESSAGE_CREATE=45,TYPING_START=10". Default chatty.
	Mix string
	// Outage is the share of its guilds, 0 to 1, that a new session finds unavailable: a GUILD_DELETE comes in
	// place of each GUILD_CREATE, which follows OutageLasts after READY. Default 0.
	Outage float64
	// MaxConcurrency is how many shards may identify within one IdentifySpacing. Default 1.
	MaxConcurrency int
	// Token is the bot token, without a prefix. Default "gatewaytest-token".
	Token string
	// Intents are the privileged intents granted to the bot. Default: all three.
	// NoPrivileged grants none.
	Intents uint64
	// HeartbeatInterval is what Hello asks for. Default 41.25 s.
	HeartbeatInterval time.Duration
	// IdentifySpacing is the least time between two IDENTIFYs of one rate limit key. Default 5 s.
	IdentifySpacing time.Duration
	// SessionLimit is how many IDENTIFYs a day allows. Going over it ends every session and revokes the
	// token. Default 1000.
	SessionLimit int
	// GuildsPerShard is how many guilds one shard may have before 4011. Default 2500.
	GuildsPerShard int
	// ShardMultiple, if set, is the number every shard count must be a multiple of, as for large bots.
	ShardMultiple int
	// ReplayEvents is how many dispatches of each session are kept for replay. Default 1024, or what two seconds
	// of Rate bring the session if that is more.
	ReplayEvents int
	// ReplayWindow is how long a session outlives its connection. Default 180 s.
	ReplayWindow time.Duration
	// TrimOnHeartbeat drops what a heartbeat's d acknowledges from what is kept for replay.
	TrimOnHeartbeat bool
	// ReadyDelay holds READY back after IDENTIFY, as in an outage; heartbeats are answered. Default 0.
	ReadyDelay time.Duration
	// AckDelay holds every heartbeat ACK back. Default 0.
	AckDelay time.Duration
	// NudgeResume, if set, is how long after a RESUME at the wrong host, or over another query than the session
	// began with, an op 7 follows. Discord only says that such a client is disconnected more often.
	NudgeResume time.Duration
	// ShuffleChunks sends the GUILD_MEMBERS_CHUNKs of a request in any order.
	ShuffleChunks bool
	// VoiceServerFirst answers op 4 by VOICE_SERVER_UPDATE, then VOICE_STATE_UPDATE. Discord promises no order.
	VoiceServerFirst bool
	// FullVoice makes every voice channel full for a bot without MOVE_MEMBERS: joining one gets no answer.
	FullVoice bool
	// SplitZlib cuts each compressed zlib-stream message into WebSocket messages of at most this many
	// bytes. Default 0: never.
	SplitZlib int
	// TLS makes NewServer serve wss and https with a certificate of its own, which Client trusts.
	TLS bool
	// Listen is the address of NewServer's gateway host; the resume host takes a free port of the same
	// address. Default "127.0.0.1:0".
	Listen string
	// Control adds the control API: HTTP at Server.Control, for tests in other languages. It answers programs of
	// this machine only.
	Control bool
	// Chaos lets faults happen by themselves: "seed=7" for all that a right client survives, "cut@replay,op7" for
	// some. docs/testing.md has the grammar and the list. With a seed alone the default of HeartbeatInterval is 2.5 s,
	// and an even seed sets TrimOnHeartbeat. Default: none.
	Chaos string
	// Record bounds what is kept for the test to read: client payloads in Received, and dispatches of
	// one session in Issued. The newest stay. Default 4096.
	Record int
	// Logger hears what the server does. Default: nobody.
	Logger *slog.Logger
}

// OutageLasts is how long Config.Outage keeps guilds from a session.
const OutageLasts = 15 * time.Second

// NoPrivileged, as Config.Intents, grants no privileged intent.
const NoPrivileged uint64 = 1 << 63

const (
	bitGuilds         uint64 = 1 << 0
	bitGuildMembers   uint64 = 1 << 1
	bitVoiceStates    uint64 = 1 << 7
	bitGuildPresences uint64 = 1 << 8
	bitMessageContent uint64 = 1 << 15

	// docs /events/gateway#list-of-intents: bits 17 to 19, 22, 23 and from 26 on mean nothing.
	intentsKnown      uint64 = 0x331FFFF
	intentsPrivileged        = bitGuildMembers | bitGuildPresences | bitMessageContent
)

// withDefaults returns cfg with every default filled in.
func (cfg Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name string
		bad  bool
	}{
		{"Guilds", cfg.Guilds < 0},
		{"Members", cfg.Members < 0},
		{"Shards", cfg.Shards < 0},
		{"Rate", !(cfg.Rate >= 0) || cfg.Rate > 1e7},
		{"Outage", !(cfg.Outage >= 0 && cfg.Outage <= 1)},
		{"MaxConcurrency", cfg.MaxConcurrency < 0},
		{"HeartbeatInterval", cfg.HeartbeatInterval < 0},
		{"IdentifySpacing", cfg.IdentifySpacing < 0},
		{"SessionLimit", cfg.SessionLimit < 0},
		{"GuildsPerShard", cfg.GuildsPerShard < 0},
		{"ShardMultiple", cfg.ShardMultiple < 0},
		{"ReplayEvents", cfg.ReplayEvents < 0},
		{"ReplayWindow", cfg.ReplayWindow < 0},
		{"ReadyDelay", cfg.ReadyDelay < 0},
		{"AckDelay", cfg.AckDelay < 0},
		{"NudgeResume", cfg.NudgeResume < 0},
		{"SplitZlib", cfg.SplitZlib < 0},
		{"Record", cfg.Record < 0},
	} {
		if f.bad {
			return cfg, fmt.Errorf("gatewaytest: Config.%s is out of range", f.name)
		}
	}
	if _, err := parseMix(cfg.Mix); err != nil {
		return cfg, err
	}
	or(&cfg.Shards, 1)
	or(&cfg.MaxConcurrency, 1)
	or(&cfg.Token, "gatewaytest-token")
	or(&cfg.Intents, intentsPrivileged)
	or(&cfg.HeartbeatInterval, 41250*time.Millisecond)
	or(&cfg.IdentifySpacing, 5*time.Second)
	or(&cfg.SessionLimit, 1000)
	or(&cfg.GuildsPerShard, 2500)
	or(&cfg.ReplayWindow, 180*time.Second)
	or(&cfg.Listen, "127.0.0.1:0")
	or(&cfg.Record, 4096)
	or(&cfg.Logger, slog.New(slog.DiscardHandler))
	return cfg, nil
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
