package chiru_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

// A canary for a token: it must turn up nowhere but in IDENTIFY, RESUME and HTTP's Authorization.
const canary = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.canary"

func TestTokenIsInNoLogErrorOrEvent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, gatewaytest.Config{Token: canary, Guilds: 2, Rate: 1})
		var out logBuffer
		b := launch(t, s, func(cfg *chiru.Config) {
			cfg.Token = "Bot " + canary
			cfg.Logger = out.logger()
			cfg.Store = &failing{err: fmt.Errorf("cannot store for %s", canary)}
		})
		for _, fault := range []func(c *gatewaytest.Conn){
			func(c *gatewaytest.Conn) { c.Close(4000, "bad token "+canary) },
			func(c *gatewaytest.Conn) { c.Cut() },
			func(c *gatewaytest.Conn) { c.Send(7, nil) },
			func(c *gatewaytest.Conn) { c.Send(9, false) },
			func(c *gatewaytest.Conn) { c.SendRaw([]byte(`{"op":"` + canary + `"`)) },
			func(c *gatewaytest.Conn) { c.SendBytes([]byte(canary)) },
			func(*gatewaytest.Conn) { b.outbound <- raw(-1, `"`+canary+`"`) },
		} {
			wait(5 * time.Minute)
			b.mustBeLive()
			fault(s.Conns()[0])
		}
		s.RefuseUpgrade("", 503, http.Header{"Retry-After": {canary}, "Location": {canary}})
		wait(5 * time.Minute)
		s.Conns()[0].Close(4004, "Authentication failed for "+canary)
		wait(time.Second)
		<-b.ended
		fmt.Fprintf(&out, "%v %+v %#v\n", b.err, b.err, b.err)
		fmt.Fprintf(&out, "%v %+v\n", b.stats.Snapshot(), b.stats.Snapshot())
		for _, e := range b.seen() {
			switch e := e.event.(type) {
			case *chiru.CommandRejected:
				fmt.Fprintf(&out, "%v\n", e.Err) // Command is the caller's own
			default:
				fmt.Fprintf(&out, "%v %+v %#v\n", e, e, e)
			}
			if d, ok := e.event.(*chiru.Disconnected); ok {
				fmt.Fprintf(&out, "%v\n", d.Err)
			}
		}
		if n := len(out.String()); n < 1000 {
			t.Fatalf("only %d bytes were collected", n)
		}
		for i, line := range strings.Split(out.String(), "\n") {
			if strings.Contains(line, "canary") {
				t.Errorf("line %d shows the token: %.300s", i, line)
			}
		}
	})
}

func TestConfigPrintsWithoutItsToken(t *testing.T) {
	cfg := chiru.Config{Token: canary, URL: "wss://gateway.discord.gg?key=" + canary}
	var out logBuffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+"\n", cfg)
		fmt.Fprintf(&out, verb+"\n", &cfg)
		fmt.Fprintf(&out, verb+"\n", []chiru.Config{cfg})
		fmt.Fprintf(&out, verb+"\n", struct{ C chiru.Config }{cfg})
	}
	out.logger().Info("config", "config", cfg, "pointer", &cfg)
	text, err := json.Marshal(map[string]any{"config": cfg, "pointer": &cfg})
	fmt.Fprintf(&out, "%s %v\n", text, err)
	if strings.Contains(out.String(), "canary") || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("the token shows in %s", out.String())
	}
	if !strings.Contains(out.String(), "shard 0 of 1") {
		t.Errorf("nothing of use is printed: %s", out.String())
	}
}

func TestConfigErrorsDoNotShowTheToken(t *testing.T) {
	for _, cfg := range []chiru.Config{
		{Token: canary, URL: canary}, {Token: canary, URL: "http://" + canary}, {Token: canary, URL: "ws://a:" + canary + "@b"},
		{Token: canary, ShardID: 3}, {Token: canary, URL: "ws://%" + canary},
		{Token: strings.Repeat(canary, 200)},
	} {
		err := chiru.Run(t.Context(), cfg, nil, make(chan chiru.IncomingEvent))
		if _, ok := err.(*chiru.ConfigError); !ok || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "canary") {
			t.Errorf("got %v, want a ConfigError without the token", err)
		}
	}
}
