package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestSizeHasAUnitOf1024OrNone(t *testing.T) {
	for text, want := range map[string]int64{
		"8589934592": 8 << 30, "8GiB": 8 << 30, "16 MiB": 16 << 20, "1KiB": 1024, "2TiB": 2 << 40, "9223372036854775807": math.MaxInt64,
		"": 0, "8GB": 0, "-1": 0, "0": 0, "1.5GiB": 0, "GiB": 0, "9007199254740992KiB": 0, "8388608TiB": 0, "1KiBMiB": 0,
	} {
		got, err := parseSize(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestDurationsInTheLogAreReadable(t *testing.T) {
	called := newCall()
	called.logger().Info("stopped", "took", 200*time.Millisecond)
	called.terminalErr = true
	called.logger().Info("stopped", "took", 200*time.Millisecond)
	if text := called.err.String(); !strings.Contains(text, `"took":"200ms"`) || !strings.Contains(text, " took=200ms\n") {
		t.Errorf("got %s", text)
	}
}
