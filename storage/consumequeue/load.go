package consumequeue

import (
	"errors"
	"slices"
	"sort"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// open looks at the queue's files, before its first use. After an error the next
// caller tries again.
func (q *Queue) open() error {
	if q.loaded.Load() {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.loaded.Load() {
		return nil
	}
	if err := q.load(); err != nil {
		return q.wrap(err)
	}
	q.loaded.Store(true)
	return nil
}

// load finds the bounds of the queue.
func (q *Queue) load() error {
	starts, err := segment.List(q.set.fs, q.dir(), q.set.fileSize)
	if err != nil {
		return err
	}
	end := int64(0)
	if n := len(starts); n > 0 {
		q.first, q.end = starts[0], starts[n-1]+q.set.fileSize
		if end, err = q.findEnd(starts); err != nil {
			return err
		}
		if end, err = q.dropStale(end); err != nil {
			return err
		}
		if err = q.clearBehind(end); err != nil {
			return err
		}
	}
	q.opened, q.written, q.pending = end, end, -1
	q.min.Store(q.first / UnitSize)
	q.max.Store(end)
	return q.correctMin(q.set.logMin())
}

// findEnd returns the logical offset behind the last unit: the first place in the
// last file that has none, or one behind the end of the CommitLog. The last file
// may be empty, and its predecessor full.
func (q *Queue) findEnd(starts []int64) (int64, error) {
	for i := len(starts) - 1; ; i-- {
		n, err := q.countUnits(starts[i])
		if err != nil || n > 0 || i == 0 {
			return starts[i]/UnitSize + n, err
		}
	}
}

// countUnits counts the units at the start of a file.
func (q *Queue) countUnits(start int64) (int64, error) {
	total := int64(0)
	limit := q.set.logMax.Load()
	err := q.set.handles.With(q.fileName(start/UnitSize), func(f vfs.File) error {
		buf := make([]byte, 4<<10/UnitSize*UnitSize)
		for at := int64(0); at < q.set.fileSize; {
			piece := buf[:min(int64(len(buf)), q.set.fileSize-at)]
			if _, err := f.ReadAt(piece, at); err != nil {
				return err
			}
			for ; len(piece) > 0; piece = piece[UnitSize:] {
				u := decodeUnit(piece)
				if !u.Valid() || !u.Filler() && u.Phys+int64(u.Size) > limit {
					return nil
				}
				total++
				at += UnitSize
			}
			if len(buf) < 64<<10/UnitSize*UnitSize {
				buf = make([]byte, 64<<10/UnitSize*UnitSize) // there is more than a little
			}
		}
		return nil
	})
	return total, err
}

// dropStale returns the end of the queue without the last units whose records the
// CommitLog does not have, and zeroes those, so that nobody takes them for
// messages once the queue has grown up to them.
func (q *Queue) dropStale(end int64) (int64, error) {
	if q.set.verify == nil {
		return end, nil
	}
	for ; end*UnitSize > q.first; end-- {
		var u [1]Unit
		if _, err := q.readUnits(u[:], end-1); err != nil {
			return 0, err
		}
		if u[0].Filler() {
			break
		}
		ok, err := q.set.verify(u[0], q.topic, q.id, end-1)
		if err != nil {
			return 0, err
		}
		// Asked for after verify: the record may have expired meanwhile.
		if ok || u[0].Valid() && u[0].Phys < q.set.logMin() {
			break
		}
		var zero [UnitSize]byte
		if err := q.overwrite(zero[:], end-1); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// clearBehind zeroes what a power loss has left behind the end of the queue, after
// a crash: units of records that are lost, torn or in one piece. A broker that does
// not ask the log about each of them, as Apache's, would take them for messages once
// this one has stopped in order.
func (q *Queue) clearBehind(end int64) error {
	if !q.set.crashed {
		return nil
	}
	buf := make([]byte, 4<<10/UnitSize*UnitSize)
	for at := end; at*UnitSize < q.end; {
		next := min(q.NextFile(at), at+int64(len(buf)/UnitSize))
		piece := buf[:(next-at)*UnitSize]
		err := q.set.handles.With(q.fileName(at), func(f vfs.File) error {
			_, err := f.ReadAt(piece, at*UnitSize%q.set.fileSize)
			return err
		})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(piece, func(b byte) bool { return b != 0 }) {
			if err := q.wipe(at, next); err != nil {
				return err
			}
		}
		at = next
		if len(buf) < 64<<10/UnitSize*UnitSize {
			buf = make([]byte, 64<<10/UnitSize*UnitSize)
		}
	}
	return nil
}

// correctMin moves the first offset behind fillers and behind messages whose
// records are gone; to the end if none is left
// (RocketMQ: ConsumeQueue.correctMinOffset).
func (q *Queue) correctMin(logMin int64) error {
	lo, hi := q.min.Load(), q.max.Load()
	if lo >= hi {
		return nil
	}
	var failed error
	gone := func(offset int64) bool {
		var u [1]Unit
		n, err := q.read(offset, u[:])
		failed = errors.Join(failed, err)
		return n == 1 && (u[0].Filler() || u[0].Phys < logMin)
	}
	if !gone(lo) {
		return failed
	}
	// Physical offsets ascend within a queue, and fillers count as 0.
	to := hi
	if !gone(hi - 1) {
		to = lo + int64(sort.Search(int(hi-lo), func(i int) bool { return !gone(lo + int64(i)) }))
	}
	if failed != nil {
		return failed
	}
	q.min.Store(max(q.min.Load(), to))
	return nil
}
