package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chiru-go/chiru"
)

// notice is an event of chiru's own, for either kind of output. Its name is in small letters: Discord's are in capitals.
type notice struct {
	name string
	tone tone
	text string
	// fields is a struct of what JSON says beyond shard, type and at. None may be called sequence, session,
	// received or body: those are Discord's events' alone.
	fields any
}

type none struct{}

func noticeOf(event chiru.IncomingEvent, redact func(string) string) notice {
	switch e := event.(type) {
	case *chiru.Hello:
		return notice{"hello", plain, fmt.Sprintf("a heartbeat every %v", brief(e.HeartbeatInterval)), struct {
			Interval float64 `json:"heartbeat_interval_ms"`
		}{milliseconds(e.HeartbeatInterval)}}
	case *chiru.HeartbeatSent:
		return notice{"heartbeat_sent", quiet, fmt.Sprintf("number %d", e.Count), struct {
			Count int    `json:"count"`
			Last  *int64 `json:"last_sequence"`
		}{e.Count, number(e.Sequence)}}
	case *chiru.HeartbeatAck:
		return notice{"heartbeat_ack", quiet, fmt.Sprintf("number %d after %v", e.Count, brief(e.Latency)), struct {
			Count   int     `json:"count"`
			Latency float64 `json:"latency_ms"`
		}{e.Count, milliseconds(e.Latency)}}
	case *chiru.ReconnectRequested:
		return notice{"reconnect_requested", warning, "Discord asks for a new connection", none{}}
	case *chiru.InvalidateSession:
		text := "Discord has ended the session"
		if e.Resumable {
			text = "Discord refuses the session; it may still be resumed"
		}
		return notice{"invalidate_session", warning, text, struct {
			Resumable bool `json:"resumable"`
		}{e.Resumable}}
	case *chiru.Connected:
		return connected(e)
	case *chiru.Disconnected:
		return disconnected(e, redact)
	case *chiru.CommandRejected:
		text := redact(errorText(e.Err))
		command := strings.TrimPrefix(fmt.Sprintf("%T", e.Command), "*chiru.")
		return notice{"command_rejected", warning, command + ": " + text, struct {
			Command string `json:"command"`
			Error   string `json:"error"`
		}{command, text}}
	}
	return notice{strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", event), "*chiru.")), plain, "", none{}}
}

func connected(e *chiru.Connected) notice {
	text := "new session "
	if e.Resumed {
		text = "resumed session "
	}
	text += e.SessionID + " at " + e.Host
	return notice{"connected", good, text, struct {
		Resumed bool   `json:"resumed"`
		ID      string `json:"session_id"`
		Host    string `json:"host"`
	}{e.Resumed, e.SessionID, e.Host}}
}

func disconnected(e *chiru.Disconnected, redact func(string) string) notice {
	why := redact(errorText(e.Err))
	next := "the session is resumed"
	if e.Next == chiru.NextIdentify {
		next = "a new session begins"
	}
	when := "now"
	if e.Wait > 0 {
		when = "in " + brief(e.Wait).String()
	}
	code, status := 0, 0
	if closed, ok := errors.AsType[*chiru.CloseError](e.Err); ok {
		code = int(closed.Code)
	}
	if refused, ok := errors.AsType[*chiru.UpgradeError](e.Err); ok {
		status = refused.Status
	}
	return notice{"disconnected", warning, fmt.Sprintf("%s; %s %s (attempt %d)", why, next, when, e.Attempt), struct {
		Error   string  `json:"error"`
		Code    int     `json:"close_code,omitempty"`
		Status  int     `json:"http_status,omitempty"`
		Next    string  `json:"next"`
		Attempt int     `json:"attempt"`
		Wait    float64 `json:"wait_ms"`
	}{why, code, status, string(e.Next), e.Attempt, milliseconds(e.Wait)}}
}

func errorText(err error) string {
	if err == nil {
		return "no reason known"
	}
	return oneLine(err.Error())
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// number is nil for a sequence that Discord has not sent.
func number(sequence int64) *int64 {
	if sequence == chiru.NoSequence {
		return nil
	}
	return &sequence
}
