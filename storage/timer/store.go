package timer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// Options configures a Store.
type Options struct {
	FS        vfs.FS
	Root      string // storePathRootDir
	FileSize  int64  // bytes of a file of the log (mappedFileSizeTimerLog)
	Precision int64  // milliseconds of a step (timerPrecisionMs)
	// Span is the number of steps that a unit may be ahead, a multiple of 64;
	// DefaultSpan unless the files need not be Apache's.
	Span int64
	// Intact tells whether a unit's message is in the CommitLog, and due when the unit
	// says so. It is asked about units without a checksum that a crash may have torn.
	Intact func(u *Unit) bool
}

// Store is the timer log, the wheel and the checkpoint.
type Store struct {
	Wheel *Wheel
	Log   *Log

	options Options
	saved   Checkpoint
	last    int64 // position of the last unit, or None
}

// DefaultFileSize is Apache's mappedFileSizeTimerLog.
const DefaultFileSize = 100 << 20

func (o *Options) wheel() string      { return path.Join(o.Root, "timerwheel") }
func (o *Options) checkpoint() string { return path.Join(o.Root, "config", "timercheck") }

// Open opens the files, which need not be there, and recovers from a crash: the wheel
// gets the units that it lacks. It fails on files that are none of a store with the
// same sizes.
func Open(o Options) (*Store, error) {
	if o.FileSize < UnitSize+blankSize {
		return nil, fmt.Errorf("timer: files of %d bytes are too small", o.FileSize)
	}
	if o.Span <= 0 || o.Span%(slotsOfPage/2) != 0 {
		return nil, fmt.Errorf("timer: a span of %d steps", o.Span)
	}
	s := &Store{options: o, last: None, Wheel: newWheel(o.Precision, o.Span)}
	var err error
	if s.saved, err = LoadCheckpoint(o.FS, o.checkpoint()); err != nil {
		return nil, err
	}
	if s.Log, err = openLog(o.FS, path.Join(o.Root, "timerlog"), o.FileSize); err != nil {
		return nil, err
	}
	found, err := s.Wheel.load(o.FS, o.wheel(), s.saved.ReadTime)
	if err != nil {
		return nil, err
	}
	from := s.Log.begin()
	if found {
		// Apache's wheel may lack what is up to a file older than its checkpoint says
		// (TimerMessageStore.recover).
		back := max(s.saved.LogFlushed-o.FileSize, 0)
		from = max(back-back%o.FileSize, from)
	}
	if err := s.recover(from); err != nil {
		return nil, err
	}
	if s.dangling() { // a wheel that is ahead of its log
		s.Wheel = newWheel(o.Precision, o.Span)
		if err := s.recover(s.Log.begin()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Store) recover(from int64) error {
	return s.Log.scan(from, func(at int64, u *Unit, p parsed) bool {
		if p == unsure && at >= s.saved.LogFlushed && !s.options.Intact(u) {
			return false
		}
		s.last = at
		if u.Time() >= s.saved.ReadTime {
			s.revise(at, u)
		}
		return true
	})
}

// revise takes a unit of the log into its slot, unless it is there.
func (s *Store) revise(at int64, u *Unit) {
	time := u.Time() - u.Time()%s.options.Precision
	slot, ok := s.Wheel.Get(time)
	switch {
	case !ok:
		first := at
		if u.Prev != None {
			first = u.Prev
		}
		s.Wheel.Put(Slot{Time: time, First: first, Last: at, Num: 1})
	case slot.Last < at:
		slot.Last = at
		slot.Num++
		s.Wheel.Put(slot)
	}
}

// dangling reports whether a slot names a unit that is not there.
func (s *Store) dangling() bool {
	for _, p := range s.Wheel.pages {
		for i := 0; i < pageSize; i += slotSize {
			if slot := s.Wheel.decode(p.raw[i:]); slot.Time >= s.saved.ReadTime && slot.Time > 0 && slot.Last >= s.Log.end {
				return true
			}
		}
	}
	return false
}

// Checkpoint returns what was loaded, or saved last.
func (s *Store) Checkpoint() Checkpoint { return s.saved }

// LastUnit returns the unit that was appended last, if any.
func (s *Store) LastUnit() (Unit, bool) {
	if s.last == None {
		return Unit{}, false
	}
	u, err := s.Log.read(s.last)
	return u, err == nil
}

// Add appends a unit, whose time is a multiple of the precision and less than
// Options.Span steps ahead of the slots that are not delivered, and links it into its slot. Prev is
// set. It is written by Flush. After an error nothing has changed.
func (s *Store) Add(u Unit) error {
	slot, ok := s.Wheel.Get(u.Time())
	if !ok {
		slot = Slot{Time: u.Time(), First: None, Last: None}
	}
	u.Prev = slot.Last
	at, err := s.Log.append(&u)
	if err != nil {
		return err
	}
	s.last = at
	if slot.Last = at; slot.First == None {
		slot.First = at
	}
	if u.Recalls() {
		slot.Num--
	} else {
		slot.Num++
	}
	s.Wheel.Put(slot)
	return nil
}

// Flush writes the units that were added to the log's file. It fails if the disk does;
// they are kept, and may be flushed again.
func (s *Store) Flush() error { return s.Log.flush() }

// Units calls visit with the units of a slot, the last one first, until it returns
// false or there is none left. A chain that goes on before the log's begin, or is
// broken, ends there.
func (s *Store) Units(time int64, visit func(u *Unit) bool) error {
	slot, ok := s.Wheel.Get(time)
	if !ok {
		return nil
	}
	for at := slot.Last; at != None; {
		u, err := s.Log.read(at)
		if errors.Is(err, ErrPosition) {
			return nil
		}
		if err != nil {
			return err
		}
		if u.Prev >= at {
			return nil // no chain leads forward
		}
		if !visit(&u) {
			return nil
		}
		at = u.Prev
	}
	return nil
}

// Save returns what makes a checkpoint durable, together with the units and slots
// that it counts on. The function may be called on another goroutine, while this one
// goes on; Save must not be called again before it has returned. The caller sees to it
// that the CommitLog is durable first.
func (s *Store) Save(c Checkpoint) (save func() error, err error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	c.LogFlushed = s.Log.end
	pages := s.Wheel.changed()
	from := min(s.saved.LogFlushed, s.Log.end)
	var files []string
	for _, start := range s.Log.starts {
		if start+s.Log.size > from {
			files = append(files, s.Log.file(start))
		}
	}
	s.saved = c
	o, size := s.options, s.Wheel.size()
	return func() error {
		for _, name := range files {
			if err := syncFile(o.FS, name); err != nil {
				return err
			}
		}
		if len(pages) > 0 {
			if err := write(o.FS, o.wheel(), size, pages); err != nil {
				return err
			}
		}
		return SaveCheckpoint(o.FS, o.checkpoint(), &c)
	}, nil
}

func syncFile(fsys vfs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}

// RemoveExpired removes the files of the log whose messages are gone: those before
// the physical offset minPhys. Not while what Save returned runs.
func (s *Store) RemoveExpired(minPhys int64) error { return s.Log.removeExpired(minPhys) }

// Remove removes the log and the wheel, but not the checkpoint, of a store that is
// not open.
func Remove(fsys vfs.FS, root string) error {
	o := Options{Root: root}
	dir := path.Join(root, "timerlog")
	files, err := fsys.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("timer: %w", err)
	}
	names := []string{o.wheel()}
	for _, f := range files {
		names = append(names, path.Join(dir, f.Name))
	}
	for _, name := range names {
		if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("timer: %w", err)
		}
	}
	return nil
}

// Close closes the files. It saves nothing.
func (s *Store) Close() { s.Log.cache.Close() }

// IsLayout reports whether an error of Open says that the files are not of a store
// with these sizes.
func IsLayout(err error) bool {
	var format *FormatError
	var layout *segment.LayoutError
	return errors.As(err, &format) || errors.As(err, &layout)
}
