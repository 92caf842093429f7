package gatewaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ackFaults are about heartbeats.
var ackFaults = []fault{
	{name: "acks-stop", at: openStages, severity: breaks, slow: true, do: func(k *strike) bool {
		k.c.mutedACKs = true
		return false
	}},
	{name: "ack-lost", at: openStages, severity: breaks, slow: true, do: func(k *strike) bool {
		k.c.acksLost++
		return false
	}},
	{name: "ack-late", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.ackDelay = k.pause(0, k.c.interval()*9/10)
		return false
	}},
	{name: "ack-twice", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.acksTwice += 3
		return false
	}},
	{name: "ack-unasked", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.say(opHeartbeatACK, "null")
		return false
	}},
	{name: "op1", at: openStages &^ helloStages, severity: harmless, do: func(k *strike) bool {
		for range 1 + k.rng.IntN(4) {
			k.c.say(opHeartbeat, pick(k, "null", "1", "251", `"x"`))
		}
		return false
	}},
	{name: "op1-flood", at: openStages &^ helloStages, severity: harmless, do: func(k *strike) bool {
		k.c.unpaced = true // what does not fit the send limit is answered later, all by one
		for range 150 {
			k.c.say(opHeartbeat, "null")
		}
		return false
	}},
}

// payloadFaults are about what is in a message.
var payloadFaults = []fault{
	{name: "garbage", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.sendRaw([]byte(pick(k, `{`, `}`, `"`, `nul`, `{"op":11,}`, "\xff\xfe{}", `{"op":0,"s":`, "\x00", `[1,2`, `{"op":11} {"op":11}`)))
		return false
	}},
	{name: "no-payload", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.sendRaw([]byte(pick(k, `null`, `[]`, `7`, `"x"`, `{}`, ` `+"\n"+`{}`, `{"op":null}`, `{"op":"11"}`, `{"op":1.5}`, `{"op":-3}`, `{"op":1e400}`,
			`{"op":12345678901234567890}`, `{"OP":7}`, `{"op":{"op":7}}`, `{"d":{"op":7}}`, `{"\u006fp":99}`, `{"op":99,"s":-1,"t":7,"d":[]}`)))
		return false
	}},
	{name: "unknown-op", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.say(pick(k, 5, 12, 30, 44, 99, 1<<30), pick(k, `null`, `{}`, `[{"op":9}]`, `"x"`))
		return false
	}},
	{name: "deep", at: openStages, severity: harmless, do: func(k *strike) bool {
		n := 1000 + k.rng.IntN(20_000)
		k.c.say(99, strings.Repeat(`{"d":[`, n)+strings.Repeat(`]}`, n))
		return false
	}},
	{name: "huge", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.say(99, `"`+strings.Repeat("x", 100<<10+k.rng.IntN(200<<10))+`"`)
		return false
	}},
	{name: "unnumbered", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.sendRaw([]byte(pick(k, `{"op":0,"s":null,"t":"UNNUMBERED","d":{}}`, `{"d":null,"t":"UNNUMBERED","op":0}`, `{"t":"RATE_LIMITED","op":0,"d":{"opcode":8,"retry_after":1.5,"meta":{}}}`)))
		return false
	}},
	{name: "corrupt", at: openStages, severity: breaks, do: func(k *strike) bool {
		// Neither a zlib header nor, as a block, a deflate or zstd one: both have type 3, which is reserved.
		k.c.send(outgoing{kind: outBytes, op: -1, body: append([]byte{0x07, 0xff, 0xff, byte(k.rng.Uint32())}, syncFlush...)})
		return false
	}},
	{name: "truncate", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.truncate = true
		k.c.say(99, padding)
		k.c.send(outgoing{kind: outCall, op: -1, call: func() { k.c.eof = true; k.s.doom(k.c) }})
		return false
	}},
	{name: "bomb", at: openStages, severity: breaks, do: func(k *strike) bool {
		k.c.send(outgoing{kind: outText, op: -1, body: bytes.Repeat([]byte{' '}, k.size)})
		return false
	}},
	{name: "fragment", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.fragments = 2 + k.rng.IntN(20)
		return false
	}},
	{name: "ping", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.send(outgoing{kind: outPing, op: -1, body: []byte(fmt.Sprint(k.rng.Uint32()))})
		return false
	}},
	{name: "bad-frame", at: openStages, severity: breaks, do: func(k *strike) bool {
		// RFC 6455 section 5: reserved bits, a reserved opcode, a fragmented ping, a continuation of nothing.
		k.c.send(outgoing{kind: outFrame, op: -1, body: pick(k, []byte{0xF1, 0}, []byte{0x83, 0}, []byte{0x09, 0}, []byte{0x80, 0})})
		return false
	}},
	{name: "zlib-split", at: openStages, severity: harmless, do: func(k *strike) bool {
		k.c.splitZlib = 1 + k.rng.IntN(100)
		return false
	}, fits: func(c *Conn) bool { return c.query.compress == compressZlib }},
}

// sessionFaults are about a session and its events.
var sessionFaults = []fault{
	{name: "ready-late", at: of(stageIdentify), severity: harmless, do: func(k *strike) bool {
		k.c.readyDelay = k.pause(time.Second, 10*time.Minute)
		return false
	}},
	{name: "identify-ignored", at: of(stageIdentify), severity: breaks, do: func(k *strike) bool {
		k.s.later(k.pause(time.Second, 10*time.Minute), func() { k.c.close(4000, "") })
		return true
	}},
	{name: "resume-ignored", at: of(stageResume), severity: breaks, do: func(k *strike) bool {
		if k.gentle {
			k.s.later(k.pause(time.Second, 2*time.Second), func() { k.c.close(4000, "") })
		}
		return true
	}},
	{name: "session-lost", at: of(stageHelloResume, stageResume, stageReplay, stageLive), severity: ends, do: func(k *strike) bool {
		for _, sess := range k.c.spokenFor() {
			k.s.kill(sess, "lost by Discord")
		}
		k.s.doom(k.c)
		return true
	}},
	{name: "replay-long", at: of(stageLive), severity: breaks, do: func(k *strike) bool {
		sess := k.c.sess
		k.s.doom(k.c)
		for i := range min(k.s.kept(sess)/2, 200+k.rng.IntN(800)) {
			k.s.issue(sess, "MISSED", mustJSON(i))
		}
		return true
	}},
	{name: "events-stop", at: sessionStages, severity: harmless, do: func(k *strike) bool {
		d := k.pause(time.Second, 2*time.Minute)
		k.c.noEvents = time.Now().Add(d)
		k.s.later(d, k.c.turn.Signal)
		return false
	}},
	{name: "repeat", at: sessionStages, severity: harmless, do: func(k *strike) bool {
		sess := k.c.sess
		for seq := max(sess.log.base+1, k.c.cursor-int64(k.rng.IntN(5))); seq <= k.c.cursor; seq++ {
			e := sess.log.at(seq)
			if e.typ == "READY" || e.typ == "RESUMED" {
				continue // no repeat of these means nothing
			}
			k.c.send(outgoing{kind: outText, op: -1, body: appendDispatch(nil, seq, e.typ, e.body)})
		}
		return false
	}},
	{name: "odd-event", at: sessionStages, severity: harmless, do: func(k *strike) bool {
		k.s.issue(k.c.sess, pick(k, "ODD_EVENT", "odd event", "", "\U0001F600", "MESSAGE_CREATE", `"quoted"\`), json.RawMessage(pick(k,
			`null`, `[]`, `0`, `"text"`, `{}`, `{"id":123456789012345678,"guild_id":1}`, `{"id":null}`, `{"op":9,"d":false,"s":0,"t":"READY"}`,
			`{"a":"\ud800"}`, `{"a":1e999}`, `{"a":{"a":{"a":{}}},"a":[]}`, strings.Repeat("[", 2000)+strings.Repeat("]", 2000))))
		return false
	}},
	{name: "huge-event", at: sessionStages, severity: harmless, do: func(k *strike) bool {
		k.s.issue(k.c.sess, "HUGE_EVENT", mustJSON(strings.Repeat("x", 100<<10+k.rng.IntN(200<<10))))
		return false
	}},
}

// say sends a payload that is no dispatch. Called with s.mu held.
func (c *Conn) say(op int, d string) {
	c.send(outgoing{kind: outText, op: op, d: json.RawMessage(d), body: appendPayload(nil, op, json.RawMessage(d))})
}

func (c *Conn) interval() time.Duration {
	if c.pace.interval > 0 {
		return c.pace.interval
	}
	return c.s.interval()
}
