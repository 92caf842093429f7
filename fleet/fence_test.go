package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
)

const soon = 20 * time.Second

// bench is a fleet whose shards no test connects: their events are the test's.
func bench(t *testing.T) *fleet {
	t.Helper()
	e, err := Embed(t.Context(), EmbeddedConfig{Folder: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	cfg, err := Config{Conn: e.Conn, Shard: chiru.Config{Token: "token", URL: "ws://gateway.discord.test"}}.settled()
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFleet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if f.frame, err = frameOf(cfg.Shard); err != nil {
		t.Fatal(err)
	}
	f.counts = make([]counts, 1)
	if err := f.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func always(context.Context) (bool, error) { return true, nil }

// stint is one owner of shard 0.
type stint struct {
	claim claim
	w     *writer
	ended chan error
}

func (f *fleet) begin(t *testing.T) *stint {
	t.Helper()
	c, err := f.claimShard(t.Context(), 0, always)
	if err != nil {
		t.Fatal(err)
	}
	s := &stint{c, newWriter(f, 0, c), make(chan error, 1)}
	go func() { s.ended <- s.w.run(context.Background()) }()
	return s
}

func event(session string, sequence int64) *chiru.Dispatch {
	return chiru.NewDispatch(0, "MESSAGE_CREATE", sequence, session, time.Now(), json.RawMessage(fmt.Sprintf(`{"n":%d}`, sequence)))
}

func (s *stint) take(session string, from, to int64) {
	for seq := from; seq <= to; seq++ {
		s.w.in <- event(session, seq)
	}
}

// stored waits until the stream has what the owner took.
func (s *stint) stored(t *testing.T, session string, sequence int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := s.w.floor.await(ctx, session, sequence); err != nil {
		t.Fatalf("%s:%d is not stored: %v", session, sequence, err)
	}
}

func (s *stint) end(t *testing.T) error {
	t.Helper()
	close(s.w.in)
	return s.over(t)
}

func (s *stint) over(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(soon):
		t.Fatal("the writer does not end")
		return nil
	}
}

// reaches waits until an event is the stream's last, whether or not its owner knows.
func (f *fleet) reaches(t *testing.T, id string) {
	t.Helper()
	for late := time.Now().Add(soon); ; {
		m, err := f.lastOf(t.Context(), f.names.events(0))
		if err == nil && m != nil && m.Header.Get(nats.MsgIdHdr) == id {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%s does not reach the stream: %v", id, err)
		}
	}
}

// holds the stream's events against what they should be.
func (f *fleet) holds(t *testing.T, want ...string) {
	t.Helper()
	info, err := f.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := f.stream.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject != f.names.claim(0) {
			got = append(got, m.Header.Get(nats.MsgIdHdr))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the stream has %v, want %v", got, want)
	}
}

func ids(session string, from, to int) (out []string) {
	for seq := from; seq <= to; seq++ {
		out = append(out, fmt.Sprintf("%s:%d", session, seq))
	}
	return out
}

// keepsOut has an owner that was overtaken behind a:3 store on into its open batch, beside the next one.
func (f *fleet) keepsOut(t *testing.T, old, next *stint) {
	t.Helper()
	next.take("a", 4, 5)
	next.stored(t, "a", 5)
	old.take("a", 4, 9)
	if err := old.over(t); err == nil {
		t.Error("the old owner's writer has not failed")
	}
	if err := next.end(t); err != nil {
		t.Error(err)
	}
	f.holds(t, ids("a", 1, 5)...)
}

// The batch of a frozen owner is open for as long as the server's time-out is: it must end with the claim, not with the time-out.
func TestOwnerWhoseShardIsClaimedStoresNothingIntoItsOpenBatch(t *testing.T) {
	f := bench(t)
	old := f.begin(t)
	old.take("a", 1, 3)
	f.reaches(t, "a:3")
	next := f.begin(t) // within the old batch's life
	if want := (position{"a", 3, ""}); next.claim.at != want {
		t.Errorf("the next owner goes on from %+v, want %+v", next.claim.at, want)
	}
	f.keepsOut(t, old, next)
}

func TestOwnerWhoseShardIsClaimedBeginsNoBatch(t *testing.T) {
	f := bench(t)
	old := f.begin(t)
	old.take("a", 1, 3)
	old.stored(t, "a", 3) // its batch has ended
	next := f.begin(t)
	// An event that nobody else has stored: not its number keeps it out.
	old.take("a", 4, 4)
	if err := old.over(t); !overtaken(err) {
		t.Errorf("got %v, want a refusal of the fence", err)
	}
	next.take("b", 1, 2)
	if err := next.end(t); err != nil {
		t.Error(err)
	}
	f.holds(t, append(ids("a", 1, 3), ids("b", 1, 2)...)...)
}

// Of the same session, in the two minutes in which the server knows numbers again, or after.
func TestClaimFollowsAClaimFollowsAClaim(t *testing.T) {
	f := bench(t)
	var all []string
	for n := int64(0); n < 5; n++ {
		s := f.begin(t)
		if n > 0 && s.claim.at != (position{"a", 10 * n, ""}) {
			t.Errorf("claim %d goes on from %+v", n, s.claim.at)
		}
		s.take("a", 10*n+1, 10*n+10)
		if err := s.end(t); err != nil {
			t.Fatal(err)
		}
	}
	all = append(all, ids("a", 1, 50)...)
	f.holds(t, all...)
}

func TestNodeWithoutTheLeaseClaimsNothing(t *testing.T) {
	f := bench(t)
	s := f.begin(t)
	if _, err := f.claimShard(t.Context(), 0, func(context.Context) (bool, error) { return false, nil }); !errors.Is(err, errLost) {
		t.Errorf("got %v, want errLost", err)
	}
	s.take("a", 1, 2)
	if err := s.end(t); err != nil {
		t.Errorf("the owner: %v", err)
	}
	f.holds(t, ids("a", 1, 2)...)
}

// The lease ends between the claim and its proof: what was claimed is given up, and who has the lease claims again.
func TestNodeThatLosesTheLeaseWhileItClaimsStoresNothing(t *testing.T) {
	f := bench(t)
	s := f.begin(t)
	s.take("a", 1, 2)
	s.stored(t, "a", 2)
	asked := 0
	_, err := f.claimShard(t.Context(), 0, func(context.Context) (bool, error) { asked++; return asked == 1, nil })
	if !errors.Is(err, errLost) {
		t.Errorf("got %v, want errLost", err)
	}
	s.take("a", 3, 3)
	if err := s.over(t); !overtaken(err) {
		t.Errorf("got %v, want a refusal of the fence", err)
	}
	again := f.begin(t)
	again.take("a", 3, 4)
	if err := again.end(t); err != nil {
		t.Error(err)
	}
	f.holds(t, ids("a", 1, 4)...)
}

func TestQuietShardsEventIsStoredWithinASecond(t *testing.T) {
	f := bench(t)
	s := f.begin(t)
	began := time.Now()
	s.take("a", 1, 1)
	s.stored(t, "a", 1)
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v, want a second at most", took)
	}
	// And after a rest longer than the server's time-out of a batch.
	time.Sleep(batchLasts + 200*time.Millisecond)
	s.take("a", 2, 2)
	s.stored(t, "a", 2)
	if err := s.end(t); err != nil {
		t.Error(err)
	}
	f.holds(t, ids("a", 1, 2)...)
}

// strange stores a message that is no node's.
func (f *fleet) strange(t *testing.T, subject string, headers ...string) {
	t.Helper()
	m := &nats.Msg{Subject: subject, Data: []byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response"}`), Header: nats.Header{}}
	for i := 0; i < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	if _, err := f.js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func TestMessagesThatNoNodeHasStoredDoNotHoldUpAShard(t *testing.T) {
	f := bench(t)
	var log bytes.Buffer
	f.log = slog.New(slog.NewTextHandler(&log, nil))
	event, claim := f.names.event(0, "MESSAGE_CREATE", "5"), f.names.claim(0)
	behind := func(n int) {
		for range n {
			f.strange(t, f.names.event(1, "T", "-")) // of another shard, between
		}
		for i := range n {
			switch f.strange(t, event); i % 4 {
			case 1:
				f.strange(t, event, HeaderFormat, "1", HeaderSession, "a", HeaderSequence, "7")
			case 2:
				f.strange(t, event, HeaderFormat, "1", HeaderSession, "a", HeaderFrame, f.frame, HeaderSequence, "many")
			case 3:
				f.strange(t, claim)
			}
		}
	}
	behind(5)
	first, err := f.claimShard(t.Context(), 0, always)
	if err != nil || first.at != (position{}) {
		t.Fatalf("with strange messages only: got %+v, %v", first.at, err)
	}
	var want int64
	for _, n := range []int{1, 4, 30} {
		s := f.begin(t)
		if at := s.claim.at; want > 0 && at != (position{"a", want, ""}) {
			t.Errorf("it goes on from %+v, want a:%d", at, want)
		}
		s.take("a", want+1, want+3)
		want += 3
		if err := s.end(t); err != nil {
			t.Fatal(err)
		}
		behind(n)
	}
	// Nothing is newer than the claim but what is strange.
	for range 2 {
		c, err := f.claimShard(t.Context(), 0, always)
		if err != nil || c.at != (position{"a", want, ""}) {
			t.Errorf("it goes on from %+v, want a:%d: %v", c.at, want, err)
		}
		behind(3)
	}
	if text := log.String(); !strings.Contains(text, "no node has stored it") || !strings.Contains(text, event) {
		t.Errorf("the log says %s", text)
	}
}

func TestEventOfANewerChiruIsNotPassedOver(t *testing.T) {
	f := bench(t)
	s := f.begin(t)
	s.take("a", 1, 3)
	if err := s.end(t); err != nil {
		t.Fatal(err)
	}
	f.strange(t, f.names.event(0, "T", "-"), HeaderFormat, "2")
	if _, err := f.claimShard(t.Context(), 0, always); err == nil || !strings.Contains(err.Error(), `format "2", want 1`) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// The owner's epoch is that of its own claim, not of what somebody else has stored under a claim's subject.
func TestOwnersBatchEndsThoughAStrangeClaimIsBehindItsOwn(t *testing.T) {
	f := bench(t)
	old := f.begin(t)
	old.take("a", 1, 3)
	f.reaches(t, "a:3")
	f.strange(t, f.names.claim(0))
	next := f.begin(t)
	f.keepsOut(t, old, next)
}

func TestSessionOfAnotherFrameIsLeftOnceAndSaid(t *testing.T) {
	f := bench(t)
	s := f.begin(t)
	s.take("a", 1, 3)
	if err := s.end(t); err != nil {
		t.Fatal(err)
	}
	f.frame = "of other intents"
	for range 3 {
		c, err := f.claimShard(t.Context(), 0, always)
		if err != nil || c.at != (position{}) {
			t.Errorf("it goes on from %+v, %v; want no session", c.at, err)
		}
	}
	if n := f.counts[0].boundaries.Load(); n != 1 {
		t.Errorf("%d boundaries, want 1", n)
	}
	next := f.begin(t)
	next.take("b", 1, 2)
	if err := next.end(t); err != nil {
		t.Fatal(err)
	}
	if c, err := f.claimShard(t.Context(), 0, always); err != nil || c.at != (position{"b", 2, ""}) {
		t.Errorf("it goes on from %+v, %v; want b:2", c.at, err)
	}
}

// meanwhile is a lease that holds, and something that happens when it is first asked for: after the checkpoint was read, and before the claim.
func meanwhile(what func()) func(context.Context) (bool, error) {
	asked := 0
	return func(context.Context) (bool, error) {
		if asked++; asked == 1 {
			what()
		}
		return true, nil
	}
}

func TestClaimThatAnotherWasQuickerWithIsRefused(t *testing.T) {
	f := bench(t)
	var other *stint
	_, err := f.claimShard(t.Context(), 0, meanwhile(func() { other = f.begin(t) }))
	if api, ok := errors.AsType[*jetstream.APIError](err); !ok || api.ErrorCode != codeWrongLast {
		t.Errorf("got %v, want a refusal by the stream", err)
	}
	other.take("a", 1, 2)
	if err := other.end(t); err != nil {
		t.Errorf("the other: %v", err)
	}
	f.holds(t, ids("a", 1, 2)...)
}

func TestClaimGoesOnFromWhatTheOldOwnerStoresMeanwhile(t *testing.T) {
	f := bench(t)
	old := f.begin(t)
	old.take("a", 1, 3)
	f.reaches(t, "a:3")
	c, err := f.claimShard(t.Context(), 0, meanwhile(func() {
		old.take("a", 4, 7)
		f.reaches(t, "a:7")
	}))
	if want := (position{"a", 7, ""}); err != nil || c.at != want {
		t.Errorf("it goes on from %+v, want %+v: %v", c.at, want, err)
	}
	old.take("a", 8, 8)
	if err := old.over(t); err == nil {
		t.Error("the old owner's writer has not failed")
	}
	f.holds(t, ids("a", 1, 7)...)
}

// The stream is gone: what it has not answered for is not stored, whatever was sent.
func TestEventCountsAsStoredOnlyWhenTheStreamSaysSo(t *testing.T) {
	f := bench(t)
	s := f.begin(t)
	s.take("a", 1, 2)
	s.stored(t, "a", 2)
	if err := f.js.DeleteStream(t.Context(), f.names.stream()); err != nil {
		t.Fatal(err)
	}
	s.take("a", 3, 3)
	if err := s.over(t); err == nil {
		t.Error("the writer has not failed")
	}
	if at := s.w.floor.position(); at != (position{"a", 2, ""}) {
		t.Errorf("it counts as stored up to %+v", at)
	}
}

// Heartbeats acknowledge to Discord what Save has returned for.
func TestSaveReturnsOnceTheStreamHasTheEventAndFailsIfItNeverWill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		floor := newFloor(position{"a", 2, ""})
		c := &checkpoints{from: map[int]source{}}
		c.set(3, source{floor: floor})
		save := func(shard int, id string, sequence int64) <-chan error {
			saved := make(chan error, 1)
			go func() {
				saved <- c.Save(t.Context(), chiru.SessionKey{ShardID: shard}, chiru.Session{ID: id, Sequence: sequence})
			}()
			synctest.Wait()
			return saved
		}
		if err := <-save(3, "a", 2); err != nil {
			t.Errorf("an event that is stored: %v", err)
		}
		if err := <-save(0, "a", 2); !errors.Is(err, errNotOwned) {
			t.Errorf("a shard of another's: %v", err)
		}
		third, next, never := save(3, "a", 3), save(3, "b", 1), save(3, "b", 2)
		floor.move(position{"a", 3, ""})
		synctest.Wait()
		if len(third) != 1 || len(next)+len(never) > 0 {
			t.Fatalf("up to a:3: %d, %d and %d have returned", len(third), len(next), len(never))
		}
		floor.move(position{"b", 1, ""})
		synctest.Wait()
		if len(next) != 1 || len(never) > 0 {
			t.Fatalf("up to b:1: %d and %d have returned", len(next), len(never))
		}
		over := errors.New("over")
		floor.stop(over)
		if err := <-never; !errors.Is(err, over) {
			t.Errorf("what is never stored is saved with %v", err)
		}
		if err := errors.Join(<-third, <-next); err != nil {
			t.Error(err)
		}
	})
}
