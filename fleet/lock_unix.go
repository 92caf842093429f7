//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package fleet

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps a folder for one process: the system frees it when the process ends, however it ends. nats-server itself takes none.
type lock struct{ file *os.File }

func takeLock(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errFolderTaken
		}
		return nil, err
	}
	return &lock{file}, nil
}

func (l *lock) release() { l.file.Close() }
