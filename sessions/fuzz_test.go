package sessions_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chiru-go/chiru"
	"github.com/chiru-go/chiru/sessions"
)

// FuzzFolder: whatever is in a file, Load gives an error alone or a session, from one JSON object of the
// version that Save writes, and reads no more than a session file may have.
func FuzzFolder(f *testing.F) {
	f.Add([]byte(`{"version":1,"session":{"id":"0123","sequence":77,"resume_url":"wss://r","host":"h","token_hash":"ab","shard_id":3,"shard_count":16,"intents":513,"capabilities":2}}`))
	f.Add([]byte(`{"version":1,"session":{"id":"0123","sequence":-9223372036854775808,"shard_id":-1}}`))
	f.Add([]byte(`{"version":1,"session":{"id":7}}`))
	f.Add([]byte("{\"version\":1}\x00"))
	store := sessions.Folder{Path: f.TempDir()}
	if err := store.Save(f.Context(), key, held); err != nil {
		f.Fatal(err)
	}
	entries, err := os.ReadDir(store.Path)
	if err != nil || len(entries) != 1 {
		f.Fatal(entries, err)
	}
	file := filepath.Join(store.Path, entries[0].Name())
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := store.Load(t.Context(), key)
		if err != nil && got != (chiru.Session{}) {
			t.Fatalf("got %+v beside %v", got, err)
		}
		if err != nil {
			return
		}
		var file map[string]json.RawMessage
		text = text[:min(len(text), 64<<10)]
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("got %+v from what is no JSON object: %v", got, err)
		}
		version := 0
		for name, value := range file {
			if strings.EqualFold(name, "version") && json.Unmarshal(value, &version) == nil && version == 1 {
				return
			}
		}
		t.Fatalf("got %+v from a file of another version", got)
	})
}
