package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrLocked says that a lock file is held by another process, or by this one.
var ErrLocked = errors.New("vfs: locked by another process")

// OS returns the real filesystem. Its locks are POSIX record locks on the first
// byte, which Java's FileChannel.tryLock(0, 1, false) takes too.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644))
}

func (osFS) Open(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDWR, 0))
}

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

func (osFS) Remove(name string) error             { return os.Remove(name) }
func (osFS) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }
func (osFS) MkdirAll(dir string) error            { return os.MkdirAll(dir, 0o755) }

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (osFS) ReadDir(dir string) ([]Entry, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(list))
	for _, e := range list {
		if e.IsDir() {
			entries = append(entries, Entry{Name: e.Name(), Dir: true})
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed in between
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry(info))
	}
	return entries, nil
}

func entry(i fs.FileInfo) Entry {
	return Entry{Name: i.Name(), Size: i.Size(), ModTime: i.ModTime(), Dir: i.IsDir()}
}

func (osFS) Stat(name string) (Entry, error) {
	i, err := os.Stat(name)
	if err != nil {
		return Entry{}, err
	}
	return entry(i), nil
}

func (osFS) Usage(dir string) (Usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Usage{}, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	// As df and Java have it: what only root may use does not count as free.
	total := int64(s.Blocks-s.Bfree+s.Bavail) * s.Bsize
	return Usage{Total: total, Free: int64(s.Bavail) * s.Bsize}, nil
}

// held are the lock files of this process: record locks exclude other processes
// only.
var held struct {
	sync.Mutex
	names map[string]bool
}

func (osFS) Lock(name string) (io.Closer, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	held.Lock()
	defer held.Unlock()
	if held.names[abs] {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: 0, Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
		f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, fmt.Errorf("%s: %w", name, ErrLocked)
		}
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	if _, err := f.WriteAt([]byte("lock"), 0); err != nil {
		f.Close()
		return nil, err
	}
	if held.names == nil {
		held.names = make(map[string]bool)
	}
	held.names[abs] = true
	return &osLock{f: f, name: abs}, nil
}

type osLock struct {
	f    *os.File
	name string
}

// Close releases the lock; closing the file drops all of the process's record
// locks on it.
func (l *osLock) Close() error {
	held.Lock()
	defer held.Unlock()
	if !held.names[l.name] {
		return fs.ErrClosed
	}
	delete(held.names, l.name)
	return l.f.Close()
}

type osFile struct{ *os.File }

// maxVectors is the system's limit of buffers per call (IOV_MAX).
const maxVectors = 1024

func (f *osFile) WriteVec(bufs [][]byte, off int64) error {
	for len(bufs) > 0 {
		group := bufs[:min(len(bufs), maxVectors)]
		bufs = bufs[len(group):]
		if err := f.writeGroup(group, off); err != nil {
			return &fs.PathError{Op: "write", Path: f.Name(), Err: err}
		}
		for _, b := range group {
			off += int64(len(b))
		}
	}
	return nil
}

// writeGroup writes bufs with one pwritev; the rest of a short one, which disks
// hardly ever do, goes buffer by buffer.
func (f *osFile) writeGroup(bufs [][]byte, off int64) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	n := 0
	var callErr error
	err = raw.Write(func(fd uintptr) bool {
		for {
			n, callErr = unix.Pwritev(int(fd), bufs, off)
			if callErr != unix.EINTR {
				return true
			}
		}
	})
	if err == nil {
		err = callErr
	}
	if err != nil {
		return err
	}
	for _, b := range bufs {
		skip := min(n, len(b))
		n -= skip
		if skip < len(b) {
			if _, err := f.WriteAt(b[skip:], off+int64(skip)); err != nil {
				return err
			}
		}
		off += int64(len(b))
	}
	return nil
}

// Sync makes the data durable, and of the metadata what reading it back needs.
func (f *osFile) Sync() error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) Allocate(size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = nil
	}
	if err == nil {
		err = f.grow(size)
	}
	if err != nil {
		return &fs.PathError{Op: "allocate", Path: f.Name(), Err: err}
	}
	return nil
}

// grow sets the length where the filesystem could not reserve the space.
func (f *osFile) grow(size int64) error {
	if have, err := f.Size(); err != nil || have >= size {
		return err
	}
	return f.File.Truncate(size)
}

func (f *osFile) Size() (int64, error) {
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}
