// Package storage is a broker's store: the CommitLog and what is derived from it,
// in the files and formats of Apache RocketMQ (RocketMQ: DefaultMessageStore).
//
//	<root>/commitlog      storage/commitlog     every message, in the order of arrival
//	<root>/consumequeue   storage/consumequeue  where the messages of a queue are
//	<root>/batchconsumequeue  storage/batchqueue  the same, of batch topics
//	<root>/index          storage/index         where the messages of a key are
//	<root>/checkpoint     storage/checkpoint    how far these are on disk
//	<root>/abort          there while a process has the store open
//	<root>/lock           locked while a process has the store open
//	<root>/config         storage/jsonfile      small state of the actors
//
// It starts no goroutine and reads no clock. Who may call what: Log's writing
// side belongs to one goroutine; Dispatch, WriteQueues and DeleteTopic to
// another; Index, through IndexRecord, FlushIndex and QueryByKey, to a third.
// Reading (Get, Bounds, Lookup, OffsetByTime …) is free for all.
package storage

import (
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/batchqueue"
	"github.com/actormq/actormq/storage/checkpoint"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/index"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// Options configures a Store. Zero sizes mean the formats' defaults.
type Options struct {
	FS               vfs.FS
	Root             string
	CommitLogDir     string // empty means <Root>/commitlog
	SegmentSize      int64  // bytes of a CommitLog file
	ConsumeQueueSize int64  // bytes of a ConsumeQueue file
	BatchQueueSize   int64  // bytes of a batch queue's file
	// IsBatch tells whether a topic is of queue type BatchCQ, for its records that are
	// no inner batches. Open and Dispatch ask. nil: no topic is.
	IsBatch             func(topic string) bool
	IndexSlots          int
	IndexEntries        int
	Delays              messages.DelayLevels // of the delay topic's tags codes
	CheckCRC            bool                 // check bodies during recovery
	IndexEnabled        bool
	InMemoryBytes       int64 // how far from the log's end a record counts as in memory
	MaxMessagesInMemory int   // per Get
	MaxBytesInMemory    int
	MaxMessagesOnDisk   int
	MaxBytesOnDisk      int
	Follower            bool // the log is another broker's, a slave's master
	PID                 int  // written to the abort file
	Now                 func() time.Time
}

// Store is an open store.
type Store struct {
	Log    *commitlog.Log
	Queues *consumequeue.Queues
	// Batches are the queues of batch topics (queue.type=BatchCQ).
	Batches *batchqueue.Queues
	Index   *index.Index

	options Options
	handles *segment.Cache
	lock    io.Closer
	written time.Time // Dispatch's own: when WriteQueues last wrote everything

	mu         sync.Mutex
	checkpoint checkpoint.Checkpoint
	indexed    mark  // the last record that is in the index, durably
	queued     int64 // physical offset of the last record whose unit is durable

	// Recovery says what Open found.
	Recovery Recovery
}

// mark is a place in the log: a record and its store time.
type mark struct {
	phys      int64
	storeTime int64
	set       bool
}

// Recovery tells what Open had to do.
type Recovery struct {
	Crashed    bool  // the last process did not close the store
	From       int64 // where the scan of the CommitLog began
	End        int64 // where the log ends
	Dispatched int   // records that were scanned and dispatched again
}

// maxHandles is the number of ConsumeQueue files that stay open.
const maxHandles = 256

func (s *Store) file(name string) string { return path.Join(s.options.Root, name) }

// NextOffset returns the logical offset that a queue's next message gets. If the
// queue's files cannot be read it makes the log read-only: a guess would give an
// offset out twice.
func (s *Store) NextOffset(topic string, queueID int32) int64 {
	_, maxOffset, err := s.Bounds(topic, queueID)
	if err != nil {
		s.Log.Fail(err)
	}
	return maxOffset
}

// Bounds returns the logical offsets of a queue's first and next message, 0 and 0
// if there is no such queue, or its files cannot be read.
func (s *Store) Bounds(topic string, queueID int32) (minOffset, maxOffset int64, err error) {
	if b, err := s.Batches.Load(topic, queueID); b != nil || err != nil {
		if err != nil {
			return 0, 0, err
		}
		minOffset, maxOffset = b.Bounds()
		return minOffset, maxOffset, nil
	}
	q, err := s.Queues.Load(topic, queueID)
	if q == nil {
		return 0, 0, err
	}
	return q.MinOffset(), q.MaxOffset(), nil
}

// Dispatch adds the unit of a record to its queue, which makes it visible.
func (s *Store) Dispatch(d *messages.DispatchRequest) error {
	if !d.Consumable() {
		return nil
	}
	if d.Inner > 0 || s.options.IsBatch != nil && s.options.IsBatch(d.Topic) || s.isBatch(d.Topic, d.QueueID) {
		return s.dispatchBatch(d)
	}
	unit := consumequeue.Unit{Phys: d.Phys, Size: d.Size, TagsCode: d.TagsCode}
	return s.Queues.Append(d.Topic, d.QueueID, d.QueueOffset, unit)
}

// thoroughInterval is the time after which every unit is written to its file, be
// there many or few (flushConsumeQueueThoroughInterval).
const thoroughInterval = time.Minute

// WriteQueues writes units that only memory has to the files, when many wait or
// some have waited for long, and returns a function that makes what was written
// durable and moves the checkpoint on. That function may run on any goroutine, one
// at a time.
func (s *Store) WriteQueues() (sync func() error, err error) {
	now := s.options.Now()
	all := now.Sub(s.written) >= thoroughInterval
	if all {
		s.written = now
	}
	return s.writeQueues(all)
}

func (s *Store) writeQueues(all bool) (sync func() error, err error) {
	through, err := s.Queues.Write(all)
	if err != nil {
		return nil, err
	}
	return func() error { return s.syncQueues(through) }, nil
}

// syncQueues makes the queues durable, up to the record at through if that is
// known.
func (s *Store) syncQueues(through int64) error {
	// A checkpoint must not be ahead of the log that it speaks of.
	if _, err := s.Log.Sync(); err != nil {
		return err
	}
	if err := s.Queues.Sync(); err != nil {
		return err
	}
	if err := s.Batches.Sync(); err != nil {
		return err
	}
	storeTime, err := int64(0), error(nil)
	if through >= 0 {
		storeTime, err = s.recordTime(through)
	}
	return s.moveCheckpoint(func(c *checkpoint.Checkpoint) {
		c.CommitLogTime = max(c.CommitLogTime, s.Log.SyncedTime())
		if through < 0 || err != nil {
			return // unknown, or gone, and then the checkpoint is low enough
		}
		s.queued = through
		last := mark{phys: through, storeTime: storeTime, set: true}
		// Recovery begins at the checkpoint for the index, too.
		if s.options.IndexEnabled && (!s.indexed.set || s.indexed.phys < last.phys) {
			last = s.indexed
		}
		if last.set {
			c.ConsumeQueueTime, c.ConsumeQueueOffset = last.storeTime, last.phys
		}
	})
}

// moveCheckpoint changes the checkpoint and saves it, if it is another.
func (s *Store) moveCheckpoint(change func(*checkpoint.Checkpoint)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.checkpoint
	change(&next)
	if next == s.checkpoint {
		return nil
	}
	if err := checkpoint.Save(s.options.FS, s.file("checkpoint"), &next); err != nil {
		return err
	}
	s.checkpoint = next
	return nil
}

// FlushIndex makes the index durable.
func (s *Store) FlushIndex() error { return s.flushIndex(s.Index.Flush) }

func (s *Store) flushIndex(flush func() error) error {
	if err := flush(); err != nil {
		return err
	}
	last := s.Index.Last()
	return s.moveCheckpoint(func(c *checkpoint.Checkpoint) {
		c.IndexTime = s.Index.EndTime()
		s.indexed = mark{phys: last.Phys, storeTime: last.StoreTime, set: last.Any}
	})
}

// DeleteTopic removes a topic's queues. Its records stay in the log until they
// expire; recovery prefers those of a new topic by that name.
func (s *Store) DeleteTopic(topic string) error {
	return errors.Join(s.Queues.Delete(topic), s.Batches.Delete(topic))
}

// flushQueues makes all units durable.
func (s *Store) flushQueues() error {
	sync, err := s.writeQueues(true)
	if err != nil {
		return err
	}
	return sync()
}

// Close makes everything durable and closes the store. All of its users must be
// done. The next Open finds nothing to recover, unless Close fails.
func (s *Store) Close() error {
	var err error
	if s.options.IndexEnabled {
		err = s.flushIndex(s.Index.Settle)
	}
	if err == nil {
		err = s.flushQueues()
	}
	if err == nil {
		if err = s.options.FS.Remove(s.file("abort")); err == nil {
			err = s.options.FS.SyncDir(s.options.Root)
		}
	}
	return errors.Join(err, s.release())
}

// release closes the files and the lock.
func (s *Store) release() error {
	var err error
	if s.Index != nil {
		err = errors.Join(err, s.Index.Close())
	}
	s.handles.Close()
	if s.Log != nil {
		err = errors.Join(err, s.Log.Close())
	}
	return errors.Join(err, s.lock.Close())
}

// delay is the delay of a level, for the tags codes of the delay topic. Levels
// that do not exist wait a second (RocketMQ: ScheduleMessageService).
func (s *Store) delay(level int) int64 {
	if level = s.options.Delays.Clamp(level); level > 0 {
		return s.options.Delays.Millis(level)
	}
	return 1000
}

// Request describes a decoded record of size bytes to Dispatch, see record.Request.
func (s *Store) Request(r *record.Record, topic string, size int) messages.DispatchRequest {
	return r.Request(topic, size, s.delay)
}

// Lookup returns the record at a physical offset, in buf's memory if it has room.
func (s *Store) Lookup(phys int64, buf []byte) (raw []byte, r record.Record, err error) {
	if raw, err = s.Log.Record(phys, buf); err != nil {
		return nil, r, err
	}
	if _, err = record.Decode(raw, &r); err != nil {
		return nil, r, fmt.Errorf("storage: at %d: %w", phys, err)
	}
	return raw, r, nil
}
