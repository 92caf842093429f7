package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

const (
	// Commands that wait for one shard.
	commandsMost = 64
	// How long a command may wait for its shard to be live and to have room, if its sender does not say, and at most.
	commandWait     = 10 * time.Second
	commandWaitMost = 5 * time.Minute
	// Nodes that take commands are a group, so that one alone gets each.
	ownersGroup = "owner"
)

// commandAnswer is what the owner of a shard says of a command. Why is empty if the shard has taken it.
type commandAnswer struct {
	Format int    `json:"format"`
	Why    string `json:"why,omitempty"`
	// Of a command that is not valid.
	Command string `json:"command,omitempty"`
	Field   string `json:"field,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Why a command was not taken.
const (
	whyInvalid = "invalid" // it would be wrong at any time
	whyRefused = "refused" // by this shard
	whyBusy    = "busy"    // too many wait
	whyLate    = "late"    // the shard was not live, or had no room, for as long as the command may wait
	whyMoved   = "moved"   // the shard goes to another node
)

// rejection is a command that Discord has closed the connection for, after it was taken.
type rejection struct {
	Format  int             `json:"format"`
	Shard   int             `json:"shard"`
	Command json.RawMessage `json:"command"`
	Reason  string          `json:"reason"`
}

// asked is a command that has come and not been answered.
type asked struct {
	m     *nats.Msg
	until time.Time
}

// takeCommands passes commands to a shard until ctx ends or stop is called, which returns once no more are passed.
func (f *fleet) takeCommands(ctx context.Context, shard int) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	queue := make(chan asked, commandsMost)
	sub, err := f.nc.QueueSubscribe(f.names.command(shard), ownersGroup, func(m *nats.Msg) {
		select {
		case queue <- asked{m, time.Now().Add(waitOf(m))}:
		default:
			f.answer(m, commandAnswer{Why: whyBusy, Reason: fmt.Sprintf("%d commands wait for the shard", commandsMost)})
		}
	})
	if err != nil {
		f.log.Error("commands not taken", "shard", shard, "error", err)
		return end
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.passCommands(ctx, shard, queue)
		_ = sub.Unsubscribe()
		for len(queue) > 0 {
			one := <-queue
			f.answer(one.m, movedAway)
		}
	}()
	return func() { end(); <-ended }
}

func (f *fleet) passCommands(ctx context.Context, shard int, queue <-chan asked) {
	for {
		select {
		case one := <-queue:
			f.answer(one.m, f.command(ctx, shard, one))
		case <-ctx.Done():
			return
		}
	}
}

var movedAway = commandAnswer{Why: whyMoved, Reason: "the shard goes to another node"}

// command passes one on, and says what has become of it.
func (f *fleet) command(ctx context.Context, shard int, one asked) commandAnswer {
	if got := one.m.Header.Get(HeaderFormat); got != strconv.Itoa(Format) {
		return commandAnswer{Why: whyInvalid, Command: "command", Reason: fmt.Sprintf("it has format %q; this chiru knows %d", got, Format)}
	}
	event, err := chiru.UnmarshalCommand(one.m.Data)
	if err == nil {
		// The shard would give it back too, but behind its events.
		_, err = chiru.MarshalCommand(event, f.cfg.Shard.Intents)
	}
	if wrong, ok := errors.AsType[*chiru.CommandError](err); ok {
		return commandAnswer{Why: whyInvalid, Command: wrong.Command, Field: wrong.Field, Reason: wrong.Reason}
	}
	waiting, cancel := context.WithDeadlineCause(ctx, one.until, errLate)
	defer cancel()
	for {
		err := f.cluster.Send(waiting, shard, event)
		switch {
		case err == nil:
			return commandAnswer{}
		case ctx.Err() != nil:
			return movedAway
		case errors.Is(err, errLate) || waiting.Err() != nil:
			return commandAnswer{Why: whyLate, Reason: "the shard was not live, or its send limit had no room"}
		case !errors.Is(err, cluster.ErrClosed) && !errors.Is(err, cluster.ErrNotRunning):
			return commandAnswer{Why: whyRefused, Reason: strings.TrimPrefix(err.Error(), "cluster: ")}
		}
		// The owner has closed the shard, and starts it again from what the stream has.
		select {
		case <-time.After(retryFirst):
		case <-waiting.Done():
		}
	}
}

var errLate = errors.New("the command has waited too long")

// waitOf is how long a command may wait.
func waitOf(m *nats.Msg) time.Duration {
	ms, err := strconv.ParseInt(m.Header.Get(HeaderWait), 10, 64)
	if err != nil || ms < 0 {
		return commandWait
	}
	return min(time.Duration(min(ms, commandWaitMost.Milliseconds()))*time.Millisecond, commandWaitMost)
}

func (f *fleet) answer(m *nats.Msg, a commandAnswer) {
	a.Format = Format
	f.reply(m, a)
}

// reply answers who asked. nats-server does not hold the subject of an answer against the asker's permissions, so it must be none that
// a node alone may publish to.
func (f *fleet) reply(m *nats.Msg, value any) {
	if m.Reply == "" || strings.HasPrefix(m.Reply, "chiru.") || strings.HasPrefix(m.Reply, "$") {
		f.log.Warn("question not answered", "subject", m.Subject, "reply", m.Reply)
		return
	}
	text, err := json.Marshal(value)
	if err == nil {
		err = m.Respond(text)
	}
	if err != nil {
		f.log.Warn("question not answered", "subject", m.Subject, "error", err)
	}
}

// rejected tells of a command that Discord did not take: its sender has had its answer.
func (w *writer) rejected(e *chiru.CommandRejected) {
	w.count.rejected.Add(1)
	command, err := chiru.MarshalCommand(e.Command, chiru.IntentsAll)
	if err != nil {
		command = []byte("null")
	}
	text, err := json.Marshal(rejection{Format, w.shard, command, e.Err.Error()})
	if err == nil {
		err = w.nc.Publish(w.names.rejected(w.shard), text)
	}
	w.log.Error("command rejected", "command", string(command), "reason", e.Err, "told", err == nil)
}

// shardsAnswer is what any node says of the bot.
type shardsAnswer struct {
	Format int `json:"format"`
	Shards int `json:"shards"`
}

// answerShards lets whoever asks know how many shards the bot has.
func (f *fleet) answerShards() (*nats.Subscription, error) {
	return f.nc.QueueSubscribe(f.names.shards(), ownersGroup, func(m *nats.Msg) { f.reply(m, shardsAnswer{Format, f.shards}) })
}
