package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// results are what was measured, by case and round.
type results struct {
	o      options
	args   []string
	runs   map[key]map[int]measured
	failed map[key]string // why, the last time
	begun  time.Time
	took   time.Duration
	load   [2]string // of the machine, before and after
}

func newResults(o options, args []string) *results {
	return &results{o: o, args: args, runs: map[key]map[int]measured{}, failed: map[key]string{}, begun: time.Now(), load: [2]string{load()}}
}

func (r *results) add(c runCase, round int, m measured) {
	if r.runs[c.key()] == nil {
		r.runs[c.key()] = map[int]measured{}
	}
	r.runs[c.key()][round] = m
}

func (r *results) fail(c runCase, err error) { r.failed[c.key()] = err.Error() }

func (r *results) finish() { r.took, r.load[1] = time.Since(r.begun), load() }

// load is the machine's, of the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// machine says what all ran on.
func machine() string {
	model := "unknown CPU"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, %s %s/%s", model, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.GOOS, runtime.GOARCH)
}

// versions are those of everything that ran.
func versions() string {
	list := []string{runtime.Version()}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "node", "--version").Output(); err == nil {
		list = append(list, "Node "+strings.TrimSpace(string(out)))
	}
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		list = append(list, "chiru "+strings.TrimSpace(string(out)))
	}
	for _, path := range []string{
		"github.com/bwmarrin/discordgo", "github.com/disgoorg/disgo", "github.com/diamondburned/arikawa/v3",
		"github.com/klauspost/compress", "github.com/coder/websocket", "github.com/segmentio/encoding",
		"github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go",
	} {
		if out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", path).Output(); err == nil {
			short := strings.TrimPrefix(path, "github.com/")
			list = append(list, short+" "+strings.TrimSpace(string(out)))
		}
	}
	for _, name := range []string{"@discordjs/ws", "zlib-sync"} {
		b, err := os.ReadFile(filepath.Join(nodeDir, "node_modules", name, "package.json"))
		var p struct{ Version string }
		if err == nil && json.Unmarshal(b, &p) == nil {
			list = append(list, name+" "+p.Version)
		}
	}
	return strings.Join(list, ", ")
}
