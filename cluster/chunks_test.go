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

// members asks, and gives what came.
func members(t *testing.T, f *fleet, request chiru.MemberChunkRequest) (chunks []*cluster.Chunk, err error) {
	for chunk, problem := range f.Members(t.Context(), request) {
		if problem != nil {
			return chunks, problem
		}
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

func withMembers(t *testing.T, cfg gatewaytest.Config) (*gatewaytest.Server, *fleet, chiru.Snowflake) {
	s := serve(t, cfg)
	f := launch(t, s, func(cfg *cluster.Config) { cfg.Shard.Intents = chiru.IntentsAll })
	wait(time.Minute)
	f.mustBeLive(max(cfg.Shards, 1))
	return s, f, chiru.Snowflake(s.Guilds()[0])
}

// docs /events/gateway-events#request-guild-members
func TestMembersComeInAnyOrderUntilAllAreThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, f, guild := withMembers(t, gatewaytest.Config{Shards: 2, MaxConcurrency: 2, Guilds: 2, Members: 3500, ShuffleChunks: true})
		chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: guild})
		seen := map[int]bool{}
		for _, c := range chunks {
			seen[c.Index] = true
			if c.Count != 4 || c.Dispatch.Type != "GUILD_MEMBERS_CHUNK" || !json.Valid(c.Dispatch.Body) {
				t.Errorf("chunk %d of %d: %s", c.Index, c.Count, c.Dispatch.Type)
			}
		}
		if err != nil || len(chunks) != 4 || len(seen) != 4 {
			t.Errorf("got %d chunks, %v; want 4", len(chunks), err)
		}
		wait(time.Second)
		n := 0
		for _, d := range of[*chiru.Dispatch](f) {
			if d.Type == "GUILD_MEMBERS_CHUNK" {
				n++
			}
		}
		if n != 4 {
			t.Errorf("inbound got %d chunks, want all 4", n)
		}
		// The whole list again is refused, once in 30 s.
		_, err = members(t, f, chiru.MemberChunkRequest{GuildID: guild})
		if e, ok := errors.AsType[*cluster.RateLimitedError](err); !ok || e.RetryAfter < 25*time.Second || e.RetryAfter > 30*time.Second {
			t.Errorf("the list once more: %v", err)
		}
	})
}

func TestMembersByIDAreAskedForInGroupsOf100(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
		request := chiru.MemberChunkRequest{GuildID: guild}
		for i := range 250 {
			request.UserIDs = append(request.UserIDs, chiru.Snowflake(1e17)+chiru.Snowflake(i))
		}
		chunks, err := members(t, f, request)
		if err != nil || len(chunks) != 3 {
			t.Errorf("got %d chunks, %v; want 3", len(chunks), err)
		}
		nonces, asked := map[string]bool{}, 0
		for _, p := range s.Received() {
			if p.Op == 8 {
				var d struct {
					IDs   []string `json:"user_ids"`
					Nonce string
				}
				if err := json.Unmarshal(p.Data, &d); err != nil || len(d.IDs) > 100 || len(d.Nonce) > 32 || d.Nonce == "" {
					t.Errorf("asked for %d ids by nonce %q: %v", len(d.IDs), d.Nonce, err)
				}
				nonces[d.Nonce] = true
				asked += len(d.IDs)
			}
		}
		if len(nonces) != 3 || asked != 250 {
			t.Errorf("%d requests for %d ids, want 3 for 250", len(nonces), asked)
		}
	})
}

func TestMembersAreKeptOverAResumeAndDroppedByANewSession(t *testing.T) {
	for _, code := range []int{4000, 4009} {
		inBubble(t, func(t *testing.T) {
			s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
			var hold *gatewaytest.Conn
			s.On(8, func(c *gatewaytest.Conn, _ json.RawMessage) { hold = c })
			type result struct {
				chunks []*cluster.Chunk
				err    error
				at     time.Duration
			}
			done, from := make(chan result, 1), time.Now()
			go func() {
				chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: guild, Query: "a", Limit: 1})
				done <- result{chunks, err, time.Since(from)}
			}()
			wait(20 * time.Second)
			s.HostDown("", true)
			hold.Close(code, "")
			wait(40 * time.Second) // away for longer than a chunk may take
			select {
			case r := <-done:
				t.Fatalf("%d: given up while the shard is away: %v", code, r.err)
			default:
			}
			s.HostDown("", false)
			wait(2 * time.Minute)
			f.mustBeLive(1)
			var nonce string
			for _, p := range s.Received() {
				var d struct{ Nonce string }
				if p.Op == 8 && json.Unmarshal(p.Data, &d) == nil {
					nonce = d.Nonce
				}
			}
			r := <-done
			if code == 4009 && r.err != cluster.ErrNewSession || code == 4000 && r.err != cluster.ErrNoChunk {
				t.Errorf("%d: %v after %v", code, r.err, r.at)
			}
			if nonce == "" {
				t.Error("no nonce")
			}
		})
	}
	// An answer that comes with the replay counts.
	inBubble(t, func(t *testing.T) {
		s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
		s.On(8, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Mute(); c.Default(); c.Cut() })
		chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: guild, Query: "", Limit: 5})
		if err != nil || len(chunks) != 1 {
			t.Errorf("got %d chunks, %v; want the one of the replay", len(chunks), err)
		}
	})
}

func TestMembersAreGivenUpAfterThirtySecondsWithoutAChunk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
		s.On(8, func(c *gatewaytest.Conn, data json.RawMessage) {
			var d struct{ Nonce string }
			if err := json.Unmarshal(data, &d); err != nil {
				t.Error(err)
			}
			for i := range 3 {
				time.AfterFunc(time.Duration(i+1)*20*time.Second, func() {
					s.Dispatch(0, "GUILD_MEMBERS_CHUNK", map[string]any{"nonce": d.Nonce, "chunk_index": i, "chunk_count": 4})
				})
			}
		})
		from := time.Now()
		chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: guild})
		if took := time.Since(from); err != cluster.ErrNoChunk || len(chunks) != 3 || took != 90*time.Second {
			t.Errorf("got %d chunks and %v after %v, want 3 and ErrNoChunk after 1m30s", len(chunks), err, took)
		}
	})
}

func TestMembersEndWithAnErrorThatSaysWhy(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
		s.On(8, func(*gatewaytest.Conn, json.RawMessage) {}).Keep()
		_, err := members(t, f, chiru.MemberChunkRequest{GuildID: guild, Query: "a", Limit: 1000})
		if e, ok := errors.AsType[*chiru.CommandError](err); !ok || e.Field != "Limit" {
			t.Errorf("a request that cannot be sent: %v", err)
		}
		_, err = members(t, f, chiru.MemberChunkRequest{GuildID: guild, Nonce: "mine"})
		if e, ok := errors.AsType[*chiru.CommandError](err); !ok || e.Field != "Nonce" {
			t.Errorf("a nonce: %v", err)
		}
		time.AfterFunc(10*time.Second, func() {
			if err := f.CloseShard(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
		if _, err = members(t, f, chiru.MemberChunkRequest{GuildID: guild}); err != cluster.ErrClosed {
			t.Errorf("a closed shard: %v", err)
		}
		if err := f.RestartShard(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		wait(10 * time.Second)
		time.AfterFunc(10*time.Second, func() { f.cancel(errStop) })
		if _, err = members(t, f, chiru.MemberChunkRequest{GuildID: guild}); err == nil || !strings.Contains(fmt.Sprint(err), "stops the cluster") {
			t.Errorf("a stopped cluster: %v", err)
		}
	})
}

// A reader that stands still holds up neither the shard nor the memory.
func TestChunksThatWaitForASlowReaderAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
		s.On(8, func(c *gatewaytest.Conn, data json.RawMessage) {
			var d struct{ Nonce string }
			if err := json.Unmarshal(data, &d); err != nil {
				t.Error(err)
			}
			for i := range 5 {
				s.Dispatch(0, "GUILD_MEMBERS_CHUNK", map[string]any{"nonce": d.Nonce, "chunk_index": i, "chunk_count": 5, "x": strings.Repeat("x", 20<<20)})
			}
		})
		n := 0
		var last error
		for _, err := range f.Members(t.Context(), chiru.MemberChunkRequest{GuildID: guild}) {
			if last = err; err == nil {
				n++
			}
			if n == 1 {
				wait(time.Minute)
			}
		}
		if last != cluster.ErrReaderIsSlow || n > 4 {
			t.Errorf("got %d chunks and %v, want up to 4 and ErrReaderIsSlow", n, last)
		}
	})
}

// A restart within the process brings again what inbound had not taken; the caller has it once.
func TestEachChunkComesOnceAlsoWhenItsShardIsRestarted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 1, Members: 3})
		f := launch(t, s, func(cfg *cluster.Config) {
			cfg.Shard.Intents, cfg.Shard.Store = chiru.IntentsAll, new(sessions.Memory)
		})
		wait(time.Minute)
		f.mustBeLive(1)
		f.freeze()
		s.On(8, func(c *gatewaytest.Conn, data json.RawMessage) {
			var d struct{ Nonce string }
			if err := json.Unmarshal(data, &d); err != nil {
				t.Error(err)
			}
			for range 40 { // so that the chunk waits
				s.Dispatch(0, "MESSAGE_CREATE", map[string]any{"content": "hello"})
			}
			for i := range 3 {
				time.AfterFunc(time.Duration(i)*10*time.Second, func() {
					s.Dispatch(0, "GUILD_MEMBERS_CHUNK", map[string]any{"nonce": d.Nonce, "chunk_index": i, "chunk_count": 3})
				})
			}
		})
		time.AfterFunc(5*time.Second, func() {
			if err := f.RestartShard(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
		time.AfterFunc(7*time.Second, f.thaw)
		chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: chiru.Snowflake(s.Guilds()[0])})
		var came []int
		for _, c := range chunks {
			came = append(came, c.Index)
		}
		if err != nil || fmt.Sprint(came) != "[0 1 2]" {
			t.Errorf("got chunks %v, %v; want each once", came, err)
		}
		wait(time.Second)
		n := 0
		for _, d := range of[*chiru.Dispatch](f) {
			if d.Type == "GUILD_MEMBERS_CHUNK" {
				n++
			}
		}
		if n != 3 {
			t.Errorf("inbound got %d chunks, want 3", n)
		}
	})
}

// Only the refusal of this request ends it. docs /events/gateway-events#rate-limited
func TestRefusalOfAnotherRequestEndsNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
		s.On(8, func(c *gatewaytest.Conn, data json.RawMessage) {
			var d struct{ Nonce string }
			if err := json.Unmarshal(data, &d); err != nil {
				t.Error(err)
			}
			limited := func(op int, nonce string) {
				s.Dispatch(0, "RATE_LIMITED", map[string]any{"opcode": op, "retry_after": 7.5, "meta": map[string]any{"nonce": nonce}})
			}
			chunk := func(i int, nonce string) {
				s.Dispatch(0, "GUILD_MEMBERS_CHUNK", map[string]any{"nonce": nonce, "chunk_index": i, "chunk_count": 3})
			}
			limited(8, "another")
			limited(31, d.Nonce)
			chunk(0, d.Nonce)
			chunk(1, "another")
			chunk(2, d.Nonce)
			limited(8, d.Nonce)
			chunk(1, d.Nonce)
		})
		chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: guild})
		e, ok := errors.AsType[*cluster.RateLimitedError](err)
		if !ok || e.RetryAfter != 7500*time.Millisecond || len(chunks) != 2 {
			t.Errorf("got %d chunks and %v, want the two before its own refusal", len(chunks), err)
		}
	})
}

// The 30 s count from when the shard is live again: a session that has just been resumed has yet to answer.
func TestResumedShardHasThirtySecondsToAnswer(t *testing.T) {
	for answers, want := range map[time.Duration]error{29 * time.Second: nil, 31 * time.Second: cluster.ErrNoChunk} {
		inBubble(t, func(t *testing.T) {
			s, f, guild := withMembers(t, gatewaytest.Config{Guilds: 1, Members: 3})
			s.On(8, func(c *gatewaytest.Conn, data json.RawMessage) {
				var d struct{ Nonce string }
				if err := json.Unmarshal(data, &d); err != nil {
					t.Error(err)
				}
				s.HostDown("", true)
				c.Cut()
				time.AfterFunc(25*time.Second, func() { s.HostDown("", false) })
				go func() {
					time.Sleep(time.Second)
					for f.Status().Live == 0 {
						time.Sleep(10 * time.Millisecond)
					}
					time.Sleep(answers)
					s.Dispatch(0, "GUILD_MEMBERS_CHUNK", map[string]any{"nonce": d.Nonce, "chunk_index": 0, "chunk_count": 1})
				}()
			})
			chunks, err := members(t, f, chiru.MemberChunkRequest{GuildID: guild})
			if err != want || len(chunks) != map[error]int{nil: 1}[want] {
				t.Errorf("an answer %v after the resume: %d chunks and %v, want %v", answers, len(chunks), err, want)
			}
			wait(5 * time.Second)
		})
	}
}
