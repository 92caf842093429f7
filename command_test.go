package chiru_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// command is one that any server takes, told apart by its guild.
func leave(guild int) *chiru.VoiceStateUpdate {
	return &chiru.VoiceStateUpdate{GuildID: chiru.Snowflake(guild)}
}

func raw(op int, d string) *chiru.RawCommand {
	return &chiru.RawCommand{Op: op, Data: json.RawMessage(d)}
}

// serveQuietly takes any command with these opcodes and answers nothing.
func serveQuietly(t *testing.T, cfg gatewaytest.Config, ops ...int) *gatewaytest.Server {
	t.Helper()
	s := serve(t, cfg)
	for _, op := range ops {
		s.On(op, func(*gatewaytest.Conn, json.RawMessage) {}).Keep()
	}
	return s
}

func guildsOf(payloads []gatewaytest.Payload) []string {
	var out []string
	for _, p := range payloads {
		var d struct {
			GuildID string `json:"guild_id"`
		}
		if err := json.Unmarshal(p.Data, &d); err != nil {
			panic(err)
		}
		out = append(out, d.GuildID)
	}
	return out
}

// docs /events/gateway-events#send-events
func TestCommandsAreWrittenAsTheDocsGiveThem(t *testing.T) {
	idle := time.UnixMilli(91879201)
	for _, c := range []struct {
		command chiru.OutgoingEvent
		op      int
		want    string
	}{
		{&chiru.MemberChunkRequest{GuildID: 41771983444115456}, 8, `{"guild_id":"41771983444115456","query":"","limit":0}`},
		{&chiru.MemberChunkRequest{GuildID: 5, Query: "ab", Limit: 100, Presences: true, Nonce: "n"}, 8, `{"guild_id":"5","query":"ab","limit":100,"presences":true,"nonce":"n"}`},
		{&chiru.MemberChunkRequest{GuildID: 5, UserIDs: []chiru.Snowflake{1, 2}}, 8, `{"guild_id":"5","user_ids":["1","2"]}`},
		{&chiru.PresenceUpdate{}, 3, `{"since":null,"activities":[],"status":"online","afk":false}`},
		{&chiru.PresenceUpdate{Since: idle, Status: chiru.StatusIdle, AFK: true, Activities: []chiru.Activity{{Name: "Save the Oxford Comma", Type: chiru.ActivityPlaying}}}, 3,
			`{"since":91879201,"activities":[{"name":"Save the Oxford Comma","type":0}],"status":"idle","afk":true}`},
		{&chiru.VoiceStateUpdate{GuildID: 7, ChannelID: 8, SelfMute: true}, 4, `{"guild_id":"7","channel_id":"8","self_mute":true,"self_deaf":false}`},
		{&chiru.VoiceStateUpdate{GuildID: 7, SelfDeaf: true}, 4, `{"guild_id":"7","channel_id":null,"self_mute":false,"self_deaf":true}`},
		{&chiru.SoundboardSoundsRequest{GuildIDs: []chiru.Snowflake{3, 4}}, 31, `{"guild_ids":["3","4"]}`},
		{&chiru.ChannelInfoRequest{GuildID: 9, Fields: []string{"status", "voice_start_time"}}, 43, `{"guild_id":"9","fields":["status","voice_start_time"]}`},
		{raw(60, `{"x":1}`), 60, `{"x":1}`},
		{raw(60, ``), 60, `null`},
	} {
		t.Run(c.want, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serveQuietly(t, gatewaytest.Config{}, c.op)
				b := launch(t, s, func(cfg *chiru.Config) { cfg.Intents = chiru.IntentsAll })
				b.outbound <- c.command
				wait(time.Second)
				got := sent(s, c.op)
				if len(got) != 1 || string(got[0].Data) != c.want {
					t.Errorf("got %v, want one payload %s", got, c.want)
				}
				b.stop()
			})
		})
	}
}

// docs /events/gateway-events#request-guild-members, #update-presence, #update-voice-state; /events/gateway#sending-events
func TestCommandThatCanNeverBeSentComesBack(t *testing.T) {
	many := make([]chiru.Snowflake, 101)
	for i := range many {
		many[i] = 1
	}
	long := make([]chiru.Snowflake, 300)
	for i := range long {
		long[i] = 1 << 60
	}
	for _, c := range []struct {
		command chiru.OutgoingEvent
		want    string
	}{
		{nil, "nil"},
		{(*chiru.PresenceUpdate)(nil), "PresenceUpdate: is nil"},
		{(*chiru.MemberChunkRequest)(nil), "nil"},
		{(*chiru.VoiceStateUpdate)(nil), "nil"},
		{(*chiru.SoundboardSoundsRequest)(nil), "nil"},
		{(*chiru.ChannelInfoRequest)(nil), "nil"},
		{(*chiru.RawCommand)(nil), "nil"},
		{struct{ *chiru.PresenceUpdate }{}, "none of Chiru's commands"},
		{&chiru.MemberChunkRequest{}, "MemberChunkRequest.GuildID"},
		{&chiru.MemberChunkRequest{GuildID: 1}, "IntentGuildMembers"},
		{&chiru.MemberChunkRequest{GuildID: 1, UserIDs: many}, "101"},
		{&chiru.MemberChunkRequest{GuildID: 1, UserIDs: []chiru.Snowflake{0}}, "UserIDs"},
		{&chiru.MemberChunkRequest{GuildID: 1, UserIDs: []chiru.Snowflake{2}, Query: "x"}, "UserIDs"},
		{&chiru.MemberChunkRequest{GuildID: 1, Query: "x"}, "Limit"},
		{&chiru.MemberChunkRequest{GuildID: 1, Query: "x", Limit: 101}, "Limit"},
		{&chiru.MemberChunkRequest{GuildID: 1, Query: "x", Limit: -1}, "Limit"},
		{&chiru.MemberChunkRequest{GuildID: 1, Query: "x", Limit: 1, Nonce: strings.Repeat("n", 33)}, "Nonce"},
		{&chiru.MemberChunkRequest{GuildID: 1, Query: "x", Limit: 1, Nonce: "\xff"}, "UTF-8"},
		{&chiru.PresenceUpdate{Status: "away"}, "Status"},
		{&chiru.PresenceUpdate{Since: time.UnixMilli(-1)}, "1969"},
		{&chiru.PresenceUpdate{Since: time.Unix(1<<50, 0)}, "Since"},
		{&chiru.PresenceUpdate{Activities: []chiru.Activity{{Name: "x", Type: 6}}}, "type 6"},
		{&chiru.PresenceUpdate{Activities: []chiru.Activity{{Type: 0}}}, "Name"},
		{&chiru.PresenceUpdate{Activities: []chiru.Activity{{Name: strings.Repeat("x", 4096)}}}, "4096"},
		{&chiru.PresenceUpdate{Activities: []chiru.Activity{{Name: strings.Repeat("x", 3960)}}}, "IDENTIFY"},
		{&chiru.VoiceStateUpdate{ChannelID: 1}, "GuildID"},
		{&chiru.VoiceStateUpdate{GuildID: 1, ChannelID: 1}, "IntentGuildVoiceStates"},
		{&chiru.SoundboardSoundsRequest{}, "GuildIDs"},
		{&chiru.SoundboardSoundsRequest{GuildIDs: long}, "4096"},
		{&chiru.ChannelInfoRequest{Fields: []string{"status"}}, "GuildID"},
		{&chiru.ChannelInfoRequest{GuildID: 1}, "Fields"},
		{&chiru.ChannelInfoRequest{GuildID: 1, Fields: []string{"topic"}}, "topic"},
		{raw(0, `{}`), "for Discord to send"}, {raw(7, ``), "Op"}, {raw(9, ``), "Op"}, {raw(10, ``), "Op"}, {raw(11, ``), "Op"},
		{raw(1, `1`), "Chiru's own"}, {raw(2, `{}`), "Chiru's own"}, {raw(6, `{}`), "Chiru's own"}, {raw(-1, `{}`), "Op"},
		{raw(60, "\"\xff\""), "UTF-8"}, {raw(60, `{"x"`), "JSON"}, {raw(60, `{} {}`), "JSON"},
		{raw(60, `"`+strings.Repeat("x", 5000)+`"`), "4096"},
		{raw(60, `"`+strings.Repeat("x", 4081)+`"`), "4096"},
	} {
		t.Run(fmt.Sprintf("%T %s", c.command, c.want), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{})
				b := launch(t, s, func(cfg *chiru.Config) { cfg.Intents = chiru.IntentGuilds })
				b.outbound <- c.command
				wait(time.Second)
				b.mustBeLive()
				got := of[*chiru.CommandRejected](b)
				if len(got) != 1 || got[0].Command != c.command {
					t.Fatalf("got %d CommandRejected, want 1 with the command", len(got))
				}
				if _, ok := errors.AsType[*chiru.CommandError](got[0].Err); !ok || !strings.Contains(got[0].Err.Error(), c.want) {
					t.Errorf("got %v, want a CommandError about %q", got[0].Err, c.want)
				}
				if n := len(s.Received()); n != len(sent(s, 1))+len(sent(s, 2)) {
					t.Errorf("something was sent: %v", s.Received())
				}
				b.stop()
			})
		})
	}
}

func TestLongestCommandIsSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{}, 60)
		b := launch(t, s, nil)
		b.outbound <- raw(60, `"`+strings.Repeat("x", 4096-len(`{"op":60,"d":""}`))+`"`)
		wait(time.Second)
		if n := len(sent(s, 60)); n != 1 || len(of[*chiru.CommandRejected](b)) != 0 {
			t.Errorf("a payload of exactly 4096 bytes was sent %d times, want once", n)
		}
		b.stop()
	})
}

// docs /events/gateway#rate-limiting
func TestTwoHundredCommandsKeepTheLimitAndDelayNoHeartbeat(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{}, 4)
		b := launch(t, s, nil)
		wait(2 * time.Minute)
		beats := len(sent(s, 1))
		go func() {
			for i := range 200 {
				b.outbound <- leave(i + 1)
			}
		}()
		wait(10 * time.Minute)
		got := sent(s, 4)
		if len(got) != 200 {
			t.Fatalf("got %d commands, want 200", len(got))
		}
		for i, g := range guildsOf(got) {
			if g != fmt.Sprint(i+1) {
				t.Fatalf("command %d is for guild %s: the order is lost", i, g)
			}
		}
		if took := got[199].At.Sub(got[0].At); took < 61*time.Second || took > 2*time.Minute {
			t.Errorf("200 commands took %v, want them within two windows", took)
		}
		all := s.Received()
		for i := 120; i < len(all); i++ {
			if span := all[i].At.Sub(all[i-120].At); span < 61*time.Second {
				t.Fatalf("121 payloads within %v", span)
			}
		}
		for i, p := range sent(s, 1)[beats:] {
			if gap := p.At.Sub(sent(s, 1)[beats+i-1].At); gap-interval > time.Second {
				t.Errorf("a beat came %v late", gap-interval)
			}
		}
		b.stop()
	})
}

// docs /events/gateway#sending-events
func TestCommandsWaitForReadyAndForResumed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{ReadyDelay: time.Minute}, 4)
		b := launch(t, s, nil)
		from := time.Now()
		b.outbound <- leave(1)
		if blocked := time.Since(from); blocked < time.Minute {
			t.Errorf("the first command was read after %v, before READY", blocked)
		}
		wait(time.Second)
		s.On(6, func(c *gatewaytest.Conn, _ json.RawMessage) {
			time.Sleep(30 * time.Second)
			c.Default()
		})
		s.Conns()[0].Cut()
		wait(time.Second)
		from = time.Now()
		b.outbound <- leave(2)
		if blocked := time.Since(from); blocked < 25*time.Second {
			t.Errorf("the second command was read after %v, before RESUMED", blocked)
		}
		wait(time.Second)
		if got := guildsOf(sent(s, 4)); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("got commands for %v, want 1 and 2", got)
		}
		b.stop()
	})
}

func TestCommandCaughtByABreakIsTheFirstOnTheNextConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		// The server reads nothing for longer than a write may take, so commands fill the connection
		// until one stays in the client's hand.
		s.On(60, func(*gatewaytest.Conn, json.RawMessage) { time.Sleep(20 * time.Second) })
		s.On(60, func(*gatewaytest.Conn, json.RawMessage) {}).Keep()
		b := launch(t, s, nil)
		wait(time.Minute)
		go func() {
			for i := range 40 {
				b.outbound <- raw(60, fmt.Sprintf(`[%d,%q]`, i, strings.Repeat("x", 4000)))
			}
		}()
		wait(3 * time.Minute)
		b.mustBeLive()
		var next []int // what came on the second connection
		for _, p := range sent(s, 60) {
			var d []any
			if err := json.Unmarshal(p.Data, &d); err != nil {
				t.Fatal(err)
			}
			if p.Conn == 2 {
				next = append(next, int(d[0].(float64)))
			}
		}
		lost := of[*chiru.Disconnected](b)
		if len(lost) != 1 || lost[0].Next != chiru.NextResume || !strings.Contains(lost[0].Err.Error(), "write: not done within 10s") {
			t.Fatalf("got %v, want the stuck write, to be resumed", lost)
		}
		for i, n := range next {
			if n != 40-len(next)+i {
				t.Fatalf("the second connection began with %v, want an unbroken rest of 0 to 39", next)
			}
		}
		if got := b.stats.Snapshot().Commands; got != 40 || len(next) == 0 || len(next) > 30 {
			t.Errorf("wrote %d commands, %d of them on the second connection; want 40, each once", got, len(next))
		}
		b.stop()
	})
}

// docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
func TestCommandThatDiscordClosesForComesBack(t *testing.T) {
	for _, code := range []int{4001, 4002} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, gatewaytest.Config{Guilds: 2, Rate: 1})
				b := launch(t, s, nil)
				wait(time.Minute)
				bad := raw(99, `{}`)
				for range 6 { // a command to blame is never final
					s.On(99, func(c *gatewaytest.Conn, _ json.RawMessage) { c.Close(code, "") })
					b.outbound <- bad
					wait(time.Minute)
					b.mustBeLive()
				}
				got := of[*chiru.CommandRejected](b)
				if len(got) != 6 || got[0].Command != bad {
					t.Fatalf("got %d CommandRejected, want 6 with the command", len(got))
				}
				if closed, ok := errors.AsType[*chiru.CloseError](got[0].Err); !ok || int(closed.Code) != code {
					t.Errorf("got %v, want a CloseError with %d", got[0].Err, code)
				}
				b.checkLedger()
				b.stop()
			})
		})
	}
}

func TestCommandThatWasAcknowledgedIsNotBlamed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{}, 4)
		b := launch(t, s, nil)
		wait(time.Minute)
		b.outbound <- leave(1)
		wait(3 * interval)
		s.Conns()[0].Close(4002, "")
		wait(time.Minute)
		b.mustBeLive()
		if n := len(of[*chiru.CommandRejected](b)); n != 0 {
			t.Errorf("got %d CommandRejected, want none", n)
		}
		b.stop()
	})
}

// Only a beat that went out after the command shows that Discord has read it.
func TestAckOfAnEarlierBeatClearsNoCommand(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{AckDelay: 5 * time.Second}, 4)
		b := launch(t, s, nil)
		n := len(sent(s, 1))
		for len(sent(s, 1)) == n {
			wait(time.Second)
		}
		acks := len(of[*chiru.HeartbeatAck](b))
		bad := leave(1)
		b.outbound <- bad
		wait(6 * time.Second)
		if got := len(of[*chiru.HeartbeatAck](b)); got != acks+1 {
			t.Fatalf("got %d ACKs after the command, want one", got-acks)
		}
		s.Conns()[0].Close(4002, "")
		wait(time.Second)
		if got := of[*chiru.CommandRejected](b); len(got) != 1 || got[0].Command != bad {
			t.Errorf("got %d CommandRejected, want the command", len(got))
		}
		b.stop()
	})
}

func TestThirdUnexplainedDecodeErrorInTenMinutesIsFinal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{})
		b := launch(t, s, nil)
		for i := range 3 {
			wait(2 * time.Minute)
			b.mustBeLive()
			s.Conns()[0].Close(4001+i%2, "")
		}
		wait(time.Second)
		<-b.ended
		if closed, ok := errors.AsType[*chiru.CloseError](b.err); !ok || closed.Code != 4001 {
			t.Errorf("got %v, want the CloseError", b.err)
		}
	})
}

// docs /events/gateway-events#request-guild-members
func TestMemberChunksComeWithTheirNonce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Guilds: 1})
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Intents = chiru.IntentsAll })
		wait(time.Second)
		guild, err := chiru.Decode[struct {
			ID chiru.Snowflake `json:"id"`
		}](of[*chiru.Dispatch](b)[1])
		if err != nil {
			t.Fatal(err)
		}
		b.outbound <- &chiru.MemberChunkRequest{GuildID: guild.ID, Nonce: "mine"}
		wait(time.Second)
		all := of[*chiru.Dispatch](b)
		last := all[len(all)-1]
		if last.Type != "GUILD_MEMBERS_CHUNK" || !strings.Contains(string(last.Body), `"nonce":"mine"`) {
			t.Errorf("got %s %.200s, want the chunk with its nonce", last.Type, last.Body)
		}
		b.stop()
	})
}

// docs /events/gateway-events#request-guild-members
func TestRequestForTheWholeListAlwaysCarriesQueryAndLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serveQuietly(t, gatewaytest.Config{}, 8)
		b := launch(t, s, func(cfg *chiru.Config) { cfg.Intents = chiru.IntentsAll })
		b.outbound <- &chiru.MemberChunkRequest{GuildID: 1}
		wait(time.Second)
		if got := string(sent(s, 8)[0].Data); got != `{"guild_id":"1","query":"","limit":0}` {
			t.Errorf("got %s", got)
		}
		b.stop()
	})
}
