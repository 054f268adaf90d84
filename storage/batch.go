package storage

import (
	"errors"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/batchqueue"
	"github.com/actormq/actormq/storage/consumequeue"
)

// batchDir is where the queues of batch topics are, below the root.
const batchDir = "batchconsumequeue"

// dispatchBatch adds the unit of a batch topic's record to its queue.
func (s *Store) dispatchBatch(d *messages.DispatchRequest) error {
	if err := s.adopt(d); err != nil {
		return err
	}
	err := s.Batches.Append(d.Topic, d.QueueID, batchqueue.Unit{
		Phys: d.Phys, Size: d.Size, TagsCode: d.TagsCode, StoreTime: d.StoreTime, Base: d.QueueOffset, Count: int16(max(d.Inner, 1)),
	})
	if err == nil {
		s.Queues.Passed(d.Phys)
	}
	return err
}

// adopt gives the batch queue of d what its plain queue has of the offsets before d.
// A slave can get messages of a topic before it knows which kind the topic is, and only
// inner batches tell it.
func (s *Store) adopt(d *messages.DispatchRequest) error {
	var next int64
	if q, err := s.Batches.Load(d.Topic, d.QueueID); err != nil {
		return err
	} else if q != nil {
		_, next = q.Bounds()
	}
	if d.QueueOffset <= next {
		return nil
	}
	plain, err := s.Queues.Load(d.Topic, d.QueueID)
	if plain == nil || err != nil {
		return err
	}
	var u [1]consumequeue.Unit
	for offset := max(next, plain.MinOffset()); offset < min(d.QueueOffset, plain.MaxOffset()); offset++ {
		if n, err := plain.Read(offset, u[:]); err != nil {
			return err
		} else if n == 0 || u[0].Filler() {
			continue
		}
		stored, err := s.recordTime(u[0].Phys)
		if Lost(err) {
			continue
		}
		if err == nil {
			err = s.Batches.Append(d.Topic, d.QueueID, batchqueue.Unit{
				Phys: u[0].Phys, Size: u[0].Size, TagsCode: u[0].TagsCode, StoreTime: stored, Base: offset, Count: 1,
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// CleanQueues removes the files of queues that hold no message at or behind logMin,
// the first offset of the CommitLog, and returns how many. It belongs to Dispatch.
func (s *Store) CleanQueues(logMin int64) (int, error) {
	n, err := s.Queues.Clean(logMin)
	m, failed := s.Batches.Clean(logMin)
	return n + m, errors.Join(err, failed)
}

// verifyBatch tells whether a record is the batch of a queue that u says it is.
func (s *Store) verifyBatch(u batchqueue.Unit, topic string, queueID int32) (bool, error) {
	raw, r, err := s.Lookup(u.Phys, nil)
	if Lost(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d := s.Request(&r, topic, len(raw))
	return string(r.Topic) == topic && d.QueueID == queueID && d.QueueOffset == u.Base && d.Next() == u.Next() && d.Size == u.Size, nil
}

// isBatch reports whether a queue is a batch topic's, and has had a message.
func (s *Store) isBatch(topic string, queueID int32) bool {
	if !s.Batches.Used() {
		return false
	}
	q, err := s.Batches.Load(topic, queueID)
	return q != nil || err != nil
}

// batchUnit returns the unit that holds an offset, one that is not valid if there is
// none.
func (s *Store) batchUnit(topic string, queueID int32, offset int64) (batchqueue.Unit, error) {
	var u [1]batchqueue.Unit
	q, err := s.Batches.Load(topic, queueID)
	if q == nil || err != nil {
		return u[0], err
	}
	if lo, hi := q.Bounds(); offset < lo || offset >= hi {
		return u[0], nil
	}
	i, err := q.Find(offset)
	if err == nil {
		_, err = q.Read(i, u[:])
	}
	return u[0], err
}

// batchTimeAt is StoreTimeAt of a batch topic.
func (s *Store) batchTimeAt(topic string, queueID int32, offset int64) int64 {
	if offset < 0 {
		offset, _, _ = s.Bounds(topic, queueID) // a failure shows at once
	}
	u, err := s.batchUnit(topic, queueID, offset)
	if err != nil || !u.Valid() {
		return -1
	}
	return u.StoreTime
}

// batchOffsetByTime is OffsetByTime of a batch topic: the first message of the first
// batch that was stored at time or later, and of the last batch if none was; with
// upper, of the last one that was stored at time or before
// (RocketMQ: BatchConsumeQueue.getOffsetInQueueByTime).
func (s *Store) batchOffsetByTime(topic string, queueID int32, time int64, upper bool) (int64, error) {
	q, err := s.Batches.Load(topic, queueID)
	if q == nil || err != nil {
		return 0, err
	}
	lo, hi := q.Bounds()
	if lo == hi {
		return lo, nil
	}
	at := time
	if upper {
		at++
	}
	i, err := q.FirstAt(at)
	if err != nil {
		return 0, err
	}
	first, err := q.Find(lo)
	if err != nil {
		return 0, err
	}
	last, err := q.Find(hi - 1)
	if err != nil {
		return 0, err
	}
	if upper {
		i--
	}
	var u [1]batchqueue.Unit
	if _, err := q.Read(min(max(i, first), last), u[:]); err != nil || !u[0].Valid() {
		return lo, err
	}
	return u[0].Base, nil
}

// readInner is read for a batch topic. A batch is given whole, even if r.Next lies
// in its middle: consumers unwrap it.
func (b *batch) readInner(q *batchqueue.Queue) {
	r := b.r
	defer func() { r.Behind = b.logEnd - b.last }()
	begin := r.Next
	index, err := q.Find(begin)
	var units [16]batchqueue.Unit
	for scanned := 0; err == nil && r.Next < r.Max && scanned < max(maxScan, b.limit); {
		var n int
		if n, err = q.Read(index, units[:]); n == 0 || err != nil {
			break
		}
		for i := range units[:n] {
			u := &units[i]
			plain := consumequeue.Unit{Phys: u.Phys, Size: u.Size, TagsCode: u.TagsCode}
			if !b.take(&plain, u.Next(), int32(u.Count)) {
				q.Expect(index + int64(i))
				return
			}
		}
		index += int64(n)
		scanned += n
	}
	q.Expect(index)
	b.flush()
	if err != nil && r.Err == nil {
		r.Err = err
	}
	if r.Next == begin && r.Count == 0 {
		r.Status = OffsetFoundNull
		if lo, _ := q.Bounds(); lo > r.Next {
			r.Status, r.Min, r.Next = OffsetTooSmall, lo, lo // cleaned in between
		}
	}
}
