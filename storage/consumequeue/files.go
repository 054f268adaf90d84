package consumequeue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"sync"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

func (q *Queue) dir() string { return q.set.dir + "/" + q.topic + "/" + strconv.Itoa(int(q.id)) }

// fileName returns the name of the file that holds the unit of offset.
func (q *Queue) fileName(offset int64) string {
	at := offset * UnitSize
	return q.dir() + "/" + segment.Name(at-at%q.set.fileSize)
}

// scratch is memory for the bytes of units on their way from a file.
var scratch = sync.Pool{New: func() any { return new([scratchUnits * UnitSize]byte) }}

const scratchUnits = 256

// readUnits fills dst with the units from offset on, up to the end of their file,
// and returns how many there are: none if the file is gone.
func (q *Queue) readUnits(dst []Unit, offset int64) (int, error) {
	n := int(min(int64(len(dst)), scratchUnits, q.NextFile(offset)-offset))
	if n == 0 {
		return 0, nil
	}
	buf := scratch.Get().(*[scratchUnits * UnitSize]byte)
	defer scratch.Put(buf)
	b := buf[:n*UnitSize]
	at := offset * UnitSize % q.set.fileSize
	err := q.set.handles.With(q.fileName(offset), func(f vfs.File) error {
		_, err := f.ReadAt(b, at)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || err == io.EOF {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return decodeUnits(dst, b), nil
}

// writeUnits writes encoded units, which lie within one file, from offset on. The
// file is created if missing.
func (q *Queue) writeUnits(b []byte, offset int64) error {
	at := offset * UnitSize
	if err := q.ensure(at - at%q.set.fileSize); err != nil {
		return err
	}
	return q.overwrite(b, offset)
}

// overwrite is writeUnits to a file that exists.
func (q *Queue) overwrite(b []byte, offset int64) error {
	at := offset * UnitSize % q.set.fileSize
	name := q.fileName(offset)
	err := q.set.handles.With(name, func(f vfs.File) error {
		_, err := f.WriteAt(b, at)
		return err
	})
	q.touch(name)
	return err
}

// touch notes that a file of the queue must be synced. The first time, the
// directories must be, too: what a killed process has created may not be durable.
func (q *Queue) touch(name string) {
	if q.created == 0 {
		q.created = q.set.touchNew(name)
		return
	}
	q.set.touch(name)
}

// firstUnit returns the logical offset of the first unit in the files, 0 if there
// are none.
func (q *Queue) firstUnit() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first / UnitSize
}

func (q *Queue) hasFiles() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end > q.first
}

// ensure creates the file that starts at the byte offset start, unless it exists.
// It is sparse: a queue that gets few messages takes little of the disk.
func (q *Queue) ensure(start int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if start < q.end {
		return nil
	}
	dir := q.dir()
	if q.end == q.first {
		if err := q.set.fs.MkdirAll(dir); err != nil {
			return err
		}
		q.first, q.end = start, start
	}
	if start != q.end {
		return fmt.Errorf("the file of %d would leave a gap behind %d", start, q.end)
	}
	if err := q.settle(); err != nil {
		return err
	}
	name := dir + "/" + segment.Name(start)
	f, err := q.set.fs.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(q.set.fileSize), f.Close()); err != nil {
		return err
	}
	q.end = start + q.set.fileSize
	q.created = q.set.touchNew(name)
	return nil
}

// settle makes the existence and the length of the last file durable before a
// next one is created, so that a crash takes files from a queue's end and never
// leaves a gap. It seldom has to: Sync runs every second, and a file is filled
// less often. q.mu is held.
func (q *Queue) settle() error {
	if q.end == q.first || q.created != 0 && q.created <= q.set.synced.Load() {
		return nil
	}
	name := q.dir() + "/" + segment.Name(q.end-q.set.fileSize)
	if err := q.set.handles.With(name, func(f vfs.File) error { return f.Sync() }); err != nil {
		return err
	}
	return q.set.fs.SyncDir(q.dir())
}

// clean removes the files whose messages are all gone from the CommitLog, but not
// the last one, so that the queue's end is never forgotten; and moves MinOffset.
func (q *Queue) clean(logMin int64) (removed int, err error) {
	for {
		gone, err := q.cutFirst(logMin)
		if err != nil || gone < 0 {
			return removed, errors.Join(err, q.correctMin(logMin))
		}
		// One at a time, so that a crash leaves no gap.
		name := q.fileName(gone)
		err = q.set.fs.Remove(name)
		q.set.handles.Evict(name) // after it, so that nobody opens it anew
		if err == nil {
			err = q.set.fs.SyncDir(path.Dir(name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, q.wrap(err)
		}
		removed++
	}
}

// cutFirst takes the first file out of the queue if its last message is gone and
// it is not the only one. It returns the logical offset of the file's first unit,
// -1 if it stays.
func (q *Queue) cutFirst(logMin int64) (int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := q.first + q.set.fileSize
	if next >= q.end || next/UnitSize > q.max.Load() {
		return -1, nil
	}
	var last [1]Unit
	n, err := q.read(next/UnitSize-1, last[:])
	if err != nil || n == 1 && last[0].Phys >= logMin {
		return -1, err
	}
	gone := q.first
	q.first = next
	q.min.Store(max(q.min.Load(), next/UnitSize))
	return gone / UnitSize, nil
}
