// Command fleet stores events in a stream of JetStream, with the NATS server inside as chiru run has it: whole, from Discord's socket by a node
// of a fleet, or only the publishing of the same events, as one would write it with nats.go alone.
//
// What is measured ends when the stream has acknowledged all. The proof is what is read back from it.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/fleet"
)

func main() { client.Main(connect) }

const streamName = "CHIRU_bot"

func connect(job client.Job, m *client.Meter) error {
	ctx, cancel := context.WithTimeout(context.Background(), job.Timeout)
	defer cancel()
	folder, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	e, err := fleet.Embed(ctx, fleet.EmbeddedConfig{Folder: folder})
	if err != nil {
		return err
	}
	defer e.Close()
	js, err := jetstream.New(e.Conn, jetstream.WithPublishAsyncMaxPending(flightMost), jetstream.WithPublishAsyncTimeout(answerWait))
	if err != nil {
		return err
	}
	end := func() error { return nil }
	if job.Variant == "publish" {
		err = publish(ctx, job, m, js)
	} else {
		end, err = whole(ctx, job, m, e.Conn)
	}
	if err != nil {
		return err
	}
	m.Stop()
	if err := end(); err != nil {
		return err
	}
	return readBack(ctx, job, m, js)
}

// As package fleet has them.
const (
	flightMost = 1024
	answerWait = 5 * time.Second
)

// readBack gives the lane what the stream has, in the stream's order: each event once, and nothing behind them.
func readBack(ctx context.Context, job client.Job, m *client.Meter, js jetstream.JetStream) error {
	c, err := js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"chiru.bot.ev.>"}})
	if err != nil {
		return err
	}
	messages, err := c.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	lane := m.Lane(1)
	last := int64(1) // READY's
	for i := range job.Events {
		msg, err := next(ctx, messages)
		if err != nil {
			return err
		}
		if about, err := msg.Metadata(); err != nil || i == job.Events-1 && about.NumPending != 0 {
			return fmt.Errorf("the stream has more than %d events: %+v, %v", job.Events, about, err)
		}
		seq, err := strconv.ParseInt(msg.Headers().Get(fleet.HeaderSequence), 10, 64)
		if err != nil {
			return err
		}
		if seq != last+1 {
			return fmt.Errorf("the stream has event %d after %d", seq, last)
		}
		last = seq
		lane.Raw(seq, msg.Data())
	}
	return nil
}

// next is the next message that is no READY.
func next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		if msg.Headers().Get(fleet.HeaderSequence) != "1" {
			return msg, nil
		}
	}
}
