package pop

import (
	"slices"

	"github.com/actormq/actormq/actors/filter"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/send"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// popping is a pop on its way. What is above the line never changes.
type popping struct {
	messages.PopHeader
	ticket messages.Ticket
	filter storage.Filter
	until  int64 // Unix milliseconds; the end of its wait
	// ────
	wait
	reads reading
}

// maxLate is how far the end of its wait a pop may come, in milliseconds
// (RocketMQ: PopMessageRequestHeader.isTimeoutTooMuch).
const maxLate = 500

// pop checks a request in Apache's order, since clients branch on the first code that
// applies.
func (p *pop) pop(r *front.Request) (*messages.Command, error) {
	h, err := messages.ParsePop(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if p.Slave {
		return nil, send.ErrSlave
	}
	if h.BornTime == 0 {
		h.BornTime = r.Arrived
	}
	if p.Env.Millis()-h.BornTime-h.PollTime > maxLate {
		return nil, messages.Refuse(messages.PollingTimeout, "the broker[%s] pop message is timeout too much", p.BrokerIP)
	}
	if err := p.checkAsked(&h); err != nil {
		return nil, err
	}
	if _, err := p.readable(r, "pop", h.Topic, h.ConsumerGroup, h.QueueID); err != nil {
		return nil, err
	}
	q := &popping{PopHeader: h, ticket: r.Ticket, until: h.BornTime + h.PollTime}
	if q.filter, err = p.filter(h.Topic, h.Exp, h.ExpType); err != nil {
		return nil, err
	}
	q.sub = p.of(h.Topic, h.ConsumerGroup)
	p.opened(q)
	q.sub.add(p, q)
	return nil, nil
}

// bounded cuts an invisible time, in milliseconds, to what timers reach. Apache's broker
// takes every time, and messages that are popped for longer are never seen again.
func (p *pop) bounded(invisible int64) int64 { return max(0, min(invisible, p.Log.Timers.MaxDelay)) }

// checkAsked checks how many messages are wanted, and for how long.
func (p *pop) checkAsked(h *messages.PopHeader) error {
	switch {
	case p.Permission()&messages.PermRead == 0:
		return messages.Refuse(messages.NoPermission, "the broker[%s] pop message is forbidden", p.BrokerIP)
	case h.MaxMsgNums > messages.MaxPopped:
		return messages.Refuse(messages.InvalidParameter, "the broker[%s] pop message's num is greater than 32", p.BrokerIP)
	case !p.Log.Timers.Enabled:
		return messages.Refuse(messages.SystemError, "the broker[%s] pop message is forbidden because timerWheelEnable is false", p.BrokerIP)
	}
	h.Invisible = p.bounded(h.Invisible)
	return nil
}

// filter is what a request wants of its topic; enablePropertyFilter does not count, as at
// Apache.
func (p *pop) filter(topic, expression, kind string) (storage.Filter, error) {
	if expression == "" {
		return filter.All(), nil
	}
	failed := messages.Refuse(messages.SubscriptionParseFailed, "parse the consumer's subscription failed")
	sub, err := messages.BuildSubscription(topic, expression, kind)
	if err != nil {
		return nil, failed
	}
	if messages.IsTagExpression(sub.ExpressionType) {
		return filter.Tags(sub), nil
	}
	condition, err := p.conditions.Compile(sub)
	if err != nil {
		return nil, failed
	}
	return filter.Properties(condition), nil
}

// lookup asks where the group goes on in some topics.
func (p *pop) lookup(group string, names []string, token any) {
	p.Env.Send(p.Offsets, &offsets.Lookup{Group: group, Topics: names, ReplyTo: p.self, Token: token})
}

// retryTopics are the topics, of those that exist, in which what the group did not
// acknowledge comes back.
func (p *pop) retryTopics(topic, group string) []string {
	rules, table := p.Rules(), p.Topics.Load()
	var names []string
	if retry := messages.PopRetryTopic(topic, group, rules.RetryV2); table.Find(retry) != nil {
		names = append(names, retry)
	}
	if rules.RetryV2 && rules.ReadRetryV1 {
		if retry := messages.PopRetryTopic(topic, group, false); table.Find(retry) != nil {
			names = append(names, retry)
		}
	}
	return names
}

// begin begins the turn of a pop.
func (q *popping) begin(p *pop) {
	if q.gone {
		q.sub.next(p)
		return
	}
	q.reads = reading{}
	if !q.Order {
		q.reads.topics = p.retryTopics(q.Topic, q.ConsumerGroup)
	}
	q.reads.topics = append(q.reads.topics, q.Topic)
	clear(q.sub.floors) // Offsets knows of those by then
	p.lookup(q.ConsumerGroup, q.reads.topics, turn(q))
}

// located has the queues read, now that it is known where the group is in them.
func (q *popping) located(p *pop, positions []map[int32]int64) {
	if q.gone {
		q.sub.next(p)
		return
	}
	q.reads.popTime = p.Env.Millis()
	q.reads.reviveQueue = messages.ReviveQueueOrderly
	if !q.Order {
		q.reads.reviveQueue = int32(p.log % int(p.ReviveQueues))
		p.log++
	}
	from := p.free(q, p.candidates(q.reads.topics, q.QueueID, positions))
	if len(from) == 0 || q.ticket.Peer.Owed() > p.MaxOwed {
		p.nothing(q)
		q.sub.next(p)
		return
	}
	rules := p.Rules()
	p.read(&read{
		token: q, from: from, filter: q.filter, max: int(q.MaxMsgNums), initMode: q.InitMode,
		young: rules.FromBegin, popTime: q.reads.popTime, invisible: q.Invisible, reviveQueue: q.reads.reviveQueue,
		broker: p.Broker, rename: !rules.ActualRetry, topic: q.Topic,
	})
}

// free leaves the queues of all that a pop may be given messages of.
func (p *pop) free(q *popping, all []candidate) []candidate {
	p.move(q.sub, all)
	if !q.Order {
		return all
	}
	return slices.DeleteFunc(all, func(c candidate) bool { return p.blocked(q, &c) })
}

// blocked reports whether a queue is popped in order and has messages out.
func (p *pop) blocked(q *popping, c *candidate) bool {
	visible := p.orders.blocked(c.topic, q.ConsumerGroup, c.queueID, q.AttemptID, q.Invisible, q.reads.popTime)
	if visible > 0 && (q.reads.visible == 0 || visible < q.reads.visible) {
		q.reads.visible = visible
	}
	return visible > 0
}

// read has one of the Readers read.
func (p *pop) read(m *read) {
	m.replyTo = p.self
	p.turn++
	p.Env.Send(p.Readers[p.turn%len(p.Readers)], m)
}

// candidates are the queues of topics, of which the last is the asked for and the others
// are its retry topics, from some queue on; queueID is -1 for all of the last. Every now
// and then the retries come first.
func (p *pop) candidates(names []string, queueID int32, positions []map[int32]int64) []candidate {
	chance := p.Env.Rand.IntN(100)
	var retries, all []candidate
	for i, topic := range names {
		config := p.Topics.Load().Find(topic)
		if config == nil {
			continue
		}
		retry := i < len(names)-1
		for n := range config.ReadQueueNums {
			id := (n + int32(chance)) % config.ReadQueueNums
			if !retry && queueID >= 0 && queueID != id {
				continue
			}
			c := candidate{topic: topic, queueID: id, retry: retry, offset: -1}
			if at, known := positions[i][id]; known {
				c.offset = at
			}
			if retry {
				retries = append(retries, c)
			} else {
				all = append(all, c)
			}
		}
	}
	if chance < p.Rules().RetryFirst {
		return append(retries, all...)
	}
	return append(all, retries...)
}

// move moves the candidates to where the next messages are to be handed out: behind
// those that are, or where an operator has set the group to.
func (p *pop) move(s *subscription, all []candidate) {
	for i := range all {
		c, k := &all[i], queueKey{all[i].topic, all[i].queueID}
		if offset, ok := p.Resets.Take(s.key.group, c.topic, c.queueID); ok {
			p.orders.clear(c.topic, s.key.group, c.queueID)
			s.forget(k)
			p.commit(s.key.group, c.topic, c.queueID, offset)
			c.offset = offset
			continue
		}
		c.offset = max(c.offset, s.handed(k))
	}
}

func (p *pop) commit(group, topic string, queueID int32, offset int64) {
	p.Env.Send(p.Offsets, &offsets.Commit{Group: group, Topic: topic, QueueID: queueID, Offset: offset})
}
