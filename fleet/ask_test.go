package fleet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
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
