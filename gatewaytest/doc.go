// Package gatewaytest is a Discord Gateway to test on: a server that speaks Gateway v10 the way the
// documentation says, numbers and replays events, can be told to fail in any way, and watches every
// byte a client sends.
//
// It is a reading of the protocol of its own. It shares no code with the client of this module, not
// even the WebSocket library, so a mistake in one is not hidden by the same mistake in the other.
//
// [Start] is the way in for tests: a server in memory, ended at the end of the test, which fails the
// test for every rule the client broke. It works inside a testing/synctest bubble, where hours of
// heartbeats take milliseconds:
//
//	synctest.Test(t, func(t *testing.T) {
//		s := gatewaytest.Start(t, gatewaytest.Config{Guilds: 3})
//		// Connect a client to s.URL() with s.Token(), over s.Client().
//		s.Dispatch(0, "MESSAGE_CREATE", map[string]any{"id": "1", "content": "hello"})
//	})
//
// [NewServer] serves the same on loopback TCP, to a bot library in any language.
//
// # Sessions
//
// A session is a numbered log of dispatches. The connection that holds it pulls from that log, at the
// pace the client reads: a client that stops reading stalls its own connection and nothing else. Of
// the log, the last [Config].ReplayEvents are kept, for a RESUME within [Config].ReplayWindow of the
// disconnect. A connection so far behind that its next event has left the log is closed with 4000 and
// its session is forgotten.
//
// A replay is the log as it was issued: a RESUMED the client never saw is replayed too, in its place,
// and the one that ends the replay follows with a number of its own.
//
// # Scripts
//
// [Server.On], [Server.OnConnect] and [Server.RefuseUpgrade] replace what the server does by itself,
// once unless told otherwise. [Conn.Cut], [Conn.Close], [Conn.Mute] and the rest act on one open
// connection, at any time, from any goroutine.
//
// # The referee
//
// Every broken rule is a [Violation], whether Discord would answer it with a close code or forgive
// it. The Rule constants list them. What only a wrong configuration brings about is answered as
// Discord answers it and is no violation: an unknown token (4004), an intent not granted (4014), too
// few shards (4010, 4011).
package gatewaytest
