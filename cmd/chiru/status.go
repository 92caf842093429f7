package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/chiru-go/chiru/fleet"
)

// status is chiru status's flags.
type status struct {
	nats  natsPlace
	json  bool
	watch bool
}

func (p *program) statusCommand() *cobra.Command {
	s := &status{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the nodes and shards of a fleet do",
		Long: `Show how the nodes and shards of a fleet do: which node has which shard, whether it is live, up to where its events are stored, and what is
wrong. The exit code is 1 if no node answers, or a shard is nobody's.`,
		Example: `  chiru status
  chiru status --json | jq '.[].shards[] | select(.trouble != "")'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.environment(cmd); err != nil {
				return err
			}
			return explain(explainSetup(p.status(cmd.Context(), s)))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	s.nats.flags(cmd)
	f.BoolVar(&s.json, "json", false, "print JSON: an array of nodes; with --watch one array a line")
	f.BoolVar(&s.watch, "watch", false, "show it again every 2 s")
	return cmd
}

const (
	// Nodes that do not answer in that time are left out.
	statusWait  = 500 * time.Millisecond
	statusEvery = 2 * time.Second
)

func (p *program) status(ctx context.Context, s *status) error {
	var logger *slog.Logger
	if s.watch {
		logger = p.logger()
	}
	nc, err := s.nats.connect(p, logger)
	if err != nil {
		return err
	}
	defer nc.Close()
	for {
		err := p.showStatus(ctx, s, nc)
		if !s.watch {
			return err
		}
		select {
		case <-time.After(statusEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *program) showStatus(ctx context.Context, s *status, nc *nats.Conn) error {
	nodes, err := fleet.AskStatus(ctx, nc, s.nats.name, statusWait)
	if err != nil && !s.watch {
		return err
	}
	if err == nil {
		err = lacking(nodes)
	}
	var text strings.Builder
	if s.watch && p.terminal && !s.json {
		text.WriteString("\x1b[H\x1b[2J")
	}
	if s.json {
		if nodes == nil {
			nodes = []fleet.NodeStatus{}
		}
		if err := json.NewEncoder(&text).Encode(nodes); err != nil {
			return err
		}
	} else {
		table(&text, nodes)
		if s.watch && err != nil {
			fmt.Fprintf(&text, "\n%s\n", clean(err.Error())) // at the end it is reported, which a watch has not
		}
	}
	if _, err := io.WriteString(p.stdout, text.String()); err != nil {
		return printError(err)
	}
	return err
}

// lacking says what a fleet has not.
func lacking(nodes []fleet.NodeStatus) error {
	if len(nodes) == 0 {
		f := failed("no node answers")
		f.hint = "start one with chiru run; --name must be the same"
		return f
	}
	of, owned := 0, map[int]bool{}
	for _, n := range nodes {
		of = max(of, n.Of)
		for _, s := range n.Shards {
			owned[s.Shard] = true
		}
	}
	if len(owned) < of {
		return failed("%s of %d nobody has", count(int64(of-len(owned)), "shard"), of)
	}
	return nil
}

// table is the nodes, and then their shards.
func table(w io.Writer, nodes []fleet.NodeStatus) {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tVERSION\tUP\tSHARDS\tIDENTIFIES LEFT\tHEALTH")
	for _, n := range nodes {
		health := clean(n.Health)
		if health == "" {
			health = "good"
		}
		fmt.Fprintf(t, "%s\t%s\t%v\t%d of %d\t%d of %d\t%s\n", clean(n.Node), clean(n.Version), n.At.Sub(n.Since).Round(time.Second), len(n.Shards), n.Of,
			n.Identifies.Left, n.Identifies.Total, health)
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "SHARD\tNODE\tSTATE\tEVENTS/S\tSTORED\tTO STORE\tLATENCY\tTROUBLE")
	for _, n := range nodes {
		for _, s := range n.Shards {
			fmt.Fprintf(t, "%d\t%s\t%s\t%.1f\t%d\t%d\t%.0f ms\t%s\n", s.Shard, clean(n.Node), clean(s.State), s.Rate, s.Stored, s.InFlight, s.Latency, clean(s.Trouble))
		}
	}
	_ = t.Flush()
	for line := range strings.Lines(text.String()) {
		_, _ = io.WriteString(w, strings.TrimRight(line, " \n")+"\n") // of an empty last cell its spaces stay
	}
}
