// Package session is the life of one shard as a pure machine: no goroutine, channel, context, clock,
// socket or log. The shard goroutine of the root package feeds it what happened, with the time, and
// does what the returned Effects say.
//
//	waiting -> dialing -> awaitHello -> awaitSlot -> identifying -> live
//	                                 \-> resuming ----------------/
//	any -> waiting (a connection was lost), any -> ended
package session
