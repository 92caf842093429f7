package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru/fleet"
)

// background is a command that runs beside others until the test stops it.
type background struct {
	*call
	stop  context.CancelFunc
	ended chan int
}

func inBackground(t *testing.T, env string, args ...string) *background {
	ctx, stop := context.WithTimeout(context.Background(), 2*scriptWait)
	b := &background{newCall(env), stop, make(chan int, 1)}
	go func() {
		defer close(b.ended)
		b.ended <- b.run(ctx, args)
	}()
	t.Cleanup(func() { stop(); <-b.ended })
	return b
}

// ends waits for the command, which must have succeeded.
func (b *background) ends(t *testing.T) {
	t.Helper()
	select {
	case code := <-b.ended:
		if code != 0 {
			t.Fatalf("got exit code %d; stderr:\n%s", code, &b.err)
		}
	case <-time.After(scriptWait):
		t.Fatalf("the command does not end; stderr:\n%s", &b.err)
	}
}

func (b *background) printed() []string {
	lines := strings.SplitAfter(b.out.String(), "\n")
	return lines[:len(lines)-1]
}

// until waits for what the commands do.
func until(t *testing.T, what string, done func() bool, told ...*background) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > scriptWait {
			for _, b := range told {
				t.Logf("stdout ends with %.2000s\nstderr:\n%s", strings.Join(last(b.printed()), ""), &b.err)
			}
			t.Fatalf("not within %v: %s", scriptWait, what)
		}
	}
}

func last(lines []string) []string { return lines[max(len(lines)-1, 0):] }

// shown is how many shards the last line of status --watch --json has live.
func shown(t *testing.T, watch *background) (live int) {
	t.Helper()
	for _, line := range last(watch.printed()) {
		var nodes []fleet.NodeStatus
		if err := json.Unmarshal([]byte(line), &nodes); err != nil {
			t.Fatalf("%.200s: %v", line, err)
		}
		for _, n := range nodes {
			for _, s := range n.Shards {
				if s.State == "live" {
					live++
				}
			}
		}
	}
	return live
}

// The embedded server has another port and password after each start.
func TestTailAndWatchFollowADaemonThatStartsAgain(t *testing.T) {
	folder := t.TempDir()
	env := "CHIRU_STATE=" + folder
	run := []string{"run", "--sim", "--http", "off"}
	daemon := inBackground(t, env, run...)
	until(t, "the daemon has a door", func() bool { _, err := fleet.ReadDoor(folder); return err == nil }, daemon)
	inBackground(t, env, "tail", "--fleet", "--from", "start", "--events", "READY", "-n", "4").ends(t)

	watch := inBackground(t, env, "status", "--watch", "--json")
	tail := inBackground(t, env, "tail", "--fleet", "--json")
	// Sees nothing before the restart, and is away when its events are stored.
	fresh := inBackground(t, env, "tail", "--fleet", "--json", "--events", "READY", "-n", "4")
	c := newCall(env)
	nc, err := (&natsPlace{state: folder}).connect(&c.program, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "both tails read", func() bool {
		s, err := js.Stream(t.Context(), "CHIRU_bot")
		return err == nil && s.CachedInfo().State.Consumers >= 3 // with that of the one that has ended
	}, tail, fresh)
	until(t, "tail prints", func() bool { return len(tail.printed()) >= 20 }, tail)
	until(t, "the watch shows the shards", func() bool { return shown(t, watch) == 4 }, watch)

	before, err := fleet.ReadDoor(folder)
	if err != nil {
		t.Fatal(err)
	}
	daemon.stop()
	daemon.ends(t)
	until(t, "the watch shows no shard", func() bool { return shown(t, watch) == 0 }, watch)
	inBackground(t, env, run...)
	fresh.ends(t)
	if got := len(fresh.printed()); got != 4 {
		t.Errorf("tail --from now that had seen nothing prints %d READYs of the second start, want 4", got)
	}
	until(t, "the watch shows the shards again", func() bool { return shown(t, watch) == 4 }, watch)
	if after, err := fleet.ReadDoor(folder); err != nil || after.URL == before.URL || after.Password == before.Password {
		t.Errorf("the door is as it was: %v", err)
	}
	more := len(tail.printed()) + 50
	until(t, "tail prints on", func() bool { return len(tail.printed()) >= more }, tail)
	watch.stop()
	watch.ends(t)
	tail.stop()
	tail.ends(t)

	// All that the stream has from tail's first event to its last, each once and in order.
	got := tail.printed()
	all := inBackground(t, env, "tail", "--fleet", "--from", "start", "--json")
	until(t, "the stream has the last event", func() bool { return strings.Contains(all.out.String(), got[len(got)-1]) }, all)
	want := all.printed()
	want = want[max(slices.Index(want, got[0]), 0):]
	if want = want[:slices.Index(want, got[len(got)-1])+1]; !slices.Equal(got, want) {
		t.Errorf("tail has printed %d lines over the restart, and the stream has %d between its first and last", len(got), len(want))
	}
	if ready := slices.IndexFunc(got, func(l string) bool { return strings.Contains(l, `"type":"READY"`) }); ready < 20 {
		t.Errorf("tail's first READY, which is the second start's, is line %d", ready)
	}
	for _, b := range []*background{watch, tail} {
		if text := b.err.String(); strings.Count(text, "the daemon is away") != 1 || strings.Count(text, "the daemon is back") != 1 {
			t.Errorf("want that the daemon is away, and that it is back; stderr:\n%s", text)
		}
	}
}

// usersWithTLS is a file for --nats-users with a certificate of its own.
func usersWithTLS(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daemon"}, DNSNames: []string{"daemon"}, IsCA: true,
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
	folder := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shown := put("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	hidden := put("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return put("users.conf", fmt.Sprintf("authorization { users: [ { user: a, password: b } ] }\ntls { cert_file: %q, key_file: %q }\n", shown, hidden))
}

func TestConnectionFollowsADoorWithAnotherCertificate(t *testing.T) {
	folder := t.TempDir()
	open := func() *fleet.Embedded {
		t.Helper()
		e, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: folder, Listen: "127.0.0.1:0", Users: usersWithTLS(t)})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	c := newCall()
	nc, err := (&natsPlace{state: folder}).connect(&c.program, nil)
	if err != nil {
		e.Close()
		t.Fatal(err)
	}
	defer nc.Close()
	e.Close()
	until(t, "the connection is lost", func() bool { return !nc.IsConnected() })
	e = open()
	defer e.Close()
	until(t, "the connection is back", nc.IsConnected)
	if state, err := nc.TLSConnectionState(); err != nil || !state.HandshakeComplete {
		t.Errorf("it has no TLS: %v", err)
	}
}
