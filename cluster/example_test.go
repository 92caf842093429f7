package cluster_test

import (
	"context"
	"fmt"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/gatewaytest"
)

// Two shards of a simulated bot, behind one channel.
func ExampleRun() {
	server := gatewaytest.NewMemoryServer(gatewaytest.Config{Shards: 2, MaxConcurrency: 2})
	defer server.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	inbound := make(chan chiru.IncomingEvent)
	go func() {
		defer close(inbound)
		fmt.Println("ended:", cluster.Run(ctx, cluster.Config{
			API: server.API(), Shard: chiru.Config{Token: server.Token(), HTTPClient: server.Client()},
		}, inbound))
	}()
	ready := 0
	for event := range inbound {
		if d, ok := event.(*chiru.Dispatch); ok && d.Type == "READY" {
			if ready++; ready == 2 {
				fmt.Println("both shards are here")
				cancel()
			}
		}
	}
	// Output:
	// both shards are here
	// ended: context canceled
}
