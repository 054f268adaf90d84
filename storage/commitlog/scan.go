package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/vfs"
)

// window is how much of the log a scan reads at a time, if no record is larger.
const window = 1 << 20

// Scan visits the records from offset on, which must be the start of a record or
// of a segment, and returns the offset behind the last good one. The log ends
// where a record's magic, size, own offset or (if checkCRC) body CRC is wrong, or
// where a sector of what the CRC does not cover is missing: that is how a torn
// tail looks. It must run before the first append; the record and its slices are
// valid until visit returns.
func (l *Log) Scan(offset int64, checkCRC bool, visit func(r *record.Record, size int) error) (int64, error) {
	s := scan{log: l, checkCRC: checkCRC}
	for {
		size, err := s.next(offset)
		if err != nil {
			blank, err := l.atEnd(offset, err)
			if blank == 0 {
				return offset, err
			}
			offset += blank
			continue
		}
		if err := visit(&s.record, size); err != nil {
			return offset, err
		}
		offset += int64(size)
	}
}

// atEnd tells what the error of a record at offset means: the length of the blank
// that ends its segment, or 0 for the end of the log, with an error if it could
// not be read.
func (l *Log) atEnd(offset int64, err error) (int64, error) {
	var blank *record.BlankError
	var corrupt *record.CorruptError
	switch {
	case errors.As(err, &blank):
		if int64(blank.Size) == l.size-offset%l.size {
			return int64(blank.Size), nil
		}
		return 0, nil
	case errors.As(err, &corrupt), errors.Is(err, record.ErrShort), errors.Is(err, errEnd):
		return 0, nil
	}
	return 0, err
}

var errEnd = errors.New("commitlog: no segment there")

// scan reads records through a window.
type scan struct {
	log      *Log
	checkCRC bool
	record   record.Record // the last one, in buf
	buf      []byte
	at       int64 // offset of buf[0]
}

// next decodes the record at offset.
func (s *scan) next(offset int64) (int, error) {
	b, err := s.load(offset, record.BlankSize)
	if err != nil {
		return 0, err
	}
	size, err := record.Decode(b, &s.record)
	if errors.Is(err, record.ErrShort) && len(b) >= record.BlankSize {
		// The window ends within the record, or the file does.
		if b, err = s.load(offset, int64(binary.BigEndian.Uint32(b))); err != nil {
			return 0, err
		}
		size, err = record.Decode(b, &s.record)
	}
	if err != nil {
		return 0, err
	}
	if s.record.PhysOffset != offset {
		return 0, &record.CorruptError{Reason: fmt.Sprintf("the record at %d says that it is at %d", offset, s.record.PhysOffset)}
	}
	if s.checkCRC {
		if err := s.record.CheckCRC(); err != nil {
			return 0, err
		}
	}
	if at, torn := missing(offset, b[:size], &s.record); torn {
		return 0, &record.CorruptError{Reason: fmt.Sprintf("the record at %d is torn at %d", offset, at)}
	}
	return size, nil
}

// sector is what a disk writes whole or not at all.
const sector = 512

// missing finds bytes of a record's topic and properties, which no CRC covers,
// that a crash kept from being written: a sector, or the end. They read as zeros,
// since the space ahead of the log's end is, while topics and property strings
// have no zeros. A tear in the fields before them changes a length or the body.
func missing(offset int64, raw []byte, r *record.Record) (int64, bool) {
	properties := len(raw) - len(r.Properties)
	length := properties - 2 // of the properties: may be zero
	for _, field := range [][]byte{r.Topic, r.Properties} {
		if n := len(field); n > 0 && field[n-1] == 0 {
			return offset + int64(properties), true
		}
	}
	for from := length - len(r.Topic); from < len(raw); {
		to := min(len(raw), from+int(sector-(offset+int64(from))%sector))
		if (from < length || to > properties) && zero(raw[from:to]) {
			return offset + int64(from), true
		}
		from = to
	}
	return 0, false
}

func zero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// load returns the bytes from offset on: at least want, or all up to the end of
// the segment, or none if want is more than that.
func (s *scan) load(offset, want int64) ([]byte, error) {
	f := s.log.at(offset)
	if f == nil {
		return nil, errEnd
	}
	left := f.start + s.log.size - offset
	if want > left {
		return nil, record.ErrShort
	}
	if skip := offset - s.at; skip >= 0 && skip+want <= int64(len(s.buf)) {
		return s.buf[skip:], nil
	}
	n := int(min(max(want, window), left))
	s.buf = slices.Grow(s.buf[:0], n)[:n]
	s.at = offset
	if err := s.log.readAt(s.buf, offset); err != nil {
		s.buf = s.buf[:0]
		return nil, err
	}
	return s.buf, nil
}

// FirstStoreTime returns the store time of the first record of the segment that
// starts at start, and whether there is one.
func (l *Log) FirstStoreTime(start int64) (int64, bool) {
	s := scan{log: l}
	if _, err := s.next(start); err != nil {
		return 0, false
	}
	return s.record.StoreTimestamp, true
}

// Truncate ends the log at end: later segments are removed, and what the rest of
// the last one holds becomes zeros, since stale records there could be taken for
// new ones by a later recovery. After a crash, which crashed says there was, the
// rest is always zeroed, and what the dead process wrote is made durable, so that
// FlushedOffset tells the truth; otherwise a look at the first bytes decides. It
// must run before the first append.
func (l *Log) Truncate(end int64, crashed bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := *l.files.Load()
	keep := len(files)
	for ; keep > 0 && files[keep-1].start > end; keep-- {
		if err := errors.Join(files[keep-1].f.Close(), l.remove(files[keep-1])); err != nil {
			return err
		}
	}
	files = files[:keep:keep]
	l.files.Store(&files)
	if keep > 0 {
		if err := l.clean(files[keep-1], end, crashed); err != nil {
			return err
		}
	}
	if crashed {
		for _, f := range files {
			if err := f.f.Sync(); err != nil {
				return err
			}
		}
	}
	l.setEnd(end)
	return nil
}

// clean zeroes the rest of the last segment and reserves its space.
func (l *Log) clean(last *file, end int64, always bool) error {
	at := end - last.start
	if at >= l.size {
		return nil
	}
	if !always {
		stale, err := l.stale(last.f, at)
		if err != nil {
			return err
		}
		always = stale
	}
	if always {
		if err := errors.Join(last.f.Zero(at, l.size-at), last.f.Sync()); err != nil {
			return err
		}
	}
	// A file of Apache's is sparse, so that a write into it may find the disk full
	// and end all writing. A disk that is full already must not keep the store from
	// opening, though.
	_ = last.f.Allocate(l.size)
	return nil
}

// stale reports whether something is behind the end of the log.
func (l *Log) stale(f vfs.File, at int64) (bool, error) {
	b := make([]byte, min(64<<10, l.size-at))
	if _, err := f.ReadAt(b, at); err != nil {
		return false, err
	}
	return !zero(b), nil
}
