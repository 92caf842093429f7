package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

// SendConfig says which fleet commands are for.
type SendConfig struct {
	// Conn leads to the NATS servers of the fleet. Nothing here closes it.
	Conn *nats.Conn
	// Name is the fleet's; default "bot".
	Name string
}

// ErrNoOwner is why a command cannot be sent at this moment: no node has the shard, or none runs.
var ErrNoOwner = errors.New("fleet: nobody has it")

// SendError is a command that the owner of its shard did not take. It has not been sent.
type SendError struct {
	Shard  int
	Reason string
	// Later says that the same command may be taken later.
	Later bool
}

func (e *SendError) Error() string { return fmt.Sprintf("fleet: shard %d: %s", e.Shard, e.Reason) }

const (
	// How much longer than a command may wait its sender waits for the answer.
	answerSlack = 2 * time.Second
	// How long a node has to say how many shards there are.
	shardsWait = 5 * time.Second
)

// Send hands a command to the shard, on whichever node it is, and returns once the shard has taken it: while it is not live, or its send limit
// has no room, that takes until ctx ends, or 10 s if ctx has no deadline, and 5 min at most.
//
// The error is one around ErrNoOwner, at once, if no node has the shard; a *chiru.CommandError if the command can never be sent; a *SendError if
// it was not taken. After any other it is not known whether it was. A command that Discord closes the connection for, once it is sent, is told
// by Rejections.
func Send(ctx context.Context, cfg SendConfig, shard int, event chiru.OutgoingEvent) error {
	cfg, err := cfg.settled()
	if err != nil {
		return err
	}
	// Which intents the shard has its node knows.
	payload, err := chiru.MarshalCommand(event, chiru.IntentsAll)
	if err != nil {
		return err
	}
	if shard < 0 {
		return &chiru.ConfigError{Field: "shard", Reason: fmt.Sprintf("is %d", shard)}
	}
	wait := commandWait
	if deadline, ok := ctx.Deadline(); ok {
		// The node must have answered before ctx ends, or the command may be sent that is told not to be.
		left := time.Until(deadline)
		wait = min(max(left-min(left/4, answerSlack), 0), commandWaitMost)
	}
	asking, cancel := context.WithTimeout(ctx, wait+answerSlack)
	defer cancel()
	m := &nats.Msg{Subject: names{cfg.Name}.command(shard), Data: payload, Header: nats.Header{}}
	m.Header.Set(HeaderFormat, strconv.Itoa(Format))
	m.Header.Set(HeaderWait, strconv.FormatInt(wait.Milliseconds(), 10))
	answer, err := cfg.Conn.RequestMsgWithContext(asking, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("shard %d: %w", shard, ErrNoOwner)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("fleet: shard %d has not answered: %w", shard, err)
	}
	return readCommandAnswer(shard, answer.Data)
}

// SendToGuild is Send to the shard that the guild belongs to.
func SendToGuild(ctx context.Context, cfg SendConfig, guild chiru.Snowflake, event chiru.OutgoingEvent) error {
	shards, err := Shards(ctx, cfg)
	if err != nil {
		return err
	}
	return Send(ctx, cfg, cluster.ShardOf(guild, shards), event)
}

// Shards asks how many shards the fleet's bot has. The error is one around ErrNoOwner if no node runs.
func Shards(ctx context.Context, cfg SendConfig) (int, error) {
	cfg, err := cfg.settled()
	if err != nil {
		return 0, err
	}
	asking, cancel := context.WithTimeout(ctx, shardsWait)
	defer cancel()
	m, err := cfg.Conn.RequestWithContext(asking, names{cfg.Name}.shards(), nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return 0, fmt.Errorf("fleet %s: %w", cfg.Name, ErrNoOwner)
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		return 0, fmt.Errorf("fleet: no node has answered: %w", err)
	}
	var a shardsAnswer
	if err := json.Unmarshal(m.Data, &a); err != nil || a.Format != Format || a.Shards < 1 {
		return 0, fmt.Errorf("fleet: a node's answer cannot be read: %.100q", m.Data)
	}
	return a.Shards, nil
}

func readCommandAnswer(shard int, text []byte) error {
	var a commandAnswer
	if err := json.Unmarshal(text, &a); err != nil || a.Format != Format {
		return fmt.Errorf("fleet: the answer of shard %d cannot be read: %.100q", shard, text)
	}
	switch a.Why {
	case "":
		return nil
	case whyInvalid:
		return &chiru.CommandError{Command: a.Command, Field: a.Field, Reason: a.Reason}
	}
	return &SendError{shard, a.Reason, a.Why != whyRefused}
}

// Rejection is a command that a shard had taken, and that Discord then closed the connection for.
type Rejection struct {
	Shard   int
	Command chiru.OutgoingEvent // nil if it cannot be told
	Reason  string
}

// Rejections hands over each command, of any sender, that Discord closes a connection for, until ctx ends. Those are not stored: what happens
// while nobody listens is in the node's log, and counted in its status. It returns context.Cause(ctx).
func Rejections(ctx context.Context, cfg SendConfig, rejected chan<- Rejection) error {
	cfg, err := cfg.settled()
	if err != nil {
		return err
	}
	sub, err := cfg.Conn.SubscribeSync(names{cfg.Name}.prefix("rejected") + "*")
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, nats.ErrSlowConsumer):
			continue // some are left out
		case err != nil:
			return err
		}
		var told rejection
		if err := json.Unmarshal(m.Data, &told); err != nil || told.Format != Format {
			continue
		}
		command, err := chiru.UnmarshalCommand(told.Command)
		if err != nil {
			command = nil
		}
		select {
		case rejected <- Rejection{told.Shard, command, told.Reason}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c SendConfig) settled() (SendConfig, error) {
	c.Name = or(c.Name, defaultName)
	switch {
	case c.Conn == nil:
		return c, &chiru.ConfigError{Field: "Conn", Reason: "is nil; Connect makes one"}
	case checkName(c.Name) != nil:
		return c, &chiru.ConfigError{Field: "Name", Reason: checkName(c.Name).Error()}
	}
	return c, nil
}
