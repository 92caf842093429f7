package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// signed is a key and the claims that another has signed for it.
func signed(t *testing.T, make func() (nkeys.KeyPair, error), claim func(public string) jwt.Claims, by nkeys.KeyPair) (pair nkeys.KeyPair, public, token string) {
	t.Helper()
	pair, err := make()
	if err == nil {
		public, err = pair.PublicKey()
	}
	if by == nil {
		by = pair
	}
	if err == nil {
		token, err = claim(public).Encode(by)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pair, public, token
}

// credentials is a file with a user of an account.
func credentials(t *testing.T, account nkeys.KeyPair, expires time.Time) string {
	t.Helper()
	user, _, token := signed(t, nkeys.CreateUser, func(public string) jwt.Claims {
		c := jwt.NewUserClaims(public)
		if !expires.IsZero() {
			c.Expires = expires.Unix()
		}
		return c
	}, account)
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// operated runs a nats-server whose accounts an operator has signed, and gives its URL and the key of one with JetStream.
func operated(t *testing.T) (url string, account nkeys.KeyPair) {
	t.Helper()
	operator, _, operatorToken := signed(t, nkeys.CreateOperator, func(public string) jwt.Claims { return jwt.NewOperatorClaims(public) }, nil)
	_, system, systemToken := signed(t, nkeys.CreateAccount, func(public string) jwt.Claims { return jwt.NewAccountClaims(public) }, operator)
	account, public, token := signed(t, nkeys.CreateAccount, func(public string) jwt.Claims {
		c := jwt.NewAccountClaims(public)
		c.Limits.DiskStorage, c.Limits.MemoryStorage = jwt.NoLimit, jwt.NoLimit
		return c
	}, operator)
	path := filepath.Join(t.TempDir(), "nats.conf")
	text := fmt.Sprintf("host: 127.0.0.1\nport: -1\nmax_payload: 8MB\njetstream { store_dir: %q }\noperator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }\n",
		t.TempDir(), operatorToken, system, system, systemToken, public, token)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs = true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(scriptWait) {
		t.Fatal("the nats-server is not ready")
	}
	return s.ClientURL(), account
}

func TestCredentialsFileIsWhatAnOperatorsServerAsksFor(t *testing.T) {
	url, account := operated(t)
	stranger, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for what, c := range map[string]struct{ creds, want, hint string }{
		"none":              {"", "the server does not accept the credentials", "NATS_CREDS"},
		"another account's": {credentials(t, stranger, time.Time{}), "the server does not accept the credentials", "NATS_CREDS"},
		"expired":           {credentials(t, account, time.Now().Add(-time.Minute)), "the server does not accept the credentials", "NATS_CREDS"},
		"no credentials":    {write("empty.creds", "not these\n"), "empty.creds", "NATS_CREDS"},
		"a key cut short":   {write("short.creds", "SUAM\n"), "short.creds", "NATS_CREDS"},
	} {
		for _, args := range [][]string{{"run", "--sim", "--http", "off"}, {"status"}} {
			called := newCall("NATS_URL="+url, "NATS_CREDS="+c.creds)
			called.want(t, t.Context(), exitFailed, args...)
			if text := called.err.String(); !strings.Contains(text, "chiru: error: ") || !strings.Contains(text, c.want) || !strings.Contains(text, c.hint) {
				t.Errorf("%s, chiru %s: got %s", what, args[0], text)
			}
		}
	}

	right := []string{"NATS_URL=" + url, "NATS_CREDS=" + credentials(t, account, time.Now().Add(time.Hour))}
	ctx, stop := context.WithCancel(t.Context())
	running := newCall(right...)
	ended := make(chan int, 1)
	go func() { ended <- running.run(ctx, []string{"run", "--sim", "--http", "off"}) }()
	reading := newCall(right...)
	reading.want(t, t.Context(), 0, "tail", "--fleet", "--from", "start", "-n", "20")
	if got := strings.Count(reading.out.String(), "\n"); got != 20 {
		t.Errorf("tail has printed %d lines:\n%s", got, &reading.out)
	}
	asking := newCall(right...)
	asking.want(t, t.Context(), 0, "status")
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("run has ended with %d: %s", code, &running.err)
	}
}
