package chiru_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tests are the names of all tests of the module.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
				found[m[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDocsNameOnlyTestsThatExistAndAllThatFuzz(t *testing.T) {
	existing := tests(t)
	names := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(read(t, "docs/design.md"), -1)
	if len(names) < 100 {
		t.Fatalf("docs/design.md names only %d tests", len(names))
	}
	for _, name := range names {
		if !existing[name] {
			t.Errorf("docs/design.md names %s, which does not exist", name)
		}
	}
	for name := range existing {
		if strings.HasPrefix(name, "Fuzz") && !slices.Contains(names, name) {
			t.Errorf("docs/design.md, What is fuzzed, does not name %s", name)
		}
	}
}

func TestDocsHaveATestForEachKeptBehaviourAndFault(t *testing.T) {
	text := read(t, "docs/design.md")
	want := func(letter string, numbers ...int) {
		for _, n := range numbers {
			row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %s%d \|.*\| .*(Test|Fuzz)[A-Z]\w+.*\|$`, letter, n))
			if !row.MatchString(text) {
				t.Errorf("docs/design.md has no row with a test for %s%d", letter, n)
			}
		}
	}
	want("K", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
	want("D", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27)
}

// A rule of the protocol stands in the table with its page, its heading and its test.
func TestDocsGiveEachRuleItsPageAndTest(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "docs/design.md"), "## The protocol's rules")
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| /") && !strings.HasPrefix(line, "| RFC") {
			continue
		}
		rows++
		if !regexp.MustCompile(`^\| (/[\w/-]+#[\w-]+|RFC [^|]+) \|[^|]+\|[^|]*\b(Test|Fuzz)[A-Z]\w+[^|]*\|`).MatchString(line) {
			t.Errorf("a rule without page, heading or test: %s", line)
		}
	}
	if rows < 40 {
		t.Errorf("the table has %d rules", rows)
	}
}

func TestDocsShowTheExampleThatCompiles(t *testing.T) {
	program := read(t, "examples/minimal/main.go")
	if !strings.Contains(read(t, "README.md"), "```go\n"+program+"```") {
		t.Error("README.md does not show examples/minimal/main.go as it is")
	}
	lines := 0
	for line := range strings.Lines(program) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines > 20 {
		t.Errorf("the example has %d lines, want 20 at most", lines)
	}
}

func TestDocsLinkOnlyToFilesThatExist(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`)
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/design.md", "docs/testing.md", "docs/cluster.md", "docs/fleet.md", "docs/run.md"} {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}
