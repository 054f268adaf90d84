package commitlog

import (
	"errors"
	"fmt"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/vfs"
)

// window is how much of the log a scan reads at a time.
const window = 1 << 20

// Scan visits the records from offset on, which must be the start of a record or
// of a segment, and returns the offset behind the last good one. The log ends
// where a record's magic, size, own offset or (if checkCRC) body CRC is wrong:
// that is how a torn tail looks. It must run before the first append; the
// record and its slices are valid until visit returns.
func (l *Log) Scan(offset int64, checkCRC bool, visit func(r *record.Record, size int) error) (int64, error) {
	s := scan{log: l, checkCRC: checkCRC}
	for {
		var r record.Record
		size, err := s.next(offset, &r)
		var blank *record.BlankError
		switch {
		case errors.As(err, &blank) && int64(blank.Size) == l.size-offset%l.size:
			offset += int64(blank.Size)
			continue
		case errors.Is(err, errEnd):
			return offset, nil
		case err != nil:
			var corrupt *record.CorruptError
			if errors.As(err, &corrupt) || errors.Is(err, record.ErrShort) || blank != nil {
				return offset, nil
			}
			return offset, err
		}
		if err := visit(&r, size); err != nil {
			return offset, err
		}
		offset += int64(size)
	}
}

var errEnd = errors.New("commitlog: no segment there")

// scan reads records through a window.
type scan struct {
	log      *Log
	checkCRC bool
	buf      []byte
	at       int64 // offset of buf[0]
}

// next decodes the record at offset.
func (s *scan) next(offset int64, r *record.Record) (int, error) {
	size, err := s.decode(offset, window, r)
	if errors.Is(err, record.ErrShort) {
		// The window may end within the record: read it at the window's start, and
		// with all of its bytes.
		want := window
		if len(s.buf) >= 4 && s.at == offset {
			want = max(want, int(be32(s.buf)))
		}
		s.buf = nil
		size, err = s.decode(offset, want, r)
		if errors.Is(err, record.ErrShort) && int64(be32(s.buf)) <= s.log.size {
			want = int(be32(s.buf))
			s.buf = nil
			size, err = s.decode(offset, want, r)
		}
	}
	if err != nil {
		return 0, err
	}
	if r.PhysOffset != offset {
		return 0, &record.CorruptError{Reason: fmt.Sprintf("the record at %d says that it is at %d", offset, r.PhysOffset)}
	}
	if s.checkCRC {
		if err := r.CheckCRC(); err != nil {
			return 0, err
		}
	}
	return size, nil
}

func be32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// decode decodes at offset, after reading up to want bytes there if the window
// does not have it.
func (s *scan) decode(offset int64, want int, r *record.Record) (int, error) {
	if s.buf == nil || offset < s.at || offset >= s.at+int64(len(s.buf)) {
		f := s.log.at(offset)
		if f == nil {
			return 0, errEnd
		}
		n := min(int64(want), f.start+s.log.size-offset)
		s.buf = make([]byte, n)
		s.at = offset
		if err := s.log.readAt(s.buf, offset); err != nil {
			return 0, err
		}
	}
	return record.Decode(s.buf[offset-s.at:], r)
}

// FirstStoreTime returns the offset and store time of the first record of the
// segment that starts at start, and whether there is one.
func (l *Log) FirstStoreTime(start int64) (int64, bool) {
	s := scan{log: l}
	var r record.Record
	if _, err := s.next(start, &r); err != nil {
		return 0, false
	}
	return r.StoreTimestamp, true
}

// Truncate ends the log at end: later segments are removed. With wipe, the rest
// of the last one becomes zeros: after a crash stale records may lie there, which
// a later recovery could take for new ones. It must run before the first append.
func (l *Log) Truncate(end int64, wipe bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := *l.files.Load()
	keep := len(files)
	for keep > 0 && files[keep-1].start > end {
		keep--
	}
	for _, f := range files[keep:] {
		if err := errors.Join(f.f.Close(), l.fs.Remove(l.name(f.start))); err != nil {
			return err
		}
	}
	if keep < len(files) {
		if err := l.fs.SyncDir(l.dir); err != nil {
			return err
		}
	}
	files = files[:keep:keep]
	l.files.Store(&files)
	if keep > 0 {
		if last := files[keep-1]; wipe && end < last.start+l.size {
			if err := l.wipe(last.f, end-last.start); err != nil {
				return err
			}
		}
	}
	l.setEnd(end)
	return nil
}

// wipe zeroes a segment's file from at on, by cutting it off there and making it
// whole again, which costs no write.
func (l *Log) wipe(f vfs.File, at int64) error {
	if err := f.Truncate(at); err != nil {
		return err
	}
	if err := f.Allocate(l.size); err != nil {
		return err
	}
	return f.Sync()
}
