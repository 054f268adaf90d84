package storage

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/consumequeue"
)

// GetStatus is the outcome of a Get (RocketMQ: GetMessageStatus).
type GetStatus int

// The outcomes.
const (
	Found               GetStatus = iota
	NoMatchedMessage              // units were scanned, none matched the filter
	MessageWasRemoving            // the records are gone, their units are not yet
	NoMatchedLogicQueue           // there is no such queue
	NoMessageInQueue              // the queue never had a message
	OffsetTooSmall                // below the first offset
	OffsetOverflowOne             // at the end: wait for the next message
	OffsetOverflowBadly           // behind the end
	OffsetFoundNull               // the queue lacks a file, or cannot be read: see GetResult.Err
)

var statusNames = [...]string{
	"FOUND", "NO_MATCHED_MESSAGE", "MESSAGE_WAS_REMOVING", "NO_MATCHED_LOGIC_QUEUE", "NO_MESSAGE_IN_QUEUE",
	"OFFSET_TOO_SMALL", "OFFSET_OVERFLOW_ONE", "OFFSET_OVERFLOW_BADLY", "OFFSET_FOUND_NULL",
}

// String returns Apache's name, which responses carry as their remark.
func (s GetStatus) String() string { return statusNames[s] }

// Filter decides by a message's tags code, before its record is read, whether it
// is wanted.
type Filter interface{ MatchTagsCode(code int64) bool }

// PropertyFilter is a Filter that has a say once the record was read, too
// (RocketMQ: MessageFilter.isMatchedByCommitLog). properties are only valid during
// the call.
type PropertyFilter interface {
	Filter
	MatchProperties(properties []byte) bool
}

// GetResult is what Get found. Body holds the records back to back, in the memory
// of the caller's buffer if it was large enough.
type GetResult struct {
	Status   GetStatus
	Next     int64 // offset to go on at
	Min, Max int64 // the queue's bounds
	Body     []byte
	Count    int
	// Behind is how many bytes of log lie behind the last record that was looked at.
	Behind int64
	// Err is why the disk could not be read. What was read before is in Body, and
	// Next is what was not.
	Err error
}

// maxScan bounds the units that one Get looks at (maxFilterMessageSize/20).
const maxScan = 800

// maxBody bounds the records of one Get, in bytes (MAX_PULL_MSG_SIZE).
const maxBody = 128 << 20

// The defaults of what one Get returns (maxTransferCountOnMessageInMemory,
// maxTransferBytesOnMessageInMemory, …InDisk).
const (
	defaultMessagesInMemory = 32
	defaultBytesInMemory    = 256 << 10
	defaultMessagesOnDisk   = 8
	defaultBytesOnDisk      = 64 << 10
)

// Get reads up to maxMessages messages of a queue from offset on, into buf[:0],
// and says where to go on (RocketMQ: DefaultMessageStore.getMessage). A batch is
// further bounded by the store's options and by the end of the ConsumeQueue file
// that offset lies in; the first message always fits. Any goroutine may call it;
// it never waits for a writer.
//
// Next is what a master answers. A slave that does not check offsets
// (offsetCheckInSlave) leaves its consumers where they are unless Status is Found,
// NoMatchedMessage or MessageWasRemoving.
func (s *Store) Get(topic string, queueID int32, offset int64, maxMessages int, filter Filter, buf []byte) GetResult {
	r := GetResult{Next: offset, Body: buf[:0]}
	inner, err := s.Batches.Load(topic, queueID)
	if inner != nil && err == nil {
		r.Min, r.Max = inner.Bounds()
		if r.seek(offset) {
			b := batches.Get().(*batch)
			b.start(s, &r, maxMessages, filter)
			b.readInner(inner)
			b.stop()
		}
		return r
	}
	var q *consumequeue.Queue
	if err == nil {
		q, err = s.Queues.Load(topic, queueID)
	}
	if err != nil {
		r.Status, r.Err = OffsetFoundNull, err
		return r
	}
	if q == nil {
		r.Status, r.Next = NoMatchedLogicQueue, 0
		return r
	}
	// Max before Min: a queue that is cleaned in between must not look overrun.
	r.Max = q.MaxOffset()
	r.Min = q.MinOffset()
	if r.seek(offset) {
		b := batches.Get().(*batch)
		b.start(s, &r, maxMessages, filter)
		b.read(q)
		b.stop()
	}
	return r
}

// seek compares offset with the bounds and reports whether there is something to
// read.
func (r *GetResult) seek(offset int64) bool {
	switch {
	case r.Max == 0:
		r.Status, r.Next = NoMessageInQueue, 0
	case offset < r.Min:
		r.Status, r.Next = OffsetTooSmall, r.Min
	case offset == r.Max:
		r.Status = OffsetOverflowOne
	case offset > r.Max:
		r.Status, r.Next = OffsetOverflowBadly, r.Max
	default:
		r.Status = NoMatchedMessage
		return true
	}
	return false
}

// batch is one Get under way. It collects units whose records are neighbours in
// the log, or nearly, and reads those with one call.
type batch struct {
	store  *Store
	r      *GetResult
	filter Filter
	// properties is filter if that looks at properties; record is for it to look at.
	properties PropertyFilter
	record     record.Record
	limit      int   // of messages
	logEnd     int64 // when the Get began
	last       int64 // record that was looked at last

	run   []place // to be read with one call, within one segment
	count int     // of messages, read or in run
	size  int     // of their bytes
	// skip is where the next segment begins once one turned out to be gone: what
	// lies before it is gone, too, and not asked for.
	skip int64

	units [128]consumequeue.Unit
}

// place is a unit and its logical offset.
type place struct {
	consumequeue.Unit
	offset int64
	count  int32 // of messages, more than one in a batch topic
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) start(s *Store, r *GetResult, limit int, filter Filter) {
	b.store, b.r, b.limit, b.filter = s, r, limit, filter
	b.properties, _ = filter.(PropertyFilter)
	b.logEnd, b.last = s.Log.MaxOffset(), 0
	b.run, b.count, b.size, b.skip = b.run[:0], 0, 0, 0
}

func (b *batch) stop() {
	b.r, b.filter, b.properties = nil, nil, nil
	batches.Put(b)
}

// read goes through the queue's units from r.Next on.
func (b *batch) read(q *consumequeue.Queue) {
	r, begin := b.r, b.r.Next
	end := min(r.Max, q.NextFile(begin), begin+int64(max(maxScan, b.limit)))
	defer func() { r.Behind = b.logEnd - b.last }()
	for r.Next < end {
		n, err := q.Read(r.Next, b.units[:min(int64(len(b.units)), end-r.Next)])
		if n == 0 {
			b.flush()
			if r.Err == nil {
				b.miss(q, begin, err)
			}
			return
		}
		for i := range b.units[:n] {
			u := &b.units[i]
			if !b.take(u, r.Next+1, 1) {
				return
			}
		}
	}
	b.flush()
}

// take looks at the unit of r.Next, which stands for count messages up to next, and
// reports whether to go on with the unit there.
func (b *batch) take(u *consumequeue.Unit, next int64, count int32) bool {
	r := b.r
	if !u.Valid() || u.Filler() || int64(u.Size) > b.store.Log.SegmentSize() {
		r.Next = next // a place without a message
		return true
	}
	if b.full(u, count) && (!b.flush() || b.full(u, count)) { // a filter may make room again
		return false
	}
	b.last = u.Phys
	switch {
	case u.Phys < b.skip:
	case b.filter != nil && !extended(u.TagsCode) && !b.filter.MatchTagsCode(u.TagsCode):
		if b.count == 0 {
			r.Status = NoMatchedMessage
		}
	case b.distant(u) && !b.flush():
		return false
	default:
		b.run = append(b.run, place{Unit: *u, offset: r.Next, count: count})
		b.count += int(count)
		b.size += int(u.Size)
	}
	r.Next = next
	return true
}

// extended reports whether a tags code is an address in a ConsumeQueueExt file,
// which a broker with enableConsumeQueueExt has written. Such messages match
// every filter here; the consumer looks at the tags itself.
func extended(tagsCode int64) bool { return tagsCode < math.MinInt32 }

// miss says what to do where the queue gave no units.
func (b *batch) miss(q *consumequeue.Queue, begin int64, err error) {
	r := b.r
	if r.Err = err; r.Count > 0 {
		return
	}
	if r.Next > begin {
		return // after messages that did not match
	}
	r.Status = OffsetFoundNull
	if lo := q.MinOffset(); lo > r.Next {
		r.Status, r.Min, r.Next = OffsetTooSmall, lo, lo // cleaned in between
	} else if err == nil {
		r.Next = min(q.NextFile(r.Next), r.Max)
	}
}

// full reports whether u does not fit any more. A message that is far from the
// log's end counts as on disk, of which less is read at a time.
func (b *batch) full(u *consumequeue.Unit, count int32) bool {
	if b.count == 0 {
		return false
	}
	o := &b.store.options
	messages, bytes := o.MaxMessagesInMemory, o.MaxBytesInMemory
	defaultMessages, defaultBytes := defaultMessagesInMemory, defaultBytesInMemory
	if b.logEnd-u.Phys > o.InMemoryBytes {
		messages, bytes = o.MaxMessagesOnDisk, o.MaxBytesOnDisk
		defaultMessages, defaultBytes = defaultMessagesOnDisk, defaultBytesOnDisk
	}
	if messages == 0 {
		messages = defaultMessages
	}
	if bytes == 0 {
		bytes = defaultBytes
	}
	return b.count+int(count) > b.limit || b.count >= messages || b.size+int(u.Size) > min(bytes, maxBody)
}

// maxGap is how many bytes of other queues' records are read along rather than
// skipped with a further call: copying them takes about as long as a call.
const maxGap = 4 << 10

// distant reports whether u cannot be read together with the run.
func (b *batch) distant(u *consumequeue.Unit) bool {
	if len(b.run) == 0 {
		return false
	}
	last := &b.run[len(b.run)-1]
	gap := u.Phys - last.Phys - int64(last.Size)
	size := b.store.Log.SegmentSize()
	return gap < 0 || gap > maxGap || u.Phys/size != last.Phys/size
}

// flush reads the run and appends its records to the body. It reports whether to
// go on.
func (b *batch) flush() bool {
	if len(b.run) == 0 {
		return true
	}
	r, run := b.r, b.run
	b.run = b.run[:0]
	from, last := run[0].Phys, &run[len(run)-1]
	at, span := len(r.Body), int(last.Phys-from)+int(last.Size)
	body := slices.Grow(r.Body, span)[:at+span]
	log := b.store.Log
	if err := log.ReadAt(body[at:], from); err != nil {
		return b.lose(run, err)
	}
	to := at
	for i := range run {
		u := &run[i]
		begin := at + int(u.Phys-from)
		raw := body[begin : begin+int(u.Size)]
		if !isRecordOf(raw, u.Phys) {
			b.drop(u) // the unit is wrong; never pass on garbage
			continue
		}
		if b.properties != nil && !b.wanted(raw) {
			b.drop(u)
			continue
		}
		to += copy(body[to:], raw)
		r.Count += int(u.count)
	}
	r.Body = body[:to]
	switch {
	case r.Count > 0:
		r.Status = Found
	case b.properties != nil:
		r.Status = NoMatchedMessage
	}
	return true
}

// wanted asks the filter about a record.
func (b *batch) wanted(raw []byte) bool {
	_, err := record.Decode(raw, &b.record)
	matches := err == nil && b.properties.MatchProperties(b.record.Properties)
	b.record = record.Record{} // it must not keep the caller's buffer
	return matches
}

// atPhys is where a record says where it is.
const atPhys = 28

// isRecordOf reports whether raw looks like a record of that length and place.
func isRecordOf(raw []byte, phys int64) bool {
	return len(raw) >= record.MinSize && int(binary.BigEndian.Uint32(raw)) == len(raw) &&
		int64(binary.BigEndian.Uint64(raw[atPhys:])) == phys
}

// lose deals with a run that could not be read: its segment has expired, or the
// disk fails, and then nobody may be sent past what is there.
func (b *batch) lose(run []place, err error) bool {
	for i := range run {
		b.drop(&run[i])
	}
	r := b.r
	from, size := run[0].Phys, b.store.Log.SegmentSize()
	if from < b.store.Log.MinOffset() || errors.Is(err, commitlog.ErrOutOfRange) {
		if r.Count == 0 {
			r.Status = MessageWasRemoving
		}
		b.skip = from - from%size + size
		return true
	}
	r.Err, r.Next = err, run[0].offset
	if r.Count == 0 {
		r.Status = OffsetFoundNull
	}
	return false
}

func (b *batch) drop(u *place) {
	b.count -= int(u.count)
	b.size -= int(u.Size)
}
