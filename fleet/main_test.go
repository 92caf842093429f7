package fleet_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the package if a goroutine of ours is left when its tests have ended.
func TestMain(m *testing.M) {
	if text := os.Getenv(nodeEnv); text != "" {
		nodeProcess(text)
		return
	}
	if text := os.Getenv(serverEnv); text != "" {
		serverProcess(text)
		return
	}
	if text := os.Getenv(workerEnv); text != "" {
		workerProcess(text)
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

// leftOver gives the stacks of goroutines that run code of this module. One that has been told to end may need a moment to be gone.
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
