//go:build race

package gatewaytest_test

import "runtime"

// Two Ps may use the one race context of a bubble's timers at once, and the race detector ends the process then:
// https://go.dev/issue/78156 (Go 1.26).
func init() { runtime.GOMAXPROCS(1) }
