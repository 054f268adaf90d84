package pop

import (
	"github.com/actormq/actormq/messages"
)

type subscriptionKey struct{ topic, group string }

type queueKey struct {
	topic   string // the subscription's, or a retry topic of it
	queueID int32
}

// subscription is what a group pops from a topic and its retry topics, as long as
// something of it is under way.
type subscription struct {
	key    subscriptionKey
	turns  []turn                  // the first is under way
	queues map[queueKey][]*handout // whose offsets are not committed yet, oldest first
	// floors are the offsets that were committed since Offsets was asked for the turn under
	// way: what it answers may be older.
	floors map[queueKey]int64
	polls  map[int32][]*popping   // that wait for messages, oldest first, by the queue asked for
	asks   map[int32][]*notifying // likewise
	topics []string               // that polls and asks wait for
}

// turn is something that must see the queues of a subscription as whatever was before
// has left them.
type turn interface {
	// begin has Offsets asked, or ends the turn.
	begin(p *pop)
	// located goes on with the group's offsets; it, or what it begins, ends the turn.
	located(p *pop, positions []map[int32]int64)
}

// of returns the subscription of a group to a topic.
func (p *pop) of(topic, group string) *subscription {
	key := subscriptionKey{topic, group}
	s := p.subscriptions[key]
	if s == nil {
		s = &subscription{
			key: key, queues: make(map[queueKey][]*handout), floors: make(map[queueKey]int64),
			polls: make(map[int32][]*popping), asks: make(map[int32][]*notifying),
		}
		p.subscriptions[key] = s
	}
	return s
}

// add queues a turn.
func (s *subscription) add(p *pop, t turn) {
	p.subscriptions[s.key] = s // it may have been released
	s.turns = append(s.turns, t)
	if len(s.turns) == 1 {
		t.begin(p)
	}
}

// next ends the turn under way and begins the next one.
func (s *subscription) next(p *pop) {
	s.turns[0] = nil
	s.turns = s.turns[1:]
	if len(s.turns) > 0 {
		s.turns[0].begin(p)
		return
	}
	p.release(s)
}

// release forgets a subscription that nothing is under way of.
func (p *pop) release(s *subscription) {
	if len(s.turns) == 0 && len(s.queues) == 0 && len(s.polls) == 0 && len(s.asks) == 0 && p.subscriptions[s.key] == s {
		delete(p.subscriptions, s.key)
	}
}

// handout is what one pop took of one queue.
type handout struct {
	sub   *subscription
	queue queueKey
	next  int64 // where the queue goes on
	// checkpoint is to be stored in that queue of the revive log; nil if nothing was
	// wanted of what was read.
	checkpoint  *messages.PopCheckpoint
	reviveQueue int32
	stored      bool
}

// handed returns where a queue goes on by what was handed out, of which Offsets may not
// know yet; -1 if nothing was.
func (s *subscription) handed(k queueKey) int64 {
	if all := s.queues[k]; len(all) > 0 {
		return all[len(all)-1].next
	}
	if floor, ok := s.floors[k]; ok {
		return floor
	}
	return -1
}

// forget drops what was handed out of a queue: an operator has set another offset.
func (s *subscription) forget(k queueKey) {
	delete(s.queues, k)
	delete(s.floors, k)
}

// settle commits the offset behind the handouts of a queue, as far as all of them are
// stored.
func (p *pop) settle(s *subscription, k queueKey) {
	all := s.queues[k]
	n := 0
	for n < len(all) && all[n].stored {
		n++
	}
	if n == 0 {
		return
	}
	if p.Topics.Load().Find(k.topic) != nil {
		p.commit(s.key.group, k.topic, k.queueID, all[n-1].next)
	}
	if len(s.turns) > 0 {
		s.floors[k] = all[n-1].next
	}
	if n == len(all) {
		delete(s.queues, k)
		p.release(s)
		return
	}
	s.queues[k] = all[n:]
}
