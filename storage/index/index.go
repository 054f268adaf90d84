package index

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// Defaults of the size of a file (maxHashSlotNum, maxIndexNum).
const (
	DefaultSlots   = 5_000_000
	DefaultEntries = 20_000_000
)

// Options configures an Index.
type Options struct {
	FS      vfs.FS
	Dir     string
	Slots   int // per file; 0 means DefaultSlots
	Entries int // per file; 0 means DefaultEntries
	Now     func() time.Time
	// SyncLog makes the CommitLog durable. It is called before anything that speaks of
	// the log becomes durable here; nil does nothing.
	SyncLog func() error
	// Crashed says that the last process did not end in order: the slots of the
	// last file are rebuilt from its entries.
	Crashed bool
}

// Index is all index files of a store.
type Index struct {
	Options
	files   []*file // ascending by age; only the last one grows
	key     []byte  // scratch
	lastPut Last
}

// Last names the last record that an Index was given, whether or not it had keys.
type Last struct {
	Phys, StoreTime int64
	Any             bool // there was one since Open
}

// Open opens the files in o.Dir, which is created if missing. Files whose name is
// no time are passed over. It fails with a *segment.LayoutError on a file of
// another size: its slots cannot be where o says.
func Open(o Options) (*Index, error) {
	if o.Slots == 0 {
		o.Slots = DefaultSlots
	}
	if o.Entries == 0 {
		o.Entries = DefaultEntries
	}
	x := &Index{Options: o}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, err
	}
	entries, err := o.FS.ReadDir(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Dir {
			continue
		}
		f, err := x.open(e.Name)
		if err != nil {
			return nil, errors.Join(err, x.Close())
		}
		if f != nil {
			x.files = append(x.files, f)
		}
	}
	if last := x.last(); last != nil && o.Crashed {
		if err := last.rebuild(); err != nil {
			return nil, errors.Join(err, x.Close())
		}
	}
	return x, nil
}

// open opens a file; nil if it is none, or was cut short when it was created.
func (x *Index) open(name string) (*file, error) {
	if _, err := strconv.ParseInt(name, 10, 64); err != nil {
		return nil, nil
	}
	name = path.Join(x.Dir, name)
	f, err := x.FS.Open(name)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	size, err := f.Size()
	b := make([]byte, headerSize)
	switch want := fileSize(x.Slots, x.Entries); {
	case err != nil:
	case size == 0:
		return nil, errors.Join(f.Close(), x.FS.Remove(name))
	case size != want:
		err = &segment.LayoutError{Path: name, Reason: fmt.Sprintf("%d bytes where the configuration says %d", size, want)}
	default:
		_, err = f.ReadAt(b, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index: %w", err), f.Close())
	}
	file := newFile(name, f, x.Slots, x.Entries)
	file.header = decodeHeader(b)
	file.count = max(1, min(file.count, int32(x.Entries)))
	file.flushed, file.saved = int(file.count), file.header
	return file, nil
}

func (x *Index) last() *file {
	if len(x.files) == 0 {
		return nil
	}
	return x.files[len(x.files)-1]
}

// EndPhys returns the physical offset of the last indexed record, 0 if nothing
// is indexed. Records before it are not indexed again.
func (x *Index) EndPhys() int64 { return x.end().endPhys }

// EndTime returns the store time of the last indexed record, in Unix
// milliseconds.
func (x *Index) EndTime() int64 { return x.end().endTime }

// Truncate says that the CommitLog ends at end. What is indexed behind it was lost
// with a crash: the entries lead nowhere, and new records take their places. That
// is durable, or after another crash those records would count as indexed.
func (x *Index) Truncate(end int64) error {
	for _, f := range x.files {
		if last := max(end-1, 0); f.endPhys > last {
			f.endPhys = last
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// end returns the header that says where the index ends: the last file's, unless
// a crash came before its first flush.
func (x *Index) end() header {
	for i := len(x.files) - 1; i >= 0; i-- {
		if h := x.files[i].header; h.endPhys > 0 || h.count > 1 {
			return h
		}
	}
	return header{}
}

// Last returns the last record that Put was given.
func (x *Index) Last() Last { return x.lastPut }

// Put indexes the keys of a record. Records come in the order of the log.
func (x *Index) Put(d *messages.DispatchRequest) error {
	if d.Indexed() && x.wants(d.Phys) {
		if err := x.putKeys(d); err != nil {
			return err
		}
	}
	x.lastPut = Last{Phys: d.Phys, StoreTime: d.StoreTime, Any: true}
	return nil
}

// wants reports whether the record at phys is not indexed yet. A file that became
// full may have ended amid the keys of one record; then it gets all of them again.
func (x *Index) wants(phys int64) bool {
	last, end := x.last(), x.EndPhys()
	return phys > end || phys == end && (last == nil || last.count <= 1 || last.full())
}

func (x *Index) putKeys(d *messages.DispatchRequest) error {
	if len(d.UniqKey) > 0 {
		if err := x.put(d, "", d.UniqKey); err != nil {
			return err
		}
	}
	for keys := d.Keys; len(keys) > 0; {
		var word []byte
		word, keys = cutWord(keys)
		if len(word) > 0 {
			if err := x.put(d, "", word); err != nil {
				return err
			}
		}
	}
	if len(d.Tags) > 0 {
		return x.put(d, tagType, d.Tags)
	}
	return nil
}

// tagType marks the keys that are tags.
const tagType = "T#"

func cutWord(keys []byte) (word, rest []byte) {
	for i, c := range keys {
		if c == ' ' {
			return keys[:i], keys[i+1:]
		}
	}
	return keys, nil
}

// hash is the hash of a key of a topic.
func (x *Index) hash(topic, kind string, key []byte) int32 {
	x.key = append(append(append(append(x.key[:0], topic...), '#'), kind...), key...)
	h := record.HashCode(x.key)
	if h < 0 {
		h = max(-h, 0) // -MinInt32 is negative
	}
	return h
}

func (x *Index) put(d *messages.DispatchRequest, kind string, key []byte) error {
	f, err := x.growing()
	if err != nil {
		return err
	}
	return f.put(x.hash(d.Topic, kind, key), d.Phys, d.StoreTime)
}

// growing returns the file to put to: the last one, or a new one when that is
// full.
func (x *Index) growing() (*file, error) {
	last := x.last()
	if last != nil && !last.full() {
		return last, nil
	}
	if last != nil {
		if err := x.syncLog(); err != nil {
			return nil, err
		}
		if err := last.settle(); err != nil {
			return nil, err
		}
	}
	name := x.name()
	f, err := x.FS.Create(name)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := errors.Join(f.Truncate(fileSize(x.Slots, x.Entries)), x.FS.SyncDir(x.Dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("index: %w", err), f.Close())
	}
	next := newFile(name, f, x.Slots, x.Entries)
	if last != nil {
		next.beginTime, next.endTime = last.endTime, last.endTime
		next.beginPhys, next.endPhys = last.endPhys, last.endPhys
	}
	x.files = append(x.files, next)
	return next, nil
}

// nameLayout is how a file's name tells the local time (RocketMQ:
// UtilAll.timeMillisToHumanString), after the removal of the point.
const nameLayout = "20060102150405.000"

// name returns a name for a new file: the time, or a millisecond after the last
// file's should that be later.
func (x *Index) name() string {
	at := x.Now()
	if last := x.last(); last != nil {
		if base := path.Base(last.name); len(base) == len(nameLayout)-1 {
			before, err := time.ParseInLocation(nameLayout, base[:14]+"."+base[14:], at.Location())
			if err == nil && !at.Truncate(time.Millisecond).After(before) {
				at = before.Add(time.Millisecond)
			}
		}
	}
	return path.Join(x.Dir, strings.Replace(at.Format(nameLayout), ".", "", 1))
}

// Flush makes the log and everything put so far durable, and then writes the slots, which a
// power loss may take. If nothing was put since the last Flush it settles the file.
func (x *Index) Flush() error {
	if err := x.syncLog(); err != nil {
		return err
	}
	last := x.last()
	if last == nil {
		return nil
	}
	if last.saved == last.header {
		return last.settle()
	}
	if err := last.flush(); err != nil {
		return err
	}
	return last.writeSlots()
}

// Settle is Flush, and leaves complete files: the next process need not rebuild the
// slots. It belongs before Close.
func (x *Index) Settle() error {
	if err := x.syncLog(); err != nil {
		return err
	}
	if last := x.last(); last != nil {
		return last.settle()
	}
	return nil
}

func (x *Index) syncLog() error {
	if x.SyncLog == nil {
		return nil
	}
	return x.SyncLog()
}

// Close closes the files as they are.
func (x *Index) Close() error {
	var err error
	for _, f := range x.files {
		err = errors.Join(err, f.f.Close())
	}
	x.files = nil
	return err
}

// Clean removes the files whose records are all gone from the CommitLog, which
// begins at logMin, but never the last one.
func (x *Index) Clean(logMin int64) (int, error) {
	removed := 0
	var failed error
	for len(x.files) > 1 && x.files[0].endPhys < logMin {
		f := x.files[0]
		x.files = x.files[1:]
		failed = errors.Join(failed, f.f.Close(), x.FS.Remove(f.name))
		removed++
	}
	return removed, failed
}

// Query returns the physical offsets of up to limit records of a topic that may
// have the key and were stored from begin to end (Unix milliseconds), the newest
// first. tags asks for messages with exactly these tags instead. Hashes collide:
// the caller compares the records' real keys.
func (x *Index) Query(topic, key string, tags bool, limit int, begin, end int64) ([]int64, error) {
	kind := ""
	if tags {
		kind = tagType
	}
	hash := x.hash(topic, kind, []byte(key))
	var found []int64
	for i := len(x.files) - 1; i >= 0 && len(found) < limit; i-- {
		f := x.files[i]
		if f.count <= 1 || f.beginTime > end || f.endTime < begin {
			continue
		}
		var err error
		if found, err = f.query(found, hash, limit, begin, end); err != nil {
			return nil, err
		}
	}
	return found, nil
}
