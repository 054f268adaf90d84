package timer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/actormq/actormq/storage/vfs"
)

// Sizes of the wheel (RocketMQ: TimerMessageStore.TIMER_WHEEL_TTL_DAY).
const (
	// DefaultSpan is the number of slots that a unit may be ahead of delivery, with
	// which the wheel has the size of Apache's.
	DefaultSpan  = 7 * 24 * 3600
	slotSize     = 32
	slotsOfPage  = 128
	pageSize     = slotsOfPage * slotSize
	pagesAtATime = 256 // that are read from the file together
)

// Slot is a point in time.
type Slot struct {
	Time        int64 // Unix milliseconds
	First, Last int64 // positions of units
	Num         int32 // of units; only a hint after a crash
}

// Wheel finds the units of a point in time.
type Wheel struct {
	precision int64 // milliseconds of a step
	slots     int64 // twice the span, so that none is used twice within it
	pages     map[int]*page
}

type page struct {
	raw   [pageSize]byte
	dirty bool
}

func newWheel(precision, span int64) *Wheel {
	return &Wheel{precision: precision, slots: 2 * span, pages: make(map[int]*page)}
}

// size is the size of the file in bytes.
func (w *Wheel) size() int64 { return w.slots * slotSize }

func (w *Wheel) index(time int64) int { return int(time / w.precision % w.slots) }

// Get returns the slot of a time, which is a multiple of the precision, and reports
// whether it has units.
func (w *Wheel) Get(time int64) (Slot, bool) {
	i := w.index(time)
	p := w.pages[i/slotsOfPage]
	if p == nil {
		return Slot{}, false
	}
	s := w.decode(p.raw[i%slotsOfPage*slotSize:])
	return s, s.Time == time && s.Last >= 0
}

func (w *Wheel) decode(b []byte) Slot {
	return Slot{
		Time:  int64(binary.BigEndian.Uint64(b)) * w.precision,
		First: int64(binary.BigEndian.Uint64(b[8:])), Last: int64(binary.BigEndian.Uint64(b[16:])),
		Num: int32(binary.BigEndian.Uint32(b[24:])),
	}
}

// Put sets a slot.
func (w *Wheel) Put(s Slot) {
	i := w.index(s.Time)
	p := w.pages[i/slotsOfPage]
	if p == nil {
		p = new(page)
		w.pages[i/slotsOfPage] = p
	}
	b := p.raw[i%slotsOfPage*slotSize:]
	binary.BigEndian.PutUint64(b, uint64(s.Time/w.precision))
	binary.BigEndian.PutUint64(b[8:], uint64(s.First))
	binary.BigEndian.PutUint64(b[16:], uint64(s.Last))
	binary.BigEndian.PutUint32(b[24:], uint32(s.Num))
	binary.BigEndian.PutUint32(b[28:], 0)
	p.dirty = true
}

// Empty reports whether no slot is in memory.
func (w *Wheel) Empty() bool { return len(w.pages) == 0 }

// Next returns the first time from `from` on, and before `until`, whose slot has
// units. Both are multiples of the precision.
func (w *Wheel) Next(from, until int64) (time int64, ok bool) {
	if len(w.pages) == 0 {
		return until, false
	}
	for time = from; time < until; time += w.precision {
		i := w.index(time)
		if w.pages[i/slotsOfPage] == nil {
			time += int64(slotsOfPage-1-i%slotsOfPage) * w.precision
			continue
		}
		if _, ok := w.Get(time); ok {
			return time, true
		}
	}
	return until, false
}

// Earliest returns the first time from `from` on whose slot has units, or 0.
func (w *Wheel) Earliest(from int64) (earliest int64) {
	for _, p := range w.pages {
		for i := 0; i < pageSize; i += slotSize {
			s := w.decode(p.raw[i:])
			if s.Last >= 0 && s.Time > 0 && s.Time >= from && (earliest == 0 || s.Time < earliest) {
				earliest = s.Time
			}
		}
	}
	return earliest
}

// Forget drops the pages whose slots are all of times before `before`.
func (w *Wheel) Forget(before int64) {
	for n, p := range w.pages {
		if !w.pending(p.raw[:], before) {
			delete(w.pages, n)
		}
	}
}

// pending reports whether a page has a slot of a time from `from` on.
func (w *Wheel) pending(raw []byte, from int64) bool {
	for i := 0; i < pageSize; i += slotSize {
		if s := w.decode(raw[i:]); s.Last >= 0 && s.Time >= from && s.Time > 0 {
			return true
		}
	}
	return false
}

// load reads the pages of a file that have slots from `from` on. It reports false if
// there is no file, and fails with a *FormatError on one of another size.
func (w *Wheel) load(fsys vfs.FS, name string, from int64) (found bool, err error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("timer: %w", err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return false, fmt.Errorf("timer: %w", err)
	}
	if size == 0 {
		return false, nil // created, and never written
	}
	if size != w.size() {
		return false, &FormatError{name, fmt.Sprintf("it has %d bytes and not %d", size, w.size())}
	}
	pages := int(size / pageSize)
	chunk := make([]byte, min(pagesAtATime, pages)*pageSize)
	for n := 0; n < pages; n += pagesAtATime {
		part := chunk[:min(pagesAtATime, pages-n)*pageSize]
		if _, err := f.ReadAt(part, int64(n)*pageSize); err != nil {
			return false, fmt.Errorf("timer: %w", err)
		}
		for i := 0; i < len(part); i += pageSize {
			if raw := part[i : i+pageSize]; w.pending(raw, from) {
				p := new(page)
				copy(p.raw[:], raw)
				w.pages[n+i/pageSize] = p
			}
		}
	}
	return true, nil
}

// FormatError says that a file cannot be what its name says.
type FormatError struct{ Path, Reason string }

func (e *FormatError) Error() string { return fmt.Sprintf("timer: %s: %s", e.Path, e.Reason) }

// dirtyPage is a page as it is to be written.
type dirtyPage struct {
	number int
	raw    [pageSize]byte
}

// changed returns copies of the pages that have changed since the last call.
func (w *Wheel) changed() []dirtyPage {
	var all []dirtyPage
	for _, n := range slices.Sorted(maps.Keys(w.pages)) {
		if p := w.pages[n]; p.dirty {
			p.dirty = false
			all = append(all, dirtyPage{n, p.raw})
		}
	}
	return all
}

// write writes pages to a file of a size, and syncs it.
func write(fsys vfs.FS, name string, size int64, pages []dirtyPage) error {
	f, err := openOrCreate(fsys, name)
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	for i := range pages {
		if _, err := f.WriteAt(pages[i].raw[:], int64(pages[i].number)*pageSize); err != nil {
			return fmt.Errorf("timer: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}
