package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru/fleet"
)

func TestTableHasNoSpacesAtTheEndsOfLines(t *testing.T) {
	var b strings.Builder
	table(&b, []fleet.NodeStatus{{Node: "a", Version: "1", Of: 2, Shards: []fleet.ShardStatus{{Shard: 0, State: "live"}, {Shard: 1, State: "waiting", Trouble: "gone"}}}})
	for line := range strings.Lines(b.String()) {
		if strings.HasSuffix(line, " \n") {
			t.Errorf("%q ends with a space", line)
		}
	}
	if lines := strings.Count(b.String(), "\n"); lines != 6 {
		t.Errorf("%d lines, want 6:\n%s", lines, &b)
	}
}

func TestWatchSaysThatNoNodeAnswersAndGoesOn(t *testing.T) {
	folder := t.TempDir()
	e, err := fleet.Embed(t.Context(), fleet.EmbeddedConfig{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, stop := context.WithTimeout(t.Context(), scriptWait)
	defer stop()
	called := newCall()
	called.out.onWrite = func(writes int, text []byte) error {
		if !strings.Contains(string(text), "\nno node answers\n") {
			t.Errorf("it shows %q", text)
		}
		if writes == 2 {
			stop()
		}
		return nil
	}
	began := time.Now()
	called.want(t, ctx, 0, "status", "--watch", "--state", folder)
	if took := time.Since(began); took < statusEvery {
		t.Errorf("it shows it anew after %v", took)
	}
}
