package cluster_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// A thousand shards on loopback, in real time: what an idle one costs.
func TestThousandIdleShardsCostLittle(t *testing.T) {
	for _, c := range []struct {
		compression chiru.Compression
		shards      int
		heap        int // KiB a shard
	}{
		{chiru.CompressionZlibStream, 1000, 60}, // 32 of them are what a zlib stream looks back on
		{chiru.CompressionNone, 1000, 24},
	} {
		t.Run(c.compression.String(), func(t *testing.T) {
			shards := c.shards
			if raceDetector || testing.Short() {
				shards /= 10
			}
			api, end := serverProcess(t, gatewaytest.Config{Shards: shards, MaxConcurrency: shards, SessionLimit: 2 * shards, Guilds: 8 * shards})
			before := settledHeap()
			goroutines := runtime.NumGoroutine()

			var bot cluster.Cluster
			ctx, cancel := context.WithCancelCause(t.Context())
			inbound, ended := make(chan chiru.IncomingEvent), make(chan error, 1)
			live := make(chan struct{})
			go func() {
				defer close(inbound)
				ended <- bot.Run(ctx, cluster.Config{API: api, Shard: chiru.Config{Token: "gatewaytest-token", Compression: c.compression}}, inbound)
			}()
			go func() {
				ready := 0
				for event := range inbound {
					if d, ok := event.(*chiru.Dispatch); ok && d.Type == "READY" {
						if ready++; ready == shards {
							close(live)
						}
					}
				}
			}()
			from := time.Now()
			select {
			case <-live:
			case <-time.After(time.Minute):
				t.Fatalf("%d of %d shards are live after a minute", bot.Status().Live, shards)
			}
			took := time.Since(from)
			for pending := true; pending; { // the windows of zlib fill with their guilds
				time.Sleep(100 * time.Millisecond)
				pending = false
				for _, shard := range bot.Status().Shards {
					pending = pending || shard.Guilds.Pending > 0
				}
			}
			each := (settledHeap() - before) / shards
			perShard := float64(runtime.NumGoroutine()-goroutines-6) / float64(shards) // of the cluster itself, and of the test
			t.Logf("%d shards live after %v; %.1f KiB of heap and %.2f goroutines a shard", shards, took.Round(time.Millisecond), float64(each)/1024, perShard)
			if perShard > 3 {
				t.Errorf("%.2f goroutines a shard, want 3", perShard)
			}
			if each > c.heap<<10 && !raceDetector {
				t.Errorf("%d bytes of heap a shard, want %d KiB at most", each, c.heap)
			}
			if took > 15*time.Second {
				t.Errorf("all live after %v, want the 5 s over which they are spread, and little more", took)
			}
			cancel(errStop)
			if err := <-ended; err != errStop {
				t.Errorf("Run returned %v", err)
			}
			for _, violation := range end() {
				t.Error(violation)
			}
		})
	}
}

func settledHeap() int {
	runtime.GC()
	runtime.GC() // the second frees what the first found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// serverProcess is a simulator in a process of its own. Its end tells the violations.
func serverProcess(t *testing.T, cfg gatewaytest.Config) (api string, end func() []string) {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		t.Fatal("the simulator's process does not start")
	}
	from := bufio.NewReader(out)
	api, err = from.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	over := false
	end = func() []string {
		if !over {
			over = true
			in.Close()
			rest, _ := io.ReadAll(from)
			said = strings.Fields(string(rest))
			if err := cmd.Wait(); err != nil {
				t.Errorf("the simulator's process: %v", err)
			}
		}
		return said
	}
	t.Cleanup(func() { end() })
	return strings.TrimSpace(api), end
}
