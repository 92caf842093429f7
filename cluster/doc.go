// Package cluster runs many shards of a bot in one process, behind the same channel that one shard has:
//
//	inbound := make(chan chiru.IncomingEvent)
//	go func() {
//		defer close(inbound)
//		log.Print(cluster.Run(ctx, cluster.Config{Shard: chiru.Config{Token: token}}, inbound))
//	}()
//	for event := range inbound {
//		fmt.Println(event.Shard(), event)
//	}
//
// [Run] asks Discord's API for the gateway and the shard count, begins sessions as fast as the identify limit allows and
// never faster, and keeps every shard connected for life. A loop over inbound reads from one shard or a thousand alike.
//
// A [Cluster] is the same with methods, which work from any goroutine while it runs:
//
//	var bot cluster.Cluster
//	go bot.Run(ctx, cfg, inbound)
//	err := bot.SendToGuild(ctx, guild, &chiru.VoiceStateUpdate{GuildID: guild, ChannelID: channel})
//	for chunk, err := range bot.Members(ctx, chiru.MemberChunkRequest{GuildID: guild, UserIDs: ids}) { ... }
//	fmt.Println(bot.Status().Health())
//
// # Identifies
//
// Discord allows one IDENTIFY in 5 s for each shard_id % max_concurrency, and a number of them in a day; who goes over
// that number loses every session and the token. A cluster spends them in this order: the day's budget, kept above
// [Config].Floor and, with a [Config].Budget, counted across restarts; a breaker, which ends a burst of new sessions that
// end as soon as they begin; and the pause of each bucket. Who is refused keeps its place, says so in [Cluster.Status], and
// goes on by itself. A RESUME waits for none of them.
//
// # Restarts
//
// With a Store in [Config].Shard a stopped process keeps its sessions, and the next one resumes all shards at once: no
// IDENTIFY is spent, and no event is lost or repeated. Give it the same Store, token, Shards and Intents, and start it
// within the few minutes for which Discord holds a session.
//
// # Health
//
// [Status.Health] is about delivery and not about the process: it is bad when a shard has been away for [HealthGrace], when
// a shard is live and brings nothing though it always did, and when nobody takes events from inbound. [Cluster.Status] says
// what is wrong with each shard, until when, and what happens next.
//
// # Several processes
//
// Set [Config].Shards to the same number and [Config].Only to a part of the ids in each. Their identify gates know nothing
// of each other: give them parts that share no remainder of shard_id by max_concurrency, or a Gate in [Config].Shard that
// asks one place for all.
package cluster
