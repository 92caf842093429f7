package gatewaytest

import (
	"fmt"
	"strings"
)

// stage is how far a connection of a client has come. What goes wrong can depend on it.
type stage uint8

const (
	stageDial        stage = iota // dialled at the gateway, not upgraded yet
	stageDialResume               // the same at the resume host
	stageHello                    // upgraded, Hello not sent yet
	stageHelloResume              // the same at the resume host
	stageSlot                     // Hello sent; neither IDENTIFY nor RESUME has come
	stageIdentify                 // IDENTIFY has come, READY is not sent
	stageResume                   // RESUME has come, nothing is replayed yet
	stageReplay                   // RESUME is accepted; part of what was missed may be sent
	stageLive                     // READY is issued, or all that was missed is sent
	stages
)

var stageNames = [stages]string{"dial", "dial-resume", "hello", "hello-resume", "slot", "identify", "resume", "replay", "live"}

func (s stage) String() string { return stageNames[s] }

// at is one of two stages, by host.
func at(host string, gateway, resume stage) stage {
	if host == hostResume {
		return resume
	}
	return gateway
}

// stageSet is a set of stages.
type stageSet uint16

func of(list ...stage) (set stageSet) {
	for _, s := range list {
		set |= 1 << s
	}
	return set
}

func (set stageSet) has(s stage) bool { return set&(1<<s) != 0 }

var (
	dialStages    = of(stageDial, stageDialResume)
	helloStages   = of(stageHello, stageHelloResume)
	openStages    = helloStages | of(stageSlot, stageIdentify, stageResume, stageReplay, stageLive)
	sessionStages = of(stageReplay, stageLive)
)

func parseStages(text string) (set stageSet, err error) {
	for name := range strings.SplitSeq(text, "+") {
		found := false
		for s, known := range stageNames {
			if name == known {
				set |= 1 << s
				found = true
			}
		}
		if !found {
			return 0, fmt.Errorf("no stage is called %.20q; they are %s", name, strings.Join(stageNames[:], ", "))
		}
	}
	return set, nil
}

// stage is where an open connection stands; false if it is ending. Called with s.mu held.
func (c *Conn) stage() (stage, bool) {
	sess := c.sess
	switch {
	case c.over || c.closing || c.state == stateInvalid:
		return 0, false
	case sess == nil && c.pace.hello.IsZero():
		return at(c.host, stageHello, stageHelloResume), true
	case sess == nil:
		return stageSlot, true
	case sess.conn != c:
		return 0, false
	case sess.seq == 0:
		return stageIdentify, true
	case c.cursor < c.replay:
		return stageReplay, true
	}
	return stageLive, true
}
