package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

const workerPassword = "change me" // of docs/run.md

// fleetWithWorker is a fleet of one shard, and a connection that has the permissions of docs/run.md. It is at rest but for what the simulator is
// told to do.
func fleetWithWorker(t *testing.T, name string, cfg gatewaytest.Config) (*gatewaytest.Server, *fleet.Embedded, *nats.Conn) {
	t.Helper()
	s := discord(t, cfg)
	users := strings.NewReplacer("CHIRU_bot", "CHIRU_"+name, "chiru.bot.", "chiru."+name+".").Replace(usersOfDocs(t))
	e, err := embedWith(t, fleet.EmbeddedConfig{Name: name, Users: write(t, "users.conf", users)})
	if err != nil {
		t.Fatal(err)
	}
	node := configOf(t, s, e.Conn)
	node.Name = name
	t.Cleanup(start(t, node).end)
	nc, err := enterBy(t, e, nats.UserInfo("worker", workerPassword))
	if err != nil {
		t.Fatal(err)
	}
	atRest(t, nc, name, int64(cfg.Guilds))
	return s, e, nc
}

// atRest waits until a shard is live and has stored more events than it has guilds.
func atRest(t *testing.T, nc *nats.Conn, name string, guilds int64) {
	t.Helper()
	for late := time.Now().Add(within); ; {
		nodes, err := fleet.AskStatus(t.Context(), nc, name, 200*time.Millisecond)
		if err != nil || time.Now().After(late) {
			t.Fatalf("the shard is not live: %+v, %v", nodes, err)
		}
		if len(nodes) > 0 && len(nodes[0].Shards) > 0 {
			if shard := nodes[0].Shards[0]; shard.State == "live" && shard.StoredEvents > guilds && shard.InFlight == 0 {
				return
			}
		}
	}
}

// contents are all that the fleet's stream has.
func contents(t *testing.T, nc *nats.Conn, name string) string {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "CHIRU_"+name)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %s %v %s\n", seq, m.Subject, m.Header, m.Data)
	}
	return b.String()
}

// leasesOf is what the fleet's bucket has, but for the turn to identify, which ends by itself.
func leasesOf(t *testing.T, nc *nats.Conn, name string) string {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "CHIRU_"+name)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, key := range keys {
		if strings.HasPrefix(key, "identify.") {
			continue
		}
		value, err := kv.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", key, value.Value())
	}
	return b.String()
}

// What a worker may ask for is answered wherever it says: that must be nowhere that stores it, or acts on it.
func TestWorkerHasNoAnswerStoredAsAnEvent(t *testing.T) {
	_, e, nc := fleetWithWorker(t, "bot", gatewaytest.Config{Guilds: 30, Members: 2})
	forge(t, e.Conn, nc)
}

// forge has a worker try what it can. own is a connection of the nodes' account.
func forge(t *testing.T, own, nc *nats.Conn) {
	t.Helper()
	create := func(config string) *nats.Msg {
		m, err := nc.Request("$JS.API.CONSUMER.CREATE.CHIRU_bot.w", []byte(`{"stream_name":"CHIRU_bot","config":`+config+`}`), within)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	const durable = `{"durable_name":"w","name":"w","deliver_policy":"all","ack_policy":"explicit","max_ack_pending":-1,"max_waiting":512}`
	if m := create(durable); strings.Contains(string(m.Data), `"error"`) {
		t.Fatalf("no consumer: %s", m.Data)
	}
	ask := func(subject, body string, headers ...string) func(string) {
		return func(reply string) {
			m := &nats.Msg{Subject: subject, Reply: reply, Data: []byte(body), Header: nats.Header{}}
			for i := 0; i < len(headers); i += 2 {
				m.Header.Set(headers[i], headers[i+1])
			}
			if err := nc.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	acknowledge := func(body string) func(string) {
		return func(reply string) {
			m, err := nc.Request("$JS.API.CONSUMER.MSG.NEXT.CHIRU_bot.w", []byte(`{"batch":1}`), 5*time.Second)
			if err != nil || !strings.HasPrefix(m.Reply, "$JS.ACK.") {
				t.Fatalf("no event to acknowledge: %v, %v", m, err)
			}
			ask(m.Reply, body)(reply)
		}
	}
	ways := map[string]func(reply string){
		"stream info":     ask("$JS.API.STREAM.INFO.CHIRU_bot", ""),
		"consumer info":   ask("$JS.API.CONSUMER.INFO.CHIRU_bot.w", ""),
		"consumer create": ask("$JS.API.CONSUMER.CREATE.CHIRU_bot.w", `{"stream_name":"CHIRU_bot","config":`+durable+`}`),
		"durable create":  ask("$JS.API.CONSUMER.DURABLE.CREATE.CHIRU_bot.w", `{"stream_name":"CHIRU_bot","config":`+durable+`}`),
		"consumer delete": ask("$JS.API.CONSUMER.DELETE.CHIRU_bot.absent", ""),
		"next":            ask("$JS.API.CONSUMER.MSG.NEXT.CHIRU_bot.w", `{"batch":1}`),
		"next, refused":   ask("$JS.API.CONSUMER.MSG.NEXT.CHIRU_bot.w", `{"batch":1000000,"no_wait":true,"max_bytes":1}`),
		"ack":             acknowledge("+ACK"),
		"ack and next":    acknowledge("+NXT"),
		"status":          ask("chiru.bot.status", ""),
		"shards":          ask("chiru.bot.shards", ""),
		"command":         ask("chiru.bot.cmd.0", `{}`),
		"dead letter":     ask("chiru.bot.dead.w.MESSAGE_CREATE", `{}`, "Chiru-Format", "1"),
		"try":             ask("chiru.bot.tries.w.1", "", "Nats-Incr", "1"),
	}
	victims := []string{
		"chiru.bot.ev.0.MESSAGE_CREATE.5", "chiru.bot.claim.0", "$KV.CHIRU_bot.shard.0", "$KV.CHIRU_bot.plan", "chiru.bot.rejected.0",
		"$JS.API.STREAM.PURGE.CHIRU_bot",
		"chiru.bot.ev.0.MESSAGE_CREATE.5.forged.1.fail.1.0.$FI", // as of a batch
	}
	untouched := func(what string, check func()) {
		t.Helper()
		stream, bucket := contents(t, own, "bot"), leasesOf(t, own, "bot")
		told, err := own.SubscribeSync("chiru.bot.rejected.*")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = told.Unsubscribe() }()
		if err := own.Flush(); err != nil {
			t.Fatal(err)
		}
		check()
		if n, _, err := told.Pending(); err != nil || n > 0 {
			t.Errorf("%s: %d rejections are forged: %v", what, n, err)
		}
		if now := contents(t, own, "bot"); now != stream {
			t.Errorf("%s: the stream was\n%s\nand is\n%s", what, short(stream), short(now))
		}
		if now := leasesOf(t, own, "bot"); now != bucket {
			t.Errorf("%s: the bucket was\n%s\nand is\n%s", what, bucket, now)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(ways)) {
		t.Run(what, func(t *testing.T) {
			untouched(what, func() {
				for _, victim := range victims {
					ways[what](victim)
				}
				// The same to an inbox is answered: what came before it has been, too.
				inbox := nc.NewInbox()
				sub, err := nc.SubscribeSync(inbox)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = sub.Unsubscribe() }()
				ways[what](inbox)
				if _, err := sub.NextMsg(within); err != nil {
					t.Fatalf("it is not answered at all: %v", err)
				}
			})
		})
	}
	for _, victim := range victims {
		t.Run("delivered to "+victim, func(t *testing.T) {
			untouched(victim, func() {
				for i, extra := range []string{`"deliver_subject":"` + victim + `"`, `"Deliver_Subject":"` + victim + `"`, `"deliver_subject":"","DELIVER_SUBJECT":"` + victim + `"`} {
					name := fmt.Sprintf("push%d", i)
					body := `{"stream_name":"CHIRU_bot","config":{"name":"` + name + `","deliver_policy":"all","ack_policy":"none",` + extra + `}}`
					for _, how := range []string{"", ".DURABLE"} {
						m, err := nc.Request("$JS.API.CONSUMER"+how+".CREATE.CHIRU_bot."+name, []byte(body), within)
						if err != nil || !strings.Contains(string(m.Data), "workers pull") {
							t.Errorf("%s %s: got %v, %v; want a refusal", how, extra, m, err)
						}
					}
				}
			})
		})
	}
	// The node has taken none of it for its own.

	if st, err := fleet.AskStatus(t.Context(), nc, "", time.Second); err != nil || len(st) != 1 || st[0].Shards[0].Resumed > 0 {
		t.Errorf("the shard was disturbed: %+v, %v", st, err)
	}
}

func short(text string) string {
	if len(text) > 4000 {
		return text[:1000] + "\n...\n" + text[len(text)-3000:]
	}
	return text
}

// The accounts of docs/run.md, in a server that is not embedded.
func TestWorkerInAnAccountOfItsOwnHasNoAnswerStoredEither(t *testing.T) {
	text, err := os.ReadFile("../docs/run.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```conf\n(accounts .*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("docs/run.md has no accounts")
	}
	url := serve(t, string(block[1]))
	own, err := fleet.Connect(url, logger(t), nats.UserInfo("chiru", "change me too"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	nc, err := fleet.Connect(url, logger(t), nats.UserInfo("worker", workerPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s := discord(t, gatewaytest.Config{Guilds: 30, Members: 2})
	t.Cleanup(start(t, configOf(t, s, own)).end)
	atRest(t, nc, "bot", 30)
	forge(t, own, nc)
	number(s, "T", 0, 10)
	w := work(t, fleet.SubscribeConfig{Conn: nc, Durable: "last", Types: []string{"T"}, Lanes: 2, Explicit: true})
	for range 10 {
		w.ack(w.next())
	}
	w.end()
	read(t, s, nc).until(s, func(d *chiru.Dispatch) bool { return d.Type == "T" && numberOf(t, d).N == 9 })
}

// serve runs a nats-server with a configuration, and gives its URL.
func serve(t *testing.T, config string) string {
	t.Helper()
	config = fmt.Sprintf("host: 127.0.0.1\nport: -1\nmax_payload: 8MB\njetstream { store_dir: %q }\n%s", t.TempDir(), config)
	options, err := server.ProcessConfigFile(write(t, "nats.conf", config))
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs = true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(within) {
		t.Fatal("the nats-server is not ready")
	}
	return s.ClientURL()
}

// The permissions of a user in the workers' account allow no more than what workers may do.
func TestWorkerReachesItsFleetsEventsWhateverItsPermissionsAllow(t *testing.T) {
	s := discord(t, gatewaytest.Config{})
	e, err := embedWith(t, fleet.EmbeddedConfig{Name: "other", Users: write(t, "users.conf", `authorization { users: [
		{ user: worker, password: w, permissions: { publish: ">", subscribe: ">" } }
		{ user: operator, password: o }
	] }`)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := configOf(t, s, e.Conn)
	cfg.Name = "other"
	defer start(t, cfg).end()
	enter := func(user, password string) *nats.Conn {
		nc, err := enterBy(t, e, nats.UserInfo(user, password))
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	worker, operator := enter("worker", "w"), enter("operator", "o")
	atRest(t, worker, "other", 0)
	answered := func(nc *nats.Conn, subject string) bool {
		_, err := nc.Request(subject, nil, within)
		if err != nil && !errors.Is(err, nats.ErrNoResponders) {
			t.Fatalf("%s: %v", subject, err)
		}
		return err == nil
	}
	for _, subject := range []string{
		"$JS.API.STREAM.INFO.KV_CHIRU_other", "$JS.API.STREAM.INFO.DEAD_CHIRU_other", "$JS.API.STREAM.NAMES", "$JS.API.CONSUMER.NAMES.CHIRU_other",
		"$JS.API.STREAM.MSG.GET.CHIRU_other", "$JS.API.CONSUMER.CREATE.KV_CHIRU_other.x",
		"$JS.API.CONSUMER.CREATE.CHIRU_other",
	} {
		if !answered(operator, subject) {
			t.Errorf("%s does not answer a user without permissions", subject)
		}
		if answered(worker, subject) {
			t.Errorf("%s answers a worker", subject)
		}
	}
	for _, subject := range []string{"$JS.API.STREAM.INFO.CHIRU_other", "$JS.API.INFO"} {
		if !answered(worker, subject) {
			t.Errorf("%s does not answer a worker", subject)
		}
	}
	stored, bucket := contents(t, e.Conn, "other"), leasesOf(t, e.Conn, "other")
	for _, subject := range []string{"chiru.other.ev.0.T.-", "chiru.other.claim.0", "$KV.CHIRU_other.plan", "$JS.API.STREAM.PURGE.CHIRU_other", "$JS.API.STREAM.DELETE.CHIRU_other"} {
		if answered(worker, subject) {
			t.Errorf("%s answers a worker", subject)
		}
	}
	if now := contents(t, e.Conn, "other"); now != stored {
		t.Errorf("the stream was\n%s\nand is\n%s", short(stored), short(now))
	}
	if now := leasesOf(t, e.Conn, "other"); now != bucket {
		t.Errorf("the bucket was\n%s\nand is\n%s", bucket, now)
	}
}

func TestWorkerWithPermissionsDoesAllThatWorkersDo(t *testing.T) {
	s, e, nc := fleetWithWorker(t, "bot", gatewaytest.Config{Guilds: 3, Members: 2, Record: 1 << 16})
	number(s, "T", 0, 600)

	// It reads as from a log: each event from the first on, in order.
	read(t, s, nc).until(s, func(d *chiru.Dispatch) bool { return d.Type == "T" && numberOf(t, d).N == 599 })

	// It keeps the order of guilds, with others.
	lanes := fleet.SubscribeConfig{Conn: nc, Durable: "lanes", Types: []string{"T"}, Lanes: 4, Explicit: true}
	one, two := work(t, lanes), work(t, lanes)
	latest := map[string]int{}
	for range 600 {
		w, event := one, chiru.IncomingEvent(nil)
		select {
		case event = <-one.events:
		case event = <-two.events:
			w = two
		case <-time.After(within):
			t.Fatal("no event comes")
		}
		d := event.(*chiru.Dispatch)
		if got := numberOf(t, d); got.N < latest[got.Guild] {
			t.Errorf("event %d of guild %s comes after %d", got.N, got.Guild, latest[got.Guild])
		} else {
			latest[got.Guild] = got.N
		}
		w.ack(d)
	}
	one.end()
	two.end()

	// What it does not acknowledge it counts, and puts aside.
	doomed := work(t, fleet.SubscribeConfig{Conn: nc, Durable: "doomed", Types: []string{"U"}, AckWait: time.Second, Explicit: true, Deliveries: 2})
	number(s, "U", 0, 1)
	for range 2 {
		doomed.next()
	}
	if dead := letters(t, e.Conn, 1)[0]; dead.Subject != "chiru.bot.dead.doomed.U" || dead.Header.Get(fleet.HeaderDeadDeliveries) != "2" || dead.Header.Get("Nats-Request-Info") != "" {
		t.Errorf("the dead letter is %+v", dead)
	}
	settled(t, e.Conn, "doomed")
	doomed.end()

	// It sends commands, and is told of those that fail.
	to := fleet.SendConfig{Conn: nc}
	if err := fleet.SendToGuild(t.Context(), to, 1, &chiru.PresenceUpdate{Status: chiru.StatusIdle}); err != nil {
		t.Error(err)
	}
	if err := fleet.Send(t.Context(), to, 1, &chiru.PresenceUpdate{}); !errors.Is(err, fleet.ErrNoOwner) {
		t.Errorf("a shard that is not there: %v", err)
	}
	rejected := make(chan fleet.Rejection)
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- fleet.Rejections(ctx, to, rejected) }()
	s.On(77, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Close(4001, "Unknown opcode.") }).Keep()
	for told := false; !told; {
		// The first may be told before anybody listens.
		if err := fleet.Send(t.Context(), to, 0, &chiru.RawCommand{Op: 77, Data: json.RawMessage(`1`)}); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-rejected:
			told = true
			if raw, ok := got.Command.(*chiru.RawCommand); !ok || raw.Op != 77 {
				t.Errorf("got %+v", got)
			}
		case <-time.After(10 * time.Second):
		}
	}
	stop(errStop)
	if err := <-ended; err != errStop {
		t.Error(err)
	}
}
