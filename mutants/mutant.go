package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one patch: a fault in a sentence or two, the tests that must catch it, and the diff.
type mutant struct {
	name  string
	file  string // the patch, an absolute path
	fault string
	tests []test
}

// test is a test, or a subtest with its parents' names and slashes, of a package as go list takes it.
type test struct{ pkg, name string }

func (t test) String() string { return t.pkg + " " + t.name }

// load reads the patches of the module at root, by name.
func load(root string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(root, "mutants", "*.patch"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if file, err = filepath.Abs(file); err != nil {
			return nil, err
		}
		m := mutant{name: strings.TrimSuffix(filepath.Base(file), ".patch"), file: file}
		if err := m.read(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// read takes the head of a patch, which git apply passes over: the fault, then a line "test: package name" for each test.
func (m *mutant) read(patch string) error {
	head, _, ok := strings.Cut(patch, "\n--- a/")
	if !ok {
		return fmt.Errorf("has no diff")
	}
	var fault []string
	for line := range strings.Lines(head) {
		named, isTest := strings.CutPrefix(line, "test: ")
		if !isTest {
			fault = append(fault, strings.Fields(line)...)
			continue
		}
		pkg, name, ok := strings.Cut(strings.TrimSpace(named), " ")
		if !ok || pkg != "." && !strings.HasPrefix(pkg, "./") {
			return fmt.Errorf("%q is no line of the form: test: ./package TestName", strings.TrimSpace(line))
		}
		m.tests = append(m.tests, test{pkg, name})
	}
	m.fault = strings.Join(fault, " ")
	if m.fault == "" || len(m.tests) == 0 {
		return fmt.Errorf("says no fault or no test")
	}
	return nil
}

// packages are those whose tests the mutants name.
func packages(of []mutant) []string {
	var pkgs []string
	for _, m := range of {
		for _, t := range m.tests {
			pkgs = append(pkgs, t.pkg)
		}
	}
	slices.Sort(pkgs)
	return slices.Compact(pkgs)
}
