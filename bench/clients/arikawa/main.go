// Command arikawa runs arikawa's gateway, by its channel of decoded events: a little less than a Session, which adds
// handlers by reflection.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/diamondburned/arikawa/v3/gateway"
	"github.com/diamondburned/arikawa/v3/utils/ws"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/proof"
)

func main() { client.Main(connect) }

func connect(job client.Job, m *client.Meter) error {
	for shard := range job.Shards {
		id := gateway.DefaultIdentifier("Bot " + client.Token)
		id.SetShard(shard, job.Shards)
		id.AddIntents(client.Intents)
		id.Compress = job.Compression == "payload"
		g := gateway.NewCustomWithIdentifier(gateway.AddGatewayParams(job.URL()), id, nil)
		lane := m.Lane(1)
		go func() {
			for op := range g.Connect(context.Background()) {
				take(op, m, lane)
			}
		}()
	}
	return nil
}

func take(op ws.Op, m *client.Meter, lane *client.Lane) {
	if op.Code != 0 {
		if bad, ok := op.Data.(*ws.BackgroundErrorEvent); ok {
			log.Print(bad)
		}
		return
	}
	switch op.Data.(type) {
	case *gateway.ReadyEvent:
		m.Ready()
	case *gateway.ResumedEvent:
		m.Resumed()
	default:
		w, err := witness(op.Data)
		if err != nil {
			log.Fatal(err)
		}
		lane.Decoded(op.Sequence, w)
	}
}

func witness(event any) (uint64, error) {
	switch v := event.(type) {
	case *gateway.MessageCreateEvent:
		return id(v.ID) + proof.Lens(len(v.Mentions), len(v.Embeds), len(v.Attachments)), nil
	case *gateway.MessageUpdateEvent:
		return id(v.ID) + proof.Lens(len(v.Mentions), len(v.Embeds), len(v.Attachments)), nil
	case *gateway.PresenceUpdateEvent:
		return id(v.User.ID) + proof.Lens(len(v.Activities)), nil
	case *gateway.TypingStartEvent:
		return id(v.UserID) + uint64(v.Timestamp.Time().Unix()%1000), nil
	case *gateway.VoiceStateUpdateEvent:
		return id(v.UserID) + id(v.ChannelID), nil
	case *gateway.GuildMemberUpdateEvent:
		return id(v.User.ID) + proof.Lens(len(v.RoleIDs)), nil
	case *gateway.MessageReactionAddEvent:
		return id(v.UserID) + id(v.MessageID), nil
	case *gateway.GuildCreateEvent:
		return id(v.ID) + proof.Lens(len(v.Members), len(v.Channels), len(v.Roles), len(v.Presences)), nil
	}
	return 0, fmt.Errorf("%T is not of the mix", event)
}

func id[T ~uint64](id T) uint64 { return uint64(id) % 10000 }
