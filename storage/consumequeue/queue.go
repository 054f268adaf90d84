package consumequeue

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Queue is one queue of one topic. Its exported methods may be called from any
// goroutine.
type Queue struct {
	set   *Queues
	topic string
	id    int32

	loaded atomic.Bool // whether the files were looked at; set under mu

	// The bounds as logical offsets: of the first message and of the next one.
	// max is stored after the unit that it publishes.
	min, max atomic.Int64
	// tail holds the units from its base on; nil: all of them are in the files.
	tail atomic.Pointer[tail]

	mu         sync.Mutex // first and end
	first, end int64      // byte offsets: of the first file, and behind the last one

	// Dispatch's own, once loaded.
	created uint64 // the round of Sync that makes the last file's entry durable; 0: see touch
	opened  int64  // where the queue ended when it was loaded
	written int64  // units below this logical offset are in the files
	pending int64  // physical offset of the first record whose unit is not; -1 none
}

// Topic returns the name of the queue's topic.
func (q *Queue) Topic() string { return q.topic }

// ID returns the queue's number within its topic.
func (q *Queue) ID() int32 { return q.id }

// MinOffset returns the logical offset of the first message that is kept.
func (q *Queue) MinOffset() int64 { return q.min.Load() }

// MaxOffset returns the logical offset that the next message will get.
func (q *Queue) MaxOffset() int64 { return q.max.Load() }

// NextFile returns the logical offset of the first unit in the file after the one
// that holds offset (RocketMQ: ConsumeQueue.rollNextFile).
func (q *Queue) NextFile(offset int64) int64 {
	perFile := q.set.fileSize / UnitSize
	return offset - offset%perFile + perFile
}

// Read fills dst with the units from logical offset on and returns how many
// there were; fewer than len(dst) at the end of the queue, at the end of a file,
// or where the tail begins. Offsets outside of [MinOffset, MaxOffset) give none,
// and so does a file that is gone.
func (q *Queue) Read(offset int64, dst []Unit) (int, error) {
	if offset < q.min.Load() {
		return 0, nil
	}
	return q.read(offset, dst)
}

// read is Read that goes below MinOffset too.
func (q *Queue) read(offset int64, dst []Unit) (int, error) {
	end := q.max.Load() // before the tail: see the package's comment
	if offset < 0 || offset >= end || len(dst) == 0 {
		return 0, nil
	}
	if t := q.pin(); t != nil {
		if offset >= t.base {
			n := 0
			// Again, as Truncate may have come in between: this tail's own end.
			if end = min(end, q.max.Load(), t.base+t.capacity()); offset < end {
				n = decodeUnits(dst, t.units[(offset-t.base)*UnitSize:(end-t.base)*UnitSize])
			}
			t.unpin()
			return n, nil
		}
		end = min(end, t.base)
		t.unpin()
	}
	n, err := q.readUnits(dst[:min(int64(len(dst)), end-offset)], offset)
	if err != nil {
		return 0, q.wrap(err)
	}
	return n, nil
}

func (q *Queue) wrap(err error) error {
	return fmt.Errorf("consumequeue: %s-%d: %w", q.topic, q.id, err)
}

// append adds the unit of logical offset. Offsets below the end must hold the
// same unit already, or get it: that is recovery, which visits what is there.
func (q *Queue) append(offset int64, u Unit) error {
	if err := q.open(); err != nil {
		return err
	}
	end := q.max.Load()
	if offset < end {
		return q.repair(offset, u)
	}
	if q.set.Renewed && q.outdated(u) {
		return nil
	}
	if offset > end {
		if err := q.fill(end, offset); err != nil {
			return err
		}
	}
	t := q.tail.Load()
	if t == nil || offset-t.base == t.capacity() {
		var err error
		if t, err = q.extend(t, offset); err != nil {
			return err
		}
	}
	u.put(t.units[(offset-t.base)*UnitSize:])
	q.max.Store(offset + 1)
	q.set.wait(q, u.Phys)
	return nil
}

// extend returns a tail with room for the unit of offset, which is the queue's
// end: a larger one, or an empty one after the largest was written to the file.
func (q *Queue) extend(t *tail, offset int64) (*tail, error) {
	pool := &q.set.pool
	var next *tail
	switch {
	case t == nil:
		next = pool.get(0, offset)
	case class(t.capacity()) < len(tailSizes)-1:
		next = pool.get(class(t.capacity())+1, t.base)
		copy(next.units, t.units)
	default:
		if err := q.write(); err != nil {
			return nil, err
		}
		next = pool.get(len(tailSizes)-1, offset)
	}
	q.tail.Store(next)
	pool.put(t)
	return next, nil
}

// write writes the units that only memory has to the files. The tail stays.
func (q *Queue) write() error {
	end := q.max.Load()
	if t := q.tail.Load(); t != nil {
		for q.written < end {
			n := min(end, q.NextFile(q.written)) - q.written
			from := q.written - t.base
			if err := q.writeUnits(t.units[from*UnitSize:(from+n)*UnitSize], q.written); err != nil {
				return q.wrap(err)
			}
			q.written += n
			q.set.unwritten -= n
		}
	}
	q.pending = -1
	return nil
}

// rest gives the tail of a written queue back.
func (q *Queue) rest() {
	if t := q.tail.Swap(nil); t != nil {
		q.set.pool.put(t)
	}
}

// repair checks a unit below the end against u and corrects it: a crash may have
// lost the page that it was in. It belongs to recovery, so only units that this
// process has not appended can differ.
func (q *Queue) repair(offset int64, u Unit) error {
	var have [1]Unit
	n, err := q.Read(offset, have[:])
	if err != nil || n == 0 {
		return err // without a unit: it lies below MinOffset
	}
	if have[0] == u {
		if offset < q.opened {
			q.touch(q.fileName(offset)) // perhaps only the page cache has it
		}
		return nil
	}
	if offset >= q.opened && !q.set.Renewed {
		return q.wrap(fmt.Errorf("offset %d is appended twice, for the records at %d and %d", offset, have[0].Phys, u.Phys))
	}
	if renewed, err := q.renew(offset, have[0], u); renewed || err != nil {
		return err
	}
	var b [UnitSize]byte
	u.put(b[:])
	if err := q.writeUnits(b[:], offset); err != nil {
		return q.wrap(err)
	}
	return nil
}

// maxFill bounds the units that a queue may lack before one that is appended: a
// larger gap is no loss but a damaged record.
const maxFill = 1 << 24

// fill makes the queue end at offset, ahead of its end: a queue that begins in
// the middle, because its older messages are elsewhere or gone, or one that lost
// units for good. A queue without files begins with the file that offset lies in.
func (q *Queue) fill(end, offset int64) error {
	from := end
	if !q.hasFiles() {
		from = offset - offset%(q.set.fileSize/UnitSize)
	}
	if offset-from > maxFill {
		return q.wrap(fmt.Errorf("offset %d is appended where %d is the end", offset, end))
	}
	if err := q.write(); err != nil {
		return err
	}
	b := make([]byte, min(offset-from, 4096)*UnitSize)
	for i := 0; i < len(b); i += UnitSize {
		(&Unit{Size: fillerSize}).put(b[i:])
	}
	for from < offset {
		n := min(offset, q.NextFile(from), from+4096) - from
		if err := q.writeUnits(b[:n*UnitSize], from); err != nil {
			return q.wrap(err)
		}
		from += n
	}
	q.rest()
	if end == 0 {
		q.min.Store(offset)
	}
	q.written = offset
	q.max.Store(offset)
	return nil
}
