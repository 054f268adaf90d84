package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"sync/atomic"
)

// maxQueueID bounds the number of a queue, which is an index into a slice.
const maxQueueID = 1 << 16

// topic is the queues of a topic.
type topic struct {
	name string
	mu   sync.Mutex // changes of queues
	// queues is indexed by queue number, nil where there is none; replaced whole.
	// Itself it is nil until the directory is read.
	queues atomic.Pointer[[]*Queue]
}

// newTopic returns a topic that has no directory.
func newTopic(name string) *topic {
	t := &topic{name: name}
	t.queues.Store(new([]*Queue))
	return t
}

// list returns the queues, after looking at the directory for the first time.
// After an error the next caller tries again.
func (t *topic) list(s *Queues) ([]*Queue, error) {
	if p := t.queues.Load(); p != nil {
		return *p, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.queues.Load(); p != nil {
		return *p, nil
	}
	entries, err := s.fs.ReadDir(s.dir + "/" + t.name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("consumequeue: %w", err)
	}
	var queues []*Queue
	for _, e := range entries {
		// As Java does, directories that are no queue are passed over.
		if id, err := strconv.ParseInt(e.Name, 10, 32); e.Dir && err == nil && id >= 0 && id < maxQueueID {
			queues = t.with(queues, &Queue{set: s, topic: t.name, id: int32(id), pending: -1})
		}
	}
	t.queues.Store(&queues)
	return queues, nil
}

// with returns queues and q, in the memory of queues if it suffices.
func (t *topic) with(queues []*Queue, q *Queue) []*Queue {
	if n := int(q.id) + 1; n > len(queues) {
		longer := make([]*Queue, n)
		copy(longer, queues)
		queues = longer
	}
	queues[q.id] = q
	return queues
}

// add creates a queue that has no files yet. The topic's directory was read.
func (t *topic) add(s *Queues, queueID int32) *Queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := &Queue{set: s, topic: t.name, id: queueID, pending: -1}
	q.loaded.Store(true)
	queues := append([]*Queue(nil), *t.queues.Load()...)
	queues = t.with(queues, q)
	t.queues.Store(&queues)
	return q
}
