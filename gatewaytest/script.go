package gatewaytest

import (
	"encoding/json"
	"net/http"
	"slices"
)

// What a Rule can be for besides an opcode.
const (
	opConnect = -2
	opUpgrade = -3
)

// A Rule replaces what the server does by itself, once unless Keep or Times says otherwise. Of several
// rules for the same thing the oldest goes first. The methods that narrow a rule return it, so that they
// can follow the call that made it; make rules before the client connects, or one may match before it is
// narrowed.
type Rule struct {
	s      *Server
	op     int
	f      func(*Conn, json.RawMessage)
	status int
	header http.Header

	// Guarded by Server.mu.
	left    int // how often it still applies, -1 for ever
	host    string
	shard   int
	sharded bool
}

// On calls f in place of the server's answer to the next client payload with this opcode. What holds
// for every payload (size, JSON, send limit, heartbeat pace) has been checked by then; c.Default gives
// the answer that was replaced.
//
// f runs on the connection's reading goroutine: it may send, close and sleep, and while it does, nothing
// else the client sends is read. Close of the server waits for it.
func (s *Server) On(op int, f func(c *Conn, data json.RawMessage)) *Rule {
	return s.rule(&Rule{op: op, f: f})
}

// OnConnect calls f in place of sending Hello on the next connection; c.Default sends it. f runs as
// those of On do.
func (s *Server) OnConnect(f func(c *Conn)) *Rule {
	return s.rule(&Rule{op: opConnect, f: func(c *Conn, _ json.RawMessage) { f(c) }})
}

// RefuseUpgrade answers the next upgrade on a host with an HTTP status instead: "gateway", "resume", or
// "" for either. The host "api" is the discovery endpoints.
func (s *Server) RefuseUpgrade(host string, status int, header http.Header) *Rule {
	return s.rule(&Rule{op: opUpgrade, host: host, status: status, header: header.Clone()})
}

func (s *Server) rule(r *Rule) *Rule {
	r.s, r.left = s, 1
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, r)
	return r
}

// Keep makes the rule apply until Drop.
func (r *Rule) Keep() *Rule { return r.Times(-1) }

// Times makes the rule apply n times.
func (r *Rule) Times(n int) *Rule {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.left = n
	return r
}

// Shard narrows the rule to one shard: that of the connection's session or, for an IDENTIFY or RESUME,
// the one it speaks for. When a connection opens, only the query parameter shard=N of its URL tells the shard.
func (r *Rule) Shard(id int) *Rule {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.shard, r.sharded = id, true
	return r
}

// Host narrows the rule to connections to "gateway" or "resume".
func (r *Rule) Host(host string) *Rule {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.host = host
	return r
}

// Drop ends the rule.
func (r *Rule) Drop() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.left = 0
	r.s.rules = slices.DeleteFunc(r.s.rules, func(o *Rule) bool { return o == r })
}

// match finds the rule for a payload or a new connection, and uses it up. Called with s.mu held.
func (s *Server) match(op int, c *Conn, d json.RawMessage) *Rule {
	return s.pick(func(r *Rule) bool {
		if r.op != op || r.host != "" && r.host != c.host {
			return false
		}
		if !r.sharded {
			return true
		}
		if op == opIdentify || op == opResume {
			return s.namedShard(op, d) == r.shard
		}
		return c.shard == r.shard
	})
}

// refusal finds the rule for a request on a host. Called with s.mu held.
func (s *Server) refusal(host string) *Rule {
	return s.pick(func(r *Rule) bool {
		return r.op == opUpgrade && (r.host == host || r.host == "" && host != hostAPI)
	})
}

func (s *Server) pick(fits func(*Rule) bool) *Rule {
	i := slices.IndexFunc(s.rules, func(r *Rule) bool { return r.left != 0 && fits(r) })
	if i < 0 {
		return nil
	}
	r := s.rules[i]
	if r.left > 0 {
		r.left--
	}
	if r.left == 0 {
		s.rules = slices.Delete(s.rules, i, i+1)
	}
	return r
}
