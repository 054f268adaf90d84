package consumequeue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// UnitSize is the size of a unit in bytes.
const UnitSize = 20

// fillerSize marks the units before a queue's first message.
const fillerSize = 0x7FFFFFFF

// Unit says where a message is.
type Unit struct {
	Phys     int64
	Size     int32
	TagsCode int64
}

// valid reports whether the unit stands for something: a message or a filler.
func (u *Unit) valid() bool { return u.Phys >= 0 && u.Size > 0 }

func (u *Unit) filler() bool { return u.Size == fillerSize && u.Phys == 0 }

func (u *Unit) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(u.Phys))
	dst = binary.BigEndian.AppendUint32(dst, uint32(u.Size))
	return binary.BigEndian.AppendUint64(dst, uint64(u.TagsCode))
}

func decodeUnit(b []byte) Unit {
	return Unit{
		Phys:     int64(binary.BigEndian.Uint64(b)),
		Size:     int32(binary.BigEndian.Uint32(b[8:])),
		TagsCode: int64(binary.BigEndian.Uint64(b[12:])),
	}
}

// Sizes of a tail, in units: it starts small and doubles, so that a queue with a
// message now and then stays small.
const (
	minTail = 16
	maxTail = 1024
)

// tail is the end of a queue in memory. Its memory is written once, from left to
// right; count publishes how much of it may be read.
type tail struct {
	base  int64 // logical offset of the first unit
	units []byte
	count atomic.Int64
}

// Queue is one queue of one topic.
type Queue struct {
	set     *Queues
	topic   string
	queueID int32

	load    sync.Once
	loadErr error

	min  atomic.Int64 // logical offset of the first message
	max  atomic.Int64 // logical offset of the next message
	tail atomic.Pointer[tail]

	// Dispatch's own.
	written  int64 // units below it are in the file
	dirty    bool  // it is in set.dirty
	kept     bool  // keep was called, for the file that starts at keptFile last
	keptFile int64

	mu     sync.Mutex // starts
	starts []int64    // byte offsets of the files, ascending
}

func (q *Queue) dir() string {
	return path.Join(q.set.dir, q.topic, strconv.Itoa(int(q.queueID)))
}

// Topic and ID name the queue.
func (q *Queue) Topic() string { return q.topic }

// ID returns the queue's number within its topic.
func (q *Queue) ID() int32 { return q.queueID }

// MinOffset returns the logical offset of the first message that is kept.
func (q *Queue) MinOffset() int64 { return q.min.Load() }

// MaxOffset returns the logical offset that the next message will get.
func (q *Queue) MaxOffset() int64 { return q.max.Load() }

// open looks at the queue's files once, before its first use.
func (q *Queue) open() error {
	q.load.Do(func() { q.loadErr = q.recover() })
	return q.loadErr
}

// recover finds the end of the queue: the first unit of the last files that is no
// unit, or that lies behind the end of the CommitLog.
func (q *Queue) recover() error {
	starts, err := segment.List(q.set.fs, q.dir(), q.set.fileSize)
	if err != nil {
		return err
	}
	q.starts = starts
	end := int64(0)
	for i := len(starts) - 1; i >= 0; i-- {
		n, err := q.validUnits(starts[i])
		if err != nil {
			return err
		}
		end = starts[i]/UnitSize + n
		if n > 0 || i == 0 {
			break
		}
	}
	if end, err = q.dropStale(end); err != nil {
		return err
	}
	q.max.Store(end)
	q.written = end
	q.tail.Store(&tail{base: end})
	if len(starts) > 0 {
		return q.correctMin(q.set.logMin)
	}
	return nil
}

// dropStale returns the end of the queue without the units whose records the
// CommitLog has lost, and zeroes them, so that nobody takes them for messages
// once the log has grown past them.
func (q *Queue) dropStale(end int64) (int64, error) {
	if q.set.verify == nil {
		return end, nil
	}
	var b [UnitSize]byte
	for first := q.starts; len(first) > 0 && end*UnitSize > first[0]; end-- {
		at := (end - 1) * UnitSize
		if err := q.readFile(b[:], at); err != nil {
			return end, err
		}
		u := decodeUnit(b[:])
		if u.filler() || u.Phys < q.set.logMin || q.set.verify(u, q.topic, q.queueID, end-1) {
			break
		}
		if err := q.writeFile(make([]byte, UnitSize), at); err != nil {
			return end, err
		}
	}
	return end, nil
}

// validUnits counts the units at the start of a file.
func (q *Queue) validUnits(start int64) (int64, error) {
	buf := make([]byte, UnitSize*4096)
	limit := q.set.logMax
	for at := int64(0); at < q.set.fileSize; {
		piece := buf[:min(int64(len(buf)), q.set.fileSize-at)]
		if err := q.readFile(piece, start+at); err != nil {
			return 0, err
		}
		for len(piece) > 0 {
			u := decodeUnit(piece)
			if !u.valid() || !u.filler() && u.Phys+int64(u.Size) > limit {
				return at / UnitSize, nil
			}
			piece = piece[UnitSize:]
			at += UnitSize
		}
	}
	return q.set.fileSize / UnitSize, nil
}

func (q *Queue) file(start int64) string { return path.Join(q.dir(), segment.Name(start)) }

// readFile fills p from the byte offset at, within one file.
func (q *Queue) readFile(p []byte, at int64) error {
	start := at - at%q.set.fileSize
	return q.set.handles.With(q.file(start), func(f vfs.File) error {
		_, err := f.ReadAt(p, at-start)
		return err
	})
}

// Read fills dst with the units from logical offset on and returns how many
// there were; fewer than len(dst) at the end of the queue, at the end of a
// file, or where the tail begins. Offsets outside of [MinOffset, MaxOffset)
// give none.
func (q *Queue) Read(offset int64, dst []Unit) (int, error) {
	if offset < q.min.Load() || offset >= q.max.Load() || len(dst) == 0 {
		return 0, nil
	}
	t := q.tail.Load()
	if offset >= t.base {
		return t.read(offset, dst), nil
	}
	at := offset * UnitSize
	n := min(int64(len(dst)), t.base-offset, (q.set.fileSize-at%q.set.fileSize)/UnitSize)
	buf := make([]byte, n*UnitSize)
	if err := q.readFile(buf, at); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil // removed by the cleaner in between
		}
		return 0, fmt.Errorf("consumequeue: %s-%d: %w", q.topic, q.queueID, err)
	}
	for i := range n {
		dst[i] = decodeUnit(buf[i*UnitSize:])
	}
	return int(n), nil
}

func (t *tail) read(offset int64, dst []Unit) int {
	n := 0
	end := t.base + t.count.Load()
	for ; n < len(dst) && offset < end; n++ {
		dst[n] = decodeUnit(t.units[(offset-t.base)*UnitSize:])
		offset++
	}
	return n
}

// append adds the unit of logical offset. Offsets below the end must hold the
// same unit already, or get it: that is recovery, which visits what is there.
func (q *Queue) append(offset int64, u Unit) error {
	if err := q.open(); err != nil {
		return err
	}
	end := q.max.Load()
	switch {
	case offset < end:
		return q.repair(offset, u)
	case offset > end:
		if err := q.fill(end, offset); err != nil {
			return err
		}
	}
	t := q.tail.Load()
	n := t.count.Load()
	if int(n)*UnitSize == len(t.units) {
		var err error
		if t, err = q.grow(t, n); err != nil {
			return err
		}
		n = t.count.Load()
	}
	u.append(t.units[n*UnitSize : n*UnitSize : (n+1)*UnitSize])
	t.count.Store(n + 1)
	q.max.Store(offset + 1)
	q.soil()
	return nil
}

// grow returns a tail with room: twice as large, or empty after the full one was
// written to the file.
func (q *Queue) grow(t *tail, n int64) (*tail, error) {
	next := &tail{base: t.base}
	switch {
	case n < maxTail:
		next.units = make([]byte, max(2*n, minTail)*UnitSize)
		copy(next.units, t.units[:n*UnitSize])
		next.count.Store(n)
	default:
		if err := q.write(); err != nil {
			return nil, err
		}
		next.base += n
		next.units = make([]byte, maxTail*UnitSize)
	}
	q.tail.Store(next)
	return next, nil
}

func (q *Queue) soil() {
	if !q.dirty {
		q.dirty = true
		q.set.dirty = append(q.set.dirty, q)
	}
}

// write writes the units that only memory has to the file.
func (q *Queue) write() error {
	t := q.tail.Load()
	end := t.base + t.count.Load()
	for q.written < end {
		at := q.written * UnitSize
		from := (q.written - t.base) * UnitSize
		n := min((end-q.written)*UnitSize, q.set.fileSize-at%q.set.fileSize)
		if err := q.writeFile(t.units[from:from+n], at); err != nil {
			return err
		}
		q.written += n / UnitSize
	}
	return nil
}

// writeFile writes b at the byte offset at, within one file, which is created if
// missing.
func (q *Queue) writeFile(b []byte, at int64) error {
	start := at - at%q.set.fileSize
	if err := q.ensure(start); err != nil {
		return err
	}
	err := q.set.handles.With(q.file(start), func(f vfs.File) error {
		_, err := f.WriteAt(b, at-start)
		return err
	})
	if err != nil {
		return fmt.Errorf("consumequeue: %s-%d: %w", q.topic, q.queueID, err)
	}
	q.set.touch(q.file(start))
	return nil
}

// ensure creates the file that starts at start, sparse, unless it exists.
func (q *Queue) ensure(start int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.starts); n > 0 && q.starts[n-1] >= start {
		return nil
	}
	if len(q.starts) == 0 {
		if err := q.set.fs.MkdirAll(q.dir()); err != nil {
			return err
		}
	} else if err := q.settle(q.starts[len(q.starts)-1]); err != nil {
		return err
	}
	f, err := q.set.fs.Create(q.file(start))
	if err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	if err := errors.Join(f.Truncate(q.set.fileSize), f.Close()); err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	q.starts = append(q.starts, start)
	q.set.touchDir(q.dir())
	return nil
}

// settle makes a full file durable before the next one is created: whatever a
// crash takes, it takes from the queue's end, and recovery finds no gap.
func (q *Queue) settle(start int64) error {
	err := q.set.handles.With(q.file(start), func(f vfs.File) error { return f.Sync() })
	if err == nil {
		err = q.set.fs.SyncDir(q.dir())
	}
	if err != nil {
		return fmt.Errorf("consumequeue: %s-%d: %w", q.topic, q.queueID, err)
	}
	return nil
}

// repair checks a unit below the end against u and corrects it: a crash may have
// lost the page that it was in.
func (q *Queue) repair(offset int64, u Unit) error {
	if offset < q.min.Load() {
		return nil
	}
	var have [1]Unit
	n, err := q.Read(offset, have[:])
	if err != nil {
		return err
	}
	if n == 1 && have[0] == u {
		q.keep(offset)
		return nil
	}
	if t := q.tail.Load(); offset >= t.base {
		return fmt.Errorf("consumequeue: %s-%d: offset %d is appended twice, for %d and %d", q.topic, q.queueID, offset, have[0].Phys, u.Phys)
	}
	return q.writeFile(u.append(nil), offset*UnitSize)
}

// keep has the file of a unit synced that recovery found in it: the process that
// wrote it may have died before it did.
func (q *Queue) keep(offset int64) {
	if offset >= q.tail.Load().base {
		return
	}
	at := offset * UnitSize
	if start := at - at%q.set.fileSize; start != q.keptFile || !q.kept {
		q.kept, q.keptFile = true, start
		q.set.touch(q.file(start))
		q.set.touchDir(q.dir())
	}
}

// fill makes the queue end at offset, ahead of its end: a queue that begins in
// the middle, because its older messages are elsewhere or gone, or one that lost
// units for good.
func (q *Queue) fill(end, offset int64) error {
	from := end
	if end == 0 {
		from = offset - offset%(q.set.fileSize/UnitSize) // the file that offset is in
	}
	filler := Unit{Size: fillerSize}
	var b []byte
	for at := from; at < offset; at++ {
		b = filler.append(b)
		if byteEnd := (at + 1) * UnitSize; byteEnd%q.set.fileSize == 0 || at+1 == offset || len(b) == UnitSize*4096 {
			if err := q.writeFile(b, byteEnd-int64(len(b))); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	if end == 0 {
		q.min.Store(offset)
	}
	q.max.Store(offset)
	q.written = offset
	q.tail.Store(&tail{base: offset})
	return nil
}

// rest releases the tail of a queue whose units are all in the file.
func (q *Queue) rest() {
	if t := q.tail.Load(); len(t.units) > 0 && q.written == t.base+t.count.Load() {
		q.tail.Store(&tail{base: q.written})
	}
}

// correctMin moves the first offset behind fillers and behind messages whose
// records are gone.
func (q *Queue) correctMin(logMin int64) error {
	lo, hi := q.firstFileUnit(), q.max.Load()
	lo = max(lo, q.min.Load())
	var readErr error
	// Physical offsets ascend within a queue, fillers count as 0.
	i := sort.Search(int(hi-lo), func(i int) bool {
		var u [1]Unit
		n, err := q.readAny(lo+int64(i), u[:])
		if err != nil || n == 0 {
			readErr = errors.Join(readErr, err)
			return false
		}
		return !u[0].filler() && u[0].Phys >= logMin
	})
	if readErr != nil {
		return readErr
	}
	q.min.Store(lo + int64(i))
	return nil
}

// readAny is Read below MinOffset too.
func (q *Queue) readAny(offset int64, dst []Unit) (int, error) {
	if t := q.tail.Load(); offset >= t.base {
		return t.read(offset, dst), nil
	}
	var buf [UnitSize]byte
	if err := q.readFile(buf[:], offset*UnitSize); err != nil {
		return 0, err
	}
	dst[0] = decodeUnit(buf[:])
	return 1, nil
}

func (q *Queue) firstFileUnit() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.starts) == 0 {
		return q.tail.Load().base
	}
	return q.starts[0] / UnitSize
}

// clean removes the files whose messages are all gone from the CommitLog, but not
// the last one, so that the queue's end is never forgotten.
func (q *Queue) clean(logMin int64) (removed int, err error) {
	if err := q.open(); err != nil {
		return 0, err
	}
	q.mu.Lock()
	starts := q.starts
	q.mu.Unlock()
	for removed < len(starts)-1 {
		var last [1]Unit
		end := starts[removed] + q.set.fileSize
		if n, err := q.readAny(end/UnitSize-1, last[:]); err != nil || n == 0 || last[0].Phys >= logMin {
			break
		}
		removed++
	}
	if removed > 0 {
		q.mu.Lock()
		q.starts = append([]int64(nil), q.starts[removed:]...)
		q.mu.Unlock()
		q.min.Store(max(q.min.Load(), starts[removed]/UnitSize))
		for _, start := range starts[:removed] {
			q.set.handles.Evict(q.file(start))
			// One at a time, so that a crash leaves no gap.
			if err = errors.Join(q.set.fs.Remove(q.file(start)), q.set.fs.SyncDir(q.dir())); err != nil {
				break
			}
		}
	}
	return removed, errors.Join(err, q.correctMin(logMin))
}
