package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
	"github.com/chiru-go/chiru/gatewaytest"
)

// soakMode is a mode by itself, which takes as long as its flag says and writes a page of its own.
const soakMode = "soak"

const (
	soakShards = 8
	soakRate   = 2000 // events a second, over all shards
	// NATS keeps blocks of the file in memory for seconds, as the disk lets it: the least of several looks is what stays, and what leaks.
	soakEvery = 30 * time.Second
	soakLooks = 6
	// A machine that stands still for a second ends the batches, and the shards go back to what the stream has. That is no loss.
	soakReplay = 1 << 14
	// The stream drops the oldest events for most of the soak, as it does for most of its life.
	soakBytes = 128 << 20
	// Until then the stream fills up, and so does NATS's memory of the ids of two minutes.
	soakWarms = 3 * time.Minute
	soakLeast = 7 * time.Minute // two teeth, as said below
	// NATS keeps the ids that it has forgotten until they are two thirds of its list (stream.purgeMsgIds): a saw with a tooth of three minutes at this
	// rate. What is measured is flat if the lowest point of its second half is no higher above that of its first.
	flatHeap, flatRSS = 0.05, 0.10
)

// soak runs a node for a time and writes what it held. A slice, too short to see whether the memory is flat, writes no page.
func soak(ctx context.Context, lasts time.Duration, out string, args []string) error {
	slice := lasts < soakWarms+soakLeast
	if slice {
		log.Printf("a slice: it takes %v until the memory can be flat, and %v to see", soakWarms, soakLeast)
	}
	if err := goBuild(ctx, "./clients/soak", "soak", false); err != nil {
		return err
	}
	sim, err := gatewaytest.NewServer(gatewaytest.Config{Seed: 1, Guilds: 10 * soakShards, Shards: soakShards, MaxConcurrency: soakShards, Rate: soakRate, TrimOnHeartbeat: true, ReplayEvents: soakReplay})
	if err != nil {
		return err
	}
	defer sim.Close()
	before := load()
	job, err := json.Marshal(client.SoakJob{
		API: sim.API(), Token: sim.Token(), Compression: stream.Zlib, Shards: soakShards, MaxBytes: soakBytes, For: lasts, Every: soakEvery, Looks: soakLooks,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lasts+2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "soak"), string(job))
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var list []client.SoakSample
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var s client.SoakSample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return errors.Join(err, cmd.Cancel(), cmd.Wait())
		}
		log.Printf("%v: heap %.1f MiB, RSS %.1f MiB, %d goroutines, %d stored, %d dropped", s.At.Round(time.Second), mib(s.Heap), mib(s.RSS), s.Goroutines, s.Stored, s.First-1)
		list = append(list, s)
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("the node has told nothing")
	}
	if len(sim.Violations()) > 0 {
		return fmt.Errorf("the simulator saw rules broken: %v", sim.Violations())
	}
	if slice {
		if last := list[len(list)-1]; last.Boundaries > 0 || last.Stored == 0 {
			return fmt.Errorf("%d events stored, and %d sessions could not be resumed", last.Stored, last.Boundaries)
		}
		return nil
	}
	text, held := soakPage(list, before, args)
	return errors.Join(os.WriteFile(out, []byte(text), 0o644), held)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// judge says what a soak lacks, nil if nothing. measured are its samples after it was warm.
func judge(list []client.SoakSample) (measured []client.SoakSample, heap, resident float64, err error) {
	for _, s := range list {
		if s.At >= soakWarms {
			measured = append(measured, s)
		}
	}
	if len(measured) < int(soakLeast/soakEvery) {
		return measured, math.NaN(), math.NaN(), fmt.Errorf("%d samples are too few", len(measured))
	}
	first, last := measured[0], measured[len(measured)-1]
	heap = rise(measured, func(s client.SoakSample) float64 { return float64(s.Heap) })
	resident = rise(measured, func(s client.SoakSample) float64 { return float64(s.RSS) })
	var faults []error
	must := func(holds bool, format string, args ...any) {
		if !holds {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	must(heap <= flatHeap, "the heap rises by %.1f %%", 100*heap)
	must(resident <= flatRSS, "the RSS rises by %.1f %%", 100*resident)
	must(first.First > 1 && last.First > first.First, "the stream drops nothing: it is not in its steady state")
	must(last.Boundaries == 0, "%d sessions could not be resumed", last.Boundaries)
	must(last.Goroutines <= first.Goroutines+2, "there are %d goroutines, and there were %d", last.Goroutines, first.Goroutines)
	rate := float64(last.Stored-first.Stored) / (last.At - first.At).Seconds()
	must(math.Abs(rate/soakRate-1) < 0.05, "%.0f events a second were stored, not %d", rate, soakRate)
	return measured, heap, resident, errors.Join(faults...)
}

// rise is what the least of the second half has more than the least of the first, of that.
func rise(list []client.SoakSample, of func(client.SoakSample) float64) float64 {
	least := func(half []client.SoakSample) float64 {
		low := math.Inf(1)
		for _, s := range half {
			low = min(low, of(s))
		}
		return low
	}
	first, second := least(list[:len(list)/2]), least(list[len(list)/2:])
	return second/first - 1
}

// soakPage is SOAK.md, and what does not hold.
func soakPage(list []client.SoakSample, before string, args []string) (string, error) {
	measured, heap, resident, err := judge(list)
	verdict := "It holds."
	if err != nil {
		verdict = "**It does not hold**: " + strings.ReplaceAll(err.Error(), "\n", "; ") + "."
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# A node's memory over time

%s. %s. Load of the machine %s before, %s after. %s.

    %s

One process is the node with its NATS inside, as chiru run has it: %d shards, %d events a second over zlib-stream from a simulator in another process. The stream
keeps %d MiB, so that the oldest events are dropped for most of the time; NATS remembers the ids of two minutes. The heap is what a collection leaves, the RSS
what the process has of the machine at that moment; each is the least of %d looks, %v apart, for what NATS has cached of its files comes and goes.

From %v on (%d samples) the lowest point of the second half is above that of the first by %.1f %% for the heap (%.0f %% at most), and by %.1f %% for the RSS
(%.0f %% at most). In between NATS keeps the ids that it has forgotten until they are two thirds of its list. Goroutines, the rate, the sessions and the stream are looked at too. %s A shard went back to what the stream has %d times: that is what a node does when the machine stands
still for a second.

| after | heap MiB | RSS MiB | goroutines | stored | dropped | kept MiB |
|--:|--:|--:|--:|--:|--:|--:|
`, machine(), versions(), before, load(), time.Now().UTC().Format(time.DateOnly), strings.TrimSpace("go run . "+quoted(args)), soakShards, soakRate, soakBytes>>20, soakLooks, soakEvery/soakLooks,
		soakWarms, len(measured), 100*heap, 100*flatHeap, 100*resident, 100*flatRSS, verdict, list[len(list)-1].Resumed)
	for _, s := range list {
		fmt.Fprintf(&b, "| %v | %.1f | %.1f | %d | %s | %s | %.1f |\n", s.At.Round(time.Second), mib(s.Heap), mib(s.RSS), s.Goroutines,
			thousands(float64(s.Stored)), thousands(float64(s.First-1)), mib(int64(s.KeptBytes)))
	}
	return b.String(), err
}
