package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
)

const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3 // of run, which a supervisor is not to start again
)

// failure is an error as the user sees it.
type failure struct {
	text string
	hint string // what to do about it, or empty
	code int
}

func (f *failure) Error() string { return f.text }

func failed(format string, args ...any) *failure {
	return &failure{text: fmt.Sprintf(format, args...), code: exitFailed}
}

func usage(format string, args ...any) *failure {
	return &failure{text: fmt.Sprintf(format, args...), code: exitUsage}
}

// report prints an error and returns the exit code.
func (p *program) report(err error) int {
	if err == nil {
		return 0
	}
	f, ok := errors.AsType[*failure](err)
	if !ok { // cobra's own: commands return failures only
		f = usage("%v", err)
	}
	fmt.Fprintf(p.stderr, "chiru: error: %s\n", p.redact(oneLine(f.text)))
	if f.hint != "" {
		fmt.Fprintf(p.stderr, "chiru: hint: %s\n", f.hint)
	}
	return f.code
}

// explain makes a failure of what discovery and Run return.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	if discovery, ok := errors.AsType[*cluster.DiscoveryError](err); ok {
		err = discovery.Err // its hint is for who writes Go
	}
	if closed, ok := errors.AsType[*chiru.CloseError](err); ok {
		f := explainClose(closed)
		if _, all := errors.AsType[*cluster.ShardError](err); all && (closed.Code == chiru.CloseInvalidShard || closed.Code == chiru.CloseShardingRequired) {
			f.hint = "--shards auto takes as many as Discord wants: a shard may hold 2500 guilds, and a large bot's number is a multiple of an assigned one"
		}
		return f
	}
	if refused, ok := errors.AsType[*chiru.UpgradeError](err); ok {
		return explainRefusal(refused)
	}
	if wrong, ok := errors.AsType[*chiru.ConfigError](err); ok {
		return explainConfig(wrong)
	}
	f := failed("%v", err)
	if wrong, ok := errors.AsType[*chiru.ProtocolError](err); ok && wrong.During == "discovery" {
		f.hint = apiHint
	}
	return f
}

// flagsOf are the flags behind the fields of fleet's Config.
var flagsOf = map[string]string{"Name": "name", "Node": "node", "LeaseTTL": "lease-ttl", "MaxAge": "max-age", "MaxBytes": "max-bytes", "Replicas": "replicas"}

func explainConfig(wrong *chiru.ConfigError) error {
	flag, ok := flagsOf[wrong.Field]
	if !ok {
		return usage("%s: %s", wrong.Field, wrong.Reason)
	}
	f := usage("--%s: %s", flag, wrong.Reason)
	f.hint = "it is set by the flag, or by " + variable(flag)
	return f
}

// explainRun is explain, with a code of its own for what Discord refuses for good: it counts, and may block, an address that asks again.
func explainRun(err error) error {
	told := explain(err)
	f, ok := told.(*failure)
	if !ok {
		return told
	}
	closed, final := errors.AsType[*chiru.CloseError](err)
	refused, _ := errors.AsType[*chiru.UpgradeError](err)
	if final && closed.Code.Final() || refused != nil && refused.Status == http.StatusUnauthorized {
		f.code = exitRefused
	}
	return f
}

func explainClose(e *chiru.CloseError) *failure {
	f := failed("discord closed the connection for good: %d %s", int(e.Code), e.Code)
	if e.Reason != "" {
		f.text += fmt.Sprintf(" (%q)", e.Reason)
	}
	switch e.Code {
	case chiru.CloseAuthenticationFailed:
		f.hint = tokenHint
	case chiru.CloseInvalidShard:
		f.hint = "--shard I/N needs I below N; a large bot's N is a multiple of a number that Discord assigned"
	case chiru.CloseShardingRequired:
		f.hint = "a shard may hold 2500 guilds; look at one of more shards with --shard I/N"
	case chiru.CloseInvalidAPIVersion:
		f.hint = "this version of chiru is too old for Discord"
	case chiru.CloseInvalidIntents:
		f.hint = "--intents has bits that mean nothing to Discord"
	case chiru.CloseDisallowedIntents:
		f.hint = "switch the privileged intents on in the app's Bot page, or leave them out of --intents"
	}
	return f
}

const (
	tokenHint = "copy the token anew from the app's Bot page in the developer portal"
	apiHint   = "--api is the root of an HTTP API, as in " + chiru.DefaultAPI
)

func explainRefusal(e *chiru.UpgradeError) error {
	f := failed("%v", e)
	switch {
	case e.Status == http.StatusUnauthorized:
		f.text, f.hint = fmt.Sprintf("%s does not accept the token (401)", e.Host), tokenHint
	case e.Status == http.StatusNotFound:
		f.hint = apiHint
	case e.RetryAfter > 0:
		f.hint = fmt.Sprintf("try again in %v", brief(e.RetryAfter))
	}
	return f
}

// readerGone reports a write that failed because nobody reads any more.
func readerGone(err error) bool {
	if runtime.GOOS == "windows" {
		const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232)
		if errors.Is(err, brokenPipe) || errors.Is(err, noData) {
			return true
		}
	}
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// oneLine keeps an error on its line, and out of the terminal's control.
func oneLine(text string) string { return strings.TrimPrefix(clean(text), "chiru: ") }
