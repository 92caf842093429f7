package gatewaytest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// simulator is a chiru sim of its own process, on one core.
type simulator struct {
	cmd *exec.Cmd
	s   *Server // where it is, for the players
}

func startSimulator(b *testing.B, flags ...string) *simulator {
	b.Helper()
	program := filepath.Join(b.TempDir(), "chiru")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/chiru-go/chiru/cmd/chiru").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(program, append([]string{"sim", "--strict"}, flags...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	sim := &simulator{cmd: cmd}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			b.Errorf("chiru sim: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}
	var ready struct{ Gateway, Resume string }
	if err := json.Unmarshal(line, &ready); err != nil {
		b.Fatal(err)
	}
	cfg, _ := Config{}.withDefaults()
	sim.s, err = newServer(cfg)
	if err != nil {
		b.Fatal(err)
	}
	sim.s.url, sim.s.resumeURL = ready.Gateway, ready.Resume
	sim.s.client = &http.Client{Transport: &http.Transport{DialContext: new(net.Dialer).DialContext}}
	return sim
}

// identify connects a player that looks at no payload.
func (sim *simulator) identify(b *testing.B, compress string, shard, count int) *player {
	query := goodQuery
	if compress != "" {
		query += "&compress=" + compress
	}
	p := dial(b, sim.s, sim.s.URL(), query)
	p.inbox = func(byte, []byte) []byte { return []byte("{}") }
	p.next()
	p.send(2, identity(sim.s, "shard", []int{shard, count}))
	p.next()
	return p
}

// processor returns the seconds of processor the process has used, and its resident memory in KiB.
func (sim *simulator) processor(b *testing.B) (seconds float64, resident int) {
	b.Helper()
	if runtime.GOOS != "linux" {
		b.Skip("reads /proc")
	}
	proc := fmt.Sprintf("/proc/%d/", sim.cmd.Process.Pid)
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		b.Fatal(err)
	}
	// proc(5): after the name in brackets, utime and stime are the 12th and 13th field, in 1/100 s.
	after := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(after[11])
	system, _ := strconv.Atoi(after[12])
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			resident, _ = strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return float64(user+system) / 100, resident
}

// BenchmarkRate20000 is how well chiru sim --rate 20000, on one core, holds its rate to one client over 10 s.
func BenchmarkRate20000(b *testing.B) {
	for _, compress := range []string{"", compressZlib, compressZstd} {
		b.Run("compress="+compress, func(b *testing.B) {
			for b.Loop() {
				sim := startSimulator(b, "--guilds", "100", "--rate", "20000")
				p := sim.identify(b, compress, 0, 1)
				for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
					p.next() // the guilds, and the first events
				}
				const span = 10 * time.Second
				used, _ := sim.processor(b)
				began, events := time.Now(), 0
				for ; time.Since(began) < span; events++ {
					if m := p.next(); m.err != nil || m.close != 0 {
						b.Fatalf("after %d events: %v", events, m)
					}
				}
				now, _ := sim.processor(b)
				b.ReportMetric(float64(events)/time.Since(began).Seconds(), "events/s")
				b.ReportMetric((now-used)/time.Since(began).Seconds()*100, "%core")
				p.close(1000)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkShards2000 is the resident memory of chiru sim for each of 2,000 connected shards, the one guild of each
// included.
func BenchmarkShards2000(b *testing.B) {
	const shards = 2000
	for _, compress := range []string{"", compressZlib, compressZstd} {
		b.Run("compress="+compress, func(b *testing.B) {
			for b.Loop() {
				sim := startSimulator(b, "--guilds", fmt.Sprint(shards), "--rate", "0",
					"--max-concurrency", fmt.Sprint(shards), "--session-limit", fmt.Sprint(shards))
				_, before := sim.processor(b)
				var players []*player
				for i := range shards {
					players = append(players, sim.identify(b, compress, i, shards))
				}
				time.Sleep(time.Second)
				_, after := sim.processor(b)
				b.ReportMetric(float64(after-before)/shards, "KiB/shard")
				for _, p := range players {
					p.close(1000)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
