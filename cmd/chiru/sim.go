package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chiru-go/chiru/gatewaytest"
)

// sim is chiru sim's flags.
type sim struct {
	listen string
	strict bool
	closed bool // no control API
	cfg    gatewaytest.Config
}

func (p *program) simCommand() *cobra.Command {
	s := &sim{listen: "127.0.0.1:0"}
	s.cfg = gatewaytest.Config{Guilds: 10, Shards: 1, Rate: 10, MaxConcurrency: 1}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Serve a simulated Discord to any bot library",
		Long: `Serve a simulated Discord Gateway to any bot library, and watch what the library does wrong.

When it is ready, one line of JSON on stdout names the HTTP API, the gateway, the host for resumes, and the
control API, by which a test makes events happen, breaks connections, and reads what clients did. Every rule
that a client breaks is told on stderr, and all of them again at the end.`,
		Example: `  chiru sim --guilds 1000 --rate 50 --strict
  chiru sim --guilds 100 --rate 500 --mix raid --outage 0.1
  chiru sim --chaos seed=7 --strict
  chiru sim --mix MESSAGE_CREATE=9,TYPING_START=1 --no-control
  chiru sim --listen 127.0.0.1:4000 --token secret &
  DISCORD_TOKEN=secret chiru tail --api http://127.0.0.1:4000/api/v10`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return explain(p.sim(cmd.Context(), s)) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&setting[string]{value: &s.listen, parse: parseListen, kind: "host:port", shown: s.listen}, "listen", "address of the API and the gateway; port 0 takes a free one")
	f.StringVar(&s.cfg.Token, "token", "gatewaytest-token", "the bot token that is right")
	f.Uint64Var(&s.cfg.Seed, "seed", 0, "the same seed makes the same guilds")
	f.Var(&setting[int]{value: &s.cfg.Guilds, parse: parseGuilds, kind: "N", shown: "10"}, "guilds", "how many guilds the bot is in")
	f.Var(&setting[float64]{value: &s.cfg.Rate, parse: parseRate, kind: "R", shown: "10"}, "rate", "events a second, over all shards")
	f.StringVar(&s.cfg.Mix, "mix", "chatty", "what they are: quiet, chatty, raid, every, or TYPE=WEIGHT,...")
	f.Var(&setting[float64]{value: &s.cfg.Outage, parse: parseShare, kind: "P", shown: "0"}, "outage", "the share of its guilds, 0 to 1, that a new session finds unavailable at first")
	f.Var(&setting[int]{value: &s.cfg.Shards, parse: parseCount, kind: "N", shown: "1"}, "shards", "how many shards to recommend; any number is served")
	f.Var(&setting[int]{value: &s.cfg.MaxConcurrency, parse: parseCount, kind: "N", shown: "1"}, "max-concurrency", "how many shards may identify within 5 s")
	f.Var(&setting[int]{value: &s.cfg.SessionLimit, parse: parseCount, kind: "N", shown: "1000"}, "session-limit", "how many IDENTIFYs a day allows before the token is reset")
	f.StringVar(&s.cfg.Chaos, "chaos", "", "what goes wrong by itself: seed=N, or names as in cut@replay,op7; docs/testing.md lists them")
	f.BoolVar(&s.closed, "no-control", false, "leave the control API out")
	f.BoolVar(&s.strict, "strict", false, "exit with 1 if a client broke a rule")
	return cmd
}

const mostGuilds = 1_000_000

func parseGuilds(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > mostGuilds {
		return 0, fmt.Errorf("must be a number, 0 to %d", mostGuilds)
	}
	return n, nil
}

func parseShare(text string) (float64, error) {
	p, err := strconv.ParseFloat(text, 64)
	if err != nil || !(p >= 0 && p <= 1) {
		return 0, fmt.Errorf("must be a number, 0 to 1")
	}
	return p, nil
}

const mostEvents = 100_000 // a second

func parseRate(text string) (float64, error) {
	r, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(r) || r < 0 || r > mostEvents {
		return 0, fmt.Errorf("must be a number, 0 to %d", mostEvents)
	}
	return r, nil
}

func parseListen(text string) (string, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("an address is host:port, as in 127.0.0.1:0")
	}
	return text, nil
}

func loopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// isNetwork says whether an error is of an address, not of another setting.
func isNetwork(err error) bool {
	_, op := errors.AsType[*net.OpError](err)
	_, addr := errors.AsType[*net.AddrError](err)
	return op || addr
}

// struck sums up what a chaos has done: each fault and how often.
func struck(s *gatewaytest.Server) string {
	counts, total := map[string]int{}, 0
	for k, n := range s.Strikes() {
		counts[k.Fault] += n
		total += n
	}
	text := count(int64(total), "fault")
	for i, name := range slices.Sorted(maps.Keys(counts)) {
		text += fmt.Sprintf("%s %s %d", []string{":", ","}[min(i, 1)], name, counts[name])
	}
	return text
}

func (p *program) sim(ctx context.Context, s *sim) error {
	if s.cfg.Token == "" {
		return usage("--token is empty")
	}
	p.secret = s.cfg.Token
	if !loopback(s.listen) {
		fmt.Fprintf(p.stderr, "chiru: warning: %s can be reached from other machines; the simulator asks nobody who they are\n", s.listen)
	}
	watching := newOnlooker(p)
	defer watching.end()
	s.cfg.Listen, s.cfg.Logger, s.cfg.Control = s.listen, slog.New(watching), !s.closed
	began := time.Now()
	server, err := gatewaytest.NewServer(s.cfg)
	if err != nil && !isNetwork(err) {
		return usage("%s", strings.TrimPrefix(err.Error(), "gatewaytest: "))
	}
	if err != nil {
		f := failed("%v", err)
		f.hint = "--listen host:port must be an address of this machine that is free; port 0 takes a free one"
		return f
	}
	defer server.Close()
	ready, err := json.Marshal(struct {
		API     string `json:"api"`
		Gateway string `json:"gateway"`
		Resume  string `json:"resume"`
		Control string `json:"control,omitempty"`
	}{server.API(), server.URL(), server.ResumeURL(), server.Control()})
	if err == nil {
		_, err = fmt.Fprintf(p.stdout, "%s\n", ready)
	}
	if err != nil {
		return printError(err)
	}
	<-ctx.Done()
	server.Close()
	watching.end()

	violations := server.Violations()
	sums := server.Sums()
	fmt.Fprintf(p.stderr, "chiru: simulator stopped (%v) after %v: %s, %s, %s, %s issued, %s\n", context.Cause(ctx), brief(time.Since(began)),
		count(sums.Connections, "connection"), count(sums.Sessions, "session"), count(sums.Resumes, "resume"), count(sums.Dispatches, "event"), count(int64(len(violations)), "violation"))
	if s.cfg.Chaos != "" {
		fmt.Fprintf(p.stderr, "chiru: chaos: %s\n", struck(server))
	}
	for _, v := range violations {
		fmt.Fprintf(p.stderr, "chiru: violation: %s\n", p.redact(clean(v.String())))
	}
	if s.strict && len(violations) > 0 {
		return failed("clients broke the rules: %s (--strict)", count(int64(len(violations)), "violation"))
	}
	return nil
}
