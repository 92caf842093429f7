// Command chiru shows what Discord's Gateway sends, and serves a simulated one.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// A reader that goes away (chiru tail | head) is an error of a write, and ends the command cleanly.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithCancelCause(context.Background())
	go func() { // until the process ends
		stop(fmt.Errorf("%v signal received", <-signals))
		<-signals
		os.Exit(exitFailed) // not by the default action: a shell may have made that "ignore"
	}()
	p := &program{stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv, environ: os.Environ, terminal: isTerminal(os.Stdout), terminalErr: isTerminal(os.Stderr)}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is one invocation, and all that it may touch.
type program struct {
	stdout, stderr io.Writer
	env            func(string) string
	environ        func() []string
	terminal       bool         // stdout is one
	terminalErr    bool         // stderr is one
	client         *http.Client // carries requests; nil for chiru's own
	secret         string       // the token in use; see redact
}

// run returns the exit code: 0 done or told to stop, 1 failed, 2 wrong usage, 3 refused by Discord for good (run only).
func (p *program) run(ctx context.Context, args []string) int {
	p.secret = strings.TrimPrefix(strings.TrimSpace(p.env("DISCORD_TOKEN")), "Bot ")
	root := p.root()
	root.SetArgs(args)
	return p.report(root.ExecuteContext(ctx))
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "chiru",
		Short: "Discord's Gateway on the command line",
		Long: `Discord's Gateway on the command line.

chiru tail prints the events of one shard, or of all, as they come; without a token it shows a simulation.
chiru sim serves that simulation to any bot library.
chiru run is a node of a fleet: it stores every event for workers to read; chiru status shows how it does, and chiru send
sends a command by it.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
		Version: version(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		f := usage("%v", err)
		f.hint = cmd.CommandPath() + " --help lists the flags"
		if (cmd.Name() == "tail" || cmd.Name() == "run") && strings.HasPrefix(err.Error(), "unknown flag: --token") {
			f.hint = "the token comes from DISCORD_TOKEN or --token-file: other users can read a command line"
		}
		return f
	})
	root.SetHelpCommand(helpCommand(root))
	root.CompletionOptions.DisableDefaultCmd = true
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(p.tailCommand(), p.simCommand(), p.runCommand(), p.statusCommand(), p.sendCommand(), p.versionCommand())
	return root
}

func unknownCommand(root *cobra.Command, name string) error {
	f := usage("unknown command %q", name)
	f.hint = "chiru help lists the commands"
	if near := root.SuggestionsFor(name); len(near) > 0 {
		f.hint = "did you mean chiru " + near[0] + "?"
	}
	return f
}

// helpCommand is cobra's, except that an unknown command is wrong usage.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			found, _, err := root.Find(args)
			if err != nil || found == root && len(args) > 0 {
				return unknownCommand(root, args[0])
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// noArguments does not repeat what was given: it may be a token.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	f := usage("%s takes flags only, and no arguments", cmd.CommandPath())
	f.hint = cmd.CommandPath() + " --help lists the flags"
	return f
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// colours says whether text output is coloured: on terminals that know how, unless NO_COLOR is set.
func (p *program) colours() bool {
	term := p.env("TERM")
	if runtime.GOOS == "windows" && term == "" && p.env("WT_SESSION") == "" {
		return false // a console that may print the codes instead
	}
	return p.terminal && term != "dumb" && p.env("NO_COLOR") == ""
}

// redact keeps the token out of texts that others have a part in.
func (p *program) redact(text string) string {
	if p.secret == "" {
		return text
	}
	return strings.ReplaceAll(text, p.secret, "[token]")
}
