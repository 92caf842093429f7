package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// received waits until a shard of the simulator's has got payloads of an op, as many as are wanted.
func received(t *testing.T, s *gatewaytest.Server, op, want int) []gatewaytest.Payload {
	t.Helper()
	for late := time.Now().Add(within); ; {
		var got []gatewaytest.Payload
		for _, p := range s.Received() {
			if p.Op == op {
				got = append(got, p)
			}
		}
		if len(got) >= want {
			return got
		}
		if time.Now().After(late) {
			t.Fatalf("%d payloads of op %d have come, want %d", len(got), op, want)
		}
	}
}

func TestCommandsReachTheShardOnWhicheverNodeItIs(t *testing.T) {
	const shards = 4
	s := discord(t, gatewaytest.Config{Guilds: 2 * shards, Members: 2, Shards: shards, MaxConcurrency: shards, Record: 1 << 16})
	e := embed(t, stateOf(t))
	t.Cleanup(e.Close)
	for _, name := range []string{"a", "b"} {
		cfg := configOf(t, s, e.Conn)
		cfg.Node = name
		node := start(t, cfg)
		t.Cleanup(node.end)
	}
	owned(t, e.Conn, "two nodes", func(by map[string]int, live int) bool { return by["a"] == 2 && by["b"] == 2 && live == shards })
	to := fleet.SendConfig{Conn: e.Conn}
	if n, err := fleet.Shards(t.Context(), to); n != shards || err != nil {
		t.Fatalf("%d shards, %v", n, err)
	}
	for shard := range shards {
		if err := fleet.Send(t.Context(), to, shard, &chiru.PresenceUpdate{Status: chiru.StatusIdle}); err != nil {
			t.Fatal(err)
		}
	}
	of := map[int]bool{}
	for _, p := range received(t, s, 3, shards) {
		of[p.Shard] = true
	}
	if len(of) != shards {
		t.Errorf("the shards %v have had a presence", of)
	}
	for _, id := range s.Guilds() {
		guild := chiru.Snowflake(id)
		if err := fleet.SendToGuild(t.Context(), to, guild, &chiru.MemberChunkRequest{GuildID: guild, Query: "a", Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	received(t, s, 8, len(s.Guilds())) // the simulator watches that each is its shard's own
}

func TestCommandThatCannotBeSentSaysWhy(t *testing.T) {
	s, e := fleetOf(t, 2)
	to := fleet.SendConfig{Conn: e.Conn}
	// Before it leaves this process.
	err := fleet.Send(t.Context(), to, 0, &chiru.MemberChunkRequest{})
	if wrong, ok := errors.AsType[*chiru.CommandError](err); !ok || wrong.Field != "GuildID" {
		t.Errorf("a command without a guild: %v", err)
	}
	// By who has the shard, which knows its intents.
	ask := func(header nats.Header, body string) string {
		t.Helper()
		m, err := e.Conn.RequestMsg(&nats.Msg{Subject: "chiru.bot.cmd.0", Header: header, Data: []byte(body)}, within)
		if err != nil {
			t.Fatal(err)
		}
		return string(m.Data)
	}
	ours := nats.Header{fleet.HeaderFormat: {"1"}}
	for body, want := range map[string]string{
		`{"op":8,"d":{"guild_id":"1","query":"x","limit":1000}}`: `{"format":1,"why":"invalid","command":"MemberChunkRequest","field":"Limit","reason":"is 1000; a Query needs 1 to 100"}`,
		`{"op":2,"d":{}}`: `{"format":1,"why":"invalid","command":"RawCommand","field":"Op","reason":"2 is Chiru's own to send"}`,
		`{"op":3,"d":{"status":"idle","activities":[],"since":null,"afk":false}}`: `{"format":1}`,
	} {
		if got := ask(ours, body); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	if got, want := ask(nil, `{}`), `{"format":1,"why":"invalid","command":"command","reason":"it has format \"\"; this chiru knows 1"}`; got != want {
		t.Errorf("without a format: got %s", got)
	}
	// A guild of the other shard.
	guild := chiru.Snowflake(s.Guilds()[0])
	home := int(uint64(guild) >> 22 % 2)
	err = fleet.Send(t.Context(), to, 1-home, &chiru.MemberChunkRequest{GuildID: guild, Query: "a", Limit: 1})
	if refused, ok := errors.AsType[*fleet.SendError](err); !ok || refused.Later {
		t.Errorf("a guild of another shard: %v", err)
	}
	if err := fleet.Send(t.Context(), to, -1, &chiru.PresenceUpdate{}); err == nil {
		t.Error("shard -1 is taken")
	}
}

func TestCommandToAShardThatNobodyHasFailsAtOnce(t *testing.T) {
	e := embed(t, stateOf(t))
	defer e.Close()
	to := fleet.SendConfig{Conn: e.Conn}
	began := time.Now()
	for _, err := range []error{
		fleet.Send(t.Context(), to, 0, &chiru.PresenceUpdate{}),
		fleet.SendToGuild(t.Context(), to, 1, &chiru.VoiceStateUpdate{GuildID: 1}),
	} {
		if !errors.Is(err, fleet.ErrNoOwner) {
			t.Errorf("got %v, want ErrNoOwner", err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	// Nor is it kept for who comes later.
	s := discord(t, gatewaytest.Config{Guilds: 1, Members: 1, Record: 1 << 12})
	node := start(t, configOf(t, s, e.Conn))
	readies(t, s, e.Conn, 1)
	node.end()
	for _, p := range s.Received() {
		if p.Op == 3 {
			t.Error("the presence was sent later")
		}
	}
	if err := fleet.Send(t.Context(), to, 0, &chiru.PresenceUpdate{}); !errors.Is(err, fleet.ErrNoOwner) {
		t.Errorf("after the node has stopped: got %v, want ErrNoOwner", err)
	}
}

// The gateway is away: the shard is owned, and takes no command.
func TestCommandWaitsForItsShardAsLongAsItsContextLasts(t *testing.T) {
	s, e := fleetOf(t, 1)
	to := fleet.SendConfig{Conn: e.Conn}
	guild := chiru.Snowflake(s.Guilds()[0])
	s.HostDown("", true)
	for _, c := range s.Conns() {
		c.Cut()
	}
	for { // until the break has reached the shard, which takes commands before
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := fleet.Send(ctx, to, 0, &chiru.PresenceUpdate{})
		cancel()
		if err == nil {
			continue
		}
		late, ok := errors.AsType[*fleet.SendError](err)
		if !ok || !late.Later {
			t.Fatalf("got %v, want a SendError that may be tried later", err)
		}
		break
	}
	sent := make(chan error, 1)
	go func() {
		sent <- fleet.Send(t.Context(), to, 0, &chiru.MemberChunkRequest{GuildID: guild, Query: "a", Limit: 1})
	}()
	s.HostDown("", false)
	select {
	case err := <-sent:
		if err != nil {
			t.Errorf("once the gateway is back: %v", err)
		}
	case <-time.After(within):
		t.Fatal("the command is not taken")
	}
	received(t, s, 8, 1)
}

func TestCommandThatDiscordClosesForIsToldAndCounted(t *testing.T) {
	s, e := fleetOf(t, 1)
	to := fleet.SendConfig{Conn: e.Conn}
	rejected := make(chan fleet.Rejection, 1)
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- fleet.Rejections(ctx, to, rejected) }()
	defer func() {
		stop(errStop)
		if err := <-ended; err != errStop {
			t.Errorf("Rejections returned %v", err)
		}
	}()
	s.On(77, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Close(4001, "Unknown opcode.") }).Keep()
	var got fleet.Rejection
	for n := 0; got.Reason == ""; n++ {
		// The first may be told before anybody listens.
		if err := fleet.Send(t.Context(), to, 0, &chiru.RawCommand{Op: 77, Data: json.RawMessage(fmt.Sprint(n))}); err != nil {
			t.Fatal(err)
		}
		select {
		case got = <-rejected:
		case <-time.After(10 * time.Second):
			if n == 1 {
				t.Fatal("nobody tells of the rejection")
			}
		}
	}
	raw, ok := got.Command.(*chiru.RawCommand)
	if !ok || raw.Op != 77 || got.Shard != 0 {
		t.Errorf("got %+v", got)
	}
	nodes, err := fleet.AskStatus(t.Context(), e.Conn, "", time.Second)
	if err != nil || len(nodes) != 1 || nodes[0].Shards[0].Rejected == 0 {
		t.Errorf("status: %+v, %v", nodes, err)
	}
}

// nats-server does not hold the subject of an answer against who asks: a node would store what it answers.
func TestNodeAnswersNobodyUnderAnEventsSubject(t *testing.T) {
	_, e := fleetOf(t, 1)
	before := events(t, e.Conn)
	for _, subject := range []string{"chiru.bot.status", "chiru.bot.shards", "chiru.bot.cmd.0"} {
		if err := e.Conn.PublishRequest(subject, "chiru.bot.ev.0.FORGED.-", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	// They are answered in turn: once these are, those have been.
	for _, subject := range []string{"chiru.bot.status", "chiru.bot.shards", "chiru.bot.cmd.0"} {
		if _, err := e.Conn.Request(subject, []byte(`{}`), within); err != nil {
			t.Fatal(err)
		}
	}
	js, err := jetstream.New(e.Conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "CHIRU_bot")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.GetLastMsgForSubject(t.Context(), "chiru.bot.ev.0.FORGED.-"); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("an answer is stored: %v (%d events before)", err, before)
	}
}

func TestShardHasSixtyFourCommandsWaitAndTurnsOthersAwayAtOnce(t *testing.T) {
	s, e := fleetOf(t, 1)
	s.HostDown("", true)
	for _, c := range s.Conns() {
		c.Cut()
	}
	inbox := nats.NewInbox()
	answers, err := e.Conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	// Until the break has reached the shard it takes commands; then one is in hand, and as many wait as may.
	for n, busy := 0, 0; busy < 3; n++ {
		if err := e.Conn.PublishMsg(&nats.Msg{
			Subject: "chiru.bot.cmd.0", Reply: inbox, Data: []byte(`{"op":3,"d":{"since":null,"activities":[],"status":"idle","afk":false}}`),
			Header: nats.Header{fleet.HeaderFormat: {"1"}, fleet.HeaderWait: {"600000"}},
		}); err != nil {
			t.Fatal(err)
		}
		if n < 65 {
			continue
		}
		m, err := answers.NextMsg(within)
		if err != nil {
			t.Fatal(err)
		}
		switch text := string(m.Data); text {
		case `{"format":1}`: // before the break
		case `{"format":1,"why":"busy","reason":"64 commands wait for the shard"}`:
			busy++
		default:
			t.Fatalf("the answer is %s", text)
		}
	}
}
