package messages

import "sync/atomic"

// SendQueue counts the sends that wait to be appended to the log. Any goroutine may use
// it.
//
// A full queue by itself says little: what fills it is a burst, as long as the log takes
// sends up, and to refuse a send costs as much as to take it. It is the queue of which
// nothing is taken up for a while that has to be refused.
type SendQueue struct {
	sends atomic.Int64
	// moved is when sends were last taken up, or came into the empty queue, in Unix
	// milliseconds.
	moved atomic.Int64
}

// Len returns how many sends wait.
func (q *SendQueue) Len() int64 { return q.sends.Load() }

// Stalled returns for how many milliseconds before now sends have waited without any of
// them being taken up; 0 if none wait.
func (q *SendQueue) Stalled(now int64) int64 {
	if q.sends.Load() == 0 {
		return 0
	}
	return max(now-q.moved.Load(), 0)
}

// Moved says that sends are taken up.
func (q *SendQueue) Moved(now int64) { q.moved.Store(now) }

// Enqueue counts a's sends as waiting in q until Dequeue. It is called once, when all of
// them are there and Arrived is set.
func (a *Append) Enqueue(q *SendQueue) {
	a.queue = q
	n := int64(len(a.Sends))
	if q.sends.Add(n) == n {
		q.Moved(a.Arrived)
	}
}

// Dequeue says that a's sends wait no more. CommitLog calls it when it takes a up, and the
// last Release if nobody did.
func (a *Append) Dequeue() {
	if a.queue != nil {
		a.queue.sends.Add(-int64(len(a.Sends)))
		a.queue = nil
	}
}
