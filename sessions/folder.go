package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/chiru-go/chiru"
)

const (
	fileVersion = 1
	fileMost    = 64 << 10 // no session file of ours comes near
)

// Folder keeps each session in a file of its own: versioned JSON, mode 0600 in a folder of mode 0700,
// written, synced and renamed, so that a crash leaves the old one or the new one. Any number of Runs
// may share it. Processes may too, as long as no two run the same shard.
type Folder struct {
	// Path is the folder; it is made when the first session is saved.
	Path string
}

type file struct {
	Version int           `json:"version"`
	Session chiru.Session `json:"session"`
}

func (f Folder) name(key chiru.SessionKey) string {
	// Twelve digits of the hash tell bots apart; the whole hash stands inside and is checked.
	return filepath.Join(f.Path, fmt.Sprintf("%.12s-%d-of-%d.json", key.TokenHash, key.ShardID, key.ShardCount))
}

// Load implements chiru.SessionStore. A file that cannot be read as a session gives none, and an error that says why.
func (f Folder) Load(ctx context.Context, key chiru.SessionKey) (chiru.Session, error) {
	if err := ctx.Err(); err != nil {
		return chiru.Session{}, err
	}
	name := f.name(key)
	from, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return chiru.Session{}, nil
	}
	if err != nil {
		return chiru.Session{}, fmt.Errorf("load session: %w", err)
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, fileMost))
	if err != nil {
		return chiru.Session{}, fmt.Errorf("load session: %w", err)
	}
	var got file
	if err := json.Unmarshal(text, &got); err != nil {
		return chiru.Session{}, fmt.Errorf("load session %s: %w", name, err)
	}
	if got.Version != fileVersion {
		return chiru.Session{}, fmt.Errorf("load session %s: version %d, want %d", name, got.Version, fileVersion)
	}
	return got.Session, nil
}

// Save implements chiru.SessionStore.
func (f Folder) Save(ctx context.Context, key chiru.SessionKey, s chiru.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := f.name(key)
	if s.ID == "" {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove session: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(file{fileVersion, s}, "", "\t")
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	if err := f.prepare(); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	if err := replace(name, append(text, '\n')); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

// prepare makes the folder, or closes it to others.
func (f Folder) prepare() error {
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(f.Path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(f.Path, 0o700)
	}
	return err
}

// replace puts text in place of the file name, whole or not at all.
func replace(name string, text []byte) (err error) {
	next, err := os.CreateTemp(filepath.Dir(name), ".next-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next.Name())
		}
	}()
	_, err = next.Write(text)
	if err == nil {
		err = next.Sync()
	}
	if closing := next.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(next.Name(), name)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(name))
	}
	return err
}

// syncFolder makes a rename last. Windows has no such call and needs none.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
