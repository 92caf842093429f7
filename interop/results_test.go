package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const resultsFile = "RESULTS.md"

// result is what a library did, in a run without a failure.
type result struct {
	library installed
	unfit   bool // it reported some events as errors
}

// results writes RESULTS.md, or holds it to this run. Nothing in it depends on time.
func results(t *testing.T, rows []result) {
	t.Helper()
	got := page(rows)
	if *write {
		if err := os.WriteFile(resultsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(string(old), "\r\n", "\n"); got != want {
		t.Errorf("%s says otherwise; if this run is right, run again with -write. It came to:\n%s", resultsFile, got)
	}
}

func page(rows []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Bot libraries on the simulator

Each library runs with its normal settings and all 21 intents against gatewaytest.NewServer over
loopback TCP. To reproduce, in this folder:

    npm ci --prefix node
    go test -v -count=1 ./...

With -write the test writes this page; without, it fails if the page says otherwise.

One shard: READY, %d guilds, then %s live events, with an op 7 after a third and a lost TCP connection
after two thirds. %d shards: %d guilds, all connections lost at once. "Kept" is the same session, resumed.
The numbers and types of the events that the library's hook for any event shows are compared with the
ledger of the session; none may be missing, READY, RESUMED and replayed ones included.

| library | version | READY | guilds | events | op 7 | cut | %d shards | rules broken |
|---|---|---|---|---|---|---|---|---|
`, oneGuilds, thousands(oneLive), manyShards, manyGuilds, manyShards)
	for i, r := range rows {
		events := thousands(oneLive) + ", none lost"
		if r.unfit {
			events += "; some shown as errors"
		}
		var rules []string
		for _, f := range clients[i].fouls {
			rule := f.rule
			if f.may {
				rule += " (not in every run)"
			}
			rules = append(rules, rule)
		}
		fmt.Fprintf(&b, "| %s | %s | yes | %d of %d | %s | kept | kept | all kept, none lost | %s |\n",
			clients[i].name, r.library.version, oneGuilds, oneGuilds, events, strings.Join(rules, ", "))
	}
	b.WriteString(`
Shown as errors: arikawa reports an event that it does not know, or cannot read, such as a message with a
number for a nonce, as an error without a sequence number. The test counts it by its type.

## Rules broken

The referee's rules are the Rule constants of package gatewaytest. A rule that is not here fails the test,
and so does one that is here and was not broken.

| library | rule | where | why |
|---|---|---|---|
`)
	for i, c := range clients {
		for _, f := range c.fouls {
			fmt.Fprintf(&b, "| %s %s | %s | %s:%d | %s |\n", c.name, rows[i].library.version, f.rule, f.file, f.line, f.reason)
		}
	}
	fmt.Fprintf(&b, `
ACKs come after %v, as over a real network: with an ACK within microseconds, disgo takes a live connection
for dead, because it notes the time of a beat after the write (gateway/gateway.go:499).
`, ackDelay)
	return b.String()
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
