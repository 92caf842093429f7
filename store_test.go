package chiru_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/sessions"
)

// shelf is a store that a test can watch, break and freeze.
type shelf struct {
	sessions.Memory
	mu     sync.Mutex
	saves  []save
	fail   error
	frozen bool // saves are lost, as in a crash
	hang   bool
}

type save struct {
	at      time.Time
	session chiru.Session
}

func (s *shelf) Save(ctx context.Context, key chiru.SessionKey, session chiru.Session) error {
	s.mu.Lock()
	s.saves = append(s.saves, save{time.Now(), session})
	fail, frozen, hang := s.fail, s.frozen, s.hang
	s.mu.Unlock()
	switch {
	case hang:
		<-ctx.Done()
		return ctx.Err()
	case fail != nil:
		return fail
	case frozen:
		return nil
	}
	return s.Memory.Save(ctx, key, session)
}

func (s *shelf) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *shelf) saved() []save {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.saves)
}

func withStore(store chiru.SessionStore) func(*chiru.Config) {
	return func(cfg *chiru.Config) { cfg.Store = store }
}

func sequences(bots ...*bot) []int64 {
	var out []int64
	for _, b := range bots {
		for _, d := range of[*chiru.Dispatch](b) {
			out = append(out, d.Sequence)
		}
	}
	return out
}

// rented is a store whose session may become another process's.
type rented struct {
	shelf
	lost atomic.Bool
	asks atomic.Int64
}

func (r *rented) Held(chiru.SessionKey) bool {
	r.asks.Add(1)
	return !r.lost.Load()
}

// A process that was frozen on its way to a RESUME, and has lost its lease meanwhile.
func TestSessionThatMayBeAnotherProcesssIsNotResumedUntilTheStoreHoldsIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 20, TrimOnHeartbeat: true})
		store := new(rented)
		b := launch(t, s, withStore(store), unbuffered)
		wait(time.Minute)
		store.lost.Store(true)
		s.Conns()[0].Cut()
		wait(10 * time.Second)
		if n := len(sent(s, 6)); n != 0 {
			t.Errorf("sent %d RESUMEs, want none", n)
		}
		if store.asks.Load() < 3 {
			t.Errorf("the store was asked %d times, want again and again", store.asks.Load())
		}
		store.lost.Store(false)
		wait(time.Minute)
		b.mustBeLive()
		b.stop()
		if n, m := len(sent(s, 2)), len(sent(s, 6)); n != 1 || m != 1 {
			t.Errorf("sent %d IDENTIFYs and %d RESUMEs, want one of each", n, m)
		}
		for i, seq := range sequences(b) {
			if seq != int64(i+1) {
				t.Fatalf("dispatch %d has sequence %d", i+1, seq)
			}
		}
	})
}

// Nor is a new one begun, and the permit for it is not spent.
func TestShardThatMayBeAnotherProcesssIsNotIdentified(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		store := new(rented)
		store.lost.Store(true)
		b := launch(t, s, withStore(store))
		wait(10 * time.Second)
		if n := len(sent(s, 2)); n != 0 {
			t.Errorf("sent %d IDENTIFYs, want none", n)
		}
		store.lost.Store(false)
		wait(time.Minute)
		b.mustBeLive()
		b.stop()
	})
}

func TestStoppedShardIsResumedByTheNextOneWithoutLossOrRepeat(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 20, TrimOnHeartbeat: true})
		store := new(shelf)
		var bots []*bot
		for range 5 {
			b := launch(t, s, withStore(store), unbuffered)
			bots = append(bots, b)
			wait(2 * time.Minute)
			b.mustBeLive()
			b.stop()
			if close := sent(s, -1); close[len(close)-1].Close < 4000 {
				t.Fatalf("closed with %d, which ends the session", close[len(close)-1].Close)
			}
			wait(30 * time.Second)
		}
		if n := len(sent(s, 2)); n != 1 {
			t.Errorf("sent %d IDENTIFYs, want 1", n)
		}
		for i, seq := range sequences(bots...) {
			if seq != int64(i+1) {
				t.Fatalf("dispatch %d has sequence %d over the five runs", i+1, seq)
			}
		}
	})
}

func TestEventsLeftInTheBacklogAtAStopAreReplayedToTheNextRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		store := new(shelf)
		first := launch(t, s, withStore(store), unbuffered)
		wait(time.Second)
		first.freeze()
		for range 50 {
			s.Dispatch(0, "A", json.RawMessage(`{}`))
		}
		wait(time.Second)
		first.cancel(errStop)
		<-first.ended
		first.thaw()
		<-first.drained
		second := launch(t, s, withStore(store), unbuffered)
		wait(time.Minute)
		got := sequences(first, second)
		for i, seq := range got {
			if seq != int64(i+1) {
				t.Fatalf("got sequences %v, want 1 to 52 without a gap or a repeat", got)
			}
		}
		if len(got) != 52 {
			t.Errorf("got %d dispatches, want 52", len(got))
		}
		second.stop()
	})
}

func TestCrashRepeatsTheLastSecondAtMostAndLosesNothingThoughTheServerTrims(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 20, TrimOnHeartbeat: true, HeartbeatInterval: 1100 * time.Millisecond})
		store := new(shelf)
		first := launch(t, s, withStore(store), unbuffered)
		wait(time.Minute + 300*time.Millisecond)
		store.set(func() { store.frozen = true })
		first.stop()
		store.set(func() { store.frozen = false })
		had := sequences(first)
		second := launch(t, s, withStore(store), unbuffered)
		wait(time.Minute)
		second.mustBeLive()
		got := sequences(second)
		last := had[len(had)-1]
		if n := len(sent(s, 2)); n != 1 || got[0] > last+1 || got[0] < last-30 {
			t.Errorf("%d IDENTIFYs; the first run had up to %d, the second began at %d; want no gap and a second's repeat at most", n, last, got[0])
		}
		second.stop()
	})
}

func TestHeartbeatsCarryNoMoreThanTheStoreHas(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 20})
		store := new(shelf)
		b := launch(t, s, withStore(store))
		wait(time.Minute)
		store.set(func() { store.fail = errors.New("disk full") })
		time.Sleep(2 * time.Second)
		from := len(sent(s, 1))
		wait(3 * time.Minute)
		var top int64
		for _, sv := range store.saved() {
			if sv.at.Before(time.Now().Add(-3 * time.Minute)) {
				top = max(top, sv.session.Sequence)
			}
		}
		for _, p := range sent(s, 1)[from:] {
			var d int64
			if err := json.Unmarshal(p.Data, &d); err != nil || d > top {
				t.Errorf("a beat carried %s, the store has %d", p.Data, top)
			}
		}
		b.mustBeLive()
		b.stop()
	})
}

func TestSessionIsSavedOnceASecondAtMostAndAtEveryBreakAndLastAtTheStop(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 50})
		store := new(shelf)
		b := launch(t, s, withStore(store))
		wait(time.Minute + 500*time.Millisecond)
		saves := store.saved()
		if n := len(saves); n < 55 || n > 62 {
			t.Errorf("saved %d times in a minute of traffic, want about 60", n)
		}
		for i := 1; i < len(saves); i++ {
			if gap := saves[i].at.Sub(saves[i-1].at); gap < time.Second {
				t.Errorf("two saves %v apart", gap)
			}
		}
		s.Conns()[0].Cut()
		cut := time.Now()
		wait(0)
		if last := store.saved()[len(store.saved())-1]; last.at != cut {
			t.Errorf("the last save was %v before the break, want one at the break", cut.Sub(last.at))
		}
		wait(10*time.Second + 700*time.Millisecond)
		b.stop()
		all := sequences(b)
		if last := store.saved()[len(store.saved())-1]; last.session.Sequence != all[len(all)-1] || time.Since(last.at) > time.Second {
			t.Errorf("the last save has %d, the consumer %d", last.session.Sequence, all[len(all)-1])
		}
	})
}

func TestFailingStoreStopsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 5})
		var log logBuffer
		store := &failing{err: errors.New("out of order")}
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Store, cfg.Logger = store, log.logger() })
		wait(2 * time.Minute)
		s.Conns()[0].Cut()
		wait(time.Minute)
		b.mustBeLive()
		b.checkLedger()
		b.stop()
		if got := log.String(); !strings.Contains(got, "no session loaded") || strings.Count(got, "session not saved\"") != 1 || !strings.Contains(got, "at the end") || !strings.Contains(got, "out of order") {
			t.Errorf("the log names no failing store: %.500s", got)
		}
	})
}

type failing struct{ err error }

func (f *failing) Load(context.Context, chiru.SessionKey) (chiru.Session, error) {
	return chiru.Session{ID: "never used"}, f.err
}
func (f *failing) Save(context.Context, chiru.SessionKey, chiru.Session) error { return f.err }

func TestHangingStoreHoldsUpNeitherEventsNorTheStop(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 3, Rate: 5})
		store := &shelf{hang: true}
		b := launch(t, s, withStore(store))
		wait(2 * time.Minute)
		b.mustBeLive()
		b.checkLedger()
		saves := store.saved()
		if n := len(saves); n < 12 {
			t.Errorf("tried %d saves in two minutes, want one each 10 s", n)
		}
		for i := 1; i < len(saves); i++ {
			if gap := saves[i].at.Sub(saves[i-1].at); gap != 10*time.Second {
				t.Errorf("a save that hangs was given up after %v, want exactly 10 s", gap)
			}
		}
		from := time.Now()
		b.stop()
		if took := time.Since(from); took != 500*time.Millisecond {
			t.Errorf("the last save held the stop up for %v, want exactly 500 ms", took)
		}
	})
}

func TestStoredSessionThatDoesNotAgreeWithConfigIsNotUsed(t *testing.T) {
	for name, change := range map[string]func(*chiru.Config){
		"intents":      func(cfg *chiru.Config) { cfg.Intents = chiru.IntentGuilds },
		"capabilities": func(cfg *chiru.Config) { cfg.Capabilities = 1 << 15 },
		"shard count":  func(cfg *chiru.Config) { cfg.ShardCount = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				store := new(shelf)
				b := launch(t, s, withStore(store))
				wait(10 * time.Second)
				b.stop()
				b = launch(t, s, func(cfg *chiru.Config) { cfg.Store = store; change(cfg) })
				wait(10 * time.Second)
				b.mustBeLive()
				if len(sent(s, 6)) != 0 || len(sent(s, 2)) != 2 {
					t.Errorf("sent %d RESUMEs and %d IDENTIFYs, want 0 and 2", len(sent(s, 6)), len(sent(s, 2)))
				}
				b.stop()
			})
		})
	}
}

// forger gives any key the session it was made with, changed.
type forger struct {
	sessions.Memory
	change func(*chiru.Session)
}

func (f *forger) Load(ctx context.Context, key chiru.SessionKey) (chiru.Session, error) {
	got, err := f.Memory.Load(ctx, key)
	f.change(&got)
	return got, err
}

func TestStoredSessionIsCheckedFieldByField(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*chiru.Session)
		resumed bool
		host    string
	}{
		"as it was":          {func(*chiru.Session) {}, true, "resume"},
		"other host":         {func(s *chiru.Session) { s.Host = "gateway.elsewhere.test" }, false, ""},
		"other token":        {func(s *chiru.Session) { s.TokenHash = strings.Repeat("0", 64) }, false, ""},
		"other shard":        {func(s *chiru.Session) { s.ShardID++ }, false, ""},
		"other count":        {func(s *chiru.Session) { s.ShardCount++ }, false, ""},
		"foreign resume URL": {func(s *chiru.Session) { s.ResumeURL = "ws://resume.evil.test" }, true, "gateway"},
		"no resume URL":      {func(s *chiru.Session) { s.ResumeURL = "" }, true, "gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				s.Allow("resume-host") // some of these sessions have no URL of their own
				store := &forger{change: func(*chiru.Session) {}}
				b := launch(t, s, withStore(store))
				wait(10 * time.Second)
				b.stop()
				store.change = c.change
				b = launch(t, s, withStore(store))
				wait(10 * time.Second)
				b.mustBeLive()
				resumes := sent(s, 6)
				if (len(resumes) == 1) != c.resumed || c.resumed && resumes[0].Host != c.host {
					t.Errorf("got RESUMEs %v, want %v at %q", resumes, c.resumed, c.host)
				}
				b.stop()
			})
		})
	}
}

// docs /events/gateway#initiating-a-disconnect
func TestStopEndsOrKeepsTheSessionAsConfigSays(t *testing.T) {
	for name, c := range map[string]struct {
		store  bool
		onStop chiru.StopBehavior
		ends   bool
	}{
		"default without a store": {false, chiru.StopDefault, true},
		"default with a store":    {true, chiru.StopDefault, false},
		"ends with a store":       {true, chiru.StopEndsSession, true},
		"keeps without a store":   {false, chiru.StopKeepsSession, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				store := new(shelf)
				b := launch(t, s, func(cfg *chiru.Config) {
					cfg.OnStop = c.onStop
					if c.store {
						cfg.Store = store
					}
				})
				wait(10 * time.Second)
				b.stop()
				wait(time.Second)
				close := sent(s, -1)[0].Close
				if (close == 1000) != c.ends || (len(s.Sessions()) == 0) != c.ends {
					t.Errorf("closed with %d, %d sessions are left; want it ended: %v", close, len(s.Sessions()), c.ends)
				}
				if c.store {
					saves := store.saved()
					if last := saves[len(saves)-1].session; (last.ID == "") != c.ends {
						t.Errorf("the store was left with %q, want it ended: %v", last.ID, c.ends)
					}
				}
			})
		})
	}
}

func TestSessionThatDiscordForgotIsForgottenByTheStore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		store := new(shelf)
		b := launch(t, s, withStore(store))
		wait(time.Minute)
		s.Conns()[0].Close(4004, "")
		wait(time.Second)
		<-b.ended
		saves := store.saved()
		if last := saves[len(saves)-1].session; last.ID != "" {
			t.Errorf("the store was left with session %q after a final close", last.ID)
		}
	})
}

func TestSessionMadeOfItsPartsIsTheOneThatRunSaves(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		store := new(shelf)
		var cfg chiru.Config
		b := launch(t, s, func(c *chiru.Config) {
			c.Store, c.ShardID, c.ShardCount, c.Capabilities = store, 1, 3, 4
			cfg = *c
		})
		wait(10 * time.Second)
		b.mustBeLive()
		saves := store.saved()
		if len(saves) == 0 {
			t.Fatal("nothing was saved")
		}
		want := saves[len(saves)-1].session
		if got, err := cfg.Session(want.ID, want.Sequence, want.ResumeURL); got != want || err != nil {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		cfg.Token = ""
		if _, err := cfg.Session("id", 1, ""); err == nil {
			t.Error("a Config without a token has a session")
		}
	})
}
