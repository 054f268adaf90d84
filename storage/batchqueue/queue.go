package batchqueue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// Queue is one queue of one topic. Its exported methods may be called from any
// goroutine.
type Queue struct {
	set   *Queues
	topic string
	id    int32

	loaded  atomic.Bool // whether the files were looked at; set under loading
	loading sync.Mutex

	mu sync.Mutex
	at bounds

	// hint is the index of the unit that is likely to be asked for next.
	hint atomic.Int64

	// Dispatch's own, once loaded.
	noted bool  // the directories were handed to Sync
	last  int64 // physical offset of the record of the last unit; -1 none
}

// bounds say what a queue has. Indexes count units from the start of a queue, the
// removed ones, too.
type bounds struct {
	files, end int64 // indexes of the first unit in the files, and behind the last file
	lo, hi     int64 // indexes of the first unit whose record is kept, and behind the last
	min, max   int64 // logical offsets of the first and of the next message
}

// Topic returns the name of the queue's topic.
func (q *Queue) Topic() string { return q.topic }

// ID returns the queue's number within its topic.
func (q *Queue) ID() int32 { return q.id }

// Bounds returns the logical offsets of the first message that is kept and of the
// next one to come.
func (q *Queue) Bounds() (minOffset, maxOffset int64) {
	b := q.bounds()
	return b.min, b.max
}

func (q *Queue) bounds() bounds {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.at
}

// Find returns the index of the unit that holds offset or, if there is none, of the
// first one behind it. It is the argument of Read. Offsets before the first message
// give the first unit.
func (q *Queue) Find(offset int64) (int64, error) {
	b := q.bounds()
	if hint := q.hint.Load(); hint >= b.lo && hint < b.hi {
		u, err := q.unit(hint)
		if err == nil && u.Base <= offset && offset < u.Next() {
			return hint, nil
		}
	}
	return q.search(&b, func(u *Unit) bool { return u.Next() > offset })
}

// Expect says that the unit of an index is likely to be asked for next.
func (q *Queue) Expect(index int64) { q.hint.Store(index) }

// FirstAt returns the index of the first unit whose record was stored at time (Unix
// milliseconds) or later; behind the last one if there is none.
func (q *Queue) FirstAt(time int64) (int64, error) {
	b := q.bounds()
	return q.search(&b, func(u *Unit) bool { return u.StoreTime >= time })
}

// search returns the index of the first unit that is, like all behind it.
func (q *Queue) search(b *bounds, is func(u *Unit) bool) (int64, error) {
	var failed error
	i := sort.Search(int(b.hi-b.lo), func(i int) bool {
		u, err := q.unit(b.lo + int64(i))
		if err != nil {
			failed = err
		}
		return err == nil && is(&u)
	})
	return b.lo + int64(i), failed
}

// unit reads the unit of an index that was within the bounds. A file that has gone
// since reads as a unit before all others.
func (q *Queue) unit(index int64) (Unit, error) {
	var u [1]Unit
	if n, err := q.readUnits(u[:], index); err != nil || n == 0 {
		return Unit{Phys: -1}, err
	}
	return u[0], nil
}

// Read fills dst with the units from an index on and returns how many there were;
// fewer than len(dst) at the end of the queue or of a file, and none outside of the
// queue, or if the file is gone.
func (q *Queue) Read(index int64, dst []Unit) (int, error) {
	b := q.bounds()
	if index < b.lo || index >= b.hi {
		return 0, nil
	}
	return q.readUnits(dst[:min(int64(len(dst)), b.hi-index)], index)
}

const scratchUnits = 128

var scratch = sync.Pool{New: func() any { return new([scratchUnits * UnitSize]byte) }}

func (q *Queue) readUnits(dst []Unit, index int64) (int, error) {
	n := int(min(int64(len(dst)), scratchUnits, q.set.perFile-index%q.set.perFile))
	if n == 0 {
		return 0, nil
	}
	buf := scratch.Get().(*[scratchUnits * UnitSize]byte)
	defer scratch.Put(buf)
	b := buf[:n*UnitSize]
	err := q.set.handles.With(q.fileName(index), func(f vfs.File) error {
		_, err := f.ReadAt(b, index%q.set.perFile*UnitSize)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || err == io.EOF {
		return 0, nil
	}
	if err != nil {
		return 0, q.wrap(err)
	}
	for i := range n {
		dst[i] = decodeUnit(b[i*UnitSize:])
	}
	return n, nil
}

func (q *Queue) dir() string { return q.set.dir + "/" + q.topic + "/" + strconv.Itoa(int(q.id)) }

// fileName returns the name of the file that holds the unit of an index.
func (q *Queue) fileName(index int64) string {
	return q.dir() + "/" + segment.Name((index-index%q.set.perFile)*UnitSize)
}

func (q *Queue) wrap(err error) error {
	return fmt.Errorf("batchqueue: %s-%d: %w", q.topic, q.id, err)
}

// append adds a unit. One whose record is not behind that of the last unit is there
// already: that is recovery, which visits records again.
func (q *Queue) append(u Unit) error {
	if err := q.open(); err != nil {
		return err
	}
	b := q.bounds()
	if u.Phys <= q.last {
		q.touch(q.fileName(b.hi - 1)) // perhaps only the page cache has it
		return nil
	}
	if u.Base < b.max && q.set.Renewed {
		if err := q.renew(&b, u.Base); err != nil {
			return q.wrap(err)
		}
	}
	if u.Base < b.max {
		return q.wrap(fmt.Errorf("offset %d is appended twice, the record is at %d", u.Base, u.Phys))
	}
	if err := q.ensure(b); err != nil {
		return q.wrap(err)
	}
	var raw [UnitSize]byte
	u.put(raw[:])
	name := q.fileName(b.hi)
	err := q.set.handles.With(name, func(f vfs.File) error {
		_, err := f.WriteAt(raw[:], b.hi%q.set.perFile*UnitSize)
		return err
	})
	q.touch(name)
	if err != nil {
		return q.wrap(err)
	}
	q.last = u.Phys
	q.mu.Lock()
	if q.at.lo == q.at.hi {
		q.at.min = u.Base
	}
	q.at.hi++
	q.at.max = u.Next()
	q.mu.Unlock()
	return nil
}

// ensure creates the file of the next unit unless it exists. It is sparse. The file
// before it is made durable first.
func (q *Queue) ensure(b bounds) error {
	if b.hi < b.end {
		return nil
	}
	dir := q.dir()
	if err := q.set.fs.MkdirAll(dir); err != nil {
		return err
	}
	if b.hi > b.files {
		err := q.set.handles.With(q.fileName(b.hi-1), func(f vfs.File) error { return f.Sync() })
		if err = errors.Join(err, q.set.fs.SyncDir(dir)); err != nil {
			return err
		}
	}
	name := q.fileName(b.hi)
	f, err := q.set.fs.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(q.set.perFile*UnitSize), f.Close()); err != nil {
		return err
	}
	q.set.touchNew(name)
	q.noted = true
	q.mu.Lock()
	q.at.end = b.hi + q.set.perFile
	q.mu.Unlock()
	return nil
}

// touch notes that a file must be synced; the first time the directories must be,
// too, since what a killed process has created may not be durable.
func (q *Queue) touch(name string) {
	if !q.noted {
		q.set.touchNew(name)
		q.noted = true
		return
	}
	q.set.touch(name)
}
