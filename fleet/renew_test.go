package fleet

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The position of a quiet shard stays in the stream though its events, and the claim under which they were stored, have left it.
func TestQuietShardsClaimIsRenewedBeforeItLeavesTheStream(t *testing.T) {
	f := bench(t)
	f.older.Store(1 << 60) // every claim is in the older half
	s := f.begin(t)
	s.take("a", 1, 3)
	s.stored(t, "a", 3)
	var renewed uint64
	for late := time.Now().Add(soon); renewed <= s.claim.epoch; {
		m, err := f.lastOf(t.Context(), f.names.claim(0))
		if err != nil {
			t.Fatal(err)
		}
		renewed = m.Sequence
		if time.Now().After(late) {
			t.Fatalf("the claim is still the first, at %d", renewed)
		}
	}
	f.older.Store(0)
	if err := f.stream.Purge(t.Context(), jetstream.WithPurgeSequence(renewed)); err != nil {
		t.Fatal(err)
	}
	s.take("a", 4, 5) // under the renewed claim: the first is gone
	s.stored(t, "a", 5)
	if err := s.end(t); err != nil {
		t.Error(err)
	}
	if err := f.stream.Purge(t.Context(), jetstream.WithPurgeSubject(f.names.events(0))); err != nil {
		t.Fatal(err)
	}
	next := f.begin(t)
	if want := (position{"a", 3, ""}); next.claim.at != want {
		t.Errorf("the next owner goes on from %+v, want %+v, where the claim was renewed", next.claim.at, want)
	}
	if err := next.end(t); err != nil {
		t.Error(err)
	}
}

func TestOwnerWhoseShardIsClaimedRenewsNoClaim(t *testing.T) {
	f := bench(t)
	old := f.begin(t)
	old.take("a", 1, 1)
	old.stored(t, "a", 1)
	next := f.begin(t)
	f.older.Store(old.claim.epoch) // its alone
	if err := old.over(t); !overtaken(err) {
		t.Errorf("got %v, want a refusal of the fence", err)
	}
	if err := next.end(t); err != nil {
		t.Error(err)
	}
	if m, err := f.lastOf(t.Context(), f.names.claim(0)); err != nil || m.Sequence != next.claim.epoch {
		t.Errorf("the last claim is %+v (%v), want that of the next owner", m, err)
	}
}

func TestWorkerThatIsTooSlowIsWarnedOfOnce(t *testing.T) {
	f := bench(t)
	var log bytes.Buffer
	f.log = slog.New(slog.NewTextHandler(&log, nil))
	s := f.begin(t)
	s.take("a", 1, 200)
	if err := s.end(t); err != nil {
		t.Fatal(err)
	}
	if _, err := f.stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "slow", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	warned := map[string]bool{}
	for _, bound := range []struct {
		bytes int64
		times int
	}{{1 << 40, 0}, {1, 1}, {1, 1}} {
		f.cfg.MaxBytes = bound.bytes
		if err := f.look(t.Context(), warned); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(log.String(), "consumer=slow"); got != bound.times {
			t.Errorf("max_bytes %d: %d warnings, want %d: %s", bound.bytes, got, bound.times, log.String())
		}
	}
	if f.older.Load() == 0 {
		t.Error("the stream is full, and no claim counts as old")
	}
}
