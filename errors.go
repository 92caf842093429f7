package chiru

import (
	"fmt"
	"net/http"
	"time"
)

// CloseError is a connection closed by Discord, with its code. Run returns one when the code is final, or an
// error around one after the third 4001 or 4002 in ten minutes that no command explains.
type CloseError struct {
	Code CloseCode
	// Reason is Discord's text, at most 123 bytes, often empty.
	Reason string
}

func (e *CloseError) Error() string {
	text := fmt.Sprintf("discord closed the connection: %d %s", int(e.Code), e.Code)
	if e.Reason != "" {
		text += fmt.Sprintf(" (%q)", e.Reason)
	}
	if hint := e.Code.Hint(); hint != "" {
		text += ": " + hint
	}
	return text
}

// ConfigError is a Config that cannot work. Run returns it before it dials.
type ConfigError struct {
	Field  string // the field of Config, or the argument of Run
	Reason string
}

func (e *ConfigError) Error() string { return "chiru: " + e.Field + ": " + e.Reason }

// ProtocolError is a message or an answer that breaks the gateway's protocol. It ends the connection, never the shard.
type ProtocolError struct {
	During string // what the connection was about, e.g. "hello"
	Reason string
	Err    error // the cause, or nil
}

func (e *ProtocolError) Error() string {
	text := "protocol error in " + e.During + ": " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *ProtocolError) Unwrap() error { return e.Err }

// UpgradeError is an HTTP answer other than 101 to the WebSocket upgrade, or a failed discovery.
type UpgradeError struct {
	Host   string
	Status int
	// RetryAfter is what the answer asked for; 0 if nothing.
	RetryAfter time.Duration
}

func (e *UpgradeError) Error() string {
	text := fmt.Sprintf("%s answered %d %s", e.Host, e.Status, http.StatusText(e.Status))
	if e.Status >= 300 && e.Status < 400 {
		text += " (redirects are not followed: one would carry the token to another host)"
	}
	return text
}

// CommandError says why a command was not sent.
type CommandError struct {
	Command string // e.g. "MemberChunkRequest"
	Field   string // empty if it concerns the whole
	Reason  string
}

func (e *CommandError) Error() string {
	if e.Field == "" {
		return e.Command + ": " + e.Reason
	}
	return e.Command + "." + e.Field + ": " + e.Reason
}
