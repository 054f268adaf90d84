package consumer

import "time"

// seek goes on elsewhere in a queue.
func (m *member) seek(s *Seek) {
	q := m.find(s.Queue)
	ok := q != nil && (q.phase == active || q.phase == opening && !m.needLocks())
	if ok {
		if q.phase == opening { // wherever it was to begin
			q.phase = active
			m.announce()
		}
		q.claimed(s.Offset)
		m.pull(q)
	}
	if s.Done != nil {
		s.Done(ok)
	}
}

func (m *member) pause(p *Pause) {
	for _, name := range p.Queues {
		if q := m.find(name); q != nil {
			q.paused = p.Paused
			m.pull(q)
		}
	}
	tell(p.Done)
}

// reset goes on where an operator wants it. What is handled now does not count
// (RocketMQ: MQClientInstance.resetOffset).
func (m *member) reset(offsets []Offset) {
	for _, o := range offsets {
		if q := m.find(o.Queue); q != nil && q.phase == active {
			q.claimed(o.Offset)
			q.committed = None
			m.pull(q)
		}
	}
	m.commitAll(nil)
}

// state returns what the member does.
func (m *member) state() State {
	now := m.Env.Clock.Now()
	s := State{Rebalances: m.rebalances, Topics: make(map[string]Rates)}
	for _, q := range m.queues {
		if q.phase != active {
			continue
		}
		s.Queues = append(s.Queues, QueueState{
			Queue: q.name, Messages: q.window.open, Bytes: q.window.bytes, Low: q.window.low(), Next: q.window.next, End: q.end,
			Committed: q.committed, BrokerID: q.broker, Paused: q.paused, Locked: q.locked(now), LockedAt: q.lockedAt,
			PulledAt: q.pulled, HandledAt: q.handled,
		})
	}
	for topic, meter := range m.rates {
		s.Topics[topic] = meter.rates(now)
	}
	return s
}

// Rates is how fast a topic is consumed, over the last minute or so.
type Rates struct {
	PullTPS, OKTPS, FailedTPS float64 // messages per second
	PullTime, HandleTime      time.Duration
	FailedLastHour            int64
	Handled, Failed           uint64 // since the beginning
}

// counts are totals since the beginning.
type counts struct {
	at                   time.Time
	pulls, messages      int64
	ok, failed, works    int64
	pullTime, handleTime time.Duration
}

// meter counts what is done with a topic.
type meter struct {
	counts
	past [6]counts // every ExpiryInterval, the oldest first
	hour [60]int64 // failed, in total, at each of the last minutes
	turn int       // rolls so far
}

func (m *member) meter(q *queue) *meter {
	t := m.rates[q.name.Topic]
	if t == nil {
		t = new(meter)
		t.at = m.Env.Clock.Now()
		for i := range t.past {
			t.past[i] = t.counts
		}
		m.rates[q.name.Topic] = t
	}
	return t
}

func (t *meter) pulled(n int, took time.Duration) {
	t.pulls++
	t.messages += int64(n)
	t.pullTime += took
}

func (t *meter) handled(ok, failed int, took time.Duration) {
	t.works++
	t.ok += int64(ok)
	t.failed += int64(failed)
	t.handleTime += took
}

// roll moves the window that rates are taken over.
func (m *member) roll() {
	now := m.Env.Clock.Now()
	for _, t := range m.rates {
		copy(t.past[:], t.past[1:])
		t.counts.at = now
		t.past[len(t.past)-1] = t.counts
		if t.turn++; t.turn%len(t.past) == 0 {
			copy(t.hour[:], t.hour[1:])
			t.hour[len(t.hour)-1] = t.failed
		}
	}
}

func (t *meter) rates(now time.Time) Rates {
	from := &t.past[0]
	r := Rates{FailedLastHour: t.failed - t.hour[0], Handled: uint64(t.ok), Failed: uint64(t.failed)}
	if seconds := now.Sub(from.at).Seconds(); seconds > 0 {
		r.PullTPS = float64(t.messages-from.messages) / seconds
		r.OKTPS = float64(t.ok-from.ok) / seconds
		r.FailedTPS = float64(t.failed-from.failed) / seconds
	}
	if pulls := t.pulls - from.pulls; pulls > 0 {
		r.PullTime = (t.pullTime - from.pullTime) / time.Duration(pulls)
	}
	if works := t.works - from.works; works > 0 {
		r.HandleTime = (t.handleTime - from.handleTime) / time.Duration(works)
	}
	return r
}
