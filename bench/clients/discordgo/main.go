// Command discordgo runs discordgo as its README says, one handler for all events, of which it has the decoded struct.
// The state cache is off, since the others keep none.
package main

import (
	"fmt"
	"log"
	"sync"

	"github.com/bwmarrin/discordgo"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/proof"
)

func main() { client.Main(connect) }

func connect(job client.Job, m *client.Meter) error {
	discordgo.EndpointAPI = job.API() + "/"
	discordgo.EndpointGateway = job.API() + "/gateway"
	discordgo.EndpointGatewayBot = job.API() + "/gateway/bot"
	var opening sync.WaitGroup
	for shard := range job.Shards {
		s, err := discordgo.New("Bot " + client.Token)
		if err != nil {
			return err
		}
		s.ShardID, s.ShardCount = shard, job.Shards
		s.Identify.Intents = client.Intents
		s.Identify.Compress = job.Compression == "payload"
		s.StateEnabled = false
		lane := m.SharedLane()
		s.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) {
			switch e.Type {
			case "READY":
				m.Ready()
			case "RESUMED":
				m.Resumed()
			default:
				w, err := witness(e.Struct)
				if err != nil {
					log.Fatal(err)
				}
				lane.Decoded(e.Sequence, w)
			}
		})
		opening.Go(func() {
			if err := s.Open(); err != nil {
				log.Fatal(err)
			}
		})
	}
	go opening.Wait()
	return nil
}

func witness(event any) (uint64, error) {
	switch v := event.(type) {
	case *discordgo.MessageCreate:
		return message(v.Message), nil
	case *discordgo.MessageUpdate:
		return message(v.Message), nil
	case *discordgo.PresenceUpdate:
		return proof.Mod(v.User.ID) + proof.Lens(len(v.Activities)), nil
	case *discordgo.TypingStart:
		return proof.Mod(v.UserID) + uint64(v.Timestamp%1000), nil
	case *discordgo.VoiceStateUpdate:
		return proof.Mod(v.UserID) + proof.Mod(v.ChannelID), nil
	case *discordgo.GuildMemberUpdate:
		return proof.Mod(v.User.ID) + proof.Lens(len(v.Roles)), nil
	case *discordgo.MessageReactionAdd:
		return proof.Mod(v.UserID) + proof.Mod(v.MessageID), nil
	case *discordgo.GuildCreate:
		return proof.Mod(v.ID) + proof.Lens(len(v.Members), len(v.Channels), len(v.Roles), len(v.Presences)), nil
	}
	return 0, fmt.Errorf("%T is not of the mix", event)
}

func message(v *discordgo.Message) uint64 {
	return proof.Mod(v.ID) + proof.Lens(len(v.Mentions), len(v.Embeds), len(v.Attachments))
}
