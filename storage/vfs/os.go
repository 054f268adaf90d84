package vfs

import (
	"errors"
	"io/fs"
	"os"
)

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

type osFile struct{ *os.File }

func (f *osFile) WriteVec(bufs [][]byte, off int64) error {
	if err := writeVec(f.File, bufs, off); err != nil {
		return &fs.PathError{Op: "write", Path: f.Name(), Err: err}
	}
	return nil
}

// Sync makes the data durable, and of the metadata what reading it back needs.
func (f *osFile) Sync() error {
	if err := syncData(f.File); err != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) Allocate(size int64) error {
	err := f.grow(size)
	if err == nil {
		err = reserve(f.File, size)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil // the length alone, then
	}
	if err != nil {
		return &fs.PathError{Op: "allocate", Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) grow(size int64) error {
	if have, err := f.Size(); err != nil || have >= size {
		return err
	}
	return f.File.Truncate(size)
}

// Zero frees or converts whole blocks, without writing them, where the
// filesystem can.
func (f *osFile) Zero(off, n int64) error {
	if n <= 0 {
		return nil
	}
	err := zeroRange(f.File, off, n)
	if errors.Is(err, errors.ErrUnsupported) {
		err = f.writeZeros(off, n)
	}
	if err != nil {
		return &fs.PathError{Op: "zero", Path: f.Name(), Err: err}
	}
	return nil
}

func (f *osFile) writeZeros(off, n int64) error {
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		piece := zeros[:min(n, int64(len(zeros)))]
		if _, err := f.WriteAt(piece, off); err != nil {
			return err
		}
		off += int64(len(piece))
		n -= int64(len(piece))
	}
	return nil
}

func (f *osFile) Size() (int64, error) {
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}
