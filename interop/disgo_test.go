package interop

import (
	"context"
	"log/slog"
	"time"

	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/disgo/sharding"
)

// connectDisgo opens a bot with disgo's shard manager.
func connectDisgo(ctx context.Context, to target) (func(), error) {
	c, err := disgo.New(token,
		bot.WithLogger(slog.New(complaints{to.tally})),
		bot.WithRestClientConfigOpts(rest.WithURL(to.api)),
		bot.WithShardManagerConfigOpts(sharding.WithGatewayConfigOpts(
			gateway.WithIntents(every),
			gateway.WithEnableRawEvents(true),
		)),
		bot.WithEventListenerFunc(func(e *events.Raw) {
			to.tally.saw(e.ShardID(), int64(e.SequenceNumber()), string(e.EventType))
		}),
	)
	if err != nil {
		return nil, err
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		c.Close(ctx)
	}
	if err := c.OpenShardManager(ctx); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// complaints is a slog.Handler that keeps warnings and errors.
type complaints struct{ tally *tally }

func (c complaints) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (c complaints) WithAttrs([]slog.Attr) slog.Handler               { return c }
func (c complaints) WithGroup(string) slog.Handler                    { return c }

func (c complaints) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	c.tally.complain("%s", text)
	return nil
}
