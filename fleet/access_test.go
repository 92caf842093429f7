package fleet_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// wantSetup holds an error to being a SetupError with a reason and a hint that have what is wanted.
func wantSetup(t *testing.T, err error, reason string) {
	t.Helper()
	wrong, ok := errors.AsType[*fleet.SetupError](err)
	if !ok {
		t.Fatalf("got %v, want a SetupError", err)
	}
	if !strings.Contains(wrong.Reason, reason) || wrong.Hint == "" {
		t.Errorf("got %q with the hint %q, want %q and a hint", wrong.Reason, wrong.Hint, reason)
	}
}

func embedWith(t *testing.T, cfg fleet.EmbeddedConfig) (*fleet.Embedded, error) {
	t.Helper()
	cfg.Folder, cfg.Logger = stateOf(t), logger(t)
	e, err := fleet.Embed(t.Context(), cfg)
	if err == nil {
		t.Cleanup(e.Close)
	}
	return e, err
}

// enterBy connects to the embedded server over the network, as nobody in particular unless options say otherwise.
func enterBy(t *testing.T, e *fleet.Embedded, options ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	nc, err := fleet.Connect(e.Door.URL, logger(t), append(options, nats.RetryOnFailedConnect(false))...)
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEmbeddedServerLetsInWhoHasThePasswordOfTheDoor(t *testing.T) {
	e, err := embedWith(t, fleet.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(e.Door.URL, "nats://127.0.0.1:") {
		t.Errorf("it listens on %s", e.Door.URL)
	}
	_, err = enterBy(t, e)
	wantSetup(t, err, "credentials")
	_, err = enterBy(t, e, nats.UserInfo(e.Door.User, "guess"))
	wantSetup(t, err, "credentials")
	own, err := e.Door.Options()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enterBy(t, e, own...); err != nil {
		t.Error(err)
	}
}

func TestFixedAddressNeedsUsersUnlessItIsOnLoopback(t *testing.T) {
	e, err := embedWith(t, fleet.EmbeddedConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enterBy(t, e); err != nil {
		t.Errorf("on loopback without users: %v", err)
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:4222"} {
		_, err := embedWith(t, fleet.EmbeddedConfig{Listen: address})
		wantSetup(t, err, "there are no users")
	}
	_, err = embedWith(t, fleet.EmbeddedConfig{Listen: "127.0.0.1"})
	wantSetup(t, err, "port")
	_, err = embedWith(t, fleet.EmbeddedConfig{Listen: e.Door.URL[len("nats://"):]})
	wantSetup(t, err, "in use")
}

func TestUsersFileIsRefusedWhereItSaysMoreThanUsersAndTLS(t *testing.T) {
	for text, want := range map[string]string{
		`port: 4222`:                             `"port"`,
		`authorization { token: s3cret }`:        "list of users",
		`authorization { user: a, password: b }`: "list of users",
		`tls { }`:                                "",
		`authorization { users: [`:               "",
		`authorization { users: [{user: chiru, password: x}] }`: "chiru's own",
	} {
		_, err := embedWith(t, fleet.EmbeddedConfig{Listen: "0.0.0.0:0", Users: write(t, "users.conf", text)})
		wantSetup(t, err, want)
	}
	_, err := embedWith(t, fleet.EmbeddedConfig{Users: filepath.Join(t.TempDir(), "absent")})
	wantSetup(t, err, "no such file")
}

// usersOfDocs is the example of docs/run.md.
func usersOfDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/run.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```conf\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("docs/run.md has no configuration of users")
	}
	return string(found[1])
}

func TestWorkerReadsAndAcknowledgesButPublishesNoEvent(t *testing.T) {
	s := discord(t, gatewaytest.Config{Guilds: 2, Members: 2})
	e, err := embedWith(t, fleet.EmbeddedConfig{Users: write(t, "users.conf", usersOfDocs(t))})
	if err != nil {
		t.Fatal(err)
	}
	node := start(t, configOf(t, s, e.Conn))
	defer node.end()
	nc, err := enterBy(t, e, nats.UserInfo("worker", "change me"))
	if err != nil {
		t.Fatal(err)
	}

	// It reads, and acknowledges what it has read.
	events := make(chan chiru.IncomingEvent)
	for late := time.Now().Add(within); ; {
		err := fleet.Send(t.Context(), fleet.SendConfig{Conn: nc}, 0, &chiru.PresenceUpdate{})
		if err == nil {
			break
		}
		if !errors.Is(err, fleet.ErrNoOwner) || time.Now().After(late) {
			t.Fatalf("it sends no command: %v", err)
		}
	}
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- fleet.Subscribe(ctx, fleet.SubscribeConfig{Conn: nc, Durable: "w", Logger: logger(t)}, events)
	}()
	for range 3 {
		select {
		case <-events:
		case err := <-ended:
			t.Fatalf("the worker cannot read: %v", err)
		case <-time.After(within):
			t.Fatal("no event comes")
		}
	}
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(within); ; {
		c, err := js.Consumer(t.Context(), "CHIRU_bot", "w")
		if err != nil {
			t.Fatal(err)
		}
		if c.CachedInfo().AckFloor.Stream > 0 {
			break
		}
		if time.Now().After(late) {
			t.Fatal("nothing is acknowledged")
		}
	}
	if nodes, err := fleet.AskStatus(t.Context(), nc, "", time.Second); err != nil || len(nodes) != 1 {
		t.Errorf("status: %d nodes, %v", len(nodes), err)
	}
	stop(errStop)
	for len(ended) == 0 {
		select {
		case <-events:
		case err := <-ended:
			ended <- err
		}
	}

	// It publishes no event and destroys nothing.
	for _, subject := range []string{
		"chiru.bot.ev.0.MESSAGE_CREATE.-", "chiru.bot.claim.0", "chiru.bot.rejected.0", "$JS.API.STREAM.PURGE.DEAD_CHIRU_bot", "$KV.CHIRU_bot.shard.0", "$KV.CHIRU_bot.plan",
		"$JS.API.STREAM.PURGE.CHIRU_bot", "$JS.API.STREAM.DELETE.CHIRU_bot", "$JS.API.STREAM.UPDATE.CHIRU_bot", "$JS.API.STREAM.MSG.DELETE.CHIRU_bot",
		"$JS.API.STREAM.MSG.GET.CHIRU_bot", "$JS.API.STREAM.MSG.GET.KV_CHIRU_bot", "chiru.bot.create.x", "$JS.API.CONSUMER.CREATE.KV_CHIRU_bot.x", "$JS.API.STREAM.CREATE.OTHER",
	} {
		if _, err := nc.Request(subject, []byte("{}"), 200*time.Millisecond); !errors.Is(err, nats.ErrPermissionViolation) && !errors.Is(err, nats.ErrTimeout) {
			t.Errorf("%s: got %v, want a refusal", subject, err)
		}
		if last := nc.LastError(); last == nil || !strings.Contains(last.Error(), subject) {
			t.Errorf("%s is not refused; the last error is %v", subject, last)
		}
	}
}

// certify makes a certificate for a name, and the tls block that has it.
func certify(t *testing.T, name string) (authority, block string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	authority = write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	hidden := write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return authority, fmt.Sprintf("tls { cert_file: %q, key_file: %q }\n", authority, hidden)
}

func TestEmbeddedServerSpeaksTLS(t *testing.T) {
	authority, block := certify(t, "nats.example")
	users := write(t, "users.conf", block+"authorization { users: [{user: worker, password: w}] }\n")
	e, err := embedWith(t, fleet.EmbeddedConfig{Listen: "0.0.0.0:0", Users: users})
	if err != nil {
		t.Fatal(err)
	}
	own, err := e.Door.Options()
	if err != nil {
		t.Fatal(err)
	}
	nc, err := enterBy(t, e, own...)
	if err != nil {
		t.Fatalf("by the door: %v", err)
	}
	if _, err := nc.TLSConnectionState(); err != nil {
		t.Errorf("by the door: %v", err)
	}
	// The door's password goes to no server but the door's.
	other, _ := certify(t, "nats.example")
	text, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := e.Door
	elsewhere.Certificate = string(text)
	if own, err = elsewhere.Options(); err != nil {
		t.Fatal(err)
	}
	_, err = enterBy(t, e, own...)
	wantSetup(t, err, "TLS")
	if _, err := enterBy(t, e, nats.UserInfo("worker", "w"), nats.RootCAs(authority)); err != nil {
		t.Errorf("with the authority: %v", err)
	}
	_, err = enterBy(t, e, nats.UserInfo("worker", "w"))
	wantSetup(t, err, "TLS")

	plain, err := embedWith(t, fleet.EmbeddedConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = enterBy(t, plain, nats.Secure())
	wantSetup(t, err, "TLS")
}

// The token must be in nothing that others can read.
func TestTokenIsInNothingThatTheFleetLeavesOrTells(t *testing.T) {
	const canary = "canary-token-of-the-fleet"
	s := discord(t, gatewaytest.Config{Guilds: 2, Members: 2, Token: canary})
	folder := stateOf(t)
	log := &kept{}
	e, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: folder, Logger: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	cfg := configOf(t, s, e.Conn)
	cfg.Logger = log.logger()
	node := start(t, cfg)
	r := read(t, s, e.Conn)
	seen := 0
	r.until(s, func(*chiru.Dispatch) bool { seen++; return seen == 3 })
	// A dead letter, a command, and one that Discord does not take.
	w := work(t, fleet.SubscribeConfig{Conn: e.Conn, Durable: "w", Types: []string{"READY"}, AckWait: time.Second, Explicit: true, Deliveries: 1, Logger: log.logger()})
	w.next()
	letters(t, e.Conn, 1)
	w.end()
	told, err := e.Conn.SubscribeSync("chiru.bot.rejected.*")
	if err != nil {
		t.Fatal(err)
	}
	s.On(77, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Close(4001, "Unknown opcode.") }).Keep()
	for _, command := range []chiru.OutgoingEvent{&chiru.PresenceUpdate{Status: chiru.StatusIdle}, &chiru.RawCommand{Op: 77, Data: json.RawMessage(`1`)}} {
		if err := fleet.Send(t.Context(), fleet.SendConfig{Conn: e.Conn}, 0, command); err != nil {
			t.Fatal(err)
		}
	}
	rejection, err := told.NextMsg(within)
	if err != nil {
		t.Fatal(err)
	}
	status, err := json.Marshal(node.node.Status())
	if err != nil {
		t.Fatal(err)
	}
	node.end()
	e.Close()
	for what, text := range map[string]string{"status": string(status), "log": log.text(), "rejection": string(rejection.Data)} {
		if len(text) < 20 || strings.Contains(text, canary) {
			t.Errorf("the %s is %q", what, text)
		}
	}
	files := map[string]int{} // by the stream that they are of
	err = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files["all"]++
		for _, stream := range []string{"CHIRU_bot", "KV_CHIRU_bot", "DEAD_CHIRU_bot", "TRIES_CHIRU_bot"} {
			if strings.Contains(path, "/"+stream+"/") && len(text) > 0 {
				files[stream]++
			}
		}
		if strings.Contains(string(text), canary) {
			t.Errorf("%s has the token", path)
		}
		return err
	})
	if err != nil || len(files) < 5 {
		t.Errorf("%v files looked at: %v", files, err)
	}
}
