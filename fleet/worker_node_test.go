package fleet_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

const nodeWorker = "../examples/fleet-node"

// The example in another language keeps to what docs/fleet.md says.
func TestWorkerInNodeReadsBuriesSendsAndSharesWithOneInGo(t *testing.T) {
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(nodeWorker + "/node_modules"); err != nil || missing != nil {
		t.Skip("NOT TESTED: the worker in Node, for lack of node or of its packages; make fleet-node installs them")
	}
	t.Run("as a user without permissions", func(t *testing.T) {
		s, e := fleetOf(t, 1)
		shareWithNode(t, node, s, e.Conn, e.Door.URL, e.Door.User, e.Door.Password)
	})
	t.Run("as a worker", func(t *testing.T) {
		s, e, _ := fleetWithWorker(t, "bot", gatewaytest.Config{Guilds: 1, Members: 1, Record: 1 << 16})
		shareWithNode(t, node, s, e.Conn, e.Door.URL, "worker", workerPassword)
	})
}

func shareWithNode(t *testing.T, node string, s *gatewaytest.Server, nc *nats.Conn, url, user, password string) {
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "chiru.bot.ev.0.MESSAGE_CREATE.-", Data: []byte("forged")}); err != nil {
		t.Fatal(err)
	}
	type message struct {
		Guild   string `json:"guild_id"`
		Content string `json:"content"`
	}
	for _, content := range []string{"one", "two", "!idle"} {
		s.Dispatch(0, "MESSAGE_CREATE", message{"81384788765712384", content})
	}
	s.Dispatch(0, "MESSAGE_DELETE", message{"81384788765712384", "not wanted"})

	cmd := exec.Command(node, "worker.mjs")
	cmd.Dir, cmd.Stderr = nodeWorker, os.Stderr
	cmd.Env = append(os.Environ(), "NATS_URL="+url, "NATS_USER="+user, "NATS_PASSWORD="+password)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for read := bufio.NewScanner(out); read.Scan(); {
			lines <- read.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range lines {
		}
		_ = cmd.Wait()
	})
	var got []string
	for len(got) < 3 {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("it has ended after %v", got)
			}
			var event struct {
				Shard    int
				Sequence int64
				Guild    string
				Content  string
			}
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if event.Guild != "81384788765712384" || event.Sequence < 2 {
				t.Errorf("got %s", line)
			}
			got = append(got, event.Content)
		case <-time.After(within):
			t.Fatalf("it has read %v", got)
		}
	}
	if text := strings.Join(got, " "); text != "one two !idle" {
		t.Errorf("it has read %s", text)
	}
	received(t, s, 3, 1)
	if all := letters(t, nc, 1); all[0].Subject != "chiru.bot.dead.counter.MESSAGE_CREATE" || !strings.HasPrefix(all[0].Header.Get(fleet.HeaderDead), "unreadable: ") {
		t.Errorf("the dead letter is %v", all[0])
	}
	settled(t, nc, "counter")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range lines {
	}

	// One in Go goes on where it was.
	s.Dispatch(0, "MESSAGE_CREATE", message{"81384788765712384", "three"})
	w := work(t, fleet.SubscribeConfig{Conn: nc, Durable: "counter", Types: []string{"MESSAGE_CREATE"}})
	if d := w.next(); !strings.Contains(string(d.Body), "three") {
		t.Errorf("the worker in Go got %s", d.Body)
	}
}
