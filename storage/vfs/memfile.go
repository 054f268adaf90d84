package vfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// memFile is an open file of one process; it dies with it.
type memFile struct {
	fs    *Mem
	node  *node
	name  string
	epoch int
}

// errDead is what the files of a crashed process answer, should anything of it
// still run.
var errDead = errors.New("vfs: the process that opened the file has crashed")

func (f *memFile) enter(op Op) error {
	f.fs.mu.Lock()
	if f.epoch != f.fs.epoch {
		return errDead
	}
	return f.fs.check(op, f.name)
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	err := f.enter(OpRead)
	defer f.fs.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.WriteVec([][]byte{p}, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memFile) WriteVec(bufs [][]byte, off int64) error {
	fault := f.enter(OpWrite)
	defer f.fs.mu.Unlock()
	var short *ShortWrite
	if fault != nil && !errors.As(fault, &short) {
		return fault
	}
	end := off
	for _, b := range bufs {
		end += int64(len(b))
	}
	if short != nil {
		end = min(end, off+short.Bytes)
	}
	if err := f.room(end); err != nil {
		return err
	}
	for _, b := range bufs {
		b = b[:min(int64(len(b)), end-off)]
		f.node.overwrite(b, off)
		off += int64(len(b))
	}
	f.node.modTime = f.fs.now()
	return fault
}

// overwrite puts b at off, within the file.
func (n *node) overwrite(b []byte, off int64) {
	copy(n.data[off:], b)
	for s := off / SectorSize; s*SectorSize < off+int64(len(b)); s++ {
		n.soil(s)
	}
}

func (n *node) soil(sector int64) {
	if n.dirty == nil {
		n.dirty = make(map[int64]bool)
	}
	n.dirty[sector] = true
}

// room makes the file at least size long, if the disk has the space.
func (f *memFile) room(size int64) error {
	grow := size - int64(len(f.node.data))
	if grow <= 0 {
		return nil
	}
	if c := f.fs.capacity; c > 0 && f.fs.used()+grow > c {
		return &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	f.node.truncate(size)
	return nil
}

func (n *node) truncate(size int64) {
	if old := int64(len(n.data)); size < old {
		for s := size / SectorSize; s*SectorSize < old; s++ {
			n.soil(s)
		}
		n.data = n.data[:size:size]
		return
	}
	n.data = append(n.data, make([]byte, size-int64(len(n.data)))...)
}

func (f *memFile) Truncate(size int64) error {
	err := f.enter(OpWrite)
	defer f.fs.mu.Unlock()
	if err != nil {
		return err
	}
	f.node.truncate(size)
	return nil
}

func (f *memFile) Allocate(size int64) error {
	err := f.enter(OpWrite)
	defer f.fs.mu.Unlock()
	if err != nil {
		return err
	}
	return f.room(size)
}

func (f *memFile) Zero(off, n int64) error {
	err := f.enter(OpWrite)
	defer f.fs.mu.Unlock()
	if err != nil {
		return err
	}
	f.node.overwrite(make([]byte, n), off)
	f.node.modTime = f.fs.now()
	return nil
}

func (f *memFile) Sync() error {
	err := f.enter(OpSync)
	defer f.fs.mu.Unlock()
	if err != nil {
		return err
	}
	n := f.node
	if len(n.synced) != len(n.data) {
		next := make([]byte, len(n.data))
		copy(next, n.synced)
		n.synced = next
	}
	for s := range n.dirty {
		from, to := s*SectorSize, min((s+1)*SectorSize, int64(len(n.data)))
		if from < to {
			copy(n.synced[from:to], n.data[from:to])
		}
	}
	n.dirty = nil
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Close() error { return nil }
