package gatewaytest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// runBot hides when someone says good night. Nothing in it knows of a test.
func runBot(ctx context.Context, cfg chiru.Config) {
	outbound, inbound := make(chan chiru.OutgoingEvent, 1), make(chan chiru.IncomingEvent)
	go func() {
		defer close(inbound)
		chiru.Run(ctx, cfg, outbound, inbound)
	}()
	for event := range inbound {
		if d, ok := event.(*chiru.Dispatch); ok && strings.Contains(string(d.Body), "good night") {
			outbound <- &chiru.PresenceUpdate{Status: chiru.StatusInvisible}
		}
	}
}

func TestBotGoesToSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		discord := gatewaytest.Start(t, gatewaytest.Config{Guilds: 1})
		go runBot(t.Context(), chiru.Config{URL: discord.URL(), Token: discord.Token(), HTTPClient: discord.Client()})
		synctest.Wait() // the bot has its guild, and nothing left to do
		discord.Dispatch(0, "MESSAGE_CREATE", map[string]string{"content": "good night"})
		if p, ok := discord.Await(3, time.Minute); !ok || !strings.Contains(string(p.Data), `"invisible"`) {
			t.Errorf("got presence %s, want invisible", p.Data)
		}
	})
}
