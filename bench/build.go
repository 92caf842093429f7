package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	binaries = ".bin"
	nodeDir  = "clients/discordjs"
)

// bench is what has been built.
type bench struct {
	dir string // of the encoded streams
}

// build builds the server, and every client that is wanted once.
func build(ctx context.Context, cases []runCase) (*bench, error) {
	if err := goBuild(ctx, "./blaster", "blaster", false); err != nil {
		return nil, err
	}
	built := map[string]bool{}
	for _, c := range cases {
		name := c.executable()
		if built[name] {
			continue
		}
		built[name] = true
		log.Print("building ", name)
		var err error
		if c.binary == node {
			err = command(ctx, nil, "npm", "ci", "--prefix", nodeDir, "--no-audit", "--no-fund")
		} else {
			err = goBuild(ctx, "./clients/"+c.binary, name, c.jsonV2)
		}
		if err != nil {
			return nil, err
		}
	}
	// Streams are kept, but not beyond the program that made them.
	program, err := os.ReadFile(filepath.Join(binaries, "blaster"))
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(".streams", fmt.Sprintf("%x", sha256.Sum256(program))[:12])
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := os.RemoveAll(".streams"); err != nil {
			return nil, err
		}
	}
	return &bench{dir}, nil
}

func (c runCase) executable() string {
	if c.jsonV2 {
		return c.binary + "-v2"
	}
	return c.binary
}

func goBuild(ctx context.Context, from, to string, jsonV2 bool) error {
	var env []string
	if jsonV2 {
		env = []string{"GOEXPERIMENT=jsonv2"}
	}
	return command(ctx, env, "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(binaries, to), from)
}

func command(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
