package cluster_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru/gatewaytest"
)

// serverEnv carries the configuration of a process that is nothing but a simulator, so that the heap of the other is the
// cluster's.
const serverEnv = "CHIRU_TEST_SERVER"

// TestMain fails the package if a goroutine of ours is left when its tests have ended.
func TestMain(m *testing.M) {
	if text := os.Getenv(serverEnv); text != "" {
		serveAlone(text)
		return
	}
	code := m.Run()
	if code == 0 {
		if left := leftOver(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// serveAlone prints where it serves, and ends with its input.
func serveAlone(text string) {
	var cfg gatewaytest.Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		panic(err)
	}
	s, err := gatewaytest.NewServer(cfg)
	if err != nil {
		panic(err)
	}
	defer s.Close()
	fmt.Println(s.API())
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, v := range s.Violations() {
		fmt.Println(v)
	}
}

func leftOver() string {
	buf := make([]byte, 1<<20)
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		var ours []string
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "chiru-go/chiru") && !strings.Contains(stack, "TestMain") {
				ours = append(ours, stack)
			}
		}
		if len(ours) == 0 || time.Now().After(deadline) {
			return strings.Join(ours, "\n\n")
		}
	}
}
