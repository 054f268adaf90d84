package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// SectorSize is the unit that a crashing disk writes whole or not at all.
const SectorSize = 512

// Op names an operation for fault injection.
type Op string

// The operations that a fault may hit.
const (
	OpCreate Op = "create"
	OpOpen   Op = "open"
	OpRead   Op = "read"
	OpWrite  Op = "write"
	OpSync   Op = "sync"
	OpRename Op = "rename"
	OpRemove Op = "remove"
)

// ShortWrite is a fault that fails a write after its first Bytes were written.
type ShortWrite struct {
	Bytes int64
	Err   error
}

func (e *ShortWrite) Error() string { return fmt.Sprintf("after %d bytes: %v", e.Bytes, e.Err) }

// Unwrap returns the cause.
func (e *ShortWrite) Unwrap() error { return e.Err }

// Mem is a filesystem in memory that knows what a crash would leave of it. Data
// become durable by File.Sync, directory entries by SyncDir. Its methods may be
// called from several goroutines.
type Mem struct {
	mu       sync.Mutex
	now      func() time.Time
	entries  map[string]*node // what processes see, by cleaned path
	durable  map[string]*node // the entries that a power loss leaves
	locks    map[string]bool
	capacity int64 // bytes of file data; 0 is unlimited
	fault    func(op Op, name string) error
	watch    func(op Op, name string)
	epoch    int // of the process that has files open; older handles are dead
}

// node is a file or a directory. Data holds what processes see; synced what a
// power loss leaves for certain; dirty the sectors that differ.
type node struct {
	dir     bool
	data    []byte
	synced  []byte
	dirty   map[int64]bool
	modTime time.Time
}

// NewMem returns an empty filesystem. now gives the times of modification; nil
// means the zero time.
func NewMem(now func() time.Time) *Mem {
	if now == nil {
		now = func() time.Time { return time.Time{} }
	}
	root := &node{dir: true}
	return &Mem{
		now:     now,
		entries: map[string]*node{"/": root, ".": root},
		durable: map[string]*node{"/": root, ".": root},
		locks:   make(map[string]bool),
	}
}

// SetCapacity bounds the bytes of all files; beyond it writes fail with ENOSPC. 0
// is unlimited.
func (m *Mem) SetCapacity(n int64) {
	m.mu.Lock()
	m.capacity = n
	m.mu.Unlock()
}

// SetFault has fault called before each operation; its error becomes the
// operation's. nil ends the faults. fault must not call back into m.
func (m *Mem) SetFault(fault func(op Op, name string) error) {
	m.mu.Lock()
	m.fault = fault
	m.mu.Unlock()
}

// SetWatch has watch called before each operation that SetFault can make fail. A
// simulator takes its time from there. watch must not call back into m.
func (m *Mem) SetWatch(watch func(op Op, name string)) {
	m.mu.Lock()
	m.watch = watch
	m.mu.Unlock()
}

// CrashProcess is what kill -9 does: open files and locks are gone, everything
// that was written stays.
func (m *Mem) CrashProcess() {
	m.mu.Lock()
	m.epoch++
	clear(m.locks)
	m.mu.Unlock()
}

// Crash is a power loss: of the unsynced sectors a random part reached the disk,
// each whole or not at all; of the unsynced directory entries likewise. random
// returns a number in [0, n).
func (m *Mem) Crash(random func(n int) int) {
	m.CrashProcess()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.entries)) {
		if _, ok := m.durable[name]; !ok && random(2) == 0 {
			m.durable[name] = m.entries[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.durable)) {
		if live, ok := m.entries[name]; ok && live != m.durable[name] && random(2) == 0 {
			m.durable[name] = live // an unsynced rename over it that made it
		} else if !ok && random(2) == 0 {
			delete(m.durable, name) // an unsynced removal that made it
		}
	}
	m.entries = make(map[string]*node, len(m.durable))
	for _, name := range slices.Sorted(maps.Keys(m.durable)) {
		if _, ok := m.durable[path.Dir(name)]; !ok && name != "/" && name != "." {
			delete(m.durable, name) // its directory did not survive
			continue
		}
		m.entries[name] = m.durable[name]
		m.durable[name].lose(random)
	}
}

// lose drops a random part of what was not synced.
func (n *node) lose(random func(int) int) {
	if n.dir || len(n.dirty) == 0 && len(n.data) == len(n.synced) {
		return
	}
	size := len(n.synced)
	if len(n.data) != size && random(2) == 0 {
		size = len(n.data)
	}
	after := make([]byte, size)
	copy(after, n.synced)
	for _, sector := range slices.Sorted(maps.Keys(n.dirty)) {
		if random(2) == 0 {
			continue
		}
		from := sector * SectorSize
		to := min(from+SectorSize, int64(len(n.data)), int64(size))
		if from < to {
			copy(after[from:to], n.data[from:to])
		}
	}
	n.data = after
	n.synced = slices.Clone(after)
	n.dirty = nil
}

func (m *Mem) check(op Op, name string) error {
	if m.watch != nil {
		m.watch(op, name)
	}
	if m.fault == nil {
		return nil
	}
	if err := m.fault(op, name); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

func notExist(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = path.Clean(name)
	if err := m.check(OpCreate, name); err != nil {
		return nil, err
	}
	if parent := m.entries[path.Dir(name)]; parent == nil || !parent.dir {
		return nil, notExist("create", name)
	}
	n := m.entries[name]
	switch {
	case n == nil:
		n = &node{modTime: m.now()}
		m.entries[name] = n
	case n.dir:
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	default:
		n.truncate(0)
	}
	return &memFile{fs: m, node: n, name: name, epoch: m.epoch}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = path.Clean(name)
	if err := m.check(OpOpen, name); err != nil {
		return nil, err
	}
	n := m.entries[name]
	if n == nil || n.dir {
		return nil, notExist("open", name)
	}
	return &memFile{fs: m, node: n, name: name, epoch: m.epoch}, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = path.Clean(name)
	if err := m.check(OpRemove, name); err != nil {
		return err
	}
	n := m.entries[name]
	if n == nil {
		return notExist("remove", name)
	}
	if n.dir {
		for other := range m.entries {
			if strings.HasPrefix(other, name+"/") {
				return &fs.PathError{Op: "remove", Path: name, Err: errors.New("directory not empty")}
			}
		}
	}
	delete(m.entries, name)
	return nil
}

// Rename implements FS, for files.
func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	oldname, newname = path.Clean(oldname), path.Clean(newname)
	if err := m.check(OpRename, oldname); err != nil {
		return err
	}
	n := m.entries[oldname]
	if n == nil {
		return notExist("rename", oldname)
	}
	m.entries[newname] = n
	delete(m.entries, oldname)
	return nil
}

// MkdirAll implements FS. Directories are durable at once.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir = path.Clean(dir); m.entries[dir] == nil; dir = path.Dir(dir) {
		n := &node{dir: true}
		m.entries[dir], m.durable[dir] = n, n
	}
	return nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = path.Clean(dir)
	if err := m.check(OpSync, dir); err != nil {
		return err
	}
	for name := range m.durable {
		if path.Dir(name) == dir && m.entries[name] == nil {
			delete(m.durable, name)
		}
	}
	for name, n := range m.entries {
		if path.Dir(name) == dir {
			m.durable[name] = n
		}
	}
	return nil
}

// ReadDir implements FS.
func (m *Mem) ReadDir(dir string) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = path.Clean(dir)
	if n := m.entries[dir]; n == nil || !n.dir {
		return nil, notExist("readdir", dir)
	}
	var list []Entry
	for _, name := range slices.Sorted(maps.Keys(m.entries)) {
		if path.Dir(name) == dir && name != dir {
			list = append(list, m.entries[name].entry(name))
		}
	}
	return list, nil
}

func (n *node) entry(name string) Entry {
	return Entry{Name: path.Base(name), Size: int64(len(n.data)), ModTime: n.modTime, Dir: n.dir}
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = path.Clean(name)
	n := m.entries[name]
	if n == nil {
		return Entry{}, notExist("stat", name)
	}
	return n.entry(name), nil
}

// memDisk is the size that a Mem without a capacity claims to have.
const memDisk = 1 << 40

// Usage implements FS. Sparse files count with their length.
func (m *Mem) Usage(string) (Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := m.capacity
	if total == 0 {
		total = memDisk
	}
	return Usage{Total: total, Free: max(total-m.used(), 0)}, nil
}

func (m *Mem) used() int64 {
	var n int64
	seen := make(map[*node]bool, len(m.entries))
	for _, e := range m.entries {
		if !seen[e] {
			seen[e] = true
			n += int64(len(e.data))
		}
	}
	return n
}

// Lock implements FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = path.Clean(name)
	if m.locks[name] {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	if m.entries[name] == nil {
		m.entries[name] = &node{data: []byte("lock"), modTime: m.now()}
	}
	m.locks[name] = true
	return &memLock{fs: m, name: name, epoch: m.epoch}, nil
}

type memLock struct {
	fs    *Mem
	name  string
	epoch int
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.epoch == l.fs.epoch {
		delete(l.fs.locks, l.name)
	}
	return nil
}
