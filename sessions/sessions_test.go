package sessions_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/sessions"
)

var (
	key  = chiru.SessionKey{TokenHash: strings.Repeat("ab", 32), ShardID: 3, ShardCount: 16}
	held = chiru.Session{
		ID: "0123", Sequence: 77, ResumeURL: "wss://gateway-us-east1-b.discord.gg", Host: "gateway.discord.gg",
		TokenHash: key.TokenHash, ShardID: 3, ShardCount: 16, Intents: 513, Capabilities: 2,
	}
)

func stores(t *testing.T) map[string]chiru.SessionStore {
	return map[string]chiru.SessionStore{
		"memory": new(sessions.Memory),
		"folder": sessions.Folder{Path: filepath.Join(t.TempDir(), "a", "b")},
	}
}

func TestStoreGivesBackWhatWasSavedForTheSameKeyOnly(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if got, err := store.Load(ctx, key); got != (chiru.Session{}) || err != nil {
				t.Fatalf("empty store: got %+v, %v; want none", got, err)
			}
			if err := store.Save(ctx, key, held); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Load(ctx, key); got != held || err != nil {
				t.Errorf("got %+v, %v; want %+v", got, err, held)
			}
			for _, other := range []chiru.SessionKey{
				{TokenHash: strings.Repeat("cd", 32), ShardID: 3, ShardCount: 16},
				{TokenHash: key.TokenHash, ShardID: 4, ShardCount: 16},
				{TokenHash: key.TokenHash, ShardID: 3, ShardCount: 32},
			} {
				if got, err := store.Load(ctx, other); got.ID != "" || err != nil {
					t.Errorf("key %v: got %+v, %v; want none", other, got, err)
				}
			}
		})
	}
}

func TestStoreForgetsASessionWithoutID(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			for range 2 { // the second forgets what is not there
				if err := store.Save(ctx, key, chiru.Session{}); err != nil {
					t.Fatal(err)
				}
			}
			if err := store.Save(ctx, key, held); err != nil {
				t.Fatal(err)
			}
			if err := store.Save(ctx, key, chiru.Session{}); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Load(ctx, key); got.ID != "" || err != nil {
				t.Errorf("got %+v, %v; want none", got, err)
			}
		})
	}
}

func onlyFile(t *testing.T, path string) string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != 1 {
		t.Fatalf("folder has %v, %v; want one file", entries, err)
	}
	return filepath.Join(path, entries[0].Name())
}

func TestFolderAndFilesAreClosedToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (sessions.Folder{Path: path}).Save(t.Context(), key, held); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o700, onlyFile(t, path): 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got mode %v, %v; want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

func TestUnreadableFileGivesNoSessionAndSaysWhichFile(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "truncated": `{"version":1,"session":{"id":"01`, "array": "[]",
		"other version": `{"version":2,"session":{"id":"0123"}}`, "endless": strings.Repeat(" ", 1<<20) + "{}",
	} {
		t.Run(name, func(t *testing.T) {
			store := sessions.Folder{Path: t.TempDir()}
			if err := store.Save(t.Context(), key, held); err != nil {
				t.Fatal(err)
			}
			file := onlyFile(t, store.Path)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := store.Load(t.Context(), key)
			if got.ID != "" || err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("got %+v, %v; want none and an error naming %s", got, err, file)
			}
			if err := store.Save(t.Context(), key, held); err != nil {
				t.Errorf("saving over it: %v", err)
			}
		})
	}
}

func TestFileIsReadUpTo64KiB(t *testing.T) {
	store := sessions.Folder{Path: t.TempDir()}
	if err := store.Save(t.Context(), key, held); err != nil {
		t.Fatal(err)
	}
	file := onlyFile(t, store.Path)
	text, err := os.ReadFile(file)
	text = bytes.TrimSpace(text)
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]bool{64 << 10: true, 64<<10 + 1: false} {
		if err := os.WriteFile(file, append(bytes.Repeat([]byte(" "), size-len(text)), text...), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Load(t.Context(), key); (got == held) != want || (err == nil) != want {
			t.Errorf("a file of %d bytes: got %+v, %v; want it read: %v", size, got, err, want)
		}
	}
}

func TestFailedSaveLeavesTheOldSessionAndNoOtherFile(t *testing.T) {
	store := sessions.Folder{Path: t.TempDir()}
	if err := store.Save(t.Context(), key, held); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Save(ctx, key, chiru.Session{ID: "new"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	onlyFile(t, store.Path)
	if got, err := store.Load(t.Context(), key); got != held || err != nil {
		t.Errorf("got %+v, %v; want the old session", got, err)
	}
}

func TestFileKeepsOneTextWholeOrNotAtAll(t *testing.T) {
	file := sessions.File{Path: filepath.Join(t.TempDir(), "a", "budget.json")}
	if text, err := file.Load(t.Context()); text != nil || err != nil {
		t.Fatalf("no file: got %q, %v; want none", text, err)
	}
	for _, text := range []string{"the first", "second"} {
		if err := file.Save(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := file.Load(t.Context()); string(got) != text || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{file.Path: 0o600, filepath.Dir(file.Path): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(file.Path)); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %d files, %v; want one", len(entries), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := file.Load(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Load with an ended context: %v", err)
	}
	if err := file.Save(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Save with an ended context: %v", err)
	}
}
