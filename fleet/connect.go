package fleet

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// What is written to a NATS server that does not read.
	flushWait     = 10 * time.Second
	reconnectWait = 500 * time.Millisecond
	dialWait      = 5 * time.Second
	// A server that does not answer is left.
	pingEvery = 10 * time.Second
	pingsMost = 2
)

// Connect connects to NATS as a node must: what cannot be sent at once is not kept and sent late, and it never gives up. options come
// last, credentials for example. A server that is not there is no error; logger hears when it comes.
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
	nc, err := nats.Connect(url, all...)
	if err != nil {
		return nil, explainConnect(err)
	}
	return nc, nil
}

// explainConnect says what to do about a connection that can never be made.
func explainConnect(err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return &SetupError{"nats", "the server does not accept the credentials", "check the user and password, or the credentials file"}
	}
	return fmt.Errorf("nats: %w", err)
}
