// Command cluster runs all shards of a bot, resumes them after a restart, and serves their health.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/sessions"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var bot cluster.Cluster
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if err := bot.Status().Health(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	health := &http.Server{Addr: "127.0.0.1:8080", ReadHeaderTimeout: 10 * time.Second}
	go func() { fmt.Fprintln(os.Stderr, health.ListenAndServe()) }()
	inbound := make(chan chiru.IncomingEvent)
	go func() {
		defer close(inbound)
		fmt.Fprintln(os.Stderr, bot.Run(ctx, cluster.Config{
			Shard: chiru.Config{
				Token: os.Getenv("DISCORD_TOKEN"), Store: sessions.Folder{Path: "state"},
				Compression: chiru.CompressionZlibStream, // the least memory of the compressed ones
			},
			Budget: sessions.File{Path: "state/identifies.json"},
		}, inbound))
	}()
	for event := range inbound {
		fmt.Println(event.Shard(), event)
	}
}
