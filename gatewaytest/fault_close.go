package gatewaytest

import (
	"fmt"
	"slices"
	"time"
)

// closeFaults are the ways in which Discord ends a connection, with a word or without.
var closeFaults = slices.Concat([]fault{
	{name: "op7", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.say(opReconnect, "null")
		return k.coin()
	}},
	{name: "op7-close", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.say(opReconnect, "null")
		k.s.later(k.pause(0, 5*time.Second), func() { k.c.close(4000, "") })
		return k.coin()
	}},
	{name: "op9-true", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.say(opInvalidSession, "true")
		return true
	}},
	{name: "op9-false", at: openStages, severity: ends, do: func(k *strike) bool {
		k.c.say(opInvalidSession, "false")
		return true
	}},
	{name: "op9-4003", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.say(opInvalidSession, "true")
		k.c.close(4003, closeReason[4003])
		return true
	}},
	closing(1005, breaks),
}, closings(breaks, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 4000, 4003, 4005, 4999),
	// Two more of these within ten minutes, without a command to blame, and Chiru gives up: paced as what ends.
	closings(ends, 4001, 4002),
	closings(waits, 4008),
	closings(ends, 4006, 4007, 4009),
	closings(final, 4004, 4010, 4011, 4012, 4013, 4014))

func closings(s severity, codes ...int) (list []fault) {
	for _, code := range codes {
		list = append(list, closing(code, s))
	}
	return list
}

func closing(code int, s severity) fault {
	return fault{name: fmt.Sprintf("close-%d", code), at: openStages, severity: s, do: func(k *strike) bool {
		k.c.closeAs(code, closeReason[code])
		return true
	}}
}

// socketFaults are the network's.
var socketFaults = []fault{
	{name: "cut", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.s.doom(k.c)
		return true
	}},
	{name: "eof", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.eof = true
		k.s.doom(k.c)
		return true
	}},
	{name: "tear", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.link.tear, k.c.eof = true, k.coin()
		k.c.say(99, padding)
		return k.coin()
	}},
	{name: "half-open-down", at: openStages, severity: breaks, slow: true, do: func(k *strike) bool {
		k.c.muted, k.c.queue = true, nil
		k.c.turn.Signal()
		return true
	}},
	{name: "half-open-up", at: openStages, severity: breaks, slow: true, do: func(k *strike) bool {
		k.c.link.deaf = true
		k.c.unpaced = true
		return false
	}},
	{name: "stall", at: openStages, severity: breaks, slow: true, do: func(k *strike) bool {
		k.c.stillFor(k.pause(time.Second, 3*time.Minute))
		return false
	}},
	{name: "hiccup", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.stillFor(k.pause(10*time.Millisecond, time.Second))
		return false
	}},
	{name: "merge", at: openStages, severity: harmless, do: func(k *strike) bool {
		d := k.pause(10*time.Millisecond, 2*time.Second)
		k.c.link.held = time.Now().Add(d)
		k.s.later(d, k.c.turn.Signal)
		return false
	}},
	{name: "split", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.link.piece, k.c.link.pieces = 1+k.rng.IntN(7), 50+k.rng.IntN(200)
		return false
	}},
	{name: "slow", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.link.slow = time.Now().Add(k.pause(time.Second, 20*time.Second))
		k.c.warp(k.c.link.slow)
		k.c.link.slowBytes = 512 << k.rng.IntN(5)
		return false
	}},
}

const padding = `{"padding":"................................................................................................................"}`

// stillFor lets nothing pass for a while. Called with s.mu held.
func (c *Conn) stillFor(d time.Duration) {
	if until := time.Now().Add(d); until.After(c.link.still) {
		c.link.still = until
		c.warp(until)
	}
}
