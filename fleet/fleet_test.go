package fleet_test

import (
	"encoding/json"
	"testing"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/gatewaytest"
)

func TestEventsReachAWorkerOnceAndInOrder(t *testing.T) {
	s := discord(t, gatewaytest.Config{Guilds: 8, Shards: 2, MaxConcurrency: 2, Rate: 500, Record: 1 << 16, TrimOnHeartbeat: true})
	e := embed(t, stateOf(t))
	defer e.Close()
	node := start(t, configOf(t, s, e.Conn))
	r := read(t, s, e.Conn)
	r.until(s, func(*chiru.Dispatch) bool { return r.got == 2000 })
	for shard := range 2 {
		s.Dispatch(shard, "LAST", json.RawMessage(`{}`))
	}
	last := 0
	r.until(s, func(d *chiru.Dispatch) bool {
		if d.Type == "LAST" {
			last++
		}
		return last == 2
	})
	st := node.node.Status()
	t.Logf("%+v", st)
	node.end()
}
