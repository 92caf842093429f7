package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru/bench/client"
)

// steady is a soak of ten minutes in which nothing is wrong; change makes something so.
func steady(change func(i int, s *client.SoakSample)) (list []client.SoakSample) {
	for i := range 21 {
		at := time.Duration(i) * soakEvery
		s := client.SoakSample{At: at, Heap: 80 << 20, RSS: 160 << 20, Goroutines: 100, Stored: int64(soakRate * at.Seconds()), First: 1}
		if at < soakWarms {
			s.Heap, s.RSS = s.Heap/2, s.RSS/2 // which is not held against it
		} else {
			s.First = uint64(s.Stored) - 100_000
		}
		s.Heap += int64(i%6) << 22 // a saw
		change(i, &s)
		list = append(list, s)
	}
	return list
}

func TestSoakHoldsOnlyIfNothingGrows(t *testing.T) {
	for want, change := range map[string]func(int, *client.SoakSample){
		"":                         func(int, *client.SoakSample) {},
		"the heap rises":           func(i int, s *client.SoakSample) { s.Heap += int64(i*30) * soakRate * 10 }, // 10 bytes of each event
		"the RSS rises":            func(i int, s *client.SoakSample) { s.RSS += int64(i) << 22 },
		"the stream drops nothing": func(_ int, s *client.SoakSample) { s.First = 1 },
		"could not be resumed":     func(i int, s *client.SoakSample) { s.Boundaries = int64(i / 15) },
		"goroutines":               func(i int, s *client.SoakSample) { s.Goroutines += i },
		"events a second":          func(_ int, s *client.SoakSample) { s.Stored /= 2 },
	} {
		page, err := soakPage(steady(change), "0.1", nil)
		if want == "" {
			if err != nil || !strings.Contains(page, "It holds.") {
				t.Errorf("%v in\n%s", err, page)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(page, "**It does not hold**") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := soakPage(steady(func(int, *client.SoakSample) {})[:18], "0.1", nil); err == nil {
		t.Error("a soak that ended early holds")
	}
}

func TestRiseIsOfTheLowestPoints(t *testing.T) {
	var list []client.SoakSample
	for _, heap := range []int64{120, 100, 160, 200, 105, 400} {
		list = append(list, client.SoakSample{Heap: heap})
	}
	if got := rise(list, func(s client.SoakSample) float64 { return float64(s.Heap) }); math.Abs(got-0.05) > 1e-9 {
		t.Errorf("got %v, want 0.05", got)
	}
}
