// Command bench runs Chiru, its limits and its peers against one server, in turn, and writes RESULTS.md.
//
//	go run . [flags]
//
// Each run is one client process and one server process. What is measured is the CPU time of the client, not the clock on
// the wall: the server and whatever else the machine does take no part in it. Rounds are interleaved, every client once
// in each, so that a machine that gets slower does so for all; ratios are medians of the ratios within a round. A client
// whose count or checksum is wrong has no result.
//
// All of it takes a quiet machine about an hour. A slice in two minutes:
//
//	go run . -modes throughput -clients 'floor|chiru|arikawa' -compressions none,zlib-stream -procs all -rounds 3 -events 20000
//
// What a node of a fleet holds over ten minutes is a mode by itself, and writes SOAK.md:
//
//	go run . -modes soak
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

func main() {
	log.SetFlags(log.Ltime)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	fs := flag.NewFlagSet("bench", flag.ExitOnError)
	modes := fs.String("modes", "throughput,fan,idle,latency,reconnect,fleet,fleet-paced", "what to measure")
	compressions := fs.String("compressions", "none,payload,zlib-stream,zstd-stream", "with which compressions")
	procs := fs.String("procs", "all,one", "for throughput: all Ps, and GOMAXPROCS=1")
	clients := fs.String("clients", ".", "which clients, by a regular expression")
	out := fs.String("o", "", "where the results go: RESULTS.md, or SOAK.md")
	soaks := fs.Duration("soak", 10*time.Minute, "how long the mode soak lasts, which is one by itself")
	fs.IntVar(&o.rounds, "rounds", 5, "how often; reconnect three times at most, fan three times as often")
	fs.IntVar(&o.idleRounds, "idle-rounds", 1, "how often idle shards are looked at")
	fs.IntVar(&o.events, "events", 100_000, "events in a run of throughput")
	fs.IntVar(&o.fanEvents, "fan-events", 512_000, "events in a run of several shards: many enough that what 64 shards need at first counts for little")
	fs.IntVar(&o.peerEvents, "peer-events", 25_000, "the same for peers in Go, whose cost is far above that of starting")
	fs.IntVar(&o.idleEvents, "idle-events", 300, "events to each shard before it is idle")
	fs.IntVar(&o.paced, "paced", 20_000, "events in a run of latency")
	fs.IntVar(&o.resumes, "resumes", 1000, "shards that resume")
	fs.Uint64Var(&o.seed, "seed", 1, "of the mix")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *modes == soakMode {
		return soak(ctx, *soaks, cmp.Or(*out, "SOAK.md"), args)
	}
	var err error
	if o.clients, err = regexp.Compile(*clients); err != nil {
		return err
	}
	o.modes, o.compressions, o.procs = strings.Split(*modes, ","), strings.Split(*compressions, ","), strings.Split(*procs, ",")

	all := o.cases()
	if len(all) == 0 {
		return fmt.Errorf("no client does that")
	}
	b, err := build(ctx, all)
	if err != nil {
		return err
	}
	r := newResults(o, args)
	if err := b.runAll(ctx, o, all, r); err != nil {
		return err
	}
	return os.WriteFile(cmp.Or(*out, "RESULTS.md"), []byte(r.page()), 0o644)
}
