package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// DefaultSegmentSize is the size of a CommitLog file (mappedFileSizeCommitLog).
const DefaultSegmentSize = 1 << 30

// ErrReadOnly is what appends fail with once a write or sync has failed.
var ErrReadOnly = errors.New("commitlog: read-only after a failed write")

// ErrOutOfRange is what reads fail with outside of [MinOffset, MaxOffset).
var ErrOutOfRange = errors.New("commitlog: offset out of range")

// TooLargeError says that a record can never fit into a segment.
type TooLargeError struct{ Size, Limit int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("commitlog: %d bytes do not fit into a segment of %d", e.Size, e.Limit)
}

// Options configures a Log.
type Options struct {
	FS          vfs.FS
	Dir         string
	SegmentSize int64 // bytes; 0 means DefaultSegmentSize
}

// file is one segment.
type file struct {
	start int64
	f     vfs.File
}

// Log is the CommitLog.
type Log struct {
	fs   vfs.FS
	dir  string
	size int64

	files   atomic.Pointer[[]*file] // ascending, contiguous; replaced whole
	max     atomic.Int64            // end of what was committed
	flushed atomic.Int64            // end of what was synced
	failure atomic.Pointer[error]   // why the log is read-only

	lastTime   atomic.Int64 // store time of the last committed record
	syncedTime atomic.Int64 // store time of the last durable record

	syncMu  sync.Mutex // one Sync at a time
	mu      sync.Mutex // changes of files
	retired []vfs.File // of removed segments, closed one round of cleaning later

	// The writer's own.
	tail    int64    // end of what was reserved
	from    int64    // where the bytes of pending begin
	pending [][]byte // put and not committed, contiguous from from on
	writes  []write  // of full segments of this group
}

// write is one vectored write within one segment.
type write struct {
	off  int64
	bufs [][]byte
}

// Open opens the segments in o.Dir, which is created if missing. The end of the
// log is taken to be the end of the last file until Truncate says otherwise.
func Open(o Options) (*Log, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	l := &Log{fs: o.FS, dir: o.Dir, size: o.SegmentSize}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, err
	}
	starts, err := segment.List(o.FS, o.Dir, o.SegmentSize)
	if err != nil {
		return nil, err
	}
	files := make([]*file, 0, len(starts))
	for _, start := range starts {
		f, err := o.FS.Open(l.name(start))
		if err != nil {
			return nil, errors.Join(err, closeAll(files))
		}
		files = append(files, &file{start: start, f: f})
	}
	l.files.Store(&files)
	end := int64(0)
	if n := len(files); n > 0 {
		end = files[n-1].start + l.size
	}
	l.setEnd(end)
	return l, nil
}

func closeAll(files []*file) error {
	var err error
	for _, f := range files {
		err = errors.Join(err, f.f.Close())
	}
	return err
}

func (l *Log) name(start int64) string { return path.Join(l.dir, segment.Name(start)) }

func (l *Log) setEnd(end int64) {
	l.tail, l.from = end, end
	l.max.Store(end)
	l.flushed.Store(end)
}

// SegmentSize returns the size of a segment in bytes.
func (l *Log) SegmentSize() int64 { return l.size }

// MinOffset returns the offset of the first byte that is kept.
func (l *Log) MinOffset() int64 {
	if files := *l.files.Load(); len(files) > 0 {
		return files[0].start
	}
	return 0
}

// MaxOffset returns the offset behind the last committed byte.
func (l *Log) MaxOffset() int64 { return l.max.Load() }

// FlushedOffset returns the offset behind the last durable byte.
func (l *Log) FlushedOffset() int64 { return l.flushed.Load() }

// Err returns why the log is read-only, nil if it is not.
func (l *Log) Err() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// fail makes the log read-only for good and returns the error to report.
func (l *Log) fail(err error) error {
	err = fmt.Errorf("%w: %w", ErrReadOnly, err)
	l.failure.CompareAndSwap(nil, &err)
	return l.Err()
}

// Fail makes the log read-only for good, because another part of the store failed
// in a way that makes appending wrong: what is put and not committed never will be.
func (l *Log) Fail(err error) { _ = l.fail(err) }

// at returns the segment that holds offset, nil if none does.
func (l *Log) at(offset int64) *file {
	files := *l.files.Load()
	i := sort.Search(len(files), func(i int) bool { return files[i].start > offset }) - 1
	if i < 0 || offset >= files[i].start+l.size {
		return nil
	}
	return files[i]
}

// Reserve returns the place of the next n bytes, which are one record, or a batch
// that stays together. If they and the blank that ends a file do not fit into
// the segment, the blank is put and a new segment begins. It must be followed by
// one Put of n bytes. It fails with a *TooLargeError, with ErrReadOnly, or with
// the error of creating a segment (errors.Is(err, syscall.ENOSPC) on a full
// disk); nothing is reserved then, and a later call may succeed.
func (l *Log) Reserve(n int) (int64, error) {
	if err := l.Err(); err != nil {
		return 0, err
	}
	if int64(n)+record.BlankSize > l.size {
		return 0, &TooLargeError{Size: n, Limit: int(l.size - record.BlankSize)}
	}
	free := l.size - l.tail%l.size
	if l.tail%l.size == 0 {
		free = l.size
	}
	if free >= int64(n)+record.BlankSize {
		if l.tail%l.size == 0 {
			if err := l.ensure(l.tail); err != nil {
				return 0, err
			}
		}
		return l.tail, nil
	}
	next := l.tail + free
	if err := l.ensure(next); err != nil {
		return 0, err
	}
	blank := binary.BigEndian.AppendUint32(make([]byte, 0, record.BlankSize), uint32(free))
	l.Put(binary.BigEndian.AppendUint32(blank, record.MagicBlank))
	l.writes = append(l.writes, write{off: l.from, bufs: l.pending})
	l.pending = nil
	l.tail, l.from = next, next
	return next, nil
}

// Put takes the bytes for the place that Reserve returned. They are aliased
// until Commit.
func (l *Log) Put(b []byte) {
	l.tail += int64(len(b))
	if n := len(l.pending); n > 0 {
		// Neighbours in memory, such as the records of one burst, are one vector.
		last := l.pending[n-1]
		if cap(last) >= len(last)+len(b) && &last[:len(last)+1][len(last)] == &b[0] {
			l.pending[n-1] = last[:len(last)+len(b)]
			return
		}
	}
	l.pending = append(l.pending, b)
}

// Commit writes what was put since the last Commit, with one write per segment,
// and lets readers see it. storeTime is that of the last record, in Unix
// milliseconds. After an error nothing of it may be taken for stored, and the log
// is read-only.
func (l *Log) Commit(storeTime int64) error {
	if err := l.Err(); err != nil {
		return err
	}
	for _, w := range l.writes {
		if err := l.at(w.off).f.WriteVec(w.bufs, w.off%l.size); err != nil {
			return l.fail(err)
		}
	}
	if len(l.pending) > 0 {
		if err := l.at(l.from).f.WriteVec(l.pending, l.from%l.size); err != nil {
			return l.fail(err)
		}
	}
	clear(l.pending)
	l.pending, l.writes = l.pending[:0], nil
	l.from = l.tail
	l.max.Store(l.tail)
	l.lastTime.Store(storeTime) // after max: Sync reads them the other way round
	return nil
}

// AppendRaw appends bytes of another broker's log, which may begin and end in the
// middle of a record, and lets readers see them. offset must be MaxOffset, or, in
// a log without a byte, the start of any segment. It takes the place of Reserve,
// Put and Commit in a slave, whose one writer calls it, and fails as they do.
// Reached completes it.
func (l *Log) AppendRaw(offset int64, b []byte) error {
	if err := l.Err(); err != nil {
		return err
	}
	if l.tail == 0 && offset > 0 && offset%l.size == 0 {
		if err := l.beginAt(offset); err != nil {
			return err
		}
	}
	if offset != l.tail || len(l.pending) > 0 {
		return fmt.Errorf("%w: %d is not the end, %d", ErrOutOfRange, offset, l.tail)
	}
	for len(b) > 0 {
		if err := l.ensure(l.tail - l.tail%l.size); err != nil {
			return err
		}
		piece := b[:min(int64(len(b)), l.size-l.tail%l.size)]
		if _, err := l.at(l.tail).f.WriteAt(piece, l.tail%l.size); err != nil {
			return l.fail(err)
		}
		b = b[len(piece):]
		l.tail += int64(len(piece))
		l.from = l.tail
		l.max.Store(l.tail)
	}
	return nil
}

// beginAt has an empty log begin later. A segment that a crash has left without a
// record goes.
func (l *Log) beginAt(offset int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range *l.files.Load() {
		if err := errors.Join(f.f.Close(), l.remove(f)); err != nil {
			return err
		}
	}
	l.files.Store(new([]*file))
	l.setEnd(offset)
	return nil
}

// Reached says that a record with that store time, in Unix milliseconds, is in the
// log, and everything before it: what Commit says by itself. Any one goroutine may
// call it.
func (l *Log) Reached(storeTime int64) { l.lastTime.Store(storeTime) }

// ensure creates the segment that starts at start unless it exists. Its length
// and its entry in the directory are durable before the next one can be created,
// so that a crash leaves no gap.
func (l *Log) ensure(start int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := *l.files.Load()
	if n := len(files); n > 0 && files[n-1].start >= start {
		return nil
	}
	f, err := l.fs.Create(l.name(start))
	if err != nil {
		return fmt.Errorf("commitlog: create a segment: %w", err)
	}
	if err = f.Allocate(l.size); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("commitlog: create a segment: %w", err), f.Close(), l.fs.Remove(l.name(start)))
	}
	next := append(slices.Clone(files), &file{start: start, f: f})
	l.files.Store(&next)
	return nil
}

// Prepare creates the segment that the writer will need next once the present
// one is three quarters full, so that the writer does not have to. Any goroutine
// may call it; an error is not fatal.
func (l *Log) Prepare() error {
	end := l.max.Load()
	if end%l.size < l.size/4*3 {
		return nil
	}
	return l.ensure(end - end%l.size + l.size)
}

// Sync makes everything committed so far durable and returns its end. Any
// goroutine may call it. After an error the log is read-only.
func (l *Log) Sync() (int64, error) {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	if err := l.Err(); err != nil {
		return l.flushed.Load(), err
	}
	// Read before max: the time must not be later than the last record's below.
	storeTime := l.lastTime.Load()
	end, from := l.max.Load(), l.flushed.Load()
	if end == from {
		return end, nil
	}
	for _, f := range *l.files.Load() {
		if f.start+l.size > from && f.start < end {
			if err := f.f.Sync(); err != nil {
				return from, l.fail(err)
			}
		}
	}
	l.flushed.Store(end)
	l.syncedTime.Store(storeTime)
	return end, nil
}

// SyncedTime returns the store time, in Unix milliseconds, of a record that is
// durable together with everything before it; 0 before the first Sync.
func (l *Log) SyncedTime() int64 { return l.syncedTime.Load() }

// ReadAt fills p from offset. The range must lie within one segment and below
// MaxOffset, else it fails with ErrOutOfRange.
func (l *Log) ReadAt(p []byte, offset int64) error {
	if offset < 0 || offset+int64(len(p)) > l.max.Load() {
		return ErrOutOfRange
	}
	return l.readAt(p, offset)
}

func (l *Log) readAt(p []byte, offset int64) error {
	f := l.at(offset)
	if f == nil || offset+int64(len(p)) > f.start+l.size {
		return ErrOutOfRange
	}
	_, err := f.f.ReadAt(p, offset-f.start)
	if err == io.EOF {
		return ErrOutOfRange
	}
	return err
}

// guess is how much of a record of unknown size is read at first.
const guess = 4 << 10

// Record appends the record at offset to buf[:0] and returns it. It fails with
// ErrOutOfRange, or a *record.CorruptError if no record begins there.
func (l *Log) Record(offset int64, buf []byte) ([]byte, error) {
	left := min(l.max.Load(), offset-offset%l.size+l.size) - offset
	if offset < l.MinOffset() || left < record.MinSize {
		return nil, ErrOutOfRange
	}
	first := int(min(left, guess))
	buf = slices.Grow(buf[:0], first)[:first]
	if err := l.ReadAt(buf, offset); err != nil {
		return nil, err
	}
	size := int64(int32(binary.BigEndian.Uint32(buf)))
	if magic := binary.BigEndian.Uint32(buf[4:]); magic != record.MagicV1 && magic != record.MagicV2 || size < record.MinSize || size > left {
		return nil, &record.CorruptError{Reason: fmt.Sprintf("no record begins at %d", offset)}
	}
	if int(size) > first {
		buf = slices.Grow(buf, int(size)-first)[:size]
		if err := l.ReadAt(buf[first:], offset+int64(first)); err != nil {
			return nil, err
		}
	}
	buf = buf[:size]
	if phys := int64(binary.BigEndian.Uint64(buf[28:])); phys != offset {
		return nil, &record.CorruptError{Reason: fmt.Sprintf("the record at %d says that it is at %d", offset, phys)}
	}
	return buf, nil
}

// Starts returns the start offsets of the segments, ascending.
func (l *Log) Starts() []int64 {
	files := *l.files.Load()
	starts := make([]int64, len(files))
	for i, f := range files {
		starts[i] = f.start
	}
	return starts
}

// Close closes the files. It does not sync.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := closeAll(*l.files.Load())
	for _, f := range l.retired {
		err = errors.Join(err, f.Close())
	}
	l.retired = nil
	none := []*file{}
	l.files.Store(&none)
	return err
}

// RemoveExpired removes whole segments that end at or before the offset before,
// the oldest first, for which expired says so, up to limit, and returns how many.
// What is written to, or not yet durable, always stays. One goroutine at a time;
// readers of a removed segment finish undisturbed, and the writer does not wait.
func (l *Log) RemoveExpired(limit int, before int64, expired func(modified time.Time) bool) (int, error) {
	l.mu.Lock()
	retired := l.retired
	l.retired = nil
	l.mu.Unlock()
	for _, f := range retired {
		f.Close()
	}
	n := 0
	for ; n < limit; n++ {
		files := *l.files.Load()
		if len(files) < 2 || files[0].start+l.size > min(before, l.flushed.Load()) {
			break
		}
		e, err := l.fs.Stat(l.name(files[0].start))
		if err != nil || !expired(e.ModTime) {
			return n, err
		}
		if err := l.remove(files[0]); err != nil {
			return n, err
		}
		l.mu.Lock()
		rest := slices.Clone((*l.files.Load())[1:])
		l.files.Store(&rest)
		l.retired = append(l.retired, files[0].f)
		l.mu.Unlock()
	}
	return n, nil
}

// remove deletes a segment's file. Its end is durable before the next file goes,
// so that a crash leaves no gap.
func (l *Log) remove(f *file) error {
	if err := l.fs.Remove(l.name(f.start)); err != nil {
		return fmt.Errorf("commitlog: remove a segment: %w", err)
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return fmt.Errorf("commitlog: remove a segment: %w", err)
	}
	return nil
}
