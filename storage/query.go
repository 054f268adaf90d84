package storage

import (
	"bytes"
	"errors"
	"slices"
	"sort"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/consumequeue"
)

// storeTime returns the store time of a queue's message, in Unix milliseconds.
func (s *Store) storeTime(q *consumequeue.Queue, offset int64) (int64, error) {
	var u [1]consumequeue.Unit
	if n, err := q.Read(offset, u[:]); err != nil || n == 0 {
		return 0, err
	}
	return s.recordTime(u[0].Phys)
}

// recordTime returns the store time of the record at a physical offset, in Unix
// milliseconds. It is within the first bytes.
func (s *Store) recordTime(phys int64) (int64, error) {
	var head [record.MinSize]byte
	if err := s.Log.ReadAt(head[:], phys); err != nil {
		return 0, err
	}
	return record.StoreTimestamp(head[:])
}

// EarliestStoreTime returns the store time of the first message of a queue, in
// Unix milliseconds, -1 if it has none.
func (s *Store) EarliestStoreTime(topic string, queueID int32) int64 {
	return s.StoreTimeAt(topic, queueID, -1)
}

// StoreTimeAt returns the store time of the message at an offset, in Unix
// milliseconds; of the first one if offset is negative; -1 if there is none.
func (s *Store) StoreTimeAt(topic string, queueID int32, offset int64) int64 {
	if s.isBatch(topic, queueID) {
		return s.batchTimeAt(topic, queueID, offset)
	}
	q := s.Queues.Queue(topic, queueID)
	if q == nil {
		return -1
	}
	if offset < 0 {
		offset = q.MinOffset()
	}
	if offset < q.MinOffset() || offset >= q.MaxOffset() {
		return -1
	}
	at, err := s.storeTime(q, offset)
	if err != nil || at == 0 {
		return -1
	}
	return at
}

// OffsetByTime returns the offset of the first message of a queue that was stored
// at time (Unix milliseconds) or later; with upper, of the last one that was
// stored at time or before. Behind the last message the answers are the queue's
// end, and the last message (RocketMQ: ConsumeQueue.getOffsetInQueueByTime). It
// fails if the disk does: a guess would have consumers skip messages.
func (s *Store) OffsetByTime(topic string, queueID int32, time int64, upper bool) (int64, error) {
	if s.isBatch(topic, queueID) {
		return s.batchOffsetByTime(topic, queueID, time, upper)
	}
	q, err := s.Queues.Load(topic, queueID)
	if q == nil {
		return 0, err
	}
	lo, hi := q.MinOffset(), q.MaxOffset()
	var failed error
	later := func(bound int64) int64 { // first offset whose store time is >= bound
		return lo + int64(sort.Search(int(hi-lo), func(i int) bool {
			at, err := s.storeTime(q, lo+int64(i))
			if err != nil && !Lost(err) {
				failed = err
			}
			return err == nil && at >= bound
		}))
	}
	if upper {
		return max(later(time+1)-1, lo), failed
	}
	return later(time), failed
}

// InMemory reports whether the message at an offset exists and lies near the end
// of the log (RocketMQ: checkInMemByConsumeOffset).
func (s *Store) InMemory(topic string, queueID int32, offset int64) (bool, error) {
	if s.isBatch(topic, queueID) {
		u, err := s.batchUnit(topic, queueID, offset)
		return u.Valid() && s.Log.MaxOffset()-u.Phys <= s.options.InMemoryBytes, err
	}
	q, err := s.Queues.Load(topic, queueID)
	if q == nil {
		return false, err
	}
	var u [1]consumequeue.Unit
	n, err := q.Read(offset, u[:])
	return err == nil && n == 1 && s.Log.MaxOffset()-u[0].Phys <= s.options.InMemoryBytes, err
}

// KeyResult is what QueryByKey found.
type KeyResult struct {
	Body          []byte // records back to back, the oldest first
	LastTimestamp int64  // of the index, Unix milliseconds
	LastPhys      int64
}

// maxKeyBody bounds the records of one QueryByKey, in bytes, but for the last: the
// answer must fit into a frame.
const maxKeyBody = 8 << 20

// QueryByKey returns up to limit messages of a topic that have the key, or the
// producer's id, or (with tags) exactly these tags, and were stored between begin
// and end (Unix milliseconds). It runs on the index's goroutine.
func (s *Store) QueryByKey(topic, key string, tags bool, limit int, begin, end int64) (KeyResult, error) {
	r := KeyResult{LastTimestamp: s.Index.EndTime(), LastPhys: s.Index.EndPhys()}
	if limit <= 0 {
		return r, nil
	}
	places, err := s.Index.Query(topic, key, tags, 2*limit, begin, end)
	if err != nil {
		return r, err
	}
	// Asked for are the newest; answered they are in the order of the log.
	var found [][]byte
	size := 0
	for i, place := range places {
		if len(found) == limit || size > maxKeyBody {
			break
		}
		if i > 0 && place == places[i-1] {
			continue // two words of a message's keys, or one that was indexed twice
		}
		raw, m, err := s.Lookup(place, nil)
		var corrupt *record.CorruptError
		if errors.Is(err, commitlog.ErrOutOfRange) || errors.As(err, &corrupt) {
			continue // expired, or lost with a crash
		}
		if err != nil {
			return r, err
		}
		// Hashes collide, and an entry tells the time in whole seconds.
		if string(m.Topic) == topic && hasKey(m.Properties, key, tags) && m.StoreTimestamp >= begin && m.StoreTimestamp <= end {
			found = append(found, raw)
			size += len(raw)
		}
	}
	slices.Reverse(found)
	r.Body = bytes.Join(found, nil)
	return r, nil
}

// hasKey tells a message that has a key from one whose key has the same hash.
func hasKey(properties []byte, key string, tags bool) bool {
	if tags {
		return string(messages.FindProperty(properties, messages.PropertyTags)) == key
	}
	if string(messages.FindProperty(properties, messages.PropertyUniqKey)) == key {
		return true
	}
	word, rest := []byte(nil), messages.FindProperty(properties, messages.PropertyKeys)
	for len(rest) > 0 {
		i := 0
		for i < len(rest) && rest[i] != ' ' {
			i++
		}
		word, rest = rest[:i], rest[min(i+1, len(rest)):]
		if string(word) == key {
			return true
		}
	}
	return false
}
