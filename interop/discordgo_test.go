package interop

import (
	"context"
	"fmt"
	"sync"

	"github.com/bwmarrin/discordgo"
)

// connectDiscordgo opens one Session a shard, as its README says. Its addresses are package variables.
func connectDiscordgo(ctx context.Context, to target) (func(), error) {
	discordgo.EndpointAPI = to.api + "/"
	discordgo.EndpointGateway = to.api + "/gateway"
	discordgo.EndpointGatewayBot = to.api + "/gateway/bot"
	discordgo.Logger = func(level, _ int, format string, args ...any) {
		if level <= discordgo.LogWarning {
			to.tally.complain(format, args...)
		}
	}
	var open []*discordgo.Session
	stop := func() {
		// Close takes a second.
		var closing sync.WaitGroup
		for _, s := range open {
			closing.Go(func() { s.Close() })
		}
		closing.Wait()
	}
	for shard := range to.shards {
		s, err := discordgo.New("Bot " + token)
		if err != nil {
			stop()
			return nil, err
		}
		s.ShardID, s.ShardCount = shard, to.shards
		s.Identify.Intents = every
		s.LogLevel = discordgo.LogWarning
		s.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) { to.tally.saw(shard, e.Sequence, e.Type) })
		// Open knows no deadline: past this one, it ends with the server.
		opened := make(chan error, 1)
		go func() { opened <- s.Open() }()
		select {
		case err = <-opened:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			stop()
			return nil, fmt.Errorf("shard %d: %w", shard, err)
		}
		open = append(open, s)
	}
	return stop, nil
}
