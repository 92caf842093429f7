package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

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
	natsWait    time.Duration
	listen      string
	users       string
	http        string
}

func (p *program) runCommand() *cobra.Command {
	r := &run{http: defaultHTTP}
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
			return explainRun(explainSetup(p.fleetRun(cmd.Context(), r)))
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
	f.DurationVar(&r.natsWait, "nats-wait", 30*time.Second, "how long to wait at the start for a NATS server to answer; 0 is for ever")
	f.Var(&setting[string]{value: &r.listen, parse: parseListen, kind: "ADDR"}, "nats-listen", "the `address` of the embedded NATS (default: a free port of 127.0.0.1, for this user's programs)")
	f.StringVar(&r.users, "nats-users", "", "`file` with the users, and the TLS, of the embedded NATS; needed where --nats-listen is not on loopback")
	f.Var(&setting[string]{value: &r.http, parse: parseHTTP, kind: "ADDR|off", shown: defaultHTTP}, "http", "where /metrics, /healthz and /readyz are; port 0 is a free one, which daemon.json and the log tell")
	f.DurationVar(&r.leaseTTL, "lease-ttl", 5*time.Second, "after how long a node that is gone is replaced, in whole seconds")
	f.Var(&setting[time.Duration]{value: &r.maxAge, parse: time.ParseDuration, kind: "duration", shown: "24h"}, "max-age", "how long the stream keeps an event")
	f.Var(&setting[int64]{value: &r.maxBytes, parse: parseSize, kind: "size", shown: "8GiB"}, "max-bytes", "how much the stream keeps: bytes, or KiB, MiB, GiB, TiB")
	f.IntVar(&r.replicas, "replicas", 1, "`N` copies of the stream, in a NATS cluster")
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
		log.Info("this is a simulation inside the command; to connect to Discord set DISCORD_TOKEN, leave --sim out and take another --name")
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
	if r.nats.url != "" && (r.listen != "" || r.users != "") {
		f := usage("--nats and --nats-listen or --nats-users do not go together")
		f.hint = "with --nats (NATS_URL) no NATS is embedded"
		return f
	}
	node := new(fleet.Node)
	address, end, err := p.serve(r.http, node, log)
	if err != nil {
		return err
	}
	defer end()
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err = p.runNode(running, fail, r, node, cfg, address)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		log.Info("stopped", "cause", err)
		return nil
	}
	return err
}

// runNode runs the node on the NATS that the flags name, or on one of its own, whose failure ends it.
func (p *program) runNode(ctx context.Context, fail context.CancelCauseFunc, r *run, node *fleet.Node, cfg fleet.Config, http string) error {
	if r.nats.url != "" {
		where, options, err := r.nats.reach(p)
		if err != nil {
			return err
		}
		nc, err := fleet.Connect(where, cfg.Logger, options...)
		if err != nil {
			return err
		}
		defer nc.Close()
		if err := fleet.Reach(ctx, nc, r.natsWait); err != nil {
			return err
		}
		cfg.Conn = nc
		return node.Run(ctx, cfg)
	}
	folder, err := r.nats.folder(p)
	if err != nil {
		return err
	}
	embedded, err := fleet.Embed(ctx, fleet.EmbeddedConfig{Folder: folder, Name: cfg.Name, Listen: r.listen, Users: r.users, HTTP: http, Logger: cfg.Logger})
	if err != nil {
		return err
	}
	defer embedded.Close()
	cfg.Logger.Info("nats embedded", "url", embedded.Door.URL, "folder", folder)
	watched := make(chan struct{})
	defer func() { fail(nil); <-watched }()
	go func() {
		defer close(watched)
		select {
		case err := <-embedded.Failed():
			fail(err)
		case <-ctx.Done():
		}
	}()
	cfg.Conn = embedded.Conn
	if cfg.Node == "" {
		cfg.Node = "embedded" // the folder is this process's alone
	}
	return node.Run(ctx, cfg)
}
