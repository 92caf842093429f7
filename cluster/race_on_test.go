//go:build race

package cluster_test

import "runtime"

const raceDetector = true

// Two Ps may use the one race context of a bubble's timers at once, and the race detector ends the process then:
// https://go.dev/issue/78156 (Go 1.26).
func init() { runtime.GOMAXPROCS(1) }
