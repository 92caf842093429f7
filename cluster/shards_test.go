package cluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
	"github.com/chiru-go/chiru/sessions"
)

// A final code about one shard leaves the others. docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
func TestShardThatDiscordRefusesLeavesTheOthers(t *testing.T) {
	for _, code := range []chiru.CloseCode{chiru.CloseInvalidShard, chiru.CloseShardingRequired} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: 3, MaxConcurrency: 3})
			s.On(2, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Close(int(code), "") }).Shard(1)
			f := launch(t, s, func(cfg *cluster.Config) { cfg.Shards = 3 })
			wait(time.Minute)
			f.mustBeLive(2)
			st := f.Status().Shards[1]
			e, ok := errors.AsType[*cluster.ShardError](st.Err)
			if !ok || e.Shard != 1 || st.State != "ended" || st.Next != "RestartShard" || !strings.Contains(st.Trouble, code.String()) {
				t.Errorf("shard 1: %+v", st)
			}
			if code == chiru.CloseInvalidShard && !strings.Contains(st.Trouble, "multiple") {
				t.Errorf("no hint at the multiple of large bots: %q", st.Trouble)
			}
			if err := f.Status().Health(); err == nil || !strings.Contains(err.Error(), "shard 1: ") {
				t.Errorf("health is %v", err)
			}
			if err := f.Send(t.Context(), 1, &chiru.PresenceUpdate{}); err != st.Err {
				t.Errorf("Send returned %v", err)
			}
			if err := f.RestartShard(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			wait(10 * time.Second)
			f.mustBeLive(3)
			if err := f.Send(t.Context(), 1, &chiru.PresenceUpdate{}); err != nil {
				t.Errorf("Send after the restart: %v", err)
			}
			f.stop()
		})
	}
}

func TestRefusalThatConcernsAllEndsRunWithOneError(t *testing.T) {
	for _, code := range []chiru.CloseCode{chiru.CloseAuthenticationFailed, chiru.CloseInvalidAPIVersion, chiru.CloseInvalidIntents, chiru.CloseDisallowedIntents} {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Shards: 5, MaxConcurrency: 5})
			f := launch(t, s, nil)
			wait(time.Minute)
			f.mustBeLive(5)
			for _, c := range s.Conns() {
				if c.Shard() == 2 {
					c.Close(int(code), "")
				}
			}
			wait(time.Second)
			e, ok := errors.AsType[*cluster.ShardError](f.err)
			if !ok || e.Shard != 2 || e.Of != 5 || !strings.Contains(e.Error(), code.Hint()) {
				t.Errorf("Run returned %v", f.err)
			}
			if n := len(s.Conns()); n != 0 {
				t.Errorf("%d connections are left", n)
			}
		})
	}
}

func TestRunEndsWithItsLastShard(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, ShardMultiple: 16})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shards = 2 })
		wait(time.Minute)
		if e, ok := errors.AsType[*cluster.ShardError](f.err); !ok || !strings.Contains(e.Error(), "4010") || !strings.Contains(e.Error(), "leave Shards unset") {
			t.Errorf("Run returned %v", f.err)
		}
	})
}

// Closing keeps the session for whoever runs the shard next, and RestartShard resumes it.
func TestShardIsClosedAndRestartedWithItsSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 3, MaxConcurrency: 3, Guilds: 6, Rate: 30})
		f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Store = new(sessions.Memory) })
		wait(time.Minute)
		f.mustBeLive(3)
		from := time.Now()
		if err := f.CloseShard(t.Context(), 1); err != nil || time.Since(from) > time.Second {
			t.Fatalf("closing took %v: %v", time.Since(from), err)
		}
		wait(20 * time.Second)
		f.mustBeLive(2)
		if st := f.Status(); st.Shards[1].Err != cluster.ErrClosed || st.Shards[1].State != "ended" || st.Health() != nil {
			t.Errorf("the closed shard: %+v; health %v", st.Shards[1], st.Health())
		}
		if err := f.Send(t.Context(), 1, &chiru.PresenceUpdate{}); err != cluster.ErrClosed {
			t.Errorf("Send returned %v", err)
		}
		if err := f.CloseShard(t.Context(), 1); err != nil {
			t.Error(err)
		}
		for range 3 { // the second and third restart one that runs
			if err := f.RestartShard(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			f.mustBeLive(3)
		}
		if n := len(identifies(s)); n != 3 {
			t.Errorf("%d identifies, want the first 3", n)
		}
		audit(t, s, f, 3)
		f.stop()
	})
}

// audit holds what the consumer got against what the server issued.
func audit(t *testing.T, s *gatewaytest.Server, f *fleet, shards int) {
	t.Helper()
	for id := range shards {
		a := s.Audit(id)
		for _, d := range of[*chiru.Dispatch](f) {
			if d.Shard() == id {
				if err := a.Got(d.SessionID, d.Sequence, d.Type, d.Body); err != nil {
					t.Error(err)
				}
			}
		}
		if err := a.Rest(); err != nil {
			t.Error(err)
		}
	}
}

// A restart cuts a wait short.
func TestRestartCutsAWaitShort(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		s.RefuseUpgrade("gateway", 429, map[string][]string{"Retry-After": {"250"}})
		f := launch(t, s, nil)
		wait(10 * time.Second)
		st := f.Status().Shards[0]
		if st.State != "waiting" || st.Until.Sub(f.Status().At) != 240*time.Second || !strings.Contains(st.Trouble, "429") {
			t.Errorf("refused: %+v", st)
		}
		if err := f.RestartShard(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		f.mustBeLive(1)
	})
}

func TestChangesTellEachNewState(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2})
		f := launch(t, s, nil)
		wait(time.Second)
		var states []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for st := range f.Changes(t.Context()) {
				if st.Shard == 1 && (len(states) == 0 || states[len(states)-1] != st.State) {
					states = append(states, st.State)
				}
			}
		}()
		wait(time.Second)
		s.HostDown("", true)
		for _, c := range s.Conns() {
			c.Cut()
		}
		wait(5 * time.Second)
		s.HostDown("", false)
		wait(time.Minute)
		f.stop()
		<-done
		text := strings.Join(states, " ")
		if !strings.HasPrefix(text, "live waiting") || !strings.HasSuffix(text, "live ended") || !strings.Contains(text, "waiting") {
			t.Errorf("the changes were %s", text)
		}
	})
}

// What nobody takes is bad health, and so is what does not come.
func TestHealthIsAboutDelivery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, Guilds: 8, Rate: 10, ReplayEvents: 1 << 15})
		f := launch(t, s, nil)
		wait(5 * time.Minute)
		if err := f.Status().Health(); err != nil {
			t.Fatalf("health is %v", err)
		}
		f.freeze()
		wait(20 * time.Second)
		err := f.Status().Health()
		if e, ok := err.(*cluster.HealthError); !ok || len(e.Troubles) != 2 || !strings.Contains(err.Error(), "none has been taken for") {
			t.Errorf("a consumer stands still: health is %v", err)
		}
		f.thaw()
		wait(15 * time.Second)
		if err := f.Status().Health(); err != nil {
			t.Errorf("it reads again: health is %v", err)
		}
	})
}

// A start that takes minutes by Discord's rule is no trouble; a session that is lost and has to wait for its turn is.
func TestLongStartIsInGoodHealth(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const shards = 32
		s := serve(t, gatewaytest.Config{Shards: shards, MaxConcurrency: 1})
		f := launch(t, s, nil)
		wait(0)
		for from := time.Now(); time.Since(from) < shards*5200*time.Millisecond; wait(100 * time.Millisecond) {
			if err := f.Status().Health(); err != nil {
				t.Fatalf("%v after the start: %v", time.Since(from), err)
			}
		}
		f.mustBeLive(shards)
		for _, c := range s.Conns() {
			c.Close(4009, "")
		}
		wait(time.Minute)
		if f.Status().Health() == nil {
			t.Error("a minute after all sessions are lost health is good")
		}
	})
}

// Each shard has its own send limit, and whoever waits for it holds up nobody else.
func TestShardWhoseSendLimitIsSpentHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, Guilds: 4, Record: 1 << 16})
		f := launch(t, s, nil)
		wait(time.Minute)
		f.mustBeLive(2)
		ask := map[int]*chiru.ChannelInfoRequest{}
		for _, g := range s.Guilds() {
			guild := chiru.Snowflake(g)
			ask[cluster.ShardOf(guild, 2)] = &chiru.ChannelInfoRequest{GuildID: guild, Fields: []string{"status"}}
		}
		send := func(shard, times int) time.Duration {
			from := time.Now()
			for range times {
				if err := f.Send(t.Context(), shard, ask[shard]); err != nil {
					t.Error(err)
				}
			}
			return time.Since(from)
		}
		done := make(chan time.Duration)
		go func() { done <- send(0, 200) }()
		wait(time.Second)
		if took := send(1, 50); took > time.Millisecond {
			t.Errorf("shard 1 took its commands only after %v", took)
		}
		if took := <-done; took < time.Minute || took > 2*time.Minute {
			t.Errorf("shard 0 took 200 commands in %v, want one to two minutes", took)
		}
	})
}

// A shard that is live and brings nothing, where it always brought something, is bad health.
func TestShardThatFallsSilentIsBadHealth(t *testing.T) {
	long, short := 0, 0
	for seed := range 12 {
		inBubble(t, func(t *testing.T) {
			s := serve(t, gatewaytest.Config{Guilds: 4, Rate: 10})
			f := launch(t, s, nil)
			wait(5 * time.Minute)
			before := len(of[*chiru.Dispatch](f))
			if err := s.SetChaos(fmt.Sprintf("events-stop@live*1,seed=%d", seed)); err != nil {
				t.Fatal(err)
			}
			bad := false
			for range 150 {
				wait(time.Second)
				err := f.Status().Health()
				if err != nil && !strings.Contains(err.Error(), "no event for") {
					t.Errorf("seed %d: health is %v", seed, err)
				}
				bad = bad || err != nil
			}
			var gap time.Duration
			all := of[*chiru.Dispatch](f)[before-1:]
			for i := range all[1:] {
				gap = max(gap, all[i+1].Received.Sub(all[i].Received))
			}
			switch {
			case gap > 32*time.Second:
				long++
				if !bad {
					t.Errorf("seed %d: no event for %v, and health was good", seed, gap)
				}
			case gap < 14*time.Second:
				short++
				if bad {
					t.Errorf("seed %d: health was bad, and no more than %v without an event", seed, gap)
				}
			}
			if err := f.Status().Health(); err != nil {
				t.Errorf("seed %d: events come again, and health is %v", seed, err)
			}
		})
	}
	if long == 0 || short == 0 {
		t.Errorf("%d long silences and %d short ones, want both", long, short)
	}
}

// What a quiet bot gets is little, and that is no trouble.
func TestQuietShardIsInGoodHealth(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, Guilds: 400, Rate: 0.05})
		f := launch(t, s, nil)
		for range 24 * 60 * 6 { // the first of them just after hundreds of GUILD_CREATEs
			wait(10 * time.Second)
			if err := f.Status().Health(); err != nil {
				t.Fatalf("health is %v", err)
			}
		}
	})
}

// A small bot's members go to bed. The first such silence cannot be told from a feed that is dead; the next is known.
func TestSilenceThatAShardIsKnownForIsInGoodHealth(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		f := launch(t, s, nil)
		bad := func(silence time.Duration) (n int) {
			for range 30 * 60 {
				s.Dispatch(0, "MESSAGE_CREATE", map[string]any{"content": "hello"})
				wait(time.Second)
			}
			for from := time.Now(); time.Since(from) < silence; wait(time.Second) {
				if f.Status().Health() != nil {
					n++
				}
			}
			return n
		}
		wait(5 * time.Second)
		if n := bad(8 * time.Hour); n < 20*60 || n > 50*60 {
			t.Errorf("the first silence was bad health for %d s, want half an hour or so", n)
		}
		for range 3 {
			if n := bad(8 * time.Hour); n != 0 {
				t.Errorf("the next one was bad health for %d s", n)
			}
		}
	})
	inBubble(t, func(t *testing.T) { // what a reconnect has ended says nothing of what is usual
		s := serve(t, gatewaytest.Config{})
		f := launch(t, s, nil)
		wait(5 * time.Second)
		for range 3 {
			for range 10 * 60 {
				s.Dispatch(0, "MESSAGE_CREATE", map[string]any{"content": "hello"})
				wait(time.Second)
			}
			wait(25 * time.Second)
			if f.Status().Health() == nil {
				t.Error("25 s without an event, where each second brought one, are good health")
			}
			wait(time.Minute)
			s.Conns()[0].Close(4000, "")
			wait(5 * time.Second)
			f.mustBeLive(1)
		}
	})
}
