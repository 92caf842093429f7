package fleet_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// kept is a log that a test reads.
type kept struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.Write(b)
}

func (k *kept) text() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.String()
}

func (k *kept) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(k, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// has waits until the log has a text.
func (k *kept) has(t *testing.T, text string) {
	t.Helper()
	for late := time.Now().Add(within); !strings.Contains(k.text(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("the log does not say %q:\n%s", text, k.text())
		}
	}
}

func TestServerThatIsNotThereIsWaitedForAndThenNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	nc, err := fleet.Connect("nats://"+address, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	wantSetup(t, fleet.Reach(t.Context(), nc, 100*time.Millisecond), "no server answers within 100ms")

	// It is there now.
	folder := stateOf(t)
	e, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: folder, Listen: address})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := fleet.Reach(t.Context(), nc, within); err != nil {
		t.Error(err)
	}
}

func TestServerThatRefusesIsNotWaitedFor(t *testing.T) {
	s := discord(t, gatewaytest.Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	// It is not there at first, so that only later tries are refused.
	nc, err := fleet.Connect("nats://"+address, logger(t), nats.UserInfo("somebody", "guess"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	e, err := embedWith(t, fleet.EmbeddedConfig{Listen: address, Users: write(t, "users.conf", "authorization { users: [{user: worker, password: w}] }")})
	if err != nil {
		t.Fatal(err)
	}
	wantSetup(t, fleet.Reach(t.Context(), nc, 0), "does not accept the credentials")
	wantSetup(t, fleet.Run(t.Context(), configOf(t, s, nc)), "does not accept the credentials")
	_, err = fleet.Connect(e.Door.URL, logger(t), nats.UserInfo("worker", "guess"))
	wantSetup(t, err, "does not accept the credentials")
	_, err = fleet.Connect(e.Door.URL, logger(t), nats.UserCredentials("absent"))
	wantSetup(t, err, "absent")
}

func TestStreamThatIsNotThisFleetsIsRefused(t *testing.T) {
	s := discord(t, gatewaytest.Config{})
	e := embed(t, stateOf(t))
	defer e.Close()
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string) error {
		cfg := configOf(t, s, e.Conn)
		cfg.Name = name
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return fleet.Run(ctx, cfg)
	}
	bot := configOf(t, s, e.Conn).Shard.SessionKey().TokenHash[:16]
	for name, c := range map[string]struct {
		stream jetstream.StreamConfig
		want   string
	}{
		"foreign": {jetstream.StreamConfig{Name: "CHIRU_foreign", Subjects: []string{"orders"}}, "not chiru's"},
		"newer":   {jetstream.StreamConfig{Name: "CHIRU_newer", Metadata: map[string]string{"chiru-format": "2", "chiru-bot": bot}}, "format 2; this chiru knows 1"},
		"another": {jetstream.StreamConfig{Name: "CHIRU_another", Metadata: map[string]string{"chiru-format": "1", "chiru-bot": "0123"}}, "another bot's"},
		"overlap": {jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"chiru.overlap.>"}}, "another stream has its subjects"},
		"bucket":  {jetstream.StreamConfig{Name: "KV_CHIRU_bucket", Subjects: []string{"$KV.CHIRU_bucket.>"}, MaxMsgsPerSubject: 1}, "not chiru's"},
	} {
		if _, err := js.CreateStream(t.Context(), c.stream); err != nil {
			t.Fatal(err)
		}
		before, err := js.Stream(t.Context(), c.stream.Name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { wantSetup(t, run(name), c.want) })
		after, err := js.Stream(t.Context(), c.stream.Name)
		if err != nil || len(after.CachedInfo().Config.Subjects) != len(before.CachedInfo().Config.Subjects) {
			t.Errorf("%s: it was touched: %v", name, err)
		}
	}
}

func TestValuesOfAnotherFormatAreRefused(t *testing.T) {
	s := discord(t, gatewaytest.Config{})
	e := embed(t, stateOf(t))
	defer e.Close()
	node := start(t, configOf(t, s, e.Conn))
	owned(t, e.Conn, "live", func(_ map[string]int, live int) bool { return live == 1 })
	node.end()
	kv := bucketOf(t, e.Conn)
	for _, value := range []string{`{"format":2,"shards":1}`, `{"shards":1}`, `what is this`} {
		if _, err := kv.Put(t.Context(), "plan", []byte(value)); err != nil {
			t.Fatal(err)
		}
		wantSetup(t, fleet.Run(t.Context(), configOf(t, s, e.Conn)), "not of this chiru's format")
	}
}

func TestShardWhoseLeaseCannotBeReadHoldsUpNoOther(t *testing.T) {
	s := discord(t, gatewaytest.Config{Guilds: 2, Shards: 2, MaxConcurrency: 2})
	e := embed(t, stateOf(t))
	defer e.Close()
	node := start(t, configOf(t, s, e.Conn))
	owned(t, e.Conn, "live", func(_ map[string]int, live int) bool { return live == 2 })
	node.end()
	kv := bucketOf(t, e.Conn)
	if _, err := kv.Put(t.Context(), "shard.0", []byte(`{"format":2}`)); err != nil {
		t.Fatal(err)
	}
	log := &kept{}
	cfg := configOf(t, s, e.Conn)
	cfg.Logger = log.logger()
	node = start(t, cfg)
	defer node.end()
	owned(t, e.Conn, "shard 1", func(by map[string]int, live int) bool { return by["test"] == 1 && live == 1 })
	log.has(t, "key shard.0: it is not of this chiru's format: format 2, want 1")
	if got, err := kv.Get(t.Context(), "shard.0"); err != nil || string(got.Value()) != `{"format":2}` {
		t.Errorf("the key is %v, %v", got, err)
	}
}

// Nobody takes a lease that another format has overwritten: no event comes then, though all processes and the connection to NATS are well.
func TestNodeWhoseShardsNobodyCanHaveIsNotWell(t *testing.T) {
	s := discord(t, gatewaytest.Config{Guilds: 2, Shards: 2, MaxConcurrency: 2})
	e := embed(t, stateOf(t))
	defer e.Close()
	node := start(t, configOf(t, s, e.Conn))
	defer node.end()
	owned(t, e.Conn, "live", func(_ map[string]int, live int) bool { return live == 2 })
	verdicts(t, node, within, func(health, ready string) bool { return health == "" && ready == "" })
	kv := bucketOf(t, e.Conn)
	broken := time.Now()
	for _, key := range []string{"shard.0", "shard.1"} {
		if _, err := kv.Put(t.Context(), key, []byte(`{"format":2}`)); err != nil {
			t.Fatal(err)
		}
	}
	const want = "nobody has 2 of 2 shards: key shard.0: it is not of this chiru's format: format 2, want 1 (run the chiru that wrote it, or a newer one)"
	said := func(text string) bool { return text == want || text == strings.Replace(want, "shard.0", "shard.1", 1) }
	verdicts(t, node, 20*time.Second, func(health, ready string) bool {
		if health != "" {
			t.Fatalf("bad health after %v: %s", time.Since(broken), health)
		}
		return said(ready)
	})
	if testing.Short() {
		return // half a minute
	}
	verdicts(t, node, 45*time.Second, func(health, _ string) bool { return said(health) })
	if after := time.Since(broken); after < 30*time.Second {
		t.Errorf("bad health after %v, want 30 s at least", after)
	}
	// With the keys gone the node has its shards again, and is well.
	for _, key := range []string{"shard.0", "shard.1"} {
		if err := kv.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	verdicts(t, node, within, func(health, ready string) bool { return health == "" && ready == "" })
}

// A node whose bucket does not answer can keep no shard, and does not hear what others have.
func TestNodeThatCannotBeRegisteredIsNotReady(t *testing.T) {
	s := discord(t, gatewaytest.Config{Guilds: 2, Shards: 2, MaxConcurrency: 2})
	e := embed(t, stateOf(t))
	defer e.Close()
	node := start(t, configOf(t, s, e.Conn))
	defer node.end()
	verdicts(t, node, within, func(health, ready string) bool { return health == "" && ready == "" })
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "KV_CHIRU_bot"); err != nil {
		t.Fatal(err)
	}
	verdicts(t, node, 20*time.Second, func(health, ready string) bool {
		return len(node.node.Status().Shards) == 0 && strings.HasPrefix(ready, "the node is not registered, so it can have no shard: lease node.test: ")
	})
}

// verdicts asks a node how it is until that is as wanted.
func verdicts(t *testing.T, node *running, most time.Duration, done func(health, ready string) bool) {
	t.Helper()
	for late := time.Now().Add(most); ; time.Sleep(10 * time.Millisecond) {
		st := node.node.Status()
		if done(st.Health, st.Ready) {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("not so within %v: health %q, ready %q", most, st.Health, st.Ready)
		}
	}
}

func TestSettingsOfAnOlderChiruAreBroughtUpToDateAndSaid(t *testing.T) {
	s := discord(t, gatewaytest.Config{})
	e := embed(t, stateOf(t))
	defer e.Close()
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	// As one that knew no batches, no claims, and another window made it.
	bot := configOf(t, s, e.Conn).Shard.SessionKey().TokenHash[:16]
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "CHIRU_bot", Subjects: []string{"chiru.bot.ev.>"}, MaxAge: time.Hour, MaxBytes: 1 << 26, Duplicates: time.Minute, AllowDirect: true,
		Discard: jetstream.DiscardNew, Metadata: map[string]string{"chiru-format": "1", "chiru-bot": bot},
	})
	if err != nil {
		t.Fatal(err)
	}
	log := &kept{}
	cfg := configOf(t, s, e.Conn)
	cfg.Logger = log.logger()
	node := start(t, cfg)
	defer node.end()
	owned(t, e.Conn, "live", func(_ map[string]int, live int) bool { return live == 1 })
	stream, err := js.Stream(t.Context(), "CHIRU_bot")
	if err != nil {
		t.Fatal(err)
	}
	now := stream.CachedInfo().Config
	if !now.AllowBatchPublish || len(now.Subjects) != 2 || now.MaxAge != 24*time.Hour || now.Duplicates != 2*time.Minute || now.AllowDirect || now.Discard != jetstream.DiscardOld {
		t.Errorf("the stream is %+v", now)
	}
	for _, said := range []string{"stream brought up to date", "max_age=24h0m0s max_age_before=1h0m0s", "batches=true", "duplicates=2m0s", "direct_reads=false"} {
		log.has(t, said)
	}
}

func TestDoorIsClosedToOthersAndOfThisFormat(t *testing.T) {
	folder := stateOf(t)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "daemon.json")
	for text, want := range map[string]string{`{"format":2}`: "format 2", `{}`: "format 0", `what`: "invalid", ``: "unexpected end"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := fleet.ReadDoor(folder)
		wantSetup(t, err, want)
	}
	// A newer chiru's folder is left as it is; what a killed one has left there is replaced.
	newer := `{"format":2,"nats_url":"nats://127.0.0.1:1"}`
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: folder, Logger: logger(t)})
	wantSetup(t, err, "format 2; this chiru knows 1")
	if text, err := os.ReadFile(path); err != nil || string(text) != newer {
		t.Errorf("it is %q: %v", text, err)
	}
	if err := os.WriteFile(path, []byte(`{"format":1,"nats_url":"nats://127.0.0.1:1"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	e := embed(t, folder)
	defer e.Close()
	if door, err := fleet.ReadDoor(folder); err != nil || door.URL != e.Door.URL {
		t.Errorf("got %v, %v", door, err)
	}
	if runtime.GOOS == "windows" {
		return // has other rights
	}
	for path, want := range map[string]os.FileMode{folder: 0o700, path: 0o600, filepath.Join(folder, "lock"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s is %v, want %v: %v", path, info.Mode().Perm(), want, err)
		}
	}
}

func TestFolderIsOneProcesss(t *testing.T) {
	folder := stateOf(t)
	e := embed(t, folder)
	_, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: folder, Logger: logger(t)})
	wantSetup(t, err, "in use")
	if _, err := fleet.ReadDoor(folder); err != nil {
		t.Errorf("the door of the first is gone: %v", err)
	}
	e.Close()
	if _, err := fleet.ReadDoor(folder); err == nil {
		t.Error("a door is left")
	}
	embed(t, folder).Close()
}

func TestEmbeddedServerStartsWithoutAWarning(t *testing.T) {
	log := &kept{}
	e, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: stateOf(t), Logger: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	if text := log.text(); strings.Contains(text, "WARN") || strings.Contains(text, "ERROR") {
		t.Errorf("the log:\n%s", text)
	}
}

// A disk that is full ends the node with what to do; what it had stored is there, and the rest comes again.
func TestFullDiskEndsTheNodeAndLosesNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "chiru-test", folder).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: a full disk, for lack of the right to mount a small one: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", folder).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	ballast := filepath.Join(folder, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 14<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := discord(t, gatewaytest.Config{Guilds: 4, Members: 3, Rate: 2000, TrimOnHeartbeat: true, Record: 1 << 20, ReplayEvents: 1 << 20})
	e := embed(t, folder)
	node := start(t, configOf(t, s, e.Conn))
	select {
	case err := <-e.Failed():
		wantSetup(t, err, "the disk is full")
	case err := <-node.ended:
		t.Fatalf("the node ended by itself: %v", err)
	case <-time.After(within):
		t.Fatal("the disk does not get full")
	}
	node.end()
	e.Close()

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	e = embed(t, folder)
	defer e.Close()
	node = start(t, configOf(t, s, e.Conn))
	defer node.end()
	r := read(t, s, e.Conn)
	issued := s.Sums().Dispatches
	r.until(s, func(*chiru.Dispatch) bool { return r.got > issued })
	if sums := s.Sums(); sums.Sessions != 1 {
		t.Errorf("%d sessions, want the first", sums.Sessions)
	}
	t.Logf("%d events were issued until the start with room, each stored once and in order", issued)
}

func TestRunWaitsForNATSAndEndsByItsContext(t *testing.T) {
	s := discord(t, gatewaytest.Config{})
	nc, err := fleet.Connect("nats://127.0.0.1:1", logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	log := &kept{}
	cfg := configOf(t, s, nc)
	cfg.Logger = log.logger()
	node := start(t, cfg)
	log.has(t, "stream not ready")
	if st := node.node.Status(); st.Health == "" || st.Ready == "" {
		t.Errorf("a node without a stream is healthy: %+v", st)
	}
	node.end()
}
