package chiru

import "github.com/chiru-go/chiru/internal/session"

// CloseCode is a WebSocket close code (docs /topics/opcodes-and-status-codes#gateway-gateway-close-event-codes).
type CloseCode int

// Discord's own codes. Final ones end Run; after 4006, 4007 and 4009 a new session begins; all others are resumed.
const (
	CloseUnknownError         CloseCode = 4000
	CloseUnknownOpcode        CloseCode = 4001
	CloseDecodeError          CloseCode = 4002
	CloseNotAuthenticated     CloseCode = 4003
	CloseAuthenticationFailed CloseCode = 4004 // final
	CloseAlreadyAuthenticated CloseCode = 4005
	CloseSessionInvalid       CloseCode = 4006
	CloseInvalidSequence      CloseCode = 4007
	CloseRateLimited          CloseCode = 4008
	CloseSessionTimedOut      CloseCode = 4009
	CloseInvalidShard         CloseCode = 4010 // final
	CloseShardingRequired     CloseCode = 4011 // final
	CloseInvalidAPIVersion    CloseCode = 4012 // final
	CloseInvalidIntents       CloseCode = 4013 // final
	CloseDisallowedIntents    CloseCode = 4014 // final
)

// String names the code, "unlisted" if nobody does.
func (c CloseCode) String() string { return session.AfterClose(int(c)).Name }

// Final reports whether Discord refuses the shard for good, so that Run returns.
func (c CloseCode) Final() bool { return session.AfterClose(int(c)).Next == session.Stop }

// Hint says what to do about a final code; it is empty for others.
func (c CloseCode) Hint() string { return session.AfterClose(int(c)).Hint }
