// Package gatewaytest is a Discord Gateway to test bots on, as net/http/httptest is for HTTP: a server that
// speaks Gateway v10 the way the documentation says, lives on its own, fails in any way a test asks for, and
// watches every byte a client sends.
//
// [Start] is the way in: a server in memory, ended with the test, which fails the test for every rule the client
// broke. It works inside a testing/synctest bubble, where hours of heartbeats take milliseconds:
//
//	synctest.Test(t, func(t *testing.T) {
//		discord := gatewaytest.Start(t, gatewaytest.Config{Guilds: 3})
//		// Connect a bot to discord.URL() with discord.Token(), over discord.Client().
//		synctest.Wait()
//		discord.Dispatch(0, "MESSAGE_CREATE", map[string]any{"id": "1", "content": "hello"})
//		if p, ok := discord.Await(3, time.Minute); !ok {
//			t.Error("the bot did not change its presence")
//		}
//	})
//
// [NewServer] serves the same on loopback TCP, to a bot library in any language, and [NewMemoryServer] is Start
// without a test. docs/testing.md of this module shows both at length, with the control API for tests that are
// not written in Go.
//
// # Make things happen
//
// [Config].Rate and Mix let the guilds live on their own. [Server.Inject] makes one event of a type, from the same
// world: a member who leaves had been there. [Server.Dispatch] sends any event, as it is given.
//
// # Break things
//
// [Server.Conns] are the open connections: [Conn.Cut], [Conn.Close], [Conn.Mute], [Conn.Send] and the rest act on one,
// at any time, from any goroutine. [Server.HostDown], [Server.HostMute] and [Server.RefuseUpgrade] break what comes
// before a connection. [Server.On] and [Server.OnConnect] replace what the server answers by itself, once unless
// told otherwise.
//
// # Ask what happened
//
// [Server.Await] waits for the next payload with an opcode. [Server.Received] is all that clients sent,
// [Server.Issued] all that a session was issued, [Server.Sessions] who is there, [Server.Violations] which rules were
// broken.
//
// # Sessions
//
// A session is a numbered log of dispatches. The connection that holds it pulls from that log, at the pace the
// client reads: a client that stops reading stalls its own connection and nothing else. Of the log, the last
// [Config].ReplayEvents are kept, for a RESUME within [Config].ReplayWindow of the disconnect. A connection so far
// behind that its next event has left the log is closed with 4000 and its session is forgotten.
//
// A replay is the log as it was issued: a RESUMED the client never saw is replayed too, in its place, and the one
// that ends the replay follows with a number of its own.
//
// # The referee
//
// Every broken rule is a [Violation], whether Discord would answer it with a close code or forgive it. The Rule
// constants list them. What only a wrong configuration brings about is answered as Discord answers it and is no
// violation: an unknown token (4004), an intent not granted (4014), too few shards (4010, 4011).
//
// The package is a reading of the protocol of its own. It shares no code with the client of this module, not even
// the WebSocket library, so a mistake in one is not hidden by the same mistake in the other.
package gatewaytest
