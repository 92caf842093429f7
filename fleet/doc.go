// Package fleet spreads a bot's shards over machines. Its nodes ([Run]) share the shards among them and store every event in a stream of NATS
// JetStream, once and in order; workers ([Subscribe]) read them there, from a channel like chiru.Run's. A node, a worker or a machine may end
// at any time, by kill -9 too: another goes on where the stream ends, by a RESUME.
//
// [Embed] is a NATS server inside the process, for a fleet of one; with several machines they share a NATS cluster ([Connect]).
// docs/fleet.md describes subjects and headers for workers in other languages.
package fleet
