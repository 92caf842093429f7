//go:build race

package chiru_test

import "runtime"

const raceEnabled = true

// Two Ps may use the one race context of a bubble's timers at once, and the race detector ends the process then:
// https://go.dev/issue/78156 (Go 1.26).
func init() { runtime.GOMAXPROCS(1) }
