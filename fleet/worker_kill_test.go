package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
)

var workerKills = flag.Int("worker-kills", 6, "how often a worker is killed, and a third as often the node")

// workerEnv carries the configuration of a process that is a worker and nothing else, so that it can be killed.
const workerEnv = "CHIRU_TEST_WORKER"

type workerConfig struct {
	NATS, Durable string
	Types         []string
	Lanes         int
	AckWait       time.Duration
	Deliveries    int
	// Effects is the folder in which each event leaves a file of its id; Tries gets a line each time that an event comes.
	Effects, Tries string
	// Fatal is the type of event that ends the process.
	Fatal string
}

func workerProcess(text string) {
	if err := runWorker(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runWorker(text string) error {
	var c workerConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	nc, err := fleet.Connect(c.NATS, log)
	if err != nil {
		return err
	}
	tries, err := os.OpenFile(c.Tries, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var w fleet.Worker
	events := make(chan chiru.IncomingEvent)
	ended := make(chan error, 1)
	go func() {
		ended <- w.Run(context.Background(), fleet.SubscribeConfig{
			Conn: nc, Durable: c.Durable, Types: c.Types, Lanes: c.Lanes, AckWait: c.AckWait, Deliveries: c.Deliveries, Explicit: true, Logger: log,
		}, events)
	}()
	// Effects are acknowledged some at a time: those between are what a kill lets come again.
	var done []*chiru.Dispatch
	lot := time.NewTicker(10 * time.Millisecond)
	for {
		var d *chiru.Dispatch
		select {
		case event := <-events:
			d = event.(*chiru.Dispatch)
		case <-lot.C:
			for _, d := range done {
				if err := w.Ack(d); err != nil && !errors.Is(err, fleet.ErrNotDelivered) {
					return err
				}
			}
			done = done[:0]
			continue
		case err := <-ended:
			return err
		}
		if _, err := fmt.Fprintln(tries, fleet.EventID(d)); err != nil {
			return err
		}
		if d.Type == c.Fatal {
			os.Exit(3) // as a crash would
		}
		f, err := os.OpenFile(filepath.Join(c.Effects, fleet.EventID(d)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		done = append(done, d)
	}
}

func launchWorker(t *testing.T, c workerConfig) *process {
	t.Helper()
	return launchAs(t, workerEnv, c)
}

func TestEffectsOfKilledWorkersAreAppliedOnceByTheEventsID(t *testing.T) {
	rng, seed := dice(t)
	s := busy(t, *rate, killedShards)
	e := embed(t, stateOf(t))
	defer e.Close()
	nodes := nodeConfig{API: s.API(), Token: s.Token(), NATS: addressOf(e.Door), Node: "node", LeaseTTL: 2 * time.Second}
	node := launch(t, nodes)
	folder := t.TempDir()
	cfg := workerConfig{NATS: addressOf(e.Door), Durable: "w", AckWait: 2 * time.Second, Deliveries: 1000, Effects: filepath.Join(folder, "effects"), Tries: filepath.Join(folder, "tries")}
	if err := os.Mkdir(cfg.Effects, 0o700); err != nil {
		t.Fatal(err)
	}
	readies(t, s, e.Conn, killedShards)
	workers := make([]*process, 3)
	launchOne := func(i int) *process {
		one := cfg
		one.Tries += strconv.Itoa(i)
		return launchWorker(t, one)
	}
	for i := range workers {
		workers[i] = launchOne(i)
	}
	for n := range *workerKills {
		i := rng.IntN(len(workers))
		comes(t, cfg.Tries+strconv.Itoa(i)) // a kill before it works would hit nothing
		time.Sleep(between(rng, 0, 500*time.Millisecond))
		workers[i].kill()
		workers[i] = launchOne(i)
		if n%3 == 2 {
			node.kill()
			node = launch(t, nodes)
		}
	}
	stored, _ := whole(t, s, e.Conn, killedShards)
	node.term()
	settled(t, e.Conn, "w")

	// All that the stream has, which is more than whole has seen: the simulator went on. By the reader of a log.
	ids := map[string]bool{}
	r := work(t, fleet.SubscribeConfig{Conn: e.Conn, Logger: slog.New(slog.DiscardHandler)})
	for range events(t, e.Conn) {
		id := fleet.EventID(r.next())
		if id == "" || ids[id] {
			t.Fatalf("two events have the id %q", id)
		}
		ids[id] = true
	}
	if int64(len(ids)) < stored {
		t.Errorf("the stream has %d events, of which %d were there before", len(ids), stored)
	}
	missing := 0
	for id := range ids {
		if _, err := os.Stat(filepath.Join(cfg.Effects, id)); err != nil {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d events have had no effect", missing)
	}
	tries := 0
	for i := range workers {
		text, err := os.ReadFile(cfg.Tries + strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		tries += strings.Count(string(text), "\n")
	}
	if tries <= len(ids) {
		t.Errorf("%d events came %d times: the kills have hit nothing", len(ids), tries)
	}
	figures(t, "%d kills of one of 3 workers and %d of the node, at %.0f events/s over %d shards (seed %d): %d events stored, each with one effect; "+
		"%d came again to a worker after one that was killed with them in hand.",
		*workerKills, *workerKills/3, *rate, killedShards, seed, len(ids), tries-len(ids))
}

// An event that kills each worker that gets it ends as a dead letter. Those beside it, which the killed workers had fetched with it, do not.
func TestEventThatKillsItsWorkersIsTheOnlyDeadLetter(t *testing.T) {
	s, e := fleetOf(t, 1)
	folder := t.TempDir()
	cfg := workerConfig{
		NATS: addressOf(e.Door), Durable: "w", Types: []string{"T", "FATAL"}, AckWait: time.Second, Deliveries: 3, Fatal: "FATAL",
		Effects: filepath.Join(folder, "effects"), Tries: filepath.Join(folder, "tries"),
	}
	if err := os.Mkdir(cfg.Effects, 0o700); err != nil {
		t.Fatal(err)
	}
	const around = 200
	number(s, "T", 0, around)
	number(s, "FATAL", around, around+1)
	number(s, "T", around+1, 2*around)
	deaths := 0
	p := launchWorker(t, cfg)
	// Whatever it had in hand with it comes again too.
	for dead := false; !dead; {
		select {
		case <-p.ended:
			deaths++
			number(s, "T", 1000*deaths, 1000*deaths+around) // the next has some beside it too
			p = launchWorker(t, cfg)
		case <-time.After(within):
			t.Fatalf("%d workers have ended, and the event is no dead letter", deaths)
		default:
			dead = deadLetters(t, e) > 0
		}
	}
	settled(t, e.Conn, "w")
	all := letters(t, e.Conn, 1)
	if deaths != cfg.Deliveries || len(all) != 1 || all[0].Subject != "chiru.bot.dead.w.FATAL" {
		t.Errorf("after %d deaths the dead letters are %v", deaths, all)
	}
	effects, err := os.ReadDir(cfg.Effects)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2*around - 1 + deaths*around; len(effects) != want {
		t.Errorf("%d events have had an effect, want %d", len(effects), want)
	}
}

// comes waits until a file grows.
func comes(t *testing.T, file string) {
	t.Helper()
	size := func() int64 {
		if info, err := os.Stat(file); err == nil {
			return info.Size()
		}
		return 0
	}
	before := size()
	for late := time.Now().Add(within); size() == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("nothing comes in %s", file)
		}
	}
}

// events is how many the stream has.
func events(t *testing.T, nc *nats.Conn) (n int) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "CHIRU_bot")
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("chiru.bot.ev.>"))
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range info.State.Subjects {
		n += int(of)
	}
	return n
}
