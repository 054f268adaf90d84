// Package vfs is the filesystem seam of the store. Everything that storage
// reads or writes goes through FS, so that tests and the simulator can replace
// the disk with one that tears writes, loses unsynced pages and runs full.
//
// OS is the real filesystem. Mem keeps files in memory, tracks what was synced,
// and can crash.
package vfs

import (
	"errors"
	"io"
	"time"
)

// ErrLocked says that a lock file is held by another process, or by this one.
var ErrLocked = errors.New("vfs: locked by another process")

// FS creates, opens, lists and removes files. Names are slash-separated paths.
// Errors wrap the io/fs sentinels (fs.ErrNotExist, fs.ErrExist) where they
// apply. All methods may be called from several goroutines.
type FS interface {
	// Create makes an empty file, truncating an existing one.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// Rename replaces newname with oldname atomically. It is durable only
	// after SyncDir of the directory.
	Rename(oldname, newname string) error
	// MkdirAll makes a directory and its missing parents.
	MkdirAll(dir string) error
	// SyncDir makes the creation, removal and renaming of dir's entries durable.
	SyncDir(dir string) error
	// ReadDir lists the entries of dir, sorted by name.
	ReadDir(dir string) ([]Entry, error)
	// Stat describes a file or directory.
	Stat(name string) (Entry, error)
	// Usage describes the disk that holds dir.
	Usage(dir string) (Usage, error)
	// Lock takes the exclusive lock of a whole process on a file that it
	// creates when missing, with the text "lock" as Apache's broker writes it. It
	// fails with ErrLocked when another process, or another holder in this one,
	// has it. Closing the result releases it, as does the end of the process.
	Lock(name string) (io.Closer, error)
}

// File is an open file. Reads and writes are positional, there is no cursor.
// ReadAt and WriteAt may be called from several goroutines, as with os.File.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// WriteVec writes bufs back to back at offset off, as one system call where
	// the platform has it. It fails with a *fs.PathError, possibly after a part
	// was written. bufs is not retained and not modified.
	WriteVec(bufs [][]byte, off int64) error
	// Sync makes all data written so far durable. After an error nothing can be
	// said about what is on disk: the caller must not retry and go on.
	Sync() error
	// Truncate changes the length; a longer file reads as zeros.
	Truncate(size int64) error
	// Allocate sets the length to size, unless it is longer, with the blocks
	// reserved where the filesystem can, so that later writes below size cannot
	// run out of space. It never changes bytes already written. A crash leaves
	// the old length or the new one, never one between.
	Allocate(size int64) error
	// Zero makes the n bytes at off, which lie within the file, read as zeros
	// while length and reserved blocks stay. It is as durable as a write.
	Zero(off, n int64) error
	// Size returns the current length in bytes.
	Size() (int64, error)
}

// Entry describes a file or directory.
type Entry struct {
	Name    string // last element of the path
	Size    int64
	ModTime time.Time
	Dir     bool
}

// Usage is the space of a disk, in bytes.
type Usage struct{ Total, Free int64 }

// UsedRatio returns the used share of the disk, 0..1.
func (u Usage) UsedRatio() float64 {
	if u.Total <= 0 {
		return 0
	}
	return float64(u.Total-u.Free) / float64(u.Total)
}
