package consumer

import "slices"

// rebalanceNow finds out which queues are the member's.
func (m *member) rebalanceNow() {
	switch {
	case m.stopping:
	case m.Manual:
		m.cancel(m.rebalance)
		topics := make(map[string][]Queue)
		for _, q := range m.queues { // a topic that is not assigned any more
			topics[q.name.Topic] = nil
		}
		for _, q := range m.assigned {
			topics[q.Topic] = append(topics[q.Topic], q)
		}
		m.divide(Shares{Topics: topics, Settled: true})
	case m.asking:
		m.askAgain = true
	default:
		m.cancel(m.rebalance)
		m.asking, m.askAgain = true, false
		m.rebalances++
		m.Cluster.Shares(func(s Shares) { m.post(&shared{s}) })
	}
}

func (m *member) shared(s Shares) {
	m.asking = false
	if m.stopping {
		return
	}
	m.divide(s)
	if m.askAgain {
		m.rebalanceNow()
	}
}

// divide gives away queues that are not the member's any more and begins those
// that are new.
func (m *member) divide(s Shares) {
	settled := s.Settled
	for _, q := range slices.Clone(m.queues) {
		if mine, known := s.Topics[q.name.Topic]; known && !slices.Contains(mine, q.name) {
			m.give(q)
		}
	}
	var fresh []*queue
	for _, mine := range s.Topics {
		for _, name := range mine {
			switch q := m.find(name); {
			case q == nil:
				fresh = append(fresh, m.add(name))
			case q.phase == closing: // it comes back when it is closed
				settled = false
			}
		}
	}
	slices.SortFunc(fresh, func(a, b *queue) int { return a.name.Compare(b.name) })
	m.open(fresh)
	m.schedule(settled)
	m.announce()
}

// schedule sets the time of the next rebalance.
func (m *member) schedule(settled bool) {
	m.cancel(m.rebalance)
	wait := RebalanceInterval
	if !settled {
		wait = UnsettledInterval
	}
	m.rebalance = m.after(wait, rebalanceTick{})
}

// announce tells the owner which queues are read.
func (m *member) announce() {
	if m.Changed == nil {
		return
	}
	names := make([]Queue, 0, len(m.queues))
	for _, q := range m.queues {
		if q.phase == active {
			names = append(names, q.name)
		}
	}
	if !slices.Equal(names, m.announced) {
		m.announced = names
		m.Changed(names)
	}
}

// open begins queues: with their locks, if they need any.
func (m *member) open(fresh []*queue) {
	if len(fresh) == 0 {
		return
	}
	if m.needLocks() {
		m.lock(fresh)
		return
	}
	for _, q := range fresh {
		m.begin(q)
	}
}

// lock asks for the locks of queues.
func (m *member) lock(queues []*queue) {
	names := make([]Queue, len(queues))
	for i, q := range queues {
		names[i] = q.name
	}
	asked := m.Env.Clock.Now()
	m.Cluster.Lock(names, func(l Locks) { m.post(&locked{l, queues, asked}) })
}

// renewLocks keeps the locks of all queues.
func (m *member) renewLocks() {
	var held []*queue
	for _, q := range m.queues {
		if q.phase == active || q.phase == closing {
			held = append(held, q)
		}
	}
	if len(held) > 0 && !m.stopping {
		m.lock(held)
	}
	// A lock that could not be renewed may be another member's by now.
	now := m.Env.Clock.Now()
	for _, q := range held {
		if q.phase == active && !q.locked(now) {
			m.lose(q)
		}
	}
}

func (m *member) locked(l *locked) {
	for _, q := range l.queues {
		switch {
		case slices.Contains(l.Refused, q.name):
			m.lose(q)
		case !slices.Contains(l.Granted, q.name):
			// Its broker did not answer. A lock that is held may still be good.
			if q.phase == opening {
				m.lose(q)
			}
		case q.phase == gone || m.stopping:
			if m.find(q.name) == nil {
				m.Cluster.Unlock([]Queue{q.name}) // it was given away meanwhile
			}
		default:
			q.lockedAt = l.asked
			if q.phase == opening {
				m.begin(q)
			}
		}
	}
	m.announce()
}

// begin finds out where a queue begins.
func (m *member) begin(q *queue) {
	claim := q.claim
	m.Cluster.Begin(q.name, func(at Beginning, err error) { m.post(&begun{claim, at, err}) })
}

func (m *member) begun(b *begun) {
	q := b.claim.queue
	if q.claim != b.claim || q.phase != opening || m.stopping {
		return
	}
	if b.err != nil {
		m.Trouble(b.err)
		m.lose(q)
		return
	}
	q.phase, q.committed = active, b.at.Committed
	q.window.reset(b.at.Next)
	m.announce()
	m.pull(q)
}

// give closes a queue that is another member's now. What was handled is
// committed before the lock is given back, so that the next owner goes on there.
func (m *member) give(q *queue) {
	switch q.phase {
	case opening:
		if m.needLocks() && !q.lockedAt.IsZero() {
			m.Cluster.Unlock([]Queue{q.name})
		}
		m.remove(q)
	case active:
		q.voided()
		q.phase, q.kept = closing, true
		if q.working == nil {
			m.release(q)
		}
	}
}

// lose gives up a queue whose offset is none of this member's business any more,
// and tries to get it again.
func (m *member) lose(q *queue) {
	if q.phase == gone {
		return
	}
	q.kept = false
	switch {
	case q.phase == closing:
	case q.phase == active && q.working != nil:
		q.voided()
		q.phase = closing // until the handler has ended: one at a time
	default:
		if q.phase == opening && !q.lockedAt.IsZero() {
			m.Cluster.Unlock([]Queue{q.name})
		}
		m.remove(q)
	}
	m.schedule(false)
	m.announce()
}

// release commits how far a closing queue was handled, and ends it: together with
// others that are released while a commit is under way.
func (m *member) release(q *queue) {
	m.leaving = append(m.leaving, q)
	if len(m.leaving) == 1 {
		m.commit(m.releaseAll)
	}
}

func (m *member) releaseAll(ended func()) {
	leaving := m.leaving
	m.leaving = nil
	var offsets []Offset
	for _, q := range leaving {
		if offset, due := q.due(); due && q.kept && !m.KeepOffsets && q.phase == closing {
			offsets = append(offsets, Offset{q.name, offset})
		}
	}
	after := func(err error) {
		m.post(&released{leaving, err})
		ended()
	}
	if len(offsets) == 0 {
		after(nil)
		return
	}
	m.Cluster.Commit(offsets, after)
}

func (m *member) released(r *released) {
	if r.err != nil {
		m.Trouble(r.err)
	}
	var locks []Queue
	for _, q := range r.queues {
		if q.phase == gone {
			continue
		}
		if q.kept && m.needLocks() {
			locks = append(locks, q.name)
		}
		m.remove(q)
	}
	if len(locks) > 0 {
		m.Cluster.Unlock(locks)
	}
	m.announce()
}

// expire sends back messages whose handlers take too long, so that they do not
// hold up the queue's offset
// (RocketMQ: ProcessQueue.cleanExpiredMsg).
func (m *member) expire() {
	if m.Ordered || m.Broadcast || m.Manual || m.Timeout <= 0 {
		return
	}
	limit := m.Env.Clock.Now().Add(-m.Timeout).UnixNano()
	for _, q := range m.queues {
		if q.phase != active {
			continue
		}
		for _, s := range q.window.slots[q.window.head:] {
			if s.done || s.work == nil || s.work.expired {
				continue
			}
			if at := s.work.begun.Load(); at == 0 || at > limit {
				continue
			}
			s.work.expired = true
			for i := range s.work.Items {
				m.sendBack(q, &s.work.Items[i], TimeoutLevel, nil)
			}
		}
	}
}
