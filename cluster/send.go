package cluster

import (
	"context"
	"fmt"

	"github.com/chiru-go/chiru"
)

// Send hands a command to a shard and returns once it has taken it: while the shard is not live, or its send limit has no
// room, that takes until ctx ends. A command that can never be sent comes back through inbound as *chiru.CommandRejected.
// One about a guild of another shard is refused.
func (c *Cluster) Send(ctx context.Context, shard int, event chiru.OutgoingEvent) error {
	s, err := c.shard(ctx, shard)
	if err != nil {
		return err
	}
	for _, guild := range guildsOf(event) {
		if home := ShardOf(guild, s.r.count); home != shard {
			return fmt.Errorf("cluster: guild %v belongs to shard %d of %d, not to %d", guild, home, s.r.count, shard)
		}
	}
	return s.send(ctx, event)
}

// SendToGuild is Send to the shard that the guild belongs to.
func (c *Cluster) SendToGuild(ctx context.Context, guild chiru.Snowflake, event chiru.OutgoingEvent) error {
	s, err := c.home(ctx, guild)
	if err != nil {
		return err
	}
	for _, other := range guildsOf(event) {
		if home := ShardOf(other, s.r.count); home != s.id {
			return fmt.Errorf("cluster: the command is about guild %v of shard %d, guild %v belongs to shard %d", other, home, guild, s.id)
		}
	}
	return s.send(ctx, event)
}

// home is the shard of a guild.
func (c *Cluster) home(ctx context.Context, guild chiru.Snowflake) (*shard, error) {
	r, err := c.running()
	if err != nil {
		return nil, err
	}
	if err := r.awaitPlan(ctx); err != nil {
		return nil, err
	}
	return r.shard(ctx, ShardOf(guild, r.count))
}

func (s *shard) send(ctx context.Context, event chiru.OutgoingEvent) error {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	select {
	case <-gone:
		return s.why()
	default:
	}
	select {
	case s.outbound <- event:
		return nil
	case <-gone:
		return s.why()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.r.ctx.Done():
		return ErrNotRunning
	}
}

// guildsOf are the guilds that a command is about.
func guildsOf(event chiru.OutgoingEvent) []chiru.Snowflake {
	switch c := event.(type) {
	case *chiru.MemberChunkRequest:
		if c != nil {
			return []chiru.Snowflake{c.GuildID}
		}
	case *chiru.VoiceStateUpdate:
		if c != nil {
			return []chiru.Snowflake{c.GuildID}
		}
	case *chiru.ChannelInfoRequest:
		if c != nil {
			return []chiru.Snowflake{c.GuildID}
		}
	case *chiru.SoundboardSoundsRequest:
		if c != nil {
			return c.GuildIDs
		}
	}
	return nil
}
