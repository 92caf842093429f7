package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/fleet"
)

// send is chiru send's flags.
type send struct {
	nats  natsPlace
	to    receiver
	guild chiru.Snowflake
	wait  time.Duration
}

// receiver is the shard that a command is for, or all of them.
type receiver struct {
	all   bool
	shard int // -1 if not given
}

func parseReceiver(text string) (receiver, error) {
	if text == "all" {
		return receiver{all: true, shard: -1}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return receiver{}, errors.New("must be the number of a shard, 0 or more, or all")
	}
	return receiver{shard: n}, nil
}

// ofCommand are the flags of send that say where a command goes: they have no variables.
var ofCommand = []string{"shard", "guild", "wait"}

func (p *program) sendCommand() *cobra.Command {
	s := &send{to: receiver{shard: -1}}
	cmd := &cobra.Command{
		Use:   "send PAYLOAD|-",
		Short: "Send a command to Discord by the shards of a fleet",
		Long: `Send a command to Discord by a shard of a fleet, whichever node has it. The payload is as Discord documents it, {"op":...,"d":...}; - reads it
from stdin. It goes to the shard of its guild, of --guild, or to --shard; a presence wants --shard all.

It returns once the shard has taken the command. The exit code is 1 if it has not, and 2 if the command can never be sent.`,
		Example: `  chiru send '{"op":8,"d":{"guild_id":"81384788765712384","query":"","limit":0}}'
  chiru send --shard all '{"op":3,"d":{"since":null,"activities":[],"status":"idle","afk":false}}'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			f := usage("chiru send takes one payload")
			f.hint = `as in chiru send --shard all '{"op":3,"d":{"since":null,"activities":[],"status":"idle","afk":false}}'`
			return f
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.environment(cmd); err != nil {
				return err
			}
			if cmd.Flags().Changed("shard") && cmd.Flags().Changed("guild") {
				return usage("--shard and --guild do not go together")
			}
			return explain(explainSetup(p.send(cmd.Context(), s, args[0], cmd.InOrStdin())))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	s.nats.flags(cmd)
	f.Var(&setting[receiver]{value: &s.to, parse: parseReceiver, kind: "I|all"}, "shard", "the shard that sends it (default: the guild's)")
	f.Var(&setting[chiru.Snowflake]{value: &s.guild, parse: chiru.ParseSnowflake, kind: "ID"}, "guild", "the guild whose shard sends it (default: the payload's guild_id)")
	f.DurationVar(&s.wait, "wait", 10*time.Second, "how long the shard may take to be live and to have room")
	return cmd
}

// longestCommand is more than Discord takes, which the payload is held against later.
const longestCommand = 64 << 10

func (p *program) send(ctx context.Context, s *send, text string, stdin io.Reader) error {
	if text == "-" {
		all, err := io.ReadAll(io.LimitReader(stdin, longestCommand+1))
		if err != nil {
			return failed("stdin: %v", err)
		}
		if len(all) > longestCommand {
			f := usage("stdin has more than %d KiB", longestCommand>>10)
			f.hint = "a payload has 4096 bytes at most"
			return f
		}
		text = string(all)
	}
	event, err := chiru.UnmarshalCommand([]byte(text))
	if err == nil {
		_, err = chiru.MarshalCommand(event, chiru.IntentsAll)
	}
	if err != nil {
		return explainCommand(err)
	}
	if s.wait <= 0 {
		return usage("--wait is %v; it must be more than 0", s.wait)
	}
	nc, err := s.nats.connect(p, nil)
	if err != nil {
		return err
	}
	defer nc.Close()
	to := fleet.SendConfig{Conn: nc, Name: s.nats.name}
	shards, err := fleet.Shards(ctx, to)
	if errors.Is(err, fleet.ErrNoOwner) {
		return lacking(nil)
	}
	if err != nil {
		return err
	}
	receivers, err := s.receivers(event, shards)
	if err != nil {
		return err
	}
	for _, shard := range receivers {
		waiting, cancel := context.WithTimeout(ctx, s.wait)
		err := fleet.Send(waiting, to, shard, event)
		cancel()
		if err != nil {
			return explainSend(err, shard)
		}
		if _, err := fmt.Fprintf(p.stdout, "shard %d has taken it\n", shard); err != nil {
			return printError(err)
		}
	}
	return nil
}

// receivers are the shards that a command is for.
func (s *send) receivers(event chiru.OutgoingEvent, shards int) ([]int, error) {
	switch {
	case s.to.all:
		all := make([]int, shards)
		for i := range all {
			all[i] = i
		}
		return all, nil
	case s.to.shard >= shards:
		f := usage("there is no shard %d: the bot has %s, 0 to %d", s.to.shard, count(int64(shards), "shard"), shards-1)
		f.hint = "--shard all is all of them"
		return nil, f
	case s.to.shard >= 0:
		return []int{s.to.shard}, nil
	}
	guild := s.guild
	switch c := event.(type) {
	case *chiru.MemberChunkRequest:
		guild = or(guild, c.GuildID)
	case *chiru.VoiceStateUpdate:
		guild = or(guild, c.GuildID)
	case *chiru.ChannelInfoRequest:
		guild = or(guild, c.GuildID)
	case *chiru.SoundboardSoundsRequest:
		guild = or(guild, c.GuildIDs[0])
	}
	if guild == 0 {
		f := usage("the command is about no guild, so it must be said which shard sends it")
		f.hint = "--shard all, --shard I, or --guild ID"
		return nil, f
	}
	return []int{cluster.ShardOf(guild, shards)}, nil
}

func or(value, otherwise chiru.Snowflake) chiru.Snowflake {
	if value == 0 {
		return otherwise
	}
	return value
}

// explainCommand makes a failure of a command that can never be sent.
func explainCommand(err error) error {
	wrong, ok := errors.AsType[*chiru.CommandError](err)
	if !ok {
		return err
	}
	f := usage("%v", wrong)
	f.hint = "a payload is as Discord documents it (Gateway Events, Send Events), with op and d"
	return f
}

func explainSend(err error, shard int) error {
	refused, told := errors.AsType[*fleet.SendError](err)
	switch {
	case errors.Is(err, fleet.ErrNoOwner):
		f := failed("nobody has shard %d", shard)
		f.hint = "chiru status shows who has which; one whose node has gone is another's in seconds"
		return f
	case told:
		f := failed("shard %d has not taken it: %s", shard, refused.Reason)
		if refused.Later {
			f.hint = "try again, or with a longer --wait; chiru status shows whether the shard is live"
		}
		return f
	case errors.Is(err, context.DeadlineExceeded):
		f := failed("shard %d has not answered in time", shard)
		f.hint = "it is not known whether the command was sent"
		return f
	}
	return explainCommand(err)
}
