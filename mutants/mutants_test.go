package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

// The issue that began the list asks for 25 at least.
func TestEveryPatchSaysItsFaultAndNamesATestThatExists(t *testing.T) {
	all, err := load(root)
	if err != nil || len(all) < 25 {
		t.Fatal(len(all), "mutants", err)
	}
	declared := map[test]bool{}
	for _, pkg := range packages(all) {
		files, _ := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				declared[test{pkg, m[1]}] = true
			}
		}
	}
	for _, m := range all {
		for _, named := range m.tests {
			if top, _, _ := strings.Cut(named.name, "/"); !declared[test{named.pkg, top}] {
				t.Errorf("%s names %v, which does not exist", m.name, named)
			}
		}
	}
}

func TestEveryPatchStillApplies(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	all, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		cmd := exec.Command("git", "apply", "--check", m.file)
		cmd.Dir = root
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %s", m.name, said)
		}
	}
}

func TestHeadThatSaysTooLittleIsRefused(t *testing.T) {
	for head, want := range map[string]string{
		"A fault.\ntest: . TestA\ntest: ./internal/session TestB/c d\n\n--- a/x.go\n": "",
		"A fault.\ntest: . TestA\n":                     "has no diff",
		"A fault.\n\n--- a/x.go\n":                      "says no fault or no test",
		"test: . TestA\n\n--- a/x.go\n":                 "says no fault or no test",
		"A fault.\ntest: TestA\n\n--- a/x.go\n":         `"test: TestA" is no line of the form: test: ./package TestName`,
		"A fault.\ntest: session TestA\n\n--- a/x.go\n": `"test: session TestA" is no line of the form: test: ./package TestName`,
	} {
		var m mutant
		got := ""
		if err := m.read(head); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", head, got, want)
		}
		if want == "" && (m.fault != "A fault." || len(m.tests) != 2 || m.tests[1] != (test{"./internal/session", "TestB/c d"})) {
			t.Errorf("read %+v", m)
		}
	}
}

func TestPatternRunsOneTestAndNoOther(t *testing.T) {
	if got := pattern("TestA/b c (d)"); got != `^TestA$/^b c \(d\)$` {
		t.Errorf("got %s", got)
	}
}
