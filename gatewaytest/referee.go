package gatewaytest

import (
	"fmt"
	"slices"
	"time"
)

// The rules a client can break. Each says what the referee saw, and where the rule comes from; those
// without a docs page are this server's own reading and name no page.
const (
	// docs /reference#user-agent: "DiscordBot (url, version)".
	RuleUserAgent = "user-agent"
	// docs /events/gateway#connecting: v and encoding are explicit; v is 9 or 10.
	RuleVersion  = "api-version"
	RuleEncoding = "encoding"
	RuleCompress = "compress"
	// RFC 6455 is broken, or an extension is offered that Discord does not have.
	RuleWebSocket = "websocket"
	// docs /events/gateway#sending-events: at most 4096 bytes, JSON, known opcode, right shape.
	RulePayloadSize  = "payload-size"
	RulePayload      = "payload"
	RuleOpcode       = "opcode"
	RulePayloadShape = "payload-shape"
	// docs /events/gateway#connection-lifecycle: Hello first, then IDENTIFY or RESUME once, then the rest.
	RuleBeforeHello      = "before-hello"
	RuleNotAuthenticated = "not-authenticated"
	RuleAuthenticated    = "already-authenticated"
	// docs /events/gateway#invalid-session: after op 9 only closing is left.
	RuleAfterInvalid = "after-invalid-session"
	// docs /events/gateway-events#identify.
	RuleProperties     = "properties"
	RuleLargeThreshold = "large-threshold"
	RuleIntents        = "intents"
	RuleShard          = "shard"
	// docs /events/gateway#sharding-max-concurrency: one IDENTIFY per key and 5 s.
	RuleIdentifySpacing = "identify-spacing"
	// docs /events/gateway#session-start-limit-object: no IDENTIFY beyond the daily total.
	RuleSessionLimit = "session-limit"
	// docs /events/gateway#resuming: RESUME goes to resume_gateway_url with the same query; IDENTIFY
	// goes to the URL of Get Gateway. RESUME at the base host is allowed while the resume host is in
	// trouble: down, refusing upgrades, or dropping connections before READY or RESUMED, now or in the
	// last 15 minutes.
	RuleResumeHost   = "resume-host"
	RuleResumeQuery  = "resume-query"
	RuleResumeSeq    = "resume-seq"
	RuleIdentifyHost = "identify-host"
	// docs /events/gateway#rate-limiting: 120 payloads in any 60 s; 5 presence updates in 20 s.
	RuleRateLimit    = "rate-limit"
	RulePresenceRate = "presence-rate"
	// docs /events/gateway#sending-heartbeats. Sequence: d is null or a number the client has been sent.
	// Late: over interval x 1.25 since Hello or the last beat, closed at x 1.5. Burst: two beats closer
	// than half an interval that no op 1 asked for. Jitter: over many connections, the first beats are
	// not spread over the interval. Requested: no beat within 5 s of an op 1. Zombie: a third beat with
	// no ACK since the first.
	RuleHeartbeatSequence  = "heartbeat-sequence"
	RuleHeartbeatLate      = "heartbeat-late"
	RuleHeartbeatBurst     = "heartbeat-burst"
	RuleHeartbeatJitter    = "heartbeat-jitter"
	RuleHeartbeatRequested = "heartbeat-requested"
	RuleZombie             = "zombie"
	// docs /events/gateway-events#request-guild-members: GUILD_MEMBERS for a whole list, up to 100 ids.
	RuleMembersIntent = "members-intent"
	RuleMembersIDs    = "members-ids"
	// docs /events/gateway#sharding: a guild is asked for on its own shard.
	RuleForeignGuild = "foreign-guild"
)

// A Violation is one broken rule.
type Violation struct {
	At     time.Time
	Shard  int // -1 before IDENTIFY or RESUME
	Conn   int // 0 for an HTTP request
	Rule   string
	Detail string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s (shard %d, connection %d, at %s)", v.Rule, v.Detail, v.Shard, v.Conn, v.At.Format("15:04:05.000"))
}

// maxViolations bounds the log: a client that breaks this many rules is known well enough.
const maxViolations = 1000

// Violations returns every broken rule so far, oldest first, those of Allow included.
func (s *Server) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Allow keeps Start from failing the test for these rules.
func (s *Server) Allow(rules ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rules {
		s.allowed[r] = true
	}
}

// foul returns the violations no Allow let pass.
func (s *Server) foul() []Violation {
	return slices.DeleteFunc(s.Violations(), func(v Violation) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.allowed[v.Rule]
	})
}

// violation logs a broken rule. Called with s.mu held.
func (s *Server) violation(v Violation) {
	v.At = time.Now()
	if len(s.violations) < maxViolations {
		s.violations = append(s.violations, v)
	}
	s.log.Warn("gatewaytest: violation", "rule", v.Rule, "detail", v.Detail, "shard", v.Shard, "conn", v.Conn)
}

// violation logs a rule broken on this connection. Called with s.mu held.
func (c *Conn) violation(rule, format string, args ...any) {
	c.s.violation(Violation{Shard: c.shard, Conn: c.id, Rule: rule, Detail: fmt.Sprintf(format, args...)})
}
