package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/fleet"
	"github.com/chiru-go/chiru/gatewaytest"
)

func TestExampleWritesEachMessageOnce(t *testing.T) {
	s, err := gatewaytest.NewServer(gatewaytest.Config{Guilds: 1, Members: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	ended := errors.New("the test has seen enough")
	e, err := fleet.Embed(ctx, fleet.EmbeddedConfig{Folder: filepath.Join(t.TempDir(), "state"), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	results := make(chan error, 2)
	go func() {
		results <- fleet.Run(ctx, fleet.Config{Conn: e.Conn, API: s.API(), Shard: chiru.Config{Token: s.Token(), HTTPClient: s.Client(), Intents: chiru.IntentsAll}})
	}()
	folder := filepath.Join(t.TempDir(), "messages")
	go func() { results <- work(ctx, e.Door.URL, folder) }()
	const messages = 5
	if _, ok := s.Await(2, time.Minute); !ok {
		t.Fatal("no IDENTIFY comes")
	}
	issued := false
	for late := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if !issued && len(s.Sessions()) > 0 {
			issued = true
			for range messages {
				s.Dispatch(0, "MESSAGE_CREATE", map[string]string{"content": "hello"})
			}
		}
		files, err := os.ReadDir(folder)
		if err == nil && len(files) == messages {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%d messages are written: %v", len(files), err)
		}
	}
	stop(ended)
	for range 2 {
		if err := <-results; !errors.Is(err, ended) {
			t.Error(err)
		}
	}
}
