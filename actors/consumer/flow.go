package consumer

import (
	"errors"
	"fmt"
	"time"
)

// pull asks for a queue's next messages, unless there is a reason not to.
func (m *member) pull(q *queue) {
	if q.phase != active || q.pulling || q.paused || q.resting || m.stopping || m.full(q) {
		return
	}
	now := m.Env.Clock.Now()
	if m.PullEvery > 0 && !q.pulled.IsZero() && now.Sub(q.pulled) < m.PullEvery {
		m.rest(q, m.PullEvery-now.Sub(q.pulled))
		return
	}
	q.pulling, q.pulled = true, now
	claim := q.claim
	p := Pull{Queue: q.name, Next: q.window.next, Max: m.PullMax, BrokerID: q.broker}
	m.Cluster.Pull(p, func(r Pulled) { m.post(&pulled{claim, r}) })
}

// rest stops pulling a queue for a while.
func (m *member) rest(q *queue, d time.Duration) {
	q.resting = true
	m.after(d, pullAgain{q.claim})
}

func (m *member) pulled(p *pulled) {
	q := p.claim.queue
	if q.claim != p.claim || q.phase != active {
		return
	}
	q.pulling = false
	switch p.Status {
	case Busy:
		m.rest(q, FlowPause)
		return
	case Failed:
		q.broker = 0 // whatever was suggested before
		m.Trouble(p.Err)
		m.rest(q, PullPause)
		return
	case Moved:
		// What is handled now is of no interest: the group goes on elsewhere.
		m.Trouble(fmt.Errorf("actormq: %s/%s/%d does not have offset %d, goes on at %d",
			q.name.Topic, q.name.BrokerName, q.name.QueueID, q.window.next, p.Next))
		q.broker, q.committed = p.BrokerID, None
		q.claimed(p.Next)
	default:
		q.broker, q.end = p.BrokerID, p.End
		items := q.window.add(p.Items, p.Next)
		m.meter(q).pulled(len(items), p.Elapsed)
		m.take(q, items)
	}
	m.pull(q)
}

// take has new messages handled.
func (m *member) take(q *queue, items []Item) {
	if m.stopping || len(items) == 0 {
		return
	}
	if m.Ordered {
		q.waiting = append(q.waiting, items...)
		m.feed(q)
		return
	}
	count := len(items)
	works := make([]Work, 0, (len(items)+m.Batch-1)/m.Batch)
	for len(items) > 0 {
		n := min(len(items), m.Batch)
		works = append(works, Work{Queue: q.name, Items: items[:n:n], Claim: q.claim})
		items = items[n:]
	}
	slots := q.window.slots[len(q.window.slots)-count:]
	all := make([]*Work, len(works))
	for i := range works {
		for range works[i].Items {
			slots[0].work = &works[i]
			slots = slots[1:]
		}
		all[i] = &works[i]
	}
	m.Hand(all)
}

// feed hands out the next messages of an ordered queue, if none of it is being
// handled.
func (m *member) feed(q *queue) {
	if q.phase != active || q.working != nil || q.suspend || m.stopping || len(q.waiting) == 0 {
		return
	}
	if m.needLocks() && !q.locked(m.Env.Clock.Now()) {
		return // renewLocks takes the queue, or the lock comes back
	}
	n := min(len(q.waiting), m.Batch)
	q.working = &Work{Queue: q.name, Items: q.waiting[:n:n], Claim: q.claim}
	q.waiting = q.waiting[n:]
	m.Hand([]*Work{q.working})
}

// results takes what handlers report.
func (m *member) results(all []Handled) {
	for i := range all {
		h := &all[i]
		q := h.Work.Claim.queue
		if m.Ordered {
			m.ordered(q, h)
		} else if q.claim == h.Work.Claim && q.phase == active && !h.Skipped {
			m.unordered(q, h)
		}
		m.drained(q)
		m.pull(q)
	}
}

// count notes the end of a Work.
func (m *member) count(q *queue, h *Handled) {
	q.handled = m.Env.Clock.Now()
	m.meter(q).handled(h.OK, len(h.Work.Items)-h.OK, h.Elapsed)
}

func (m *member) unordered(q *queue, h *Handled) {
	if h.Work.expired {
		return // it was sent back
	}
	m.count(q, h)
	items := h.Work.Items
	for i := range items[:h.OK] {
		q.window.finish(items[i].Offset)
	}
	for i := h.OK; i < len(items); i++ {
		if m.Broadcast {
			m.Trouble(fmt.Errorf("actormq: %w: %s/%s/%d offset %d", errDropped,
				q.name.Topic, q.name.BrokerName, q.name.QueueID, items[i].Offset))
			q.window.finish(items[i].Offset)
			continue
		}
		m.sendBack(q, &items[i], h.Level, nil)
	}
}

// errDropped is the end of a broadcast message that was refused.
var errDropped = errors.New("a message that was refused is dropped")

// sendBack has a message come again. source is the Work of an ordered queue.
func (m *member) sendBack(q *queue, item *Item, level int, source *Work) {
	claim := q.claim
	m.returning++
	m.Cluster.SendBack(q.name, item, level, func(err error) { m.post(&sentBack{claim, item, level, err, source}) })
}

func (m *member) sentBack(s *sentBack) {
	m.sentBackOne(s)
	if m.returning--; m.returning == 0 && m.finishing != nil {
		m.finishing()
	}
}

func (m *member) sentBackOne(s *sentBack) {
	q := s.claim.queue
	if q.claim != s.claim || q.phase != active {
		return
	}
	if s.err != nil {
		m.Trouble(s.err)
	}
	switch {
	case s.source != nil:
		m.putAside(q, s)
	case s.err != nil:
		m.after(RetryPause, handAgain{s.claim, s.item})
	default:
		q.window.finish(s.item.Offset)
		m.drained(q)
		m.pull(q)
	}
}

// handAgain has a message handled that could not be sent back.
func (m *member) handAgain(h handAgain) {
	q := h.claim.queue
	slot := q.window.find(h.item.Offset)
	if q.claim != h.claim || q.phase != active || slot == nil || m.stopping {
		return
	}
	again := *h.item
	again.Attempts++
	work := &Work{Queue: q.name, Items: []Item{again}, Claim: q.claim}
	slot.work = work
	m.Hand([]*Work{work})
}

// ordered takes the result of a queue's one Work.
func (m *member) ordered(q *queue, h *Handled) {
	if q.working != h.Work {
		return
	}
	counts := q.claim == h.Work.Claim && !h.Skipped // or it was reset meanwhile
	if !counts {
		h.OK = 0
	} else {
		m.count(q, h)
	}
	items := h.Work.Items
	for i := range items[:h.OK] {
		q.window.finish(items[i].Offset)
	}
	rest := items[h.OK:]
	if counts && len(rest) > 0 && q.phase == active {
		m.refused(q, h, rest)
		return
	}
	q.working = nil
	if q.phase == closing {
		m.release(q)
		return
	}
	m.feed(q)
}

// refused suspends an ordered queue whose next message was refused, or puts that
// message aside after too many attempts.
func (m *member) refused(q *queue, h *Handled, rest []Item) {
	for i := range rest {
		rest[i].Attempts++
	}
	if tooOften := m.MaxAttempts >= 0 && rest[0].Attempts > m.MaxAttempts; (tooOften || h.Level < 0) && !m.Broadcast {
		m.sendBack(q, &rest[0], -1, h.Work) // the queue's working until that has ended
		return
	}
	q.working = nil
	q.requeue(rest)
	m.suspend(q, h.Suspend)
}

// putAside goes on behind a message that was sent to the dead-letter topic, or
// tries that again.
func (m *member) putAside(q *queue, s *sentBack) {
	rest := s.source.Items
	for len(rest) > 0 && rest[0].Offset < s.item.Offset {
		rest = rest[1:]
	}
	q.working = nil
	if s.err != nil {
		q.requeue(rest)
		m.suspend(q, 0)
		return
	}
	q.window.finish(s.item.Offset)
	q.requeue(rest[1:])
	m.feed(q)
	m.drained(q)
	m.pull(q)
}

// suspend lets an ordered queue wait before its next message is handled.
func (m *member) suspend(q *queue, d time.Duration) {
	if d <= 0 {
		d = m.Suspend
	}
	q.suspend = true
	m.after(min(max(d, MinSuspend), MaxSuspend), feedAgain{q.claim})
}
