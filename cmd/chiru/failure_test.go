package main

import (
	"errors"
	"testing"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/cluster"
	"github.com/chiru-go/chiru/fleet"
)

// What Discord refuses for good a supervisor does not ask again; what passes it does.
func TestCodeOfRunTellsARefusalOfDiscordsFromWhatPasses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{&chiru.CloseError{Code: chiru.CloseAuthenticationFailed}, exitRefused},
		{&cluster.ShardError{Shard: 3, Err: &chiru.CloseError{Code: chiru.CloseDisallowedIntents}}, exitRefused},
		{&cluster.DiscoveryError{Err: &chiru.UpgradeError{Host: "discord.com", Status: 401}}, exitRefused},
		{&cluster.DiscoveryError{Err: &chiru.UpgradeError{Host: "discord.com", Status: 404}}, exitFailed},
		{&fleet.SetupError{What: "nats", Reason: "the disk is full"}, exitFailed},
		{&chiru.ConfigError{Field: "Name", Reason: "is wrong"}, exitUsage},
		{errors.New("something else"), exitFailed},
	} {
		f, ok := explainRun(explainSetup(c.err)).(*failure)
		if !ok || f.code != c.want {
			t.Errorf("%v: got %+v, want code %d", c.err, f, c.want)
		}
	}
	if err := explainRun(nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}
