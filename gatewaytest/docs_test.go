package gatewaytest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is the part of docs/testing.md under one heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(readText(t, "../docs/testing.md"), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/testing.md has no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// rows are the cells of the tables in a text.
func rows(text string) [][]string {
	var all [][]string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| ") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			all = append(all, cells)
		}
	}
	return all
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	simulation, err := filepath.Glob("../simulation/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range slices.Concat(files, own, simulation) {
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`).FindAllStringSubmatch(readText(t, name), -1) {
			found[m[1]] = true
		}
	}
	return found
}

func TestDocsNameOnlyTestsThatExist(t *testing.T) {
	existing := testNames(t)
	names := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(readText(t, "../docs/testing.md"), -1)
	if len(names) < 79 {
		t.Fatalf("docs/testing.md names only %d tests", len(names))
	}
	for _, name := range names {
		if !existing[name] {
			t.Errorf("docs/testing.md names %s, which does not exist", name)
		}
	}
}

func TestDocsListEveryBadClientOnce(t *testing.T) {
	seen := map[string]int{}
	for _, row := range rows(section(t, "What a bad client gets")) {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[len(row)-1], -1) {
			seen[m[1]]++
		}
	}
	for _, f := range slices.Concat(fouls, blunders) {
		if seen[f.name] != 1 {
			t.Errorf("docs/testing.md lists %q %d times, want once", f.name, seen[f.name])
		}
		delete(seen, f.name)
	}
	for name := range seen {
		t.Errorf("docs/testing.md lists %q, which no test plays", name)
	}
}

func TestDocsListEveryEventWithItsTest(t *testing.T) {
	const world, session = "TestWorldHasEveryDocumentedField", "TestAnswersHaveEveryDocumentedField/"
	tests := map[string]string{}
	for _, row := range rows(section(t, "The events"))[1:] {
		if tests[row[0]] != "" || row[1] == "" {
			t.Errorf("docs/testing.md lists %s twice, or not where it comes from", row[0])
		}
		tests[row[0]] = row[2]
	}
	events := allEvents()
	if len(events) != 79 || len(tests) != 79 {
		t.Errorf("got %d events, %d of them in docs/testing.md, want 79", len(events), len(tests))
	}
	for _, name := range events {
		want := world
		if answers[name] != nil {
			want = session + name
		}
		if tests[name] != want {
			t.Errorf("docs/testing.md: %s is tested by %q, want %s", name, tests[name], want)
		}
	}
}

func TestDocsListEveryRequestOfTheControlAPI(t *testing.T) {
	var documented, served []string
	for _, row := range rows(section(t, "In any language"))[1:] {
		documented = append(documented, row[0])
	}
	for name := range controls {
		served = append(served, name)
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("docs/testing.md has the requests %v, want %v", documented, served)
	}
	for how := range waysToBreak {
		if !strings.Contains(section(t, "In any language"), "`"+how+"`") {
			t.Errorf("docs/testing.md does not say how %s", how)
		}
	}
}

func TestDocsShowTheExampleThatCompiles(t *testing.T) {
	_, example, _ := strings.Cut(readText(t, "example_test.go"), "func TestBotGoesToSleep")
	if !strings.Contains(section(t, "In Go"), "```go\nfunc TestBotGoesToSleep"+example+"```") {
		t.Error("docs/testing.md does not show example_test.go's test as it is")
	}
}

func TestDocsOfTheMutantFitTheClient(t *testing.T) {
	_, patch, _ := strings.Cut(section(t, "A mistake that only the referee sees"), "```diff\n")
	patch, _, _ = strings.Cut(patch, "```")
	client := readText(t, "../internal/session/machine.go")
	hunks := strings.Split(patch, "\n@@ ")[1:]
	for _, hunk := range hunks {
		var before strings.Builder
		for line := range strings.Lines(hunk[strings.IndexByte(hunk, '\n')+1:]) {
			before.WriteString(line[1:])
		}
		if strings.TrimSpace(before.String()) == "" || !strings.Contains(client, strings.TrimSpace(before.String())) {
			t.Errorf("internal/session/machine.go does not have what the patch in docs/testing.md changes:\n%s", before.String())
		}
	}
	if len(hunks) != 2 {
		t.Errorf("the patch has %d hunks, want 2", len(hunks))
	}
}

func TestDocsListEveryFaultAndStage(t *testing.T) {
	text := section(t, "Chaos")
	for _, f := range Faults() {
		if !strings.Contains(text, "`"+f.Name+"`") {
			t.Errorf("docs/testing.md does not say what %s does", f.Name)
		}
	}
	for _, stage := range stageNames {
		if !strings.Contains(text, "`"+stage+"`") {
			t.Errorf("docs/testing.md does not say what the stage %s is", stage)
		}
	}
}
