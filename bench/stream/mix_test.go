package stream

import (
	"bytes"
	"testing"
)

func TestMixIsThatOfABusyBot(t *testing.T) {
	const n = 20_000
	m, again := NewMix(1), NewMix(1)
	total, guilds, count := 0, 0, map[string]int{}
	size := map[string]int{}
	for range n {
		e := m.Next()
		if !bytes.Equal(e.Body, again.Next().Body) {
			t.Fatal("the same seed makes different events")
		}
		total += len(e.Body)
		count[e.Type]++
		size[e.Type] += len(e.Body)
		if e.Type == "GUILD_CREATE" {
			guilds++
			if len(e.Body) < 80_000 || len(e.Body) > 200_000 {
				t.Errorf("a GUILD_CREATE of %d bytes", len(e.Body))
			}
		}
	}
	for typ, n := range count {
		t.Logf("%s %d of %d bytes", typ, n, size[typ]/n)
	}
	if mean := total / n; mean < 1700 || mean > 1900 {
		t.Errorf("events have %d bytes, want 1.8 KB", mean)
	}
	if len(count) != 8 || guilds < n/300 || guilds > n/140 || count["MESSAGE_CREATE"] < n*43/100 || count["MESSAGE_CREATE"] > n*47/100 {
		t.Errorf("the mix is %v", count)
	}
}

func TestScriptComesAgainAfterItsPeriod(t *testing.T) {
	s, err := Encode(t.TempDir(), Plan{Seed: 1, Compression: None, Events: 90, Period: 30})
	if err != nil {
		t.Fatal(err)
	}
	once := s.Totals(30)
	if got := s.Totals(90); got.Body != 3*once.Body {
		t.Errorf("three periods have %d bytes, want three times %d", got.Body, once.Body)
	}
}
