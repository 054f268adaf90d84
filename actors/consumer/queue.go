package consumer

import (
	"slices"
	"time"
)

type phase int

const (
	opening phase = iota
	active
	closing
	gone
)

// queue is a queue that the member reads.
type queue struct {
	name   Queue
	phase  phase
	claim  *Claim // what is handed out now bears it
	window window

	pulling bool
	paused  bool // by Pause
	resting bool // until again comes: a pull failed
	broker  int64
	pulled  time.Time // when the last pull began
	end     int64     // of the queue at the broker, as of the last pull

	committed int64 // None while it is not known to be the window's low
	kept      bool  // the commit when the queue closes shall be made

	// Of an ordered queue.
	waiting  []Item // pulled and not handed out, by offset
	working  *Work  // handed out; possibly under a former claim
	suspend  bool   // until again comes
	lockedAt time.Time

	handled time.Time // when the last result came
}

// claimed gives the queue a new claim, from next on, and voids the old one.
func (q *queue) claimed(next int64) {
	q.voided()
	q.claim = &Claim{queue: q}
	q.window.reset(next)
	q.waiting, q.pulling, q.resting, q.suspend = nil, false, false, false
}

func (q *queue) voided() {
	if q.claim != nil {
		q.claim.void.Store(true)
	}
}

// locked reports whether the queue's lock can be trusted.
func (q *queue) locked(now time.Time) bool {
	return !q.lockedAt.IsZero() && now.Sub(q.lockedAt) < LockAge
}

// due returns the offset to commit, and whether the group does not have it yet.
func (q *queue) due() (offset int64, due bool) {
	offset = q.window.low()
	return offset, offset != q.committed
}

// requeue puts items back in front of those that wait.
func (q *queue) requeue(items []Item) { q.waiting = append(slices.Clip(items), q.waiting...) }

// full reports whether a queue shall not be pulled, by the limits of Options.
func (m *member) full(q *queue) bool {
	count, bytes := m.QueueMessages, m.QueueBytes
	if m.TopicMessages > 0 || m.TopicBytes > 0 {
		share := m.topicQueues(q.name.Topic)
		if m.TopicMessages > 0 {
			count = min(count, max(1, m.TopicMessages/share))
		}
		if m.TopicBytes > 0 {
			bytes = min(bytes, max(1, m.TopicBytes/int64(share)))
		}
	}
	return q.window.open >= count || q.window.bytes >= bytes || !m.Ordered && q.window.span() >= m.QueueSpan
}

// topicQueues returns the number of queues of a topic, at least 1.
func (m *member) topicQueues(topic string) int { return max(1, m.perTopic[topic]) }

// find returns the queue of a name, or nil.
func (m *member) find(name Queue) *queue {
	if i, found := m.search(name); found {
		return m.queues[i]
	}
	return nil
}

func (m *member) search(name Queue) (int, bool) {
	return slices.BinarySearchFunc(m.queues, name, func(q *queue, name Queue) int { return q.name.Compare(name) })
}

// add makes a queue in phase opening.
func (m *member) add(name Queue) *queue {
	q := &queue{name: name, committed: None}
	q.claimed(0)
	i, _ := m.search(name)
	m.queues = slices.Insert(m.queues, i, q)
	m.perTopic[name.Topic]++
	return q
}

// remove forgets a queue.
func (m *member) remove(q *queue) {
	q.voided()
	q.phase = gone
	if i, found := m.search(q.name); found && m.queues[i] == q {
		m.queues = slices.Delete(m.queues, i, i+1)
		m.perTopic[q.name.Topic]--
	}
}
