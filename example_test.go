package chiru_test

import (
	"context"
	"fmt"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// A shard against the simulator: READY, then the guilds, until the caller has seen enough.
func ExampleRun() {
	server := gatewaytest.NewMemoryServer(gatewaytest.Config{Guilds: 2})
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	inbound := make(chan chiru.IncomingEvent)
	go func() {
		defer close(inbound)
		err := chiru.Run(ctx, chiru.Config{
			URL: server.URL(), Token: server.Token(), HTTPClient: server.Client(),
		}, nil, inbound)
		fmt.Println("ended:", err)
	}()
	for event := range inbound {
		d, ok := event.(*chiru.Dispatch)
		if !ok {
			continue
		}
		fmt.Println(d.Sequence, d.Type)
		if d.Sequence == 3 {
			cancel()
		}
	}
	// Output:
	// 1 READY
	// 2 GUILD_CREATE
	// 3 GUILD_CREATE
	// ended: context canceled
}

// Events is Run as a loop.
func ExampleEvents() {
	server := gatewaytest.NewMemoryServer(gatewaytest.Config{Guilds: 1})
	defer server.Close()

	cfg := chiru.Config{URL: server.URL(), Token: server.Token(), HTTPClient: server.Client()}
	for event := range chiru.Events(context.Background(), cfg) {
		if d, ok := event.(*chiru.Dispatch); ok && d.Type == "GUILD_CREATE" {
			fmt.Println("the guild is here")
			break
		}
	}
	// Output: the guild is here
}

// Any model library's types will do.
func ExampleDecode() {
	d := &chiru.Dispatch{Type: "MESSAGE_CREATE", Body: []byte(`{"id":"80351110224678912","content":"hello"}`)}
	message, err := chiru.Decode[struct {
		ID      chiru.Snowflake `json:"id"`
		Content string          `json:"content"`
	}](d)
	fmt.Println(message.ID, message.Content, err)
	// Output: 80351110224678912 hello <nil>
}

func ExampleParseIntents() {
	intents, err := chiru.ParseIntents("guilds,guild_messages")
	fmt.Println(uint64(intents), intents, err)
	// Output: 513 GUILDS,GUILD_MESSAGES <nil>
}
