package fleet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

// silent does not answer the first times that it is asked.
func silent(times int, answer error) func(context.Context) (int, error) {
	asked := 0
	return func(ctx context.Context) (int, error) {
		if asked++; asked <= times {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		return asked, answer
	}
}

func TestQuestionThatNobodyAnswersIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), claimWait)
		defer cancel()
		began := time.Now()
		if n, err := ask(ctx, silent(3, nil)); n != 4 || err != nil {
			t.Errorf("got answer %d, %v; want the fourth", n, err)
		}
		if took, want := time.Since(began), 500*time.Millisecond+time.Second+2*time.Second; took != want {
			t.Errorf("it took %v, want %v", took, want)
		}
	})
}

func TestQuestionIsAskedNoMoreOnceItIsAnsweredOrTheTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		if _, err := ask(t.Context(), silent(1, refused)); err != refused {
			t.Errorf("got %v, want the answer", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), claimWait)
		defer cancel()
		began := time.Now()
		if _, err := ask(ctx, silent(1000, nil)); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != claimWait {
			t.Errorf("got %v after %v, want the end of the time after %v", err, time.Since(began), claimWait)
		}
	})
}

// conflicted answers as a bucket of several replicas does when another node has been quicker.
type conflicted struct{ jetstream.KeyValue }

func (conflicted) Create(context.Context, string, []byte, ...jetstream.KVCreateOpt) (uint64, error) {
	return 0, &jetstream.APIError{Code: 400, ErrorCode: codeWrongLastReplicas, Description: "wrong last sequence"}
}

func TestLeaseThatAnotherWasQuickerToTakeIsNoFailure(t *testing.T) {
	l := &leases{kv: conflicted{}, node: "a", ttl: time.Second}
	if got, err := l.take(t.Context(), shardKey(0)); got != nil || err != nil {
		t.Errorf("got %v, %v; want neither", got, err)
	}
}

// tardy stores a lease, and has a stop come before its answer.
type tardy struct {
	jetstream.KeyValue
	key  string
	stop func()
}

func (b tardy) Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (uint64, error) {
	revision, err := b.KeyValue.Create(ctx, key, value, opts...)
	if key == b.key {
		b.stop()
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return revision, err
}

// leaves fails the test if a key is stored.
func (f *fleet) leaves(t *testing.T, key string) {
	t.Helper()
	if entry, err := f.kv.Get(t.Context(), key); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("%s is left: %v, %v", key, entry, err)
	}
}

func TestStopThatComesBeforeTheAnswerLeavesNoLease(t *testing.T) {
	f := bench(t)
	f.shards, f.checkpoints, f.gate = 1, &checkpoints{cfg: f.cfg.Shard, from: map[int]source{}}, newGate(f)
	for _, key := range []string{nodeKey(f.node), shardKey(0)} {
		ctx, stop := context.WithTimeout(t.Context(), soon)
		defer stop()
		stopped := false
		kv := tardy{f.kv, key, func() { stopped = true; stop() }}
		newKeeper(f, &leases{f.js, kv, f.names, f.node, f.cfg.LeaseTTL}, f.shards).keep(ctx)
		if !stopped {
			t.Fatalf("%s was not asked for", key)
		}
		f.leaves(t, nodeKey(f.node))
		f.leaves(t, shardKey(0))
	}
	f.gate.waiting.Wait()
}

func TestStopThatComesBeforeTheAnswerLeavesNoPermit(t *testing.T) {
	f := bench(t)
	f.buckets = 1
	ctx, stop := context.WithTimeout(t.Context(), soon)
	defer stop()
	stopped := false
	g := newGate(f)
	g.budget = f.counting(func() (chiru.Gateway, error) {
		return chiru.Gateway{Total: 1000, Remaining: 1000, ResetAfter: time.Hour}, nil
	})
	g.leases.kv = tardy{f.kv, bucketKey(0), func() { stopped = true; stop() }}
	g.broken = func() time.Time { return time.Time{} }
	ordering, disorder := context.WithCancel(t.Context())
	ordered := make(chan struct{})
	go func() { defer close(ordered); g.run(ordering, ordering) }()
	g.Permit(ctx, 0)
	g.waiting.Wait()
	disorder()
	<-ordered
	if !stopped {
		t.Fatal("the permit was not asked for")
	}
	f.leaves(t, bucketKey(0))
	if d, _, err := g.budget.read(t.Context()); err != nil || d.Left != 1000 || len(d.Out) != 0 {
		t.Errorf("the day has %d left and %d out, %v; want all", d.Left, len(d.Out), err)
	}
}
