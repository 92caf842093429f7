package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/stream"
)

// idleWindow is an interval of heartbeats, so that every shard beats once, however its library begins.
const idleWindow = 42 * time.Second

const idleFew, idleMany = 200, 1000

// fan is the mode of several shards into one channel. To a client it is throughput.
const fan = "fan"

const fanMost = 64 // shards

// The modes of the way into a fleet's stream: as fast as it can, and at paceFleet events a second. To a client both are throughput.
const (
	fleetFlood = "fleet"
	fleetPaced = "fleet-paced"
)

// options are the flags.
type options struct {
	modes, compressions, procs []string
	clients                    *regexp.Regexp
	rounds, events, peerEvents int
	idleEvents, idleRounds     int
	fanEvents                  int
	paced, resumes             int
	seed                       uint64
}

// contender is a client, or a thing that a client can do.
type contender struct {
	name         string
	binary       string // of clients/
	variant      string
	compressions []string
	peer, v2     bool
	modes        []string
}

const (
	node         = "discordjs"
	plainPublish = "plain publish"
	chiruFleet   = "chiru fleet"
)

var (
	every     = []string{stream.None, stream.Payload, stream.Zlib, stream.Zstd}
	transport = []string{stream.None, stream.Zlib, stream.Zstd}
	old       = []string{stream.None, stream.Payload}
)

// v2 is what the name of a peer that is built with GOEXPERIMENT=jsonv2 ends in.
const v2 = " v2"

var contenders = []contender{
	{name: "bare floor", binary: "floor", variant: "bare", compressions: every, modes: []string{client.Throughput}},
	{name: "floor", binary: "floor", variant: "full", compressions: every, modes: []string{client.Throughput, fan, client.Idle, client.Latency}},
	{name: "reusing floor", binary: "floor", variant: "reusing", compressions: every, modes: []string{client.Throughput}},
	{name: "chiru raw", binary: "chiru", variant: "raw", compressions: transport, modes: []string{client.Throughput, fan, client.Idle, client.Latency, client.Reconnect, fleetFlood, fleetPaced}},
	{name: plainPublish, binary: "fleet", variant: "publish", compressions: transport, modes: []string{fleetFlood, fleetPaced}},
	{name: chiruFleet, binary: "fleet", variant: "whole", compressions: transport, modes: []string{fleetFlood, fleetPaced}},
	{name: "chiru filtered", binary: "chiru", variant: "filtered", compressions: transport, modes: []string{client.Throughput}},
	{name: "chiru decoded", binary: "chiru", variant: "decoded", compressions: transport, modes: []string{client.Throughput, client.Latency}},
	{name: "discordgo", binary: "discordgo", compressions: old, peer: true, v2: true},
	{name: "disgo", binary: "disgo", compressions: every, peer: true, v2: true},
	{name: "arikawa", binary: "arikawa", compressions: old, peer: true, v2: true},
	{name: "@discordjs/ws", binary: node, compressions: []string{stream.None, stream.Payload, stream.Zlib}, peer: true},
}

var peerModes = []string{client.Throughput, client.Idle, client.Latency, client.Reconnect}

// runCase is one thing to measure.
type runCase struct {
	mode, client, compression string
	binary, variant           string
	jsonV2                    bool
	shards, events            int
	one                       bool // on one P
}

// key names what is measured, without what only says how.
type key struct {
	mode, client, compression string
	shards                    int
	one                       bool
}

func (c runCase) key() key { return key{c.mode, c.client, c.compression, c.shards, c.one} }

func (c runCase) String() string {
	s := fmt.Sprintf("%s, %s, %s", c.mode, c.client, c.compression)
	if c.shards > 1 {
		s += fmt.Sprintf(", %d shards", c.shards)
	}
	if c.one {
		s += ", one P"
	}
	return s
}

// cases are what the flags ask for.
func (o *options) cases() (list []runCase) {
	for _, mode := range o.modes {
		for _, p := range contenders {
			modes := p.modes
			if p.peer {
				modes = peerModes
			}
			if !slices.Contains(modes, mode) {
				continue
			}
			for _, compression := range p.compressions {
				if !slices.Contains(o.compressions, compression) || mode == fleetPaced && compression != stream.Zlib {
					continue
				}
				c := runCase{mode: mode, client: p.name, compression: compression, binary: p.binary, variant: p.variant}
				list = append(list, o.sizes(c, p.peer)...)
				if p.v2 && (mode == client.Throughput || mode == client.Latency) {
					c.client, c.jsonV2 = p.name+v2, true
					list = append(list, o.sizes(c, true)...)
				}
			}
		}
	}
	return slices.DeleteFunc(list, func(c runCase) bool { return !o.clients.MatchString(c.client) })
}

// sizes are the runs of a case in its mode.
func (o *options) sizes(c runCase, peer bool) (list []runCase) {
	c.shards = 1
	switch c.mode {
	case client.Throughput:
		c.events = o.events
		if peer && c.binary != node { // whose compiler needs as long to be warm as they all may run
			c.events = min(o.events, o.peerEvents)
		}
		for _, procs := range o.procs {
			if c.one = procs == "one"; !c.one || c.binary != node { // Node has no Ps
				list = append(list, c)
			}
		}
	case fan:
		for _, c.shards = range []int{1, 8, fanMost} {
			c.events = o.fanEvents / fanMost * (fanMost / c.shards)
			list = append(list, c)
		}
	case fleetFlood:
		c.events = o.events
		list = append(list, c)
	case fleetPaced:
		c.events = o.paced
		list = append(list, c)
	case client.Idle:
		for _, c.shards = range []int{idleFew, idleMany} {
			c.events = o.idleEvents
			list = append(list, c)
		}
	case client.Latency:
		c.events = o.paced
		list = append(list, c)
	case client.Reconnect:
		c.shards, c.events = o.resumes, 0
		list = append(list, c)
	}
	return list
}

const fanRounds = 3 // for each of the others

// roundsOf is how often a mode is measured. Memory hardly differs from run to run, and takes long; what 64 shards cost differs the most.
func (o *options) roundsOf(mode string) int {
	switch mode {
	case client.Idle:
		return min(o.rounds, o.idleRounds)
	case client.Reconnect:
		return min(o.rounds, 3)
	case fan:
		return fanRounds * o.rounds
	}
	return o.rounds
}

func isPeer(name string) bool {
	name = strings.TrimSuffix(name, v2)
	return slices.ContainsFunc(contenders, func(c contender) bool { return c.peer && c.name == name })
}

func isGoPeer(name string) bool { return isPeer(name) && name != "@discordjs/ws" }
