package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ours is what the names of chiru's own variables begin with.
const ours = "CHIRU_"

// variable is the one that stands in for a flag that is not given.
func variable(flag string) string {
	switch flag {
	case "nats":
		return "NATS_URL"
	case "nats-creds":
		return "NATS_CREDS"
	}
	return ours + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// environment sets the flags that are not given from their variables. A variable of ours that no flag of the fleet's commands has is refused: it
// is misspelt, and what it was to do would not be done.
func (p *program) environment(cmd *cobra.Command) error {
	var wrong error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		text := p.env(variable(f.Name))
		if f.Changed || text == "" || f.Name == "help" || wrong != nil {
			return
		}
		if err := f.Value.Set(text); err != nil {
			wrong = usage("%s: %v", variable(f.Name), err)
		}
		f.Changed = true
	})
	if wrong != nil {
		return wrong
	}
	known := map[string]bool{}
	for _, other := range cmd.Root().Commands() {
		other.Flags().VisitAll(func(f *pflag.Flag) { known[variable(f.Name)] = true })
	}
	for _, one := range slices.Sorted(slices.Values(p.environ())) {
		name, _, _ := strings.Cut(one, "=")
		if strings.HasPrefix(name, ours) && !known[name] {
			f := usage("%s is no variable of chiru's", name)
			f.hint = "chiru run --help lists the flags: each has a variable of its name, as CHIRU_SHARDS for --shards"
			return f
		}
	}
	return nil
}
