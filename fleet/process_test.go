package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
)

// nodeEnv carries the configuration of a process that is a node and nothing else, so that it can be killed.
const nodeEnv = "CHIRU_TEST_NODE"

type nodeConfig struct {
	API, Token string
	NATS       string // empty for one of its own
	Folder     string // of that one
	Node       string
	LeaseTTL   time.Duration
	Replicas   int
}

func nodeProcess(text string) {
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", c.Node)
	err := runNode(ctx, c, log)
	if ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runNode(ctx context.Context, c nodeConfig, log *slog.Logger) error {
	cfg := fleet.Config{
		Node: c.Node, API: c.API, LeaseTTL: c.LeaseTTL, Replicas: c.Replicas, Logger: log,
		Shard: chiru.Config{Token: c.Token, Intents: chiru.IntentsAll},
	}
	if c.NATS != "" {
		nc, err := fleet.Connect(c.NATS, log)
		if err != nil {
			return err
		}
		defer nc.Close()
		cfg.Conn = nc
		return fleet.Run(ctx, cfg)
	}
	e, err := fleet.Embed(ctx, fleet.EmbeddedConfig{Folder: c.Folder, Logger: log})
	if err != nil {
		return err
	}
	defer e.Close()
	cfg.Conn = e.Conn
	return fleet.Run(ctx, cfg)
}

// process is a nodeProcess that a test has started.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan error
}

func launch(t *testing.T, c nodeConfig) *process {
	t.Helper()
	return launchAs(t, nodeEnv, c)
}

// launchAs starts the test's own program anew, as what a variable of its environment makes it.
func launchAs(t *testing.T, env string, config any) *process {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(os.Args[0]), ended: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), env+"="+string(text))
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// kill is kill -9.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.ended
}

// term tells the node to stop, and holds it to a clean end.
func (p *process) term() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("the node ended with %v", err)
		}
	case <-time.After(within):
		p.t.Fatal("the node does not end")
	}
}

// enter connects to the embedded server of a node, once it is there.
func enter(t *testing.T, folder string) *nats.Conn {
	t.Helper()
	for late := time.Now().Add(within); ; {
		door, err := fleet.ReadDoor(folder)
		if err == nil {
			var nc *nats.Conn
			if nc, err = fleet.Connect(door.URL, logger(t), nats.UserInfo(door.User, door.Password), nats.RetryOnFailedConnect(false)); err == nil {
				return nc
			}
		}
		if time.Now().After(late) {
			t.Fatalf("no way to the embedded server: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// addressOf is an embedded server's, for other processes.
func addressOf(d fleet.Door) string {
	return fmt.Sprintf("nats://%s:%s@%s", d.User, d.Password, d.URL[len("nats://"):])
}
