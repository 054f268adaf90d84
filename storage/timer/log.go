package timer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// Log is the append-only log of units.
type Log struct {
	fs     vfs.FS
	dir    string
	size   int64
	starts []int64 // of the files, ascending
	cache  *segment.Cache
	end    int64  // behind the last unit
	tail   []byte // of the last file, what is not written yet; it ends at end

	// block is what was read last of the files, from blockAt on: chains are read from
	// their ends, unit by unit.
	block   []byte
	blockAt int64
}

// blockSize is how much is read at a time.
const blockSize = 1 << 10 * UnitSize

// maxHandles is the number of files that stay open.
const maxHandles = 4

// ErrPosition says that a position is of no unit.
var ErrPosition = errors.New("timer: there is no unit at that position")

func openLog(fsys vfs.FS, dir string, size int64) (*Log, error) {
	starts, err := segment.List(fsys, dir, size)
	if err != nil {
		return nil, err
	}
	l := &Log{fs: fsys, dir: dir, size: size, starts: starts, cache: segment.NewCache(fsys, maxHandles)}
	if len(starts) > 0 {
		l.end = starts[len(starts)-1] + size
	}
	return l, nil
}

func (l *Log) file(start int64) string { return path.Join(l.dir, segment.Name(start)) }

// begin returns the position of the first file, or 0.
func (l *Log) begin() int64 {
	if len(l.starts) == 0 {
		return 0
	}
	return l.starts[0]
}

// End returns the position behind the last unit.
func (l *Log) End() int64 { return l.end }

// append adds a unit and returns its position. It is written by the next flush. After
// an error nothing has changed.
func (l *Log) append(u *Unit) (int64, error) {
	if err := l.room(); err != nil {
		return 0, err
	}
	at := l.end
	l.tail = u.Append(l.tail)
	l.end += UnitSize
	return at, nil
}

// room sees to it that the last file has room for a unit and the begin of a blank.
func (l *Log) room() error {
	if n := len(l.starts); n > 0 && l.end < l.starts[n-1]+l.size {
		rest := l.starts[n-1] + l.size - l.end
		if rest >= UnitSize+blankSize {
			return nil
		}
		if err := l.seal(l.starts[n-1], rest); err != nil {
			return err
		}
		l.end += rest
	}
	return l.extend()
}

// seal marks the rest of a file as blank.
func (l *Log) seal(start, rest int64) error {
	if err := l.flush(); err != nil {
		return err
	}
	header := binary.BigEndian.AppendUint32(nil, uint32(rest))
	header = binary.BigEndian.AppendUint64(header, 0)
	header = binary.BigEndian.AppendUint32(header, blankMagic)
	err := l.cache.With(l.file(start), func(f vfs.File) error {
		_, err := f.WriteAt(header, l.end-start)
		return err
	})
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}

func (l *Log) extend() error {
	if err := l.fs.MkdirAll(l.dir); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	f, err := l.fs.Create(l.file(l.end))
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	err = errors.Join(f.Truncate(l.size), f.Sync(), f.Close(), l.fs.SyncDir(l.dir))
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	l.starts = append(l.starts, l.end)
	return nil
}

// flush writes the tail. After an error it is still there, and is written by the
// next flush, to the same place.
func (l *Log) flush() error {
	if len(l.tail) == 0 {
		return nil
	}
	at := l.end - int64(len(l.tail))
	start := at - at%l.size
	err := l.cache.With(l.file(start), func(f vfs.File) error {
		_, err := f.WriteAt(l.tail, at-start)
		return err
	})
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	l.tail = l.tail[:0]
	return nil
}

// read returns the unit at a position.
func (l *Log) read(at int64) (Unit, error) {
	written := l.end - int64(len(l.tail))
	if at < l.begin() || at >= l.end {
		return Unit{}, ErrPosition
	}
	var b []byte
	if at >= written {
		b = l.tail[at-written:]
	} else {
		if err := l.readBlock(at, written); err != nil {
			return Unit{}, err
		}
		b = l.block[at-l.blockAt:]
	}
	u, p := parse(b)
	if p != unsure && p != correct {
		return Unit{}, ErrPosition
	}
	return u, nil
}

// readBlock sees to it that the block has the unit at a position, which is written,
// and as much before it as fits.
func (l *Log) readBlock(at, written int64) error {
	if at >= l.blockAt && at+UnitSize <= l.blockAt+int64(len(l.block)) {
		return nil
	}
	start := at - at%l.size
	from := max(start, at+UnitSize-blockSize)
	if l.block == nil {
		l.block = make([]byte, 0, blockSize)
	}
	l.block = l.block[:min(at+UnitSize, written)-from]
	l.blockAt = from
	err := l.cache.With(l.file(start), func(f vfs.File) error {
		_, err := f.ReadAt(l.block, from-start)
		return err
	})
	if err != nil && err != io.EOF {
		l.block = l.block[:0]
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}

// scanned is how many units a scan reads at a time.
const scanned = 1 << 14

// scan visits the units from a position on that is the begin of a file, up to the
// first that is none, or that visit does not want, and lets the log end there: what
// lies behind is zeroed.
func (l *Log) scan(from int64, visit func(at int64, u *Unit, p parsed) bool) error {
	buf := make([]byte, min(scanned*UnitSize, l.size))
	for i, start := range l.starts {
		if start < from {
			continue
		}
		end, full, err := l.scanFile(start, buf, visit)
		if err != nil {
			return err
		}
		if !full {
			return l.cut(end)
		}
		if i == len(l.starts)-1 {
			l.end = start + l.size
		}
	}
	return nil
}

// scanFile visits the units of one file, and returns where it ends, and whether that
// is with a blank, as it does when another file follows.
func (l *Log) scanFile(start int64, buf []byte, visit func(at int64, u *Unit, p parsed) bool) (end int64, full bool, err error) {
	for at := start; ; {
		var n int
		err := l.cache.With(l.file(start), func(f vfs.File) (err error) {
			n, err = f.ReadAt(buf, at-start)
			return err
		})
		if err != nil && err != io.EOF {
			return 0, false, fmt.Errorf("timer: %w", err)
		}
		for rest := buf[:n]; ; rest = rest[UnitSize:] {
			if len(rest) == 0 && n == len(buf) {
				break // go on with the next part
			}
			u, p := parse(rest)
			if p == blank {
				return at, true, nil
			}
			if p == noUnit || !visit(at, &u, p) {
				return at, false, nil
			}
			at += UnitSize
		}
	}
}

// cut ends the log at a position.
func (l *Log) cut(end int64) error {
	for n := len(l.starts); n > 0 && l.starts[n-1] > end; n-- {
		if err := l.remove(l.file(l.starts[n-1])); err != nil {
			return err
		}
		l.starts = l.starts[:n-1]
	}
	l.end, l.block = end, l.block[:0]
	if len(l.starts) == 0 {
		return nil
	}
	last := l.starts[len(l.starts)-1]
	err := l.cache.With(l.file(last), func(f vfs.File) error {
		return errors.Join(f.Zero(end-last, last+l.size-end), f.Sync())
	})
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}

// removeExpired removes the first files whose last unit's message lies before
// minPhys: nothing before it can be delivered.
func (l *Log) removeExpired(minPhys int64) error {
	for len(l.starts) > 1 {
		next := l.starts[1]
		last := next - l.size + (l.size-blankSize)/UnitSize*UnitSize - UnitSize
		u, err := l.read(last)
		if err != nil && !errors.Is(err, ErrPosition) {
			return err
		}
		if err == nil && u.Phys >= minPhys {
			return nil
		}
		if err := l.remove(l.file(l.starts[0])); err != nil {
			return err
		}
		l.starts = l.starts[1:]
	}
	return nil
}

// remove removes a file for good, before another: a crash must not leave a gap.
func (l *Log) remove(name string) error {
	l.cache.Evict(name)
	if err := errors.Join(l.fs.Remove(name), l.fs.SyncDir(l.dir)); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}
