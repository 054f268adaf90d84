package index

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/actormq/actormq/storage/vfs"
)

// file is one index file.
type file struct {
	name    string
	f       vfs.File
	slots   int
	entries int
	header

	flushed int    // entries below it are in the file, or in the page cache
	pending []byte // the entries from flushed on
	saved   header // as it is in the file

	// pages are the slots that are in memory, by page; nil: as in the file. dirty
	// tells which differ from the file, and differ whether any does. All are empty
	// in a file that nobody puts to.
	pages  [][]byte
	dirty  []bool
	differ bool
	loose  bool // slots were written since the last sync
}

// pageSize is the number of bytes of slots that are read and written together.
const pageSize = 4096

// maxPending bounds the entries in memory, in bytes.
const maxPending = 1 << 20

func newFile(name string, f vfs.File, slots, entries int) *file {
	return &file{name: name, f: f, slots: slots, entries: entries, header: header{count: 1}, flushed: 1}
}

func (f *file) wrap(err error) error { return fmt.Errorf("index: %s: %w", f.name, err) }

// full reports whether no entry fits any more.
func (f *file) full() bool { return int(f.count) >= f.entries }

func fileSize(slots, entries int) int64 {
	return headerSize + int64(slots)*slotSize + int64(entries)*entrySize
}

// put adds one entry.
func (f *file) put(hash int32, phys, storeTime int64) error {
	n := int(hash) % f.slots
	slot, err := f.slot(n)
	if err != nil {
		return err
	}
	e := entry{hash: hash, phys: phys, previous: int32(binary.BigEndian.Uint32(slot))}
	if e.previous <= 0 || e.previous >= f.count {
		e.previous = 0
		f.usedSlots++
	}
	if f.count <= 1 {
		f.beginPhys, f.beginTime = phys, storeTime
	}
	e.seconds = int32(max(0, min((storeTime-f.beginTime)/1000, math.MaxInt32)))
	f.pending = e.append(f.pending)
	binary.BigEndian.PutUint32(slot, uint32(f.count))
	f.dirty[n*slotSize/pageSize], f.differ = true, true
	f.count++
	f.endPhys, f.endTime = phys, storeTime
	if len(f.pending) >= maxPending {
		return f.writeEntries()
	}
	return nil
}

// slot returns the bytes of a slot in memory, after reading its page.
func (f *file) slot(n int) ([]byte, error) {
	f.hold()
	page := n * slotSize / pageSize
	if f.pages[page] == nil {
		b := make([]byte, f.pageLength(page))
		if _, err := f.f.ReadAt(b, pageOffset(page)); err != nil && err != io.EOF {
			return nil, f.wrap(err)
		}
		f.pages[page] = b
	}
	at := n * slotSize % pageSize
	return f.pages[page][at : at+slotSize], nil
}

// hold makes place for pages.
func (f *file) hold() {
	if f.pages == nil {
		n := (f.slots*slotSize + pageSize - 1) / pageSize
		f.pages, f.dirty = make([][]byte, n), make([]bool, n)
	}
}

// newest returns the number of the newest entry of a slot, without keeping what it
// reads.
func (f *file) newest(n int) (int32, error) {
	var b [slotSize]byte
	slot := b[:]
	if page := n * slotSize / pageSize; f.pages != nil && f.pages[page] != nil {
		slot = f.pages[page][n*slotSize%pageSize:]
	} else if _, err := f.f.ReadAt(slot, headerSize+int64(n)*slotSize); err != nil && err != io.EOF {
		return 0, f.wrap(err)
	}
	return int32(binary.BigEndian.Uint32(slot)), nil
}

func pageOffset(page int) int64 { return headerSize + int64(page)*pageSize }

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
		return f.wrap(err)
	}
	f.flushed += len(f.pending) / entrySize
	f.pending = f.pending[:0]
	return nil
}

// flush makes the entries durable, and then the header that counts them.
func (f *file) flush() error {
	if err := f.writeEntries(); err != nil {
		return err
	}
	if f.saved == f.header {
		return nil
	}
	if err := f.sync(); err != nil {
		return err
	}
	if _, err := f.f.WriteAt(f.header.append(nil), 0); err != nil {
		return f.wrap(err)
	}
	if err := f.sync(); err != nil {
		return err
	}
	f.saved = f.header
	return nil
}

func (f *file) sync() error {
	if err := f.f.Sync(); err != nil {
		return f.wrap(err)
	}
	f.loose = false
	return nil
}

// settle is flush, makes the slots durable as well, and gives back the memory.
func (f *file) settle() error {
	if err := f.flush(); err != nil {
		return err
	}
	if err := f.writeSlots(); err != nil {
		return err
	}
	if f.loose {
		if err := f.sync(); err != nil {
			return err
		}
	}
	f.pages, f.dirty, f.pending = nil, nil, nil
	return nil
}

// writeSlots writes the pages that differ, neighbours with one call. It belongs
// behind flush: slots in the file never name entries that the durable header does
// not count.
func (f *file) writeSlots() error {
	if !f.differ {
		return nil
	}
	f.loose = true
	for page := 0; page < len(f.pages); {
		end := page
		for end < len(f.pages) && f.dirty[end] {
			end++
		}
		if end == page {
			page++
			continue
		}
		if err := f.f.WriteVec(f.pages[page:end], pageOffset(page)); err != nil {
			return f.wrap(err)
		}
		page = end
	}
	clear(f.dirty)
	f.differ = false
	return nil
}

// rebuild makes the slots again from the entries that the header counts.
func (f *file) rebuild() error {
	f.hold()
	for i := range f.pages {
		f.pages[i], f.dirty[i] = make([]byte, f.pageLength(i)), true
	}
	f.usedSlots, f.differ = 0, true
	buf := make([]byte, entrySize<<14)
	for n := 1; n < int(f.count); {
		piece := buf[:min(len(buf), (int(f.count)-n)*entrySize)]
		if _, err := f.f.ReadAt(piece, f.entryOffset(n)); err != nil {
			return f.wrap(err)
		}
		for ; len(piece) > 0; piece = piece[entrySize:] {
			if hash := int(int32(binary.BigEndian.Uint32(piece))); hash >= 0 { // else it is none
				slot := hash % f.slots
				b := f.pages[slot*slotSize/pageSize][slot*slotSize%pageSize:]
				if binary.BigEndian.Uint32(b) == 0 {
					f.usedSlots++
				}
				binary.BigEndian.PutUint32(b, uint32(n))
			}
			n++
		}
	}
	return nil
}

// maxChain bounds the entries of one slot that a query follows, so that a
// damaged file, or a key of millions of messages, cannot hold it up for long.
const maxChain = 1 << 20

// query appends the places of a hash to found, the newest first.
func (f *file) query(found []int64, hash int32, limit int, begin, end int64) ([]int64, error) {
	n, err := f.newest(int(hash) % f.slots)
	if err != nil {
		return nil, err
	}
	entries := reader{file: f}
	for range maxChain {
		if n <= 0 || n >= f.count || len(found) >= limit {
			break
		}
		e, err := entries.at(int(n))
		if err != nil {
			return nil, err
		}
		// The seconds are rounded down, so a message may be up to one later.
		at := f.beginTime + int64(e.seconds)*1000
		if e.hash == hash && at+999 >= begin && at <= end {
			found = append(found, e.phys)
		}
		if e.previous >= n || e.seconds < 0 || at+999 < begin {
			break // chains go back
		}
		n = e.previous
	}
	return found, nil
}

// reader reads entries, and their predecessors along with them: the messages of
// one key are often neighbours.
type reader struct {
	file  *file
	first int // number of the entry at buf[0]
	buf   []byte
}

// readAhead is the number of entries that are read with one call.
const readAhead = 128

func (r *reader) at(n int) (entry, error) {
	f := r.file
	if n >= f.flushed {
		return decodeEntry(f.pending[(n-f.flushed)*entrySize:]), nil
	}
	if n < r.first || n >= r.first+len(r.buf)/entrySize {
		if r.buf == nil {
			r.buf = make([]byte, 0, readAhead*entrySize)
		}
		r.first = max(1, n-readAhead+1)
		r.buf = r.buf[:(n-r.first+1)*entrySize]
		if _, err := f.f.ReadAt(r.buf, f.entryOffset(r.first)); err != nil {
			return entry{}, f.wrap(err)
		}
	}
	return decodeEntry(r.buf[(n-r.first)*entrySize:]), nil
}
