//go:build !race

package chiru_test

const raceEnabled = false
