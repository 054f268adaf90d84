// Package index is the IndexFile: it finds messages by key (RocketMQ: IndexFile,
// IndexService). A file, numbers big-endian, with S slots and room for N entries:
//
//	offset       bytes  meaning
//	0            8      store time of the first entry, ms
//	8            8      store time of the last entry, ms
//	16           8      physical offset of the first entry's record
//	24           8      physical offset of the last entry's record
//	32           4      used slots
//	36           4      count of entries + 1; entry 0 is never used
//	40           4·S    slots: the newest entry whose hash mod S is the slot's number
//	40+4·S       20·N   entries: hash 4, physical offset 8, seconds since the file's
//	                    first store time 4, the previous entry of the slot 4
//
// Keys are topic#key for the producer's id and each word of KEYS, and
// topic#T#tags. The hash is |String.hashCode| in Java's sense.
//
// One goroutine owns an Index. New entries and changed slots stay in memory until
// Flush, which writes the entries, syncs, writes the slots and then the header:
// what the header counts is durable. After a crash the slots are rebuilt from the
// entries, so nothing that was flushed is lost, and what came later is indexed
// again from the CommitLog.
package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/vfs"
)

// Defaults of the size of a file (maxHashSlotNum, maxIndexNum).
const (
	DefaultSlots   = 5_000_000
	DefaultEntries = 20_000_000
)

const (
	headerSize = 40
	slotSize   = 4
	entrySize  = 20
)

// Options configures an Index.
type Options struct {
	FS      vfs.FS
	Dir     string
	Slots   int // per file; 0 means DefaultSlots
	Entries int // per file; 0 means DefaultEntries
	Now     func() time.Time
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

// file is one index file.
type file struct {
	name    string
	f       vfs.File
	slots   int
	entries int
	header

	flushed int      // entries below it are in the file
	pending []byte   // the entries from flushed on
	pages   [][]byte // slots, page by page, as far as they were touched; nil: only in the file
	dirty   []bool   // pages that differ from the file
}

// header is the head of a file.
type header struct {
	beginTime, endTime int64 // Unix milliseconds
	beginPhys, endPhys int64
	usedSlots          int32
	count              int32 // of entries, plus one
}

func (h *header) append(dst []byte) []byte {
	be := binary.BigEndian
	dst = be.AppendUint64(dst, uint64(h.beginTime))
	dst = be.AppendUint64(dst, uint64(h.endTime))
	dst = be.AppendUint64(dst, uint64(h.beginPhys))
	dst = be.AppendUint64(dst, uint64(h.endPhys))
	dst = be.AppendUint32(dst, uint32(h.usedSlots))
	return be.AppendUint32(dst, uint32(h.count))
}

func decodeHeader(b []byte) header {
	be := binary.BigEndian
	return header{
		beginTime: int64(be.Uint64(b)), endTime: int64(be.Uint64(b[8:])),
		beginPhys: int64(be.Uint64(b[16:])), endPhys: int64(be.Uint64(b[24:])),
		usedSlots: int32(be.Uint32(b[32:])), count: int32(be.Uint32(b[36:])),
	}
}

// pageSize is the number of bytes of slots that are read and written together.
const pageSize = 4096

// Open opens the files in o.Dir. A file that cannot be one is left alone and
// reported.
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

// open opens a file; nil if it was cut short before its header was written.
func (x *Index) open(name string) (*file, error) {
	f, err := x.FS.Open(path.Join(x.Dir, name))
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		f.Close()
		if err == io.EOF {
			return nil, x.FS.Remove(path.Join(x.Dir, name))
		}
		return nil, fmt.Errorf("index: %w", err)
	}
	file := x.newFile(path.Join(x.Dir, name), f)
	file.header = decodeHeader(b)
	file.count = max(1, min(file.count, int32(x.Entries)))
	file.flushed = int(file.count)
	return file, nil
}

func (x *Index) newFile(name string, f vfs.File) *file {
	pages := (x.Slots*slotSize + pageSize - 1) / pageSize
	return &file{
		name: name, f: f, slots: x.Slots, entries: x.Entries,
		header: header{count: 1}, flushed: 1, pages: make([][]byte, pages), dirty: make([]bool, pages),
	}
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
// with a crash: the entries lead nowhere, and new records take their places.
func (x *Index) Truncate(end int64) {
	for _, f := range x.files {
		f.endPhys = min(f.endPhys, max(end-1, 0))
	}
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
	if d.Indexed() && d.Phys >= x.EndPhys() {
		if err := x.putKeys(d); err != nil {
			return err
		}
	}
	x.lastPut = Last{Phys: d.Phys, StoreTime: d.StoreTime, Any: true}
	return nil
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
	if last != nil && int(last.count) < last.entries {
		return last, nil
	}
	if last != nil {
		if err := last.flush(); err != nil {
			return nil, err
		}
		last.pages = make([][]byte, len(last.pages)) // read from the file from now on
	}
	name := x.name()
	f, err := x.FS.Create(name)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	size := int64(headerSize) + int64(x.Slots)*slotSize + int64(x.Entries)*entrySize
	if err := errors.Join(f.Truncate(size), x.FS.SyncDir(x.Dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("index: %w", err), f.Close())
	}
	next := x.newFile(name, f)
	if last != nil {
		next.beginTime, next.endTime = last.endTime, last.endTime
		next.beginPhys, next.endPhys = last.endPhys, last.endPhys
	}
	x.files = append(x.files, next)
	return next, nil
}

// name returns a name for a new file: the local time, and later than the last
// file's should the clock have been set back.
func (x *Index) name() string {
	at := x.Now()
	for {
		name := path.Join(x.Dir, at.Format("20060102150405")+fmt.Sprintf("%03d", at.Nanosecond()/1e6))
		if last := x.last(); last == nil || name > last.name {
			return name
		}
		at = at.Add(time.Millisecond)
		if last := x.last(); name < last.name {
			if t, err := time.ParseInLocation("20060102150405.000", path.Base(last.name)[:14]+"."+path.Base(last.name)[14:], at.Location()); err == nil {
				at = t.Add(time.Millisecond)
			}
		}
	}
}

// put adds one entry.
func (f *file) put(hash int32, phys, storeTime int64) error {
	slot, err := f.slot(int(hash) % f.slots)
	if err != nil {
		return err
	}
	previous := int32(binary.BigEndian.Uint32(slot))
	if previous <= 0 || previous > f.count {
		previous = 0
		f.usedSlots++
	}
	// The first entry begins the file anew. (Java counts it from the end of the
	// file before.)
	seconds := int64(0)
	if f.count > 1 {
		seconds = max(0, min((storeTime-f.beginTime)/1000, math.MaxInt32))
	}
	if f.count <= 1 {
		f.beginPhys, f.beginTime = phys, storeTime
	}
	be := binary.BigEndian
	f.pending = be.AppendUint32(f.pending, uint32(hash))
	f.pending = be.AppendUint64(f.pending, uint64(phys))
	f.pending = be.AppendUint32(f.pending, uint32(seconds))
	f.pending = be.AppendUint32(f.pending, uint32(previous))
	be.PutUint32(slot, uint32(f.count))
	f.dirty[int(hash)%f.slots*slotSize/pageSize] = true
	f.count++
	f.endPhys, f.endTime = phys, storeTime
	if len(f.pending) >= maxPending {
		return f.writeEntries()
	}
	return nil
}

// maxPending bounds the entries in memory, in bytes.
const maxPending = 1 << 20

// slot returns the bytes of a slot in memory, after reading its page.
func (f *file) slot(n int) ([]byte, error) {
	page := n * slotSize / pageSize
	if f.pages[page] == nil {
		b := make([]byte, pageSize)
		if _, err := f.f.ReadAt(b[:f.pageLength(page)], headerSize+int64(page)*pageSize); err != nil && err != io.EOF {
			return nil, fmt.Errorf("index: %s: %w", f.name, err)
		}
		f.pages[page] = b
	}
	at := n * slotSize % pageSize
	return f.pages[page][at : at+slotSize], nil
}

// pageLength is the length of a page: the last one may be shorter.
func (f *file) pageLength(page int) int {
	return min(pageSize, f.slots*slotSize-page*pageSize)
}

func (f *file) entryOffset(n int) int64 {
	return headerSize + int64(f.slots)*slotSize + int64(n)*entrySize
}

func (f *file) writeEntries() error {
	if len(f.pending) == 0 {
		return nil
	}
	if _, err := f.f.WriteAt(f.pending, f.entryOffset(f.flushed)); err != nil {
		return fmt.Errorf("index: %s: %w", f.name, err)
	}
	f.flushed += len(f.pending) / entrySize
	f.pending = f.pending[:0]
	if cap(f.pending) > 64<<10 {
		f.pending = nil
	}
	return nil
}

// flush makes the file's content durable, the header last.
func (f *file) flush() error {
	if err := f.writeEntries(); err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("index: %s: %w", f.name, err)
	}
	for page, dirty := range f.dirty {
		if !dirty {
			continue
		}
		if _, err := f.f.WriteAt(f.pages[page][:f.pageLength(page)], headerSize+int64(page)*pageSize); err != nil {
			return fmt.Errorf("index: %s: %w", f.name, err)
		}
		f.dirty[page] = false
	}
	if _, err := f.f.WriteAt(f.header.append(nil), 0); err != nil {
		return fmt.Errorf("index: %s: %w", f.name, err)
	}
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("index: %s: %w", f.name, err)
	}
	return nil
}

// rebuild makes the slots again from the entries that the header counts.
func (f *file) rebuild() error {
	for i := range f.pages {
		f.pages[i], f.dirty[i] = make([]byte, pageSize), true
	}
	f.usedSlots = 0
	buf := make([]byte, entrySize*4096)
	for n := 1; n < int(f.count); {
		piece := buf[:min(len(buf), (int(f.count)-n)*entrySize)]
		if _, err := f.f.ReadAt(piece, f.entryOffset(n)); err != nil {
			return fmt.Errorf("index: %s: %w", f.name, err)
		}
		for ; len(piece) > 0; piece = piece[entrySize:] {
			hash := int32(binary.BigEndian.Uint32(piece))
			if hash < 0 {
				return fmt.Errorf("index: %s: entry %d has the hash %d", f.name, n, hash)
			}
			slot, err := f.slot(int(hash) % f.slots)
			if err != nil {
				return err
			}
			if binary.BigEndian.Uint32(slot) == 0 {
				f.usedSlots++
			}
			binary.BigEndian.PutUint32(slot, uint32(n))
			n++
		}
	}
	return nil
}

// Flush makes everything put so far durable.
func (x *Index) Flush() error {
	last := x.last()
	if last == nil || len(last.pending) == 0 && !last.anyDirty() {
		return nil
	}
	return last.flush()
}

func (f *file) anyDirty() bool {
	for _, d := range f.dirty {
		if d {
			return true
		}
	}
	return false
}

// Close closes the files, without a Flush.
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

// maxChain bounds the entries of one slot that a query follows, so that a
// damaged file cannot hold it up.
const maxChain = 1 << 22

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

func (f *file) query(found []int64, hash int32, limit int, begin, end int64) ([]int64, error) {
	slot, err := f.slot(int(hash) % f.slots)
	if err != nil {
		return nil, err
	}
	n := int32(binary.BigEndian.Uint32(slot))
	for range maxChain {
		if n <= 0 || n >= f.count || len(found) >= limit {
			break
		}
		e, err := f.entry(int(n))
		if err != nil {
			return nil, err
		}
		be := binary.BigEndian
		// The seconds are rounded down, so a message may be up to one later.
		at := f.beginTime + int64(be.Uint32(e[12:]))*1000
		if int32(be.Uint32(e)) == hash && at+999 >= begin && at <= end {
			found = append(found, int64(be.Uint64(e[4:])))
		}
		previous := int32(be.Uint32(e[16:]))
		if previous >= n || at+999 < begin {
			break // chains go back
		}
		n = previous
	}
	return found, nil
}

// entry returns the bytes of an entry.
func (f *file) entry(n int) ([]byte, error) {
	if n >= f.flushed {
		at := (n - f.flushed) * entrySize
		return f.pending[at : at+entrySize], nil
	}
	b := make([]byte, entrySize)
	if _, err := f.f.ReadAt(b, f.entryOffset(n)); err != nil {
		return nil, fmt.Errorf("index: %s: %w", f.name, err)
	}
	return b, nil
}
