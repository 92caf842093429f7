// Package simulation holds Chiru to its claim: any sequence of faults ends connected or in a returned final error, and
// no event is lost or repeated while Discord still holds it.
//
// It has tests only. A run is a seed: shards of the real client, over the real WebSocket code, against the simulator
// of gatewaytest in fake time, for hours, while everything that can go wrong does. REPORT.md says for how long that
// has held, and how to repeat it.
package simulation
