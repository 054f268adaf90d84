package storage

import (
	"encoding/binary"
	"slices"

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
	OffsetFoundNull               // the queue lacks a file
)

var statusNames = [...]string{
	"FOUND", "NO_MATCHED_MESSAGE", "MESSAGE_WAS_REMOVING", "NO_MATCHED_LOGIC_QUEUE", "NO_MESSAGE_IN_QUEUE",
	"OFFSET_TOO_SMALL", "OFFSET_OVERFLOW_ONE", "OFFSET_OVERFLOW_BADLY", "OFFSET_FOUND_NULL",
}

// String returns Apache's name, which responses carry as their remark.
func (s GetStatus) String() string { return statusNames[s] }

// Filter decides by a message's tags code whether it is wanted.
type Filter interface{ MatchTagsCode(code int64) bool }

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
}

// maxScan bounds the units that one Get looks at (maxFilterMessageSize/20).
const maxScan = 800

// maxBody bounds the records of one Get, in bytes (MAX_PULL_MSG_SIZE).
const maxBody = 128 << 20

// Get reads up to maxMessages messages of a queue from offset on, into buf[:0],
// and says where to go on (RocketMQ: DefaultMessageStore.getMessage). A batch is
// further bounded by the store's options; the first message always fits. Any
// goroutine may call it; it never waits for a writer.
func (s *Store) Get(topic string, queueID int32, offset int64, maxMessages int, filter Filter, buf []byte) GetResult {
	r := GetResult{Next: offset, Body: buf[:0]}
	q := s.Queues.Queue(topic, queueID)
	if q == nil {
		r.Status, r.Next = NoMatchedLogicQueue, 0
		return r
	}
	// Max first: messages that arrive in between must not make offset look overrun.
	r.Max = q.MaxOffset()
	r.Min = q.MinOffset()
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
		s.read(q, &r, maxMessages, filter)
	}
	return r
}

// read fills r with what matches, run by run: units whose records are
// neighbours in the log, or nearly, are read with one call.
func (s *Store) read(q *consumequeue.Queue, r *GetResult, maxMessages int, filter Filter) {
	logEnd := s.Log.MaxOffset()
	b := batch{store: s, logEnd: logEnd, limit: maxMessages}
	var units [128]consumequeue.Unit
	start := r.Next
	scan := int64(max(maxScan, maxMessages))
	for r.Next < r.Max && r.Next-start < scan {
		n, err := q.Read(r.Next, units[:min(int64(len(units)), r.Max-r.Next, scan-(r.Next-start))])
		if err != nil || n == 0 {
			if r.Next == start {
				r.Status = OffsetFoundNull
			}
			break
		}
		for _, u := range units[:n] {
			if b.full(u) {
				b.flush(r)
				r.Behind = logEnd - b.last
				return
			}
			r.Next++
			b.last = u.Phys
			if u.Phys < b.skipBefore {
				continue // its segment is gone with an earlier one's
			}
			if filter == nil || filter.MatchTagsCode(u.TagsCode) {
				b.add(u, r)
			}
		}
		if b.count == 0 && r.Count > 0 {
			break
		}
	}
	b.flush(r)
	r.Behind = logEnd - b.last
}

// maxGap is how many bytes of other queues' records are read along rather than
// skipped with a further call.
const maxGap = 8 << 10

// batch collects units and reads their records.
type batch struct {
	store      *Store
	logEnd     int64
	limit      int
	run        []consumequeue.Unit // to be read with one call
	runStart   int64
	runEnd     int64
	count      int // of messages, read or in run
	size       int // of their bytes
	last       int64
	skipBefore int64
}

// full reports whether u does not fit any more. A message that is far from the
// log's end counts as on disk, of which less is read at a time.
func (b *batch) full(u consumequeue.Unit) bool {
	if b.count == 0 {
		return false
	}
	o := &b.store.options
	messages, bytes := o.MaxMessagesInMemory, o.MaxBytesInMemory
	if b.logEnd-u.Phys > o.InMemoryBytes {
		messages, bytes = o.MaxMessagesOnDisk, o.MaxBytesOnDisk
	}
	return b.count >= b.limit || b.count >= messages || b.size+int(u.Size) > min(bytes, maxBody)
}

// add takes u into the run, or reads the run first if u is too far off.
func (b *batch) add(u consumequeue.Unit, r *GetResult) {
	end := u.Phys + int64(u.Size)
	if len(b.run) > 0 {
		size := b.store.Log.SegmentSize()
		if u.Phys < b.runEnd || u.Phys-b.runEnd > maxGap || u.Phys/size != b.runStart/size {
			b.flush(r)
		}
	}
	if len(b.run) == 0 {
		b.runStart = u.Phys
	}
	b.run = append(b.run, u)
	b.runEnd = end
	b.count++
	b.size += int(u.Size)
}

// flush reads the run and appends its records to the body.
func (b *batch) flush(r *GetResult) {
	if len(b.run) == 0 {
		return
	}
	run := b.run
	b.run = b.run[:0]
	at := len(r.Body)
	span := int(b.runEnd - b.runStart)
	body := slices.Grow(r.Body, span)[:at+span]
	if b.runStart < b.store.Log.MinOffset() || b.store.Log.ReadAt(body[at:], b.runStart) != nil {
		if len(r.Body) == 0 {
			r.Status = MessageWasRemoving
		}
		b.count -= len(run)
		size := b.store.Log.SegmentSize()
		b.skipBefore = b.runStart - b.runStart%size + size
		return
	}
	to := at
	for _, u := range run {
		from := at + int(u.Phys-b.runStart)
		if int32(binary.BigEndian.Uint32(body[from:])) != u.Size {
			b.count--
			continue // the unit does not belong to a record; never pass on garbage
		}
		to += copy(body[to:], body[from:from+int(u.Size)])
		r.Count++
	}
	r.Body = body[:to]
	if r.Count > 0 {
		r.Status = Found
	}
}
