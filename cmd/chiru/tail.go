package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// tail is chiru tail's flags.
type tail struct {
	json        bool
	number      int // of dispatches; 0 for no end
	types       map[string]bool
	intents     chiru.Intents
	shard       place
	shards      int // 0 for the one of shard
	compression chiru.Compression
	api         string
	tokenFile   string
	fleet       bool
	from        beginning
	nats        natsPlace
}

func (p *program) tailCommand() *cobra.Command {
	t := &tail{shard: place{0, 1}, from: beginning{now: true}}
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the events of a shard, of all, or of a fleet, as they come",
		Long: `Print the events of a shard as they come, and what becomes of its connection. With --shards, print those of
all shards of the bot; new sessions begin as fast as Discord allows, and a bar on a terminal shows how far they are.

The token is read from DISCORD_TOKEN or --token-file. Without one, tail shows a simulation of Discord that
runs inside the command. Names in capitals are Discord's events; those in small letters are chiru's own, and
are left out when the output cannot keep up. Events of Discord's never are.

With --fleet, print what a fleet stores (chiru run), from now on or from another time; no shard is connected, and no token needed.

With --json each line is one object. All have "shard" and "type"; only Discord's have "sequence" (if Discord
sent one), "session", "received" and "body". A body that is not JSON is null, and its text is "body_text".`,
		Example: `  chiru tail
  chiru tail --events MESSAGE_CREATE,MESSAGE_DELETE --intents guilds,guild_messages,message_content
  chiru tail --fleet --from 10m
  chiru tail --json -n 100 | jq -r .type | sort | uniq -c`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := slices.IndexFunc(ofFleet, cmd.Flags().Changed)
			if err := p.environment(cmd); err != nil {
				return err
			}
			if t.fleet {
				return explain(explainSetup(p.tailFleet(cmd, t)))
			}
			if given >= 0 { // a variable may be there for the other commands
				return usage("--%s needs --fleet", ofFleet[given])
			}
			if t.shards != 0 && cmd.Flags().Changed("shard") {
				return usage("--shard and --shards do not go together")
			}
			return explain(p.tail(cmd.Context(), t))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&t.json, "json", false, "print one JSON object a line")
	f.VarP(&setting[int]{value: &t.number, parse: parseCount, kind: "N"}, "number", "n", "stop after N of Discord's events (default: never)")
	f.Var(&setting[map[string]bool]{value: &t.types, parse: parseTypes, kind: "A,B"}, "events", "print and count only these of Discord's events (default: all)")
	f.Var(&setting[chiru.Intents]{value: &t.intents, parse: chiru.ParseIntents, kind: "A,B", shown: "unprivileged"}, "intents", "names of intents, or all, none, privileged, unprivileged")
	f.Var(&setting[place]{value: &t.shard, parse: parsePlace, kind: "I/N", shown: "0/1"}, "shard", "which shard of how many")
	f.Var(&setting[int]{value: &t.shards, parse: parseShards, kind: "auto|N"}, "shards", "all shards: as many as Discord recommends, or N (default: the one of --shard)")
	f.Var(&setting[chiru.Compression]{value: &t.compression, parse: chiru.ParseCompression, kind: "how", shown: "zstd-stream"}, "compress", "zstd-stream, zlib-stream or none")
	f.Var(&setting[string]{value: &t.api, parse: parseAPI, kind: "URL"}, "api", "the HTTP API that names the gateway (default: Discord's)")
	f.StringVar(&t.tokenFile, "token-file", "", "read the token from this `file`")
	f.BoolVar(&t.fleet, "fleet", false, "print what a fleet stores")
	f.Var(&setting[beginning]{value: &t.from, parse: parseBeginning, kind: "start|now|TIME", shown: "now"}, "from", "with --fleet: the oldest event, what comes from now on, a time, or how long ago, as 10m")
	t.nats.flags(cmd)
	return cmd
}

// A simulation that shows something of everything within seconds, and can still be read.
const (
	shownGuilds = 20 // a shard
	shownRate   = 40 // events a second, of which a shard's intents cover most
	shownShards = 4
)

func (p *program) tail(ctx context.Context, t *tail) error {
	token, err := p.token(t.tokenFile)
	if err != nil {
		return err
	}
	client, api := p.client, t.api
	if token == "" {
		if api != "" {
			f := usage("--api needs a token")
			f.hint = "set DISCORD_TOKEN or --token-file; without a token and --api, tail shows a simulation"
			return f
		}
		count := t.shard.count
		if t.shards > 0 {
			count = t.shards
		} else if t.shards == allShards {
			count = shownShards
		}
		sim := gatewaytest.NewMemoryServer(gatewaytest.Config{
			Guilds: min(shownGuilds*count, 10_000), Rate: shownRate, Shards: count,
		})
		defer sim.Close()
		client, api, token = sim.Client(), sim.API(), sim.Token()
		fmt.Fprintln(p.stderr, "chiru: no token, so this is a simulation inside the command; set DISCORD_TOKEN to see Discord")
	}
	shared := chiru.Config{Token: token, HTTPClient: client, Intents: t.intents, Compression: t.compression}
	if t.types != nil {
		shared.Filter = func(eventType string) bool { return t.types[eventType] }
	}
	if t.shards != 0 {
		w := &watch{p: p, lines: p.lines(t), types: t.types, number: int64(t.number), bar: newBar(p)}
		return w.runAll(ctx, cluster.Config{Shard: shared, API: api, Shards: max(t.shards, 0)})
	}
	gateway, err := p.discover(ctx, client, api, token)
	if ctx.Err() != nil {
		fmt.Fprintf(p.stderr, "chiru: stopped (%v) before the gateway was known\n", context.Cause(ctx))
		return nil
	}
	if err != nil {
		return err
	}
	shared.URL, shared.ShardID, shared.ShardCount = gateway.URL, t.shard.id, t.shard.count
	w := &watch{p: p, lines: p.lines(t), types: t.types, number: int64(t.number), cfg: shared}
	return w.run(ctx)
}

func (p *program) lines(t *tail) lines {
	if t.json {
		return &jsonLines{w: p.stdout, redact: p.redact}
	}
	return newTextLines(p.stdout, p.redact, p.colours(), p.columns(), max(t.shard.count, t.shards))
}

// columns is the width of the screen; a shell that knows it may say so.
func (p *program) columns() int {
	n, err := strconv.Atoi(p.env("COLUMNS"))
	if err != nil || n < 1 {
		return 120
	}
	return max(n, 40)
}
