package pop

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// Watch says whether anybody waits for messages to pop, so that Dispatch need not tell
// of what nobody waits for. Pop writes it; any goroutine may read.
type Watch struct{ polls atomic.Int64 }

// Wanted reports whether arrivals are to be told.
func (w *Watch) Wanted() bool { return w.polls.Load() > 0 }

// due has the requests looked at whose time has come.
type due struct{}

// early is how long before its end a wait ends, in milliseconds, so that the answer is
// there in time (RocketMQ: PopRequest.isTimeout).
const early = 50

// waiter is a request that may wait for messages.
type waiter interface {
	state() *wait
	peer() *messages.Peer
	// unlist takes it out of its subscription's polls or asks.
	unlist()
	// resume looks again whether there is something for it.
	resume(p *pop)
}

// wait is where a waiter stands.
type wait struct {
	sub    *subscription
	at     int64 // when it is looked at again, Unix milliseconds
	serial int64 // of the wait
	place  int   // in pop.waiting
	held   bool  // it waits
	gone   bool  // its client is
}

func (w *wait) state() *wait { return w }

func (q *popping) peer() *messages.Peer { return q.ticket.Peer }
func (q *popping) resume(p *pop)        { q.sub.add(p, q) }
func (q *popping) unlist()              { remove(q.sub.polls, q.QueueID, q) }

// remove takes one of a queue's out of lists.
func remove[T comparable](lists map[int32][]T, queueID int32, one T) {
	left := slices.DeleteFunc(lists[queueID], func(other T) bool { return other == one })
	if lists[queueID] = left; len(left) == 0 {
		delete(lists, queueID)
	}
}

// nothing answers a pop that has found no message, or has it wait for one.
func (p *pop) nothing(q *popping) {
	p.Counters.Missed.Add(1)
	code := messages.PollingTimeout
	if q.PollTime > 0 && p.Env.Millis() <= q.until-early {
		rules := p.Rules()
		if len(q.sub.polls[q.QueueID]) <= rules.MaxPolls && len(p.waiting) < rules.MaxPollsOfAll {
			p.await(q)
			return
		}
		code = messages.PollingFull
	}
	p.closed(q)
	response := q.ticket.Response(code, "NO_MESSAGE_IN_QUEUE")
	h := messages.PopResponse{PopTime: q.reads.popTime, Invisible: q.Invisible, ReviveQueue: q.reads.reviveQueue, RestNum: q.reads.rest}
	h.Set(&response.Ext)
	front.Reply(p.Env, q.ticket, response)
}

// await has a pop wait until there is something for it, a queue is free, or its time is
// up.
func (p *pop) await(q *popping) {
	at := q.until - early + 1
	if q.reads.visible > 0 {
		at = min(at, q.reads.visible)
	}
	q.sub.polls[q.QueueID] = append(q.sub.polls[q.QueueID], q)
	p.hold(q, at)
	for k, end := range q.reads.ends {
		if p.Store.NextOffset(k.topic, k.queueID) > end { // it came before anybody waited
			p.resume(q)
			return
		}
	}
}

// hold has a waiter looked at again at a time at the latest. It is in its
// subscription's list.
func (p *pop) hold(w waiter, at int64) {
	p.turn++
	state := w.state()
	state.held, state.at, state.serial = true, at, int64(p.turn)
	p.watch(state.sub)
	heap.Push(&p.waiting, w)
	p.schedule()
}

// resume ends a wait.
func (p *pop) resume(w waiter) {
	w.resume(p)
	p.unhold(w)
}

// unhold takes a waiter out of those that wait.
func (p *pop) unhold(w waiter) {
	state := w.state()
	if !state.held {
		return
	}
	state.held = false
	heap.Remove(&p.waiting, state.place)
	w.unlist()
	p.unwatch(state.sub)
}

// watch has the arrivals of a subscription's topics told.
func (p *pop) watch(s *subscription) {
	p.Watch.polls.Add(1)
	if s.topics != nil {
		return
	}
	rules := p.Rules()
	s.topics = append(s.topics, s.key.topic, messages.PopRetryTopic(s.key.topic, s.key.group, rules.RetryV2))
	if rules.RetryV2 && rules.ReadRetryV1 {
		s.topics = append(s.topics, messages.PopRetryTopic(s.key.topic, s.key.group, false))
	}
	for _, topic := range s.topics {
		if p.watched[topic] == nil {
			p.watched[topic] = make(map[*subscription]struct{})
		}
		p.watched[topic][s] = struct{}{}
	}
}

func (p *pop) unwatch(s *subscription) {
	p.Watch.polls.Add(-1)
	if len(s.polls) > 0 || len(s.asks) > 0 {
		return
	}
	for _, topic := range s.topics {
		if delete(p.watched[topic], s); len(p.watched[topic]) == 0 {
			delete(p.watched, topic)
		}
	}
	s.topics = nil
	p.release(s)
}

// arrived gives one pop, and one of those who only ask, of each group a turn that waits
// for messages like those that came. Who gets its messages wakes the next if there are
// more.
func (p *pop) arrived(a *messages.Arrival) {
	subscribed := p.watched[a.Topic]
	if len(subscribed) == 0 {
		return
	}
	for _, s := range sorted(subscribed) {
		if a.Topic != s.key.topic {
			p.wakeAny(s)
			continue
		}
		p.wakeOne(s, a.QueueID, a)
	}
}

// sorted makes the order that subscriptions are woken in a function of their names.
func sorted(all map[*subscription]struct{}) []*subscription {
	list := make([]*subscription, 0, len(all))
	for s := range all {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *subscription) int {
		return cmp.Or(strings.Compare(a.key.topic, b.key.topic), strings.Compare(a.key.group, b.key.group))
	})
	return list
}

// wakeOne wakes a pop that asks for every queue or, if there is none, for queueID, and
// whose filter a does not rule out; nil rules nothing out.
func (p *pop) wakeOne(s *subscription, queueID int32, a *messages.Arrival) {
	for _, id := range []int32{-1, queueID} {
		if asks := s.asks[id]; len(asks) > 0 {
			p.wakeAsk(asks, a)
		}
	}
	for _, id := range []int32{-1, queueID} {
		for _, q := range s.polls[id] {
			if a == nil || a.Mixed || q.filter.MatchTagsCode(a.TagsCode) {
				p.resume(q)
				return
			}
		}
	}
}

// wakeAsk wakes the youngest, as at Apache, of those who ask whose filter a does not rule
// out.
func (p *pop) wakeAsk(asks []*notifying, a *messages.Arrival) {
	for _, n := range slices.Backward(asks) {
		if a == nil || a.Mixed || n.filter.MatchTagsCode(a.TagsCode) {
			p.resume(n)
			return
		}
	}
}

// wakeAny wakes the pop that waits longest, and the youngest of those who only ask:
// retries are everybody's.
func (p *pop) wakeAny(s *subscription) {
	var youngest *notifying
	for _, all := range s.asks {
		if n := all[len(all)-1]; youngest == nil || n.serial > youngest.serial {
			youngest = n
		}
	}
	if youngest != nil {
		p.resume(youngest)
	}
	var oldest *popping
	for _, all := range s.polls {
		if q := all[0]; oldest == nil || q.serial < oldest.serial {
			oldest = q
		}
	}
	if oldest != nil {
		p.resume(oldest)
	}
}

// wakeNext wakes another pop like q if there are messages left.
func (p *pop) wakeNext(q *popping, rest int64) {
	if rest <= 0 {
		return
	}
	for _, other := range q.sub.polls[q.QueueID] {
		if other != q {
			p.resume(other)
			return
		}
	}
}

// opened remembers a request that is not answered.
func (p *pop) opened(w waiter) {
	peer := w.peer()
	if p.open[peer] == nil {
		p.open[peer] = make(map[waiter]struct{})
	}
	p.open[peer][w] = struct{}{}
}

// closed forgets a request that gets its answer.
func (p *pop) closed(w waiter) {
	peer := w.peer()
	if delete(p.open[peer], w); len(p.open[peer]) == 0 {
		delete(p.open, peer)
	}
}

// drop forgets the requests of a client that is gone: what it popped now would be
// nobody's for its invisible time.
func (p *pop) drop(peer *messages.Peer) {
	for w := range p.open[peer] {
		w.state().gone = true
		p.unhold(w)
	}
	delete(p.open, peer)
}

// expire looks at those again whose time has come: they waited long enough, or their
// queue is free.
func (p *pop) expire() {
	now := p.Env.Millis()
	for len(p.waiting) > 0 && p.waiting[0].state().at <= now {
		p.resume(p.waiting[0])
	}
	p.schedule()
}

// schedule has expire called when the first wait ends.
func (p *pop) schedule() {
	if len(p.waiting) == 0 {
		return
	}
	at := p.waiting[0].state().at
	if p.wake != nil && p.wakeAt <= at {
		return
	}
	if p.wake != nil {
		p.wake.Stop()
	}
	p.wakeAt = at
	p.wake = p.Env.Tell(p.self, time.Duration(max(at-p.Env.Millis(), 0))*time.Millisecond, &due{})
}

// waiting are the waiters that wait, the one that is due first on top (container/heap).
type waiting []waiter

func (w waiting) Len() int { return len(w) }
func (w waiting) Less(i, j int) bool {
	a, b := w[i].state(), w[j].state()
	return a.at < b.at || a.at == b.at && a.serial < b.serial
}
func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].state().place, w[j].state().place = i, j
}

// Push implements heap.Interface.
func (w *waiting) Push(x any) {
	one := x.(waiter)
	one.state().place = len(*w)
	*w = append(*w, one)
}

// Pop implements heap.Interface.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	one := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return one
}
