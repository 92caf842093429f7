package session

import "time"

// Next is what follows the loss of a connection.
type Next uint8

const (
	Resume   Next = iota // the session is kept
	Identify             // the session is gone
	Stop                 // Discord refuses the shard for good
)

// Close codes that a client sends. Any but 1000 and 1001 keeps the session
// (docs /events/gateway#initiating-a-disconnect), so one private code stands for every such close.
const (
	CloseEnd  = 1000
	CloseKeep = 4900
)

// Kind is how a connection was lost.
type Kind uint8

const (
	Closed          Kind = iota // a close frame, with Failure.Code
	Dropped                     // EOF, reset, timeout: no close frame
	DialFailed                  // no TCP, TLS or HTTP answer
	Refused                     // an HTTP answer other than 101, with Failure.RetryAfter
	WriteFailed                 // a write failed or took too long
	Malformed                   // compressed data or JSON that cannot be read
	HelloMissing                // no Hello in time
	HelloInvalid                // a heartbeat_interval that cannot be meant
	ResumeIgnored               // RESUME unanswered
	AckMissing                  // a heartbeat unanswered
	ReconnectWanted             // op 7
	InvalidTrue                 // op 9, may be resumable
	InvalidFalse                // op 9, not resumable
)

// Failure is one lost connection or attempt at one.
type Failure struct {
	Kind       Kind
	Code       int           // Closed
	RetryAfter time.Duration // Refused: what the answer asked for
	// Blamed is set if the last payload written was a user's command, so that a 4001 or 4002 is its fault.
	Blamed bool
}

// The one table from a loss to what follows. A failed dial or a refused upgrade says nothing of the session.
var afterLoss = map[Kind]Next{
	Dropped:         Resume,
	DialFailed:      Resume,
	Refused:         Resume,
	WriteFailed:     Resume,
	Malformed:       Resume,
	HelloMissing:    Resume,
	HelloInvalid:    Resume,
	ResumeIgnored:   Resume,
	AckMissing:      Resume,
	ReconnectWanted: Resume,
	InvalidTrue:     Resume,
	InvalidFalse:    Identify,
}

// CloseRow is one row of docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes,
// or of the codes that are seen though not listed there.
type CloseRow struct {
	Code int
	Name string
	Next Next
	Hint string
}

// CloseTable is the one table from a close code to what follows; AfterClose reads it.
var CloseTable = []CloseRow{
	{1000, "normal closure", Resume, ""},
	{1001, "going away", Resume, ""},
	{1002, "WebSocket protocol error", Resume, ""},
	{1003, "unsupported data", Resume, ""},
	{1005, "no status", Resume, ""},
	{1006, "abnormal closure", Resume, ""},
	{1007, "invalid payload data", Resume, ""},
	{1008, "policy violation", Resume, ""},
	{1009, "message too big", Resume, ""},
	{1011, "internal error", Resume, ""},
	{1012, "service restart", Resume, ""},
	{1013, "try again later", Resume, ""},
	{1014, "bad gateway", Resume, ""},
	{4000, "unknown error", Resume, ""},
	{4001, "unknown opcode", Resume, ""},
	{4002, "decode error", Resume, ""},
	{4003, "not authenticated", Resume, ""},
	{4004, "authentication failed", Stop, "the token is wrong; copy it anew from the app's Bot page"},
	{4005, "already authenticated", Resume, ""},
	{4006, "session no longer valid", Identify, ""},
	{4007, "invalid sequence", Identify, ""},
	{4008, "rate limited", Resume, ""},
	{4009, "session timed out", Identify, ""},
	{4010, "invalid shard", Stop, "check ShardID and ShardCount; a large bot's count must be a multiple of the number Discord assigned"},
	{4011, "sharding required", Stop, "a shard may hold 2500 guilds; raise ShardCount"},
	{4012, "invalid API version", Stop, "this version of Chiru is too old for Discord"},
	{4013, "invalid intents", Stop, "Intents has bits that mean nothing to Discord"},
	{4014, "disallowed intents", Stop, "switch the privileged intents on in the app's Bot page, or leave them out of Intents"},
}

// AfterClose is what follows a close code. Codes that are not listed are resumed: Discord may add some.
func AfterClose(code int) CloseRow {
	for _, row := range CloseTable {
		if row.Code == code {
			return row
		}
	}
	return CloseRow{Code: code, Name: "unlisted", Next: Resume}
}

func (f Failure) next() Next {
	if f.Kind == Closed {
		return AfterClose(f.Code).Next
	}
	return afterLoss[f.Kind]
}

// clientFault reports a close for a payload that Discord could not read.
func (f Failure) clientFault() bool {
	return f.Kind == Closed && (f.Code == 4001 || f.Code == 4002)
}
