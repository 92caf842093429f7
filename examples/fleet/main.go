// Command fleet is a worker: it reads the events that a fleet stores (chiru run), and writes each new message's id to a file, once.
// Any number of it may run; each event goes to one of them.
//
//	chiru run --sim --nats-listen 127.0.0.1:4222
//	NATS_URL=nats://127.0.0.1:4222 go run ./examples/fleet
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := work(ctx, os.Getenv("NATS_URL"), "messages"); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work(ctx context.Context, url, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	nc, err := fleet.Connect(url, slog.Default())
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, stop := context.WithCancelCause(ctx)
	var worker fleet.Worker
	inbound := make(chan chiru.IncomingEvent)
	go func() {
		defer close(inbound)
		stop(worker.Run(ctx, fleet.SubscribeConfig{
			Conn: nc, Durable: "messages", Types: []string{"MESSAGE_CREATE"}, Explicit: true, Logger: slog.Default(),
		}, inbound))
	}()
	for event := range inbound {
		message := event.(*chiru.Dispatch)
		if err := effect(folder, message); err != nil {
			stop(err)
			continue // not acknowledged: it comes again, here or elsewhere
		}
		if err := worker.Ack(message); err != nil {
			slog.Warn("acknowledgement lost: the event comes again", "error", err)
		}
	}
	return context.Cause(ctx)
}

// effect is done once for each event, however often that comes: a database does it by a column that must be unique.
func effect(folder string, d *chiru.Dispatch) error {
	f, err := os.OpenFile(filepath.Join(folder, strings.ReplaceAll(fleet.EventID(d), ":", "-")), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(d.Body)
	return errors.Join(err, f.Close())
}
