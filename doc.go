// Package chiru is Discord's Gateway as Go channels.
//
// [Run] keeps one shard connected for life: it dials, identifies, beats, resumes, decompresses and
// keeps Discord's limits by itself. Events come out of one channel, commands go into another:
//
//	inbound := make(chan chiru.IncomingEvent)
//	go func() {
//		defer close(inbound)
//		err = chiru.Run(ctx, chiru.Config{Token: token}, nil, inbound)
//	}()
//	for event := range inbound {
//		if d, ok := event.(*chiru.Dispatch); ok {
//			fmt.Println(d.Type, string(d.Body))
//		}
//	}
//
// Dispatches are never lost within a session and arrive in order; a slow consumer slows the socket and
// never the heartbeats. Everything else that happens (a heartbeat, a lost connection) is an event too,
// but a voidable one: nobody waits for its receiver.
//
// The package decodes no event. [Decode] reads a body into the types of any model library.
package chiru
