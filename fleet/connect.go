package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	// What is written to a NATS server that does not read.
	flushWait     = 10 * time.Second
	reconnectWait = 500 * time.Millisecond
	dialWait      = 5 * time.Second
	// A server that does not answer is left.
	pingEvery = 10 * time.Second
	pingsMost = 2
	// How often Reach looks.
	reachEvery = 50 * time.Millisecond
)

// Connect connects to NATS as a node must: what cannot be sent at once is not kept and sent late, and it never gives up. options come
// last, credentials for example. A server that is not there is no error: logger hears when it comes, and Reach waits for it. One that
// refuses the credentials, or has no TLS where that is wanted, is a *SetupError.
func Connect(url string, logger *slog.Logger, options ...nats.Option) (*nats.Conn, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	all := append([]nats.Option{
		nats.Name("chiru"), nats.Timeout(dialWait),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectBufSize(-1),
		nats.FlusherTimeout(flushWait), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsMost), nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { logger.Info("nats connected", "server", nc.ConnectedServerName()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { logger.Warn("nats", "error", err) }),
	}, options...)
	// The client takes a refusal for a server that is not there, if it may try again: the first time it may not.
	patient := false
	once := func(o *nats.Options) error {
		patient, o.RetryOnFailedConnect = o.RetryOnFailedConnect, false
		return nil
	}
	nc, err := nats.Connect(url, append(all, once)...)
	if err == nil {
		return nc, nil
	}
	if err := explainConnect(err); !patient || lasting(err) {
		return nil, err
	}
	logger.Warn("nats not reached; trying on", "error", err)
	nc, err = nats.Connect(url, all...)
	return nc, explainConnect(err)
}

// Reach waits until a connection of Connect's leads to a server, for a time; 0 is for ever. The error is a *SetupError, or ctx's cause.
func Reach(ctx context.Context, nc *nats.Conn, within time.Duration) error {
	began := time.Now()
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	for !nc.IsConnected() {
		if err := turnedAway(nc); err != nil {
			return err
		}
		if within > 0 && time.Since(began) >= within {
			reason := fmt.Sprintf("no server answers within %v", within)
			if last := nc.LastError(); last != nil {
				reason += ": " + last.Error()
			}
			return &SetupError{"nats", reason, "see whether NATS_URL is right and NATS runs"}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// turnedAway is why a connection that has not been made cannot be, or nil if it may be.
func turnedAway(nc *nats.Conn) error {
	if nc.IsConnected() {
		return nil
	}
	if err := explainConnect(nc.LastError()); lasting(err) {
		return err
	}
	return nil
}

// noKeys is what is wrong with a credentials file in which there is no user's key.
var noKeys = []error{nkeys.ErrNoSeedFound, nkeys.ErrInvalidNkeySeed, nkeys.ErrInvalidUserSeed, nkeys.ErrInvalidSeed, nkeys.ErrInvalidSeedLen, nkeys.ErrInvalidEncoding, nkeys.ErrInvalidChecksum}

// explainConnect says what to do about a connection that can never be made.
func explainConnect(err error) error {
	if err == nil {
		return nil
	}
	credentials := "check the user and password in NATS_URL, or the credentials file (NATS_CREDS)"
	_, file := errors.AsType[*fs.PathError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	keyless := slices.ContainsFunc(noKeys, func(one error) bool { return errors.Is(err, one) })
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return &SetupError{"nats", "the server does not accept the credentials: " + err.Error(), credentials}
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return &SetupError{"nats", "the server knows no credentials files: " + err.Error(), credentials}
	case certificate, alert:
		return &SetupError{"nats", "TLS: " + err.Error(), "name the authority of the server's certificate (NATS_CA), or the client's certificate if the server wants one"}
	case plain, errors.Is(err, nats.ErrSecureConnWanted):
		return &SetupError{"nats", "TLS: " + err.Error(), "the server speaks no TLS on this port: use nats://, or its TLS port"}
	case errors.Is(err, nats.ErrSecureConnRequired):
		return &SetupError{"nats", "TLS: " + err.Error(), "use tls:// in NATS_URL"}
	case errors.Is(err, nats.ErrNoInfoReceived):
		return &SetupError{"nats", "what answers is no NATS server", "see whether the port in NATS_URL is right; 4222 is usual"}
	case keyless:
		return &SetupError{"nats", "the credentials file is none: " + err.Error(), "name the file that nsc generate creds has made (NATS_CREDS)"}
	case file:
		return &SetupError{"nats", err.Error(), "check the name of the file"}
	}
	return fmt.Errorf("nats: %w", err)
}
