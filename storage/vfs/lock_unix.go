//go:build linux || darwin || freebsd

package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// held are the lock files of this process. Record locks exclude other processes
// only, and closing any descriptor of a file drops the process's locks on it, so
// a held file must not even be opened, under whatever name.
var held struct {
	sync.Mutex
	files []os.FileInfo
}

func holds(info os.FileInfo) int {
	return slices.IndexFunc(held.files, func(h os.FileInfo) bool { return os.SameFile(h, info) })
}

func (osFS) Lock(name string) (io.Closer, error) {
	held.Lock()
	defer held.Unlock()
	if info, err := os.Stat(name); err == nil && holds(info) >= 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := lockFile(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	held.files = append(held.files, info)
	return &osLock{f: f, info: info}, nil
}

func lockFile(f *os.File) (os.FileInfo, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: 0, Len: 1}
	err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("%s: %w", f.Name(), ErrLocked)
	case err != nil:
		return nil, &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	if _, err := f.WriteAt([]byte("lock"), 0); err != nil {
		return nil, err
	}
	return f.Stat()
}

type osLock struct {
	f    *os.File
	info os.FileInfo
}

// Close releases the lock, by closing the file.
func (l *osLock) Close() error {
	held.Lock()
	defer held.Unlock()
	i := holds(l.info)
	if i < 0 {
		return fs.ErrClosed
	}
	held.files = slices.Delete(held.files, i, i+1)
	return l.f.Close()
}
