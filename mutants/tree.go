package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// tree is a copy of the working tree, uncommitted changes and all, in which mutants may do harm.
type tree struct{ dir string }

func copyTree(ctx context.Context, root string) (*tree, error) {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := output(list)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	t := &tree{dir}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if err := t.copy(root, name); err != nil {
			t.remove()
			return nil, err
		}
	}
	return t, nil
}

func (t *tree) copy(root, name string) error {
	from, to := filepath.Join(root, name), filepath.Join(t.dir, name)
	text, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted, and not yet committed
	} else if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

func (t *tree) remove() { _ = os.RemoveAll(t.dir) }

// play applies a mutant, holds its tests to catching it, and takes it back.
func (t *tree) play(ctx context.Context, m mutant, patience time.Duration) (err error) {
	if err := t.apply(ctx, m); err != nil {
		return fmt.Errorf("does not apply: %w", err)
	}
	defer func() {
		if back := t.apply(ctx, m, "--reverse"); back != nil {
			err = errors.Join(err, fmt.Errorf("cannot be taken back: %w", back))
		}
	}()
	for _, named := range m.tests {
		seen, err := t.test(ctx, named.pkg, pattern(named.name), patience)
		if err == nil {
			err = seen.caught(named.name)
		}
		if err != nil {
			return fmt.Errorf("%v: %w", named, err)
		}
	}
	return nil
}

// mustPass runs the tests of one package that the mutants name, without a fault, and counts them.
func (t *tree) mustPass(ctx context.Context, pkg string, of []mutant, patience time.Duration) (int, error) {
	names := map[string]bool{}
	tops := map[string]bool{}
	for _, m := range of {
		for _, named := range m.tests {
			if named.pkg == pkg {
				names[named.name] = true
				top, _, _ := strings.Cut(named.name, "/")
				tops[regexp.QuoteMeta(top)] = true
			}
		}
	}
	var list []string
	for top := range tops {
		list = append(list, top)
	}
	seen, err := t.test(ctx, pkg, "^("+strings.Join(list, "|")+")$", patience)
	if err != nil {
		return 0, err
	}
	for name := range names {
		if got := seen.verdict[name]; got != "pass" {
			return 0, fmt.Errorf("without any fault, %s %s does not pass (%s)\n%s", pkg, name, got, seen.output)
		}
	}
	return len(names), nil
}

func (t *tree) test(ctx context.Context, pkg, run string, patience time.Duration) (report, error) {
	// Twice the time for building and for the tests of a package together; a test that hangs ends itself.
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	cmd := t.command(ctx, "go", "test", "-json", "-count=1", "-vet=off", "-timeout", patience.String(), "-run", run, pkg)
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return report{}, errors.New("neither passed nor failed in time")
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return report{}, err
	}
	return judge(out), nil
}

func (t *tree) apply(ctx context.Context, m mutant, flags ...string) error {
	_, err := output(t.command(ctx, "git", append([]string{"apply", "--whitespace=nowarn", m.file}, flags...)...))
	return err
}

func (t *tree) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = t.dir
	// A repository around the temporary folder is none of git's business.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(t.dir))
	return cmd
}

func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd.Args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// pattern is the -run for exactly one test or subtest.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}
