package main

import (
	"math"
	"strings"
	"testing"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
)

func TestMedianAndSpread(t *testing.T) {
	for _, c := range []struct {
		list         []float64
		median, half float64
	}{
		{[]float64{4}, 4, 0},
		{[]float64{3, 1}, 2, 0.5},
		{[]float64{9, 1, 2}, 2, 2},
		{[]float64{4, 1, 3, 2}, 2.5, 0.6},
	} {
		if got := median(c.list); got != c.median {
			t.Errorf("median of %v is %v, want %v", c.list, got, c.median)
		}
		if got := spread(c.list); got != c.half {
			t.Errorf("spread of %v is %v, want %v", c.list, got, c.half)
		}
	}
	if !math.IsNaN(median(nil)) || !math.IsNaN(spread(nil)) {
		t.Error("there is a median of nothing")
	}
}

// A machine that gets slower from round to round changes no ratio.
func TestRatiosAreThoseWithinARound(t *testing.T) {
	r := newResults(options{}, nil)
	a := runCase{mode: client.Throughput, client: "chiru raw", compression: stream.None, shards: 1}
	b := a
	b.client = "floor"
	for round, slower := range []float64{1, 2, 4} {
		r.add(a, round, measured{Result: client.Result{Events: 100, CPU: 2 * slower}})
		if round != 1 {
			r.add(b, round, measured{Result: client.Result{Events: 100, CPU: slower}})
		}
	}
	got := r.ratios(a.key(), b.key(), speed)
	if len(got) != 2 || got[0] != 0.5 || got[1] != 0.5 {
		t.Errorf("the ratios are %v, want 0.5 twice", got)
	}
	goals := r.goals()
	found := false
	for _, g := range goals {
		if g.what == "1: raw of the floor, none" {
			found = g.holds() && strings.Contains(g.row(), "| ≥ 50.0 % | 50.0 % ±0 % | holds |")
		}
	}
	if !found {
		t.Errorf("no goal that holds in %v", goals)
	}
}

func TestWayIntoTheStreamIsHeldAgainstItsPartsOfTheSameRound(t *testing.T) {
	r := newResults(options{}, nil)
	add := func(round int, name string, cpu float64) {
		r.add(runCase{mode: fleetFlood, client: name, compression: stream.Zlib, shards: 1}, round, measured{Result: client.Result{Events: 1_000_000, CPU: cpu}})
	}
	for round, slower := range []float64{1, 3} {
		add(round, "chiru raw", 10*slower)
		add(round, plainPublish, 20*slower)
		add(round, chiruFleet, 36*slower)
	}
	add(2, chiruFleet, 99) // whose parts have failed
	if got := r.ofTheParts(fleetFlood, stream.Zlib); len(got) != 2 || got[0] != 1.2 || got[1] != 1.2 {
		t.Errorf("the ratios are %v, want 1.2 twice", got)
	}
	page := r.page()
	for _, want := range []string{
		"| 6: a flood, into the stream, of raw and plain publish together, zlib-stream | ≤ 1.30× | 1.20× ±0 % | holds |",
		"| 6: a flood, CPU of an event into the stream, zlib-stream | ≤ 40.0 µs | 99.0 µs ±",
		"| plain publish | – | – | 40.0 ±50 % (",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
}

func TestFastestGoPeerIsOfBothBuildsAndNeverNode(t *testing.T) {
	r := newResults(options{}, nil)
	for name, cpu := range map[string]float64{"discordgo": 3, "disgo" + v2: 2, "@discordjs/ws": 1, "chiru raw": 0.5} {
		r.add(runCase{mode: client.Throughput, client: name, compression: stream.None, shards: 1}, 0, measured{Result: client.Result{Events: 1, CPU: cpu}})
	}
	if got := r.fastestGoPeer(stream.None); got != "disgo v2" {
		t.Errorf("got %q", got)
	}
}

func TestVerifyFindsWhatIsMissing(t *testing.T) {
	sent := stream.Totals{Events: 3, Body: 30, Raw: 7, Witness: 9}
	raw := runCase{client: "floor", shards: 2}
	peer := runCase{client: "disgo v2", shards: 2}
	for _, c := range []struct {
		of   runCase
		got  client.Result
		good bool
	}{
		{raw, client.Result{Events: 6, Body: 60, Raw: 14}, true},
		{raw, client.Result{Events: 5, Body: 60, Raw: 14}, false},
		{raw, client.Result{Events: 6, Body: 59, Raw: 14}, false},
		{raw, client.Result{Events: 6, Body: 60, Raw: 13}, false},
		{peer, client.Result{Events: 6, Witness: 18}, true},
		{peer, client.Result{Events: 6, Witness: 17}, false},
	} {
		if err := verify(c.of, sent, c.got); (err == nil) != c.good {
			t.Errorf("%s, %+v: %v", c.of.client, c.got, err)
		}
	}
}
