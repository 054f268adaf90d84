package segment

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"sync"

	"github.com/actormq/actormq/storage/vfs"
)

// nameLength is the length of a file's name.
const nameLength = 20

// Name returns the name of the file that starts at offset.
func Name(offset int64) string { return fmt.Sprintf("%020d", offset) }

// ParseName returns the offset that a file's name says, and whether it is one.
func ParseName(name string) (int64, bool) {
	if len(name) != nameLength {
		return 0, false
	}
	for _, c := range []byte(name) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(name, 10, 64)
	return n, err == nil
}

// LayoutError says that a directory does not hold what a queue's directory may.
type LayoutError struct {
	Path   string
	Reason string
}

func (e *LayoutError) Error() string { return fmt.Sprintf("store: %s: %s", e.Path, e.Reason) }

// List returns the start offsets of the files in dir, ascending. A missing
// directory is an empty queue. A last file of length 0, which a crash left between
// its creation and its sizing, does not count: the next one created has its name.
// List fails with a *LayoutError on files that do not belong there, files of
// another length, or a gap (RocketMQ: MappedFileQueue.doLoad, which deletes the
// empty file and only reports gaps).
func List(fsys vfs.FS, dir string, size int64) ([]int64, error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var starts []int64
	for i, e := range entries {
		if e.Dir {
			continue
		}
		start, ok := ParseName(e.Name)
		switch {
		case !ok:
			return nil, &LayoutError{path.Join(dir, e.Name), "a file that does not belong here"}
		case e.Size == 0 && i == len(entries)-1:
			continue
		case e.Size != size:
			return nil, &LayoutError{path.Join(dir, e.Name), fmt.Sprintf("%d bytes where the configuration says %d", e.Size, size)}
		}
		if n := len(starts); n > 0 && starts[n-1]+size != start {
			return nil, &LayoutError{path.Join(dir, e.Name), fmt.Sprintf("a gap behind %s", Name(starts[n-1]))}
		}
		if start%size != 0 {
			return nil, &LayoutError{path.Join(dir, e.Name), fmt.Sprintf("starts at no multiple of %d", size)}
		}
		starts = append(starts, start)
	}
	return starts, nil
}

// Cache opens files on demand and closes the least recently used ones, so that
// tens of thousands of queues need few descriptors. Its methods may be called
// from several goroutines.
type Cache struct {
	fs  vfs.FS
	max int

	mu     sync.Mutex
	opened map[string]*list.Element // of *handle
	used   *list.List               // most recently used first
}

type handle struct {
	name string
	file vfs.File
	refs int // users at this moment; a file in use is not closed
	gone bool
}

// NewCache returns a cache of at most max idle open files.
func NewCache(fsys vfs.FS, max int) *Cache {
	return &Cache{fs: fsys, max: max, opened: make(map[string]*list.Element), used: list.New()}
}

// With calls use with the file open. The file must not be kept.
func (c *Cache) With(name string, use func(vfs.File) error) error {
	h, err := c.acquire(name)
	if err != nil {
		return err
	}
	defer c.release(h)
	return use(h.file)
}

func (c *Cache) acquire(name string) (*handle, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.opened[name]; ok {
		c.used.MoveToFront(e)
		h := e.Value.(*handle)
		h.refs++
		return h, nil
	}
	file, err := c.fs.Open(name)
	if err != nil {
		return nil, err
	}
	h := &handle{name: name, file: file, refs: 1}
	c.opened[name] = c.used.PushFront(h)
	c.shrink()
	return h, nil
}

// shrink closes what has not been used for longest, down to max.
func (c *Cache) shrink() {
	for e := c.used.Back(); e != nil && c.used.Len() > c.max; {
		previous := e.Prev()
		if h := e.Value.(*handle); h.refs == 0 {
			c.forget(e, h)
			h.file.Close()
		}
		e = previous
	}
}

func (c *Cache) forget(e *list.Element, h *handle) {
	c.used.Remove(e)
	delete(c.opened, h.name)
}

func (c *Cache) release(h *handle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.refs--
	if h.gone && h.refs == 0 {
		h.file.Close()
	}
}

// Evict closes a file, for instance before it is removed. Uses under way keep
// their handle.
func (c *Cache) Evict(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.opened[name]
	if !ok {
		return
	}
	h := e.Value.(*handle)
	c.forget(e, h)
	if h.refs == 0 {
		h.file.Close()
		return
	}
	h.gone = true
}

// Close closes every file that is not in use.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.used.Front(); e != nil; e = e.Next() {
		h := e.Value.(*handle)
		h.gone = true
		if h.refs == 0 {
			h.file.Close()
		}
	}
	c.used.Init()
	clear(c.opened)
}
