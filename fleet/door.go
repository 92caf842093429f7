package fleet

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
	"slices"

	"github.com/chiru-go/chiru/sessions"
)

// Door is how the programs of this machine and user reach the embedded NATS server: daemon.json in its folder.
type Door struct {
	Format   int    `json:"format"`
	URL      string `json:"nats_url"`
	User     string `json:"nats_user"`
	Password string `json:"nats_password"`
	// Certificate is the server's, in PEM, if it wants TLS.
	Certificate string `json:"nats_certificate,omitempty"`
	// HTTP is the address of health and metrics, empty if there is none.
	HTTP string `json:"http,omitempty"`
	PID  int    `json:"pid"`
}

const (
	doorUser = "chiru"
	doorFile = "daemon.json"
	lockFile = "lock"
	doorMost = 64 << 10
)

// StateFolder is where chiru keeps what is not to be lost: chiru in XDG_STATE_HOME, or in its default; on Windows in LocalAppData. env is
// os.Getenv, or what stands in for it.
func StateFolder(env func(string) string) (string, error) {
	if path := env("XDG_STATE_HOME"); filepath.IsAbs(path) { // the XDG rule: a relative one is ignored
		return filepath.Join(path, "chiru"), nil
	}
	if path := env("LocalAppData"); runtime.GOOS == "windows" && path != "" {
		return filepath.Join(path, "chiru"), nil
	}
	home := env("HOME")
	if home == "" {
		return "", &SetupError{"state folder", "HOME and XDG_STATE_HOME are not set", "set one of them, or name the folder"}
	}
	return filepath.Join(home, ".local", "state", "chiru"), nil
}

// ReadDoor finds the embedded server of a running chiru by its folder.
func ReadDoor(folder string) (d Door, err error) {
	path := filepath.Join(folder, doorFile)
	from, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, &SetupError{path, "there is none: no chiru run keeps its NATS here", "start chiru run, or set NATS_URL"}
	}
	if err != nil {
		return d, err
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, doorMost))
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return Door{}, &SetupError{path, err.Error(), "stop chiru run and start it again"}
	}
	if d.Format != Format {
		return Door{}, &SetupError{path, fmt.Sprintf("it has format %d; this chiru knows %d", d.Format, Format), "use the same chiru for all commands"}
	}
	return d, nil
}

// checkLeftDoor refuses a folder in which a newer chiru has been: what else it left there may be newer too. An older one's door, and what is no
// door, are replaced.
func checkLeftDoor(folder string) error {
	path := filepath.Join(folder, doorFile)
	text, err := os.ReadFile(path)
	var left struct {
		Format int `json:"format"`
	}
	if err != nil || json.Unmarshal(text, &left) != nil || left.Format <= Format {
		return nil
	}
	return &SetupError{path, fmt.Sprintf("it has format %d; this chiru knows %d", left.Format, Format), "run the chiru that made it, or a newer one"}
}

func (d Door) write(folder string) error {
	text, err := json.MarshalIndent(d, "", "\t")
	if err != nil {
		return err
	}
	return sessions.File{Path: filepath.Join(folder, doorFile)}.Save(context.Background(), append(text, '\n'))
}

func removeDoor(folder string) { _ = os.Remove(filepath.Join(folder, doorFile)) }

// privateFolder makes the folder, or closes it to others, unless they may have something else in it.
func privateFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	there, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	ours := func(e fs.DirEntry) bool { return e.Name() == lockFile || e.Name() == doorFile }
	if len(there) > 0 && !slices.ContainsFunc(there, ours) {
		return &SetupError{path, fmt.Sprintf("others may enter it (%04o), and what is in it is not chiru's", info.Mode().Perm()), "name a folder for chiru alone, or close this one: chmod 700"}
	}
	return os.Chmod(path, 0o700)
}
