package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/chiru-go/chiru"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	inbound := make(chan chiru.IncomingEvent)
	go func() {
		defer close(inbound)
		fmt.Println(chiru.Run(ctx, chiru.Config{Token: os.Getenv("DISCORD_TOKEN")}, nil, inbound))
	}()
	for event := range inbound {
		fmt.Println(event)
	}
}
