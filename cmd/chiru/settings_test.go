package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var rewriteDocs = flag.Bool("docs", false, "write the table of settings into docs/run.md")

const (
	settingsBegin = "<!-- settings: go test ./cmd/chiru -run TestDocsListEverySetting -docs -->\n"
	settingsEnd   = "<!-- end of settings -->"
)

// settingsTable is what --help says, of all commands whose flags have variables.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| flag | variable | of | default | |\n|---|---|---|---|---|\n")
	root := newCall().root()
	of := map[string][]string{}
	var flags []*pflag.Flag
	for _, name := range fromEnvironment {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			panic(err)
		}
		known := slices.Collect(maps.Values(variables(cmd)))
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !slices.Contains(known, f) {
				return
			}
			if of[f.Name] == nil {
				flags = append(flags, f)
			}
			of[f.Name] = append(of[f.Name], name)
		})
	}
	for _, f := range flags {
		kind, text := pflag.UnquoteUsage(f)
		if kind != "" {
			kind = " " + kind
		}
		standard := f.DefValue
		if standard == "false" {
			standard = ""
		}
		fmt.Fprintf(&b, "| `--%s%s` | `%s` | %s | %s | %s |\n", f.Name, strings.ReplaceAll(kind, "|", `\|`), variable(f.Name), strings.Join(of[f.Name], ", "), standard, text)
	}
	return b.String()
}

func TestDocsListEverySetting(t *testing.T) {
	const path = "../../docs/run.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), settingsBegin)
	table, after, ok2 := strings.Cut(rest, settingsEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the settings", path)
	}
	want := settingsTable()
	if *rewriteDocs {
		if err := os.WriteFile(path, []byte(before+settingsBegin+want+settingsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("%s differs from the flags; -docs writes it anew. It should be:\n%s", path, want)
	}
}

func TestVariablesAreOneToAFlag(t *testing.T) {
	seen := map[string]string{}
	for line := range strings.Lines(settingsTable()) {
		cells := strings.Split(line, " | ")
		if len(cells) < 5 {
			continue // the rule below the header
		}
		if other := seen[cells[1]]; other != "" {
			t.Errorf("%s is that of two flags: %s and %s", cells[1], other, cells[0])
		}
		seen[cells[1]] = cells[0]
	}
	if len(seen) < 20 {
		t.Errorf("%d settings", len(seen))
	}
}

func TestUnitIsOneThatSystemdTakes(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("NOT TESTED: etc/chiru.service, for lack of systemd-analyze")
	}
	unit, err := os.ReadFile("../../etc/chiru.service")
	if err != nil {
		t.Fatal(err)
	}
	// The program that it starts must be there.
	text := strings.Replace(string(unit), "/usr/local/bin/chiru", "/bin/true", 1)
	path := t.TempDir() + "/chiru.service"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "chiru.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err = exec.Command(analyze, "security", "--offline=yes", "--threshold=30", path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	// It is not started again where that is no use, and its flags are the command's.
	var start, never string
	for line := range strings.Lines(string(unit)) {
		if after, ok := strings.CutPrefix(line, "ExecStart="); ok {
			start = after
		}
		if after, ok := strings.CutPrefix(line, "RestartPreventExitStatus="); ok {
			never = strings.TrimSpace(after)
		}
	}
	if want := fmt.Sprint(exitUsage, exitRefused); never != want {
		t.Errorf("it is not started again after %q, want %q", never, want)
	}
	words := strings.Fields(start)
	cmd, rest, err := newCall().root().Find(words[1:])
	if err != nil || cmd.Name() != "run" || cmd.ParseFlags(rest) != nil {
		t.Errorf("%s: %v", start, err)
	}
}
