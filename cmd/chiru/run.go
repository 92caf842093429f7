package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// run is chiru run's flags.
type run struct {
	nats        natsPlace
	sim         bool
	node        string
	shards      int
	intents     chiru.Intents
	compression chiru.Compression
	api         string
	tokenFile   string
	leaseTTL    time.Duration
	maxAge      time.Duration
	maxBytes    int64
	replicas    int
}

func (p *program) runCommand() *cobra.Command {
	r := &run{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a node of a fleet: connect shards and store their events",
		Long: `Run a node of a fleet: it connects its share of the bot's shards, and stores every event in a stream of NATS JetStream, once
and in order. Workers read the stream, in any language; chiru tail --fleet shows it.

Without NATS_URL the node has a NATS server inside, for a fleet of one. Nodes with one NATS_URL and --name share the shards: one that stops,
or is killed, is replaced by the others, which resume its sessions.

The token is read from DISCORD_TOKEN or --token-file. Each flag can be set by a variable: CHIRU_SHARDS for --shards.`,
		Example: `  chiru run --sim
  DISCORD_TOKEN=... chiru run --intents guilds,guild_messages
  NATS_URL=nats://n1:4222,nats://n2:4222,nats://n3:4222 chiru run --replicas 3 --token-file token`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.environment(cmd); err != nil {
				return err
			}
			return explain(explainSetup(p.fleetRun(cmd.Context(), r)))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&r.sim, "sim", false, "connect to a simulation of Discord inside the command")
	r.nats.flags(cmd)
	f.StringVar(&r.node, "node", "", "the `name` of this node among others, which no other may have (default: made up)")
	f.Var(&setting[int]{value: &r.shards, parse: parseShards, kind: "auto|N", shown: "auto"}, "shards", "how many shards the bot has: as many as Discord recommends, or N")
	f.Var(&setting[chiru.Intents]{value: &r.intents, parse: chiru.ParseIntents, kind: "A,B", shown: "unprivileged"}, "intents", "names of intents, or all, none, privileged, unprivileged")
	f.Var(&setting[chiru.Compression]{value: &r.compression, parse: chiru.ParseCompression, kind: "how", shown: "zstd-stream"}, "compress", "zstd-stream, zlib-stream or none")
	f.Var(&setting[string]{value: &r.api, parse: parseAPI, kind: "URL"}, "api", "the HTTP API that names the gateway (default: Discord's)")
	f.StringVar(&r.tokenFile, "token-file", "", "read the token from this `file`")
	f.DurationVar(&r.leaseTTL, "lease-ttl", 5*time.Second, "after how long a node that is gone is replaced, in whole seconds")
	f.DurationVar(&r.maxAge, "max-age", 24*time.Hour, "how long the stream keeps an event")
	f.Int64Var(&r.maxBytes, "max-bytes", 8<<30, "how much the stream keeps")
	f.IntVar(&r.replicas, "replicas", 1, "of the stream, in a NATS cluster")
	return cmd
}

// The simulation of run --sim: as tail's, for more than one shard.
const simShards = 4

func (p *program) fleetRun(ctx context.Context, r *run) error {
	log := p.logger()
	cfg := fleet.Config{
		Name: r.nats.name, Node: r.node, API: r.api, Shards: max(r.shards, 0), LeaseTTL: r.leaseTTL, MaxAge: r.maxAge, MaxBytes: r.maxBytes, Replicas: r.replicas,
		Shard: chiru.Config{HTTPClient: p.client, Intents: r.intents, Compression: r.compression}, Logger: log,
	}
	if r.sim {
		// Another seed each time: the stream may have the sessions of the last one still.
		sim := gatewaytest.NewMemoryServer(gatewaytest.Config{
			Seed: rand.Uint64(), Guilds: shownGuilds * simShards, Rate: shownRate, Shards: simShards, MaxConcurrency: simShards,
		})
		defer sim.Close()
		p.secret = sim.Token()
		cfg.API, cfg.Shard.HTTPClient, cfg.Shard.Token = sim.API(), sim.Client(), sim.Token()
		log.Info("this is a simulation inside the command; set DISCORD_TOKEN and leave --sim out to connect to Discord")
	} else {
		token, err := p.token(r.tokenFile)
		if err != nil {
			return err
		}
		if token == "" {
			f := usage("there is no token")
			f.hint = "set DISCORD_TOKEN or --token-file; chiru run --sim needs none"
			return f
		}
		cfg.Shard.Token = token
	}
	conn, end, err := p.runNATS(ctx, r, log)
	if err != nil {
		return err
	}
	defer end()
	cfg.Conn = conn
	if cfg.Node == "" && r.nats.url == "" {
		cfg.Node = "embedded" // the folder is this process's alone
	}
	err = fleet.Run(ctx, cfg)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		log.Info("stopped", "cause", err)
		return nil
	}
	return err
}

// runNATS connects to the NATS that the flags name, or starts one.
func (p *program) runNATS(ctx context.Context, r *run, log *slog.Logger) (*nats.Conn, func(), error) {
	if r.nats.url != "" {
		where, options, err := r.nats.reach(p)
		if err != nil {
			return nil, nil, err
		}
		nc, err := fleet.Connect(where, log, options...)
		if err != nil {
			return nil, nil, err
		}
		return nc, nc.Close, nil
	}
	folder, err := r.nats.folder(p)
	if err != nil {
		return nil, nil, err
	}
	embedded, err := fleet.Embed(ctx, fleet.EmbeddedConfig{Folder: folder, Logger: log})
	if err != nil {
		return nil, nil, err
	}
	log.Info("nats embedded", "url", embedded.Door.URL, "folder", folder)
	return embedded.Conn, embedded.Close, nil
}

// logger writes for people on a terminal, and JSON elsewhere.
func (p *program) logger() *slog.Logger {
	clean := func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindString || a.Value.Kind() == slog.KindAny {
			return slog.String(a.Key, p.redact(fmt.Sprint(a.Value.Any())))
		}
		return a
	}
	options := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: clean}
	if p.terminalErr {
		return slog.New(slog.NewTextHandler(p.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(p.stderr, options))
}
