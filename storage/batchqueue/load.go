package batchqueue

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// open looks at the files of the queue before its first use. After an error the next
// caller tries again.
func (q *Queue) open() error {
	if q.loaded.Load() {
		return nil
	}
	q.loading.Lock()
	defer q.loading.Unlock()
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
	q.last = -1
	starts, err := segment.List(q.set.fs, q.dir(), q.set.perFile*UnitSize)
	if err != nil || len(starts) == 0 {
		return err
	}
	b := bounds{files: starts[0] / UnitSize, end: starts[len(starts)-1]/UnitSize + q.set.perFile}
	if b.hi, err = q.findEnd(starts); err != nil {
		return err
	}
	if b.hi, err = q.dropStale(b.files, b.hi); err != nil {
		return err
	}
	if q.set.crashed {
		if err = q.clear(b.hi, b.end); err != nil {
			return err
		}
	}
	if b.hi > b.files {
		u, err := q.unit(b.hi - 1)
		if err != nil {
			return err
		}
		b.max, q.last = u.Next(), u.Phys
	}
	b.lo = b.files
	if err := q.correct(&b, q.set.logMin()); err != nil {
		return err
	}
	q.at = b
	return nil
}

// findEnd returns the index behind the last unit. The last file may be empty, and
// its predecessor full.
func (q *Queue) findEnd(starts []int64) (int64, error) {
	for i := len(starts) - 1; ; i-- {
		n, err := q.countUnits(starts[i] / UnitSize)
		if err != nil || n > 0 || i == 0 {
			return starts[i]/UnitSize + n, err
		}
	}
}

// countUnits counts the units at the start of the file that begins with an index.
// Both offsets ascend; what does not is none of this file's.
func (q *Queue) countUnits(start int64) (int64, error) {
	var units [scratchUnits]Unit
	limit, before := q.set.logMax, Unit{Phys: -1}
	for at := start; at < start+q.set.perFile; {
		n, err := q.readUnits(units[:], at)
		if err != nil || n == 0 {
			return at - start, err
		}
		for i := range units[:n] {
			u := &units[i]
			if !u.Valid() || u.Phys+int64(u.Size) > limit || u.Phys <= before.Phys || u.Base < before.Next() {
				return at - start, nil
			}
			before = *u
			at++
		}
	}
	return q.set.perFile, nil
}

// dropStale returns the end of the queue without the last units whose records the
// CommitLog does not have, and zeroes those, so that nobody takes them for messages
// once the queue has grown up to them.
func (q *Queue) dropStale(first, end int64) (int64, error) {
	if q.set.verify == nil {
		return end, nil
	}
	for at := end; at > first; at-- {
		u, err := q.unit(at - 1)
		if err != nil {
			return 0, err
		}
		ok, err := q.set.verify(u, q.topic, q.id)
		if err != nil {
			return 0, err
		}
		// Asked for after verify: the record may have expired meanwhile.
		if ok || u.Phys < q.set.logMin() {
			return at, q.wipe(at, end)
		}
	}
	return first, q.wipe(first, end)
}

// clear zeroes what a power loss has left of units at [from, to).
func (q *Queue) clear(from, to int64) error {
	var zero [scratchUnits * UnitSize]byte
	piece := make([]byte, len(zero))
	for from < to {
		next := min(to, from+scratchUnits, from-from%q.set.perFile+q.set.perFile)
		b := piece[:(next-from)*UnitSize]
		err := q.set.handles.With(q.fileName(from), func(f vfs.File) error {
			_, err := f.ReadAt(b, from%q.set.perFile*UnitSize)
			return err
		})
		if err != nil {
			return err
		}
		if !slices.Equal(b, zero[:len(b)]) {
			if err := q.wipe(from, next); err != nil {
				return err
			}
		}
		from = next
	}
	return nil
}

// wipe zeroes the units of [from, to), so that they are not found when the queue is
// opened again.
func (q *Queue) wipe(from, to int64) error {
	for from < to {
		next := min(to, from-from%q.set.perFile+q.set.perFile)
		name := q.fileName(from)
		err := q.set.handles.With(name, func(f vfs.File) error {
			return f.Zero(from%q.set.perFile*UnitSize, (next-from)*UnitSize)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		q.set.touch(name)
		from = next
	}
	return nil
}

// correct moves the first message of b behind those whose records are gone.
func (q *Queue) correct(b *bounds, logMin int64) error {
	lo, err := q.search(b, func(u *Unit) bool { return u.Phys >= logMin })
	if err != nil {
		return err
	}
	b.lo, b.min = lo, b.max
	if lo < b.hi {
		u, err := q.unit(lo)
		if err != nil {
			return err
		}
		b.min = u.Base
	}
	return nil
}
