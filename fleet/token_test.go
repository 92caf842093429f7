package fleet_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

// The bot is the same, so its stream is too; Discord has ended the sessions of the old token, which a RESUME with the new one would not find.
func TestResetTokenKeepsTheStreamAndBeginsNewSessions(t *testing.T) {
	const old, next = "MTAwMDE.GbQx.first", "MTAwMDE.Hx4a.second"
	s := discord(t, gatewaytest.Config{Guilds: 4, Shards: 2, MaxConcurrency: 2, Token: old, Record: 1 << 16})
	e := embed(t, stateOf(t))
	defer e.Close()
	node := start(t, configOf(t, s, e.Conn))
	r := read(t, s, e.Conn)
	r.until(s, func(*chiru.Dispatch) bool { return r.got == 6 })
	s.ResetToken(next)
	select {
	case err := <-node.ended:
		if closed, ok := errors.AsType[*chiru.CloseError](err); !ok || closed.Code != chiru.CloseAuthenticationFailed {
			t.Fatalf("the node ended with %v, want a close with 4004", err)
		}
	case <-time.After(within):
		t.Fatal("the node goes on with a token that is no more")
	}

	// The old one is refused before anything is touched.
	cfg := configOf(t, s, e.Conn)
	cfg.Shard.Token = old
	before := contents(t, e.Conn, "bot")
	err := fleet.Run(t.Context(), cfg)
	if refused, ok := errors.AsType[*chiru.UpgradeError](err); !ok || refused.Status != http.StatusUnauthorized {
		t.Errorf("with the old token: got %v", err)
	}
	if contents(t, e.Conn, "bot") != before {
		t.Error("with the old token the stream was touched")
	}

	log := &kept{}
	cfg = configOf(t, s, e.Conn) // with the new one
	cfg.Logger = log.logger()
	node = start(t, cfg)
	defer node.end()
	r.until(s, func(*chiru.Dispatch) bool { return r.got == 12 })
	if sums := s.Sums(); sums.Sessions != 4 || sums.Resumes != 0 {
		t.Errorf("%d sessions and %d resumes, want 4 and none", sums.Sessions, sums.Resumes)
	}
	if !strings.Contains(log.text(), "session left: what Discord would not replay is lost") {
		t.Errorf("the log does not say that the sessions have ended:\n%s", log.text())
	}
	for _, shard := range node.node.Status().Shards {
		if shard.Boundaries != 1 {
			t.Errorf("shard %d has %d boundaries, want 1", shard.Shard, shard.Boundaries)
		}
	}
}
