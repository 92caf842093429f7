package fleet_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru/fleet"
)

// cutReader is a worker without a Durable that has begun to read from now on, and whose way to NATS has been cut since.
func cutReader(t *testing.T, e *fleet.Embedded, log *kept) (*working, *link) {
	t.Helper()
	way := newLink(t)
	nc, err := fleet.Connect(e.Door.URL, log.logger(), nats.UserInfo(e.Door.User, e.Door.Password), nats.SetCustomDialer(way))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	consumers := func() int {
		s, err := js.Stream(t.Context(), "CHIRU_bot")
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.Consumers
	}
	before := consumers() // of what the test has read
	w := work(t, fleet.SubscribeConfig{Conn: nc, FromNow: true, Types: []string{"T"}, Logger: log.logger()})
	for late := time.Now().Add(within); consumers() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the worker has no consumer")
		}
	}
	way.turn(linkCut)
	log.has(t, "nats connection lost")
	return w, way
}

func TestReaderFromNowThatHasSeenNothingGetsWhatIsStoredWhileItIsCutOff(t *testing.T) {
	s, e := fleetOf(t, 1)
	log := &kept{}
	w, way := cutReader(t, e, log)
	number(s, "T", 0, 3)
	all := work(t, fleet.SubscribeConfig{Conn: e.Conn, Types: []string{"T"}})
	for range 3 {
		all.next() // they are stored
	}
	all.end()
	way.turn(linkOpen)
	log.has(t, "nats connected")
	number(s, "T", 3, 6)
	for n := range 6 {
		if got := numberOf(t, w.next()).N; got != n {
			t.Fatalf("got event %d, want %d", got, n)
		}
	}
	w.end()
}

func TestReaderWhoseStreamIsGoneSaysSoAndCanBeStopped(t *testing.T) {
	_, e := fleetOf(t, 1)
	log := &kept{}
	w, way := cutReader(t, e, log)
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "CHIRU_bot"); err != nil {
		t.Fatal(err)
	}
	way.turn(linkOpen)
	log.has(t, "events not read")
	w.end()
}
