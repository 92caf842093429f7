package sessions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File keeps one small text, as cluster.Config.Budget wants it: mode 0600 in a folder of mode 0700, written, synced and
// renamed, so that a crash leaves the old text or the new one.
type File struct {
	// Path is the file; its folder is made when the text is first saved.
	Path string
}

// Load gives the text, nil if there is no file.
func (f File) Load(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, fileMost))
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return text, nil
}

// Save puts text in place of the one before.
func (f File) Save(ctx context.Context, text []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	folder := Folder{Path: filepath.Dir(f.Path)}
	if err := folder.prepare(); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	if err := replace(f.Path, text); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}
