package gatewaytest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"
)

// severity is what a fault asks of a right client.
type severity uint8

const (
	harmless severity = iota // go on
	breaks                   // connect again and resume
	ends                     // begin a new session
	waits                    // resume, after a longer wait than a seed may ask for
	final                    // give up, and say why
)

// fault is one way for Discord, or for the network on the way to it, to fail.
type fault struct {
	name     string
	at       stageSet
	severity severity
	// One of these does it. do is called with s.mu held, and says whether what the server would have done at this
	// stage is left out. dial is called without, and says whether the connection has been dealt with.
	do   func(*strike) (instead bool)
	dial func(*strike, net.Conn) (done bool)
	// A fault of whole hosts has neither: these are the hosts, which take no connection, or answer none.
	hosts []string
	mute  bool
	// sweeping faults strike every connection.
	sweeping bool
	// slow ones take a client two heartbeats to find out: more than that would keep it away for too long.
	slow bool
	// fits narrows the connections it can happen to.
	fits func(*Conn) bool
}

// strike is one fault happening.
type strike struct {
	s      *Server
	c      *Conn // nil while dialling
	rng    *rand.Rand
	gentle bool // pauses are short
	size   int  // of a bomb
}

// pause is a random time, short if the strike is gentle.
func (k *strike) pause(least, most time.Duration) time.Duration {
	if k.gentle {
		least, most = min(least, time.Second), min(most, 2*time.Second)
	}
	return least + time.Duration(k.rng.Int64N(int64(most-least)+1))
}

func (k *strike) coin() bool { return k.rng.IntN(2) == 0 }

func pick[T any](k *strike, from ...T) T { return from[k.rng.IntN(len(from))] }

// faults are all there are, but for those of whole hosts. docs/testing.md tells them.
var faults = slices.Concat(dialFaults, helloFaults, closeFaults, socketFaults, ackFaults, payloadFaults, sessionFaults, sweepingFaults)

// hostFaults are those of all connections at once. They happen to each in its own stage.
var hostFaults = []fault{
	{name: "base-down", at: of(stageDial), severity: breaks, hosts: []string{hostGateway}},
	{name: "resume-down", at: of(stageDialResume), severity: breaks, hosts: []string{hostResume}},
	{name: "all-down", at: dialStages, severity: breaks, hosts: []string{hostGateway, hostResume}},
	{name: "base-mute", at: of(stageDial), severity: breaks, hosts: []string{hostGateway}, mute: true},
	{name: "resume-mute", at: of(stageDialResume), severity: breaks, hosts: []string{hostResume}, mute: true},
}

// sweepingFaults come with one connection and strike all.
var sweepingFaults = []fault{
	{name: "restart", at: openStages, severity: breaks, sweeping: true, do: func(k *strike) bool {
		k.others("restart", func(c *Conn) { k.s.doom(c) })
		k.s.doom(k.c)
		return true
	}},
	{name: "token-revoked", at: openStages, severity: final, sweeping: true, do: func(k *strike) bool {
		k.others("token-revoked", func(*Conn) {})
		k.s.revoke()
		return true
	}},
}

// others does something to every other connection.
func (k *strike) others(name string, do func(*Conn)) {
	for _, c := range slices.Clone(k.s.conns) {
		if at, ok := c.stage(); ok && c != k.c {
			k.s.record(c.shard, c.id, at, name)
			do(c)
		}
	}
}

func faultNamed(name string) (fault, bool) {
	for _, list := range [][]fault{faults, hostFaults} {
		for _, f := range list {
			if f.name == name {
				return f, true
			}
		}
	}
	return fault{}, false
}

// dialFaults come before the connection is a WebSocket.
var dialFaults = []fault{
	refused("http-429", http.StatusTooManyRequests, true),
	refused("http-429-bare", http.StatusTooManyRequests, false),
	refused("http-500", http.StatusInternalServerError, false),
	refused("http-502", http.StatusBadGateway, false),
	refused("http-503", http.StatusServiceUnavailable, true),
	refused("http-503-bare", http.StatusServiceUnavailable, false),
	refused("http-200", http.StatusOK, false),
	{name: "http-302", at: dialStages, severity: breaks, dial: func(k *strike, nc net.Conn) bool {
		answer(nc, http.StatusFound, http.Header{"Location": {"http://elsewhere.test/"}}, "")
		return true
	}},
	{name: "http-garbage", at: dialStages, severity: breaks, dial: func(k *strike, nc net.Conn) bool {
		nc.Write([]byte(pick(k, "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 101 \x00\x01\r\n\r\n", "HTTP/1.1 ", "\r\n\r\n\r\n", "HTTP/9.9 999 ?\r\n\r\n")))
		return true
	}},
	{name: "http-half", at: dialStages, severity: breaks, dial: func(k *strike, nc net.Conn) bool {
		nc.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs"))
		reset(nc)
		return true
	}},
	{name: "http-unproven", at: dialStages, severity: breaks, dial: func(k *strike, nc net.Conn) bool {
		// RFC 6455 section 4.1: a Sec-WebSocket-Accept that is not the key's fails the connection.
		nc.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm90IHRoaXMgb25l\r\n\r\n"))
		return true
	}},
	{name: "dial-reset", at: dialStages, severity: breaks, dial: func(k *strike, nc net.Conn) bool {
		reset(nc)
		return true
	}},
	{name: "dial-eof", at: dialStages, severity: breaks, dial: func(*strike, net.Conn) bool { return true }},
	{name: "dial-mute", at: dialStages, severity: breaks, dial: func(k *strike, nc net.Conn) bool {
		k.s.pause(k.pause(30*time.Second, time.Minute))
		return true
	}},
	{name: "dial-slow", at: dialStages, severity: harmless, dial: func(k *strike, nc net.Conn) bool {
		k.s.pause(k.pause(100*time.Millisecond, 15*time.Second))
		return false
	}},
}

func refused(name string, status int, retryAfter bool) fault {
	return fault{name: name, at: dialStages, severity: breaks, dial: func(k *strike, nc net.Conn) bool {
		header := http.Header{}
		if retryAfter {
			after := "1"
			if !k.gentle {
				after = pick(k, "0.5", "3", "20", "-1", "soon", "1e300", "Fri, 31 Dec 1999 23:59:59 GMT")
			}
			header.Set("Retry-After", after)
		}
		answer(nc, status, header, "")
		return true
	}}
}

// helloFaults are about how a connection begins.
var helloFaults = []fault{
	{name: "hello-never", at: helloStages, severity: breaks, do: func(k *strike) bool {
		if k.gentle {
			k.s.later(k.pause(time.Second, 2*time.Second), func() { k.c.close(4000, "") })
		}
		return true
	}},
	{name: "hello-late", at: helloStages, severity: harmless, do: func(k *strike) bool {
		k.s.later(k.pause(time.Second, 19*time.Second), func() {
			if !k.c.closing && !k.c.over {
				k.c.hello()
				k.c.afterHello()
			}
		})
		return true
	}},
	{name: "hello-odd", at: helloStages, severity: breaks, do: func(k *strike) bool {
		k.c.unpaced = true // nobody can keep to it
		k.c.say(opHello, pick(k, `null`, `{}`, `[]`, `{"heartbeat_interval":0}`, `{"heartbeat_interval":-1}`, `{"heartbeat_interval":1}`, `{"heartbeat_interval":999}`,
			`{"heartbeat_interval":"41250"}`, `{"heartbeat_interval":1e300}`, `{"heartbeat_interval":600001}`, `{"heartbeat_interval":9223372036854775807}`))
		return true
	}},
	{name: "hello-fast", at: helloStages, severity: harmless, do: func(k *strike) bool {
		k.c.say(opHello, fmt.Sprintf(`{"heartbeat_interval":%d}`, 1000+k.rng.IntN(2000)))
		k.c.afterHello()
		return true
	}},
	{name: "hello-slow", at: helloStages, severity: harmless, do: func(k *strike) bool {
		longest := 10 * time.Minute
		if k.gentle {
			longest = gentleInterval
		}
		k.c.say(opHello, fmt.Sprintf(`{"heartbeat_interval":%d}`, (longest/2+time.Duration(k.rng.Int64N(int64(longest/2)))).Milliseconds()))
		k.c.afterHello()
		return true
	}},
	{name: "hello-again", at: openStages &^ helloStages, severity: harmless, do: func(k *strike) bool {
		k.c.unpaced = true // the beats keep to the first one
		k.c.hello()
		return false
	}},
}
