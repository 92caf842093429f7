package fleet

import (
	"errors"
	"syscall"
)

// lock keeps a folder for one process: a file that is open without sharing is nobody else's, until the process ends.
type lock struct{ file syscall.Handle }

const sharingViolation = syscall.Errno(32)

func takeLock(path string) (*lock, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	file, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errFolderTaken
	}
	if err != nil {
		return nil, err
	}
	return &lock{file}, nil
}

func (l *lock) release() { _ = syscall.CloseHandle(l.file) }
