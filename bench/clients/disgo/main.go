// Command disgo runs disgo's gateway package, which its documentation offers without the bot layer: a little less than
// a bot pays.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/snowflake/v2"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/proof"
)

var compressions = map[string]gateway.CompressionType{
	"none":        gateway.CompressionNone,
	"payload":     gateway.CompressionZlibPayload,
	"zlib-stream": gateway.CompressionZlibStream,
	"zstd-stream": gateway.CompressionZstdStream,
}

func main() { client.Main(connect) }

func connect(job client.Job, m *client.Meter) error {
	for shard := range job.Shards {
		lane := m.SharedLane()
		g := gateway.New(client.Token, func(_ gateway.Gateway, typ gateway.EventType, seq int, event gateway.EventData) {
			switch typ {
			case gateway.EventTypeReady:
				m.Ready()
			case gateway.EventTypeResumed:
				m.Resumed()
			default:
				w, ok, err := witness(event)
				if err != nil {
					log.Fatal(err)
				}
				if ok {
					lane.Decoded(int64(seq), w)
				}
			}
		},
			gateway.WithURL(job.URL()),
			gateway.WithIntents(client.Intents),
			gateway.WithCompression(compressions[job.Compression]),
			gateway.WithShardID(shard), gateway.WithShardCount(job.Shards),
			gateway.WithLogger(slog.New(slog.DiscardHandler)),
		)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := g.Open(ctx); err != nil {
				log.Fatal(err)
			}
		}()
	}
	return nil
}

// witness is not ok for events of disgo's own.
func witness(event any) (w uint64, ok bool, err error) {
	switch v := event.(type) {
	case gateway.EventMessageCreate:
		return id(v.ID) + proof.Lens(len(v.Mentions), len(v.Embeds), len(v.Attachments)), true, nil
	case gateway.EventMessageUpdate:
		return id(v.ID) + proof.Lens(len(v.Mentions), len(v.Embeds), len(v.Attachments)), true, nil
	case gateway.EventPresenceUpdate:
		return id(v.PresenceUser.ID) + proof.Lens(len(v.Activities)), true, nil
	case gateway.EventTypingStart:
		return id(v.UserID) + uint64(v.Timestamp.Unix()%1000), true, nil
	case gateway.EventVoiceStateUpdate:
		return id(v.UserID) + id(*v.ChannelID), true, nil
	case gateway.EventGuildMemberUpdate:
		return id(v.User.ID) + proof.Lens(len(v.RoleIDs)), true, nil
	case gateway.EventMessageReactionAdd:
		return id(v.UserID) + id(v.MessageID), true, nil
	case gateway.EventGuildCreate:
		return id(v.ID) + proof.Lens(len(v.Members), len(v.Channels), len(v.Roles), len(v.Presences)), true, nil
	case gateway.EventHeartbeatAck:
		return 0, false, nil
	}
	return 0, false, fmt.Errorf("%T is not of the mix", event)
}

func id(id snowflake.ID) uint64 { return uint64(id % 10000) }
