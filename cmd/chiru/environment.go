package main

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ours is what the names of chiru's own variables begin with.
const ours = "CHIRU_"

// variable is the one that stands in for a flag that is not given.
func variable(flag string) string {
	name := strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	switch flag {
	case "nats":
		return "NATS_URL"
	case "nats-creds", "nats-ca", "nats-cert", "nats-key": // as the tools of NATS have them
		return name
	}
	return ours + name
}

// fromEnvironment are the commands whose flags have variables.
var fromEnvironment = []string{"run", "status", "tail", "send"}

// variables are a command's flags by variable. tail has none for the shards that it connects itself, and send none for where a command goes.
func variables(cmd *cobra.Command) map[string]*pflag.Flag {
	flags := map[string]*pflag.Flag{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		none := cmd.Name() == "tail" && slices.Contains(ofShard, f.Name) || cmd.Name() == "send" && slices.Contains(ofCommand, f.Name)
		if f.Name != "help" && !none {
			flags[variable(f.Name)] = f
		}
	})
	return flags
}

// environment sets the flags that are not given from their variables. A variable of ours that no flag has is refused: it is misspelt, and what it
// was to do would not be done.
func (p *program) environment(cmd *cobra.Command) error {
	flags := variables(cmd)
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		text := p.env(name)
		if flags[name].Changed || text == "" {
			continue
		}
		if err := cmd.Flags().Set(flags[name].Name, text); err != nil {
			return wrongVariable(name, flags[name], errors.Unwrap(err))
		}
	}
	known := map[string]bool{}
	for _, other := range cmd.Root().Commands() {
		if slices.Contains(fromEnvironment, other.Name()) {
			for name := range variables(other) {
				known[name] = true
			}
		}
	}
	for _, one := range slices.Sorted(slices.Values(p.environ())) {
		name, text, _ := strings.Cut(one, "=")
		if strings.HasPrefix(name, ours) && text != "" && !known[name] {
			f := usage("%s is no variable of chiru's", name)
			f.hint = "chiru run --help lists the flags: each has a variable of its name, as CHIRU_SHARDS for --shards"
			return f
		}
	}
	return nil
}

func wrongVariable(name string, flag *pflag.Flag, err error) error {
	reason := err.Error()
	if _, ok := errors.AsType[*strconv.NumError](err); ok { // it names a function
		reason = "must be a number"
		if flag.Value.Type() == "bool" {
			reason = "must be true or false"
		}
	}
	f := usage("%s: %s", name, reason)
	f.hint = "it stands in for --" + flag.Name + ": " + flag.Usage
	return f
}
