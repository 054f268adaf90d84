package pop

import (
	"slices"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/send"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/consumequeue"
)

// notifying is a request that asks whether there is something to pop.
type notifying struct {
	messages.NotificationHeader
	ticket messages.Ticket
	filter storage.Filter
	until  int64
	// ────
	wait
	topics []string // the asked for is the last
}

// notification answers as soon as there is something to pop, or the time is up
// (RocketMQ: NotificationProcessor).
func (p *pop) notification(r *front.Request) (*messages.Command, error) {
	h, err := messages.ParseNotification(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if p.Slave {
		return nil, send.ErrSlave
	}
	if h.BornTime == 0 {
		h.BornTime = r.Arrived
	}
	if _, err := p.readable(r, "peeking", h.Topic, h.ConsumerGroup, h.QueueID); err != nil {
		return nil, err
	}
	n := &notifying{NotificationHeader: h, ticket: r.Ticket, until: h.BornTime + h.PollTime}
	if n.filter, err = p.filter(h.Topic, h.Exp, h.ExpType); err != nil {
		return nil, err
	}
	p.opened(n)
	n.look(p)
	return nil, nil
}

// look asks where the group is, see notify.
func (n *notifying) look(p *pop) {
	n.topics = append(p.retryTopics(n.Topic, n.ConsumerGroup), n.Topic)
	p.lookup(n.ConsumerGroup, n.topics, n)
}

// notify answers, or has the request wait.
func (p *pop) notify(n *notifying, positions []map[int32]int64) {
	switch {
	case n.gone:
	case p.hasMessages(n, positions):
		p.answer(n, true, false)
	case n.PollTime <= 0 || p.Env.Millis() > n.until-early:
		p.answer(n, false, false)
	default:
		n.sub = p.of(n.Topic, n.ConsumerGroup)
		if rules := p.Rules(); len(n.sub.asks[n.QueueID]) > rules.MaxPolls || len(p.waiting) >= rules.MaxPollsOfAll {
			p.release(n.sub)
			p.answer(n, false, true)
			return
		}
		n.sub.asks[n.QueueID] = append(n.sub.asks[n.QueueID], n)
		p.hold(n, n.until-early+1)
		if p.hasMessages(n, positions) { // they came before anybody waited
			p.resume(n)
		}
	}
}

func (p *pop) answer(n *notifying, hasMessages, full bool) {
	p.closed(n)
	response := n.ticket.Response(messages.Success, "")
	response.Ext.SetBool("hasMsg", hasMessages)
	response.Ext.SetBool("pollingFull", full)
	front.Reply(p.Env, n.ticket, response)
}

// hasMessages reports whether a queue goes on behind where the group is. A filter by tags
// counts where few messages are left.
func (p *pop) hasMessages(n *notifying, positions []map[int32]int64) bool {
	s, now := p.subscriptions[subscriptionKey{n.Topic, n.ConsumerGroup}], p.Env.Millis()
	return slices.ContainsFunc(p.candidates(n.topics, n.QueueID, positions), func(c candidate) bool {
		if n.Order && p.orders.blocked(c.topic, n.ConsumerGroup, c.queueID, n.AttemptID, 0, now) > 0 {
			return false
		}
		if c.offset < 0 {
			first, _, err := p.Store.Bounds(c.topic, c.queueID)
			if c.offset = first; err != nil {
				return false
			}
		}
		if s != nil {
			c.offset = max(c.offset, s.handed(queueKey{c.topic, c.queueID}))
		}
		rest := p.Store.NextOffset(c.topic, c.queueID) - c.offset
		if rest <= 0 || c.retry || rest >= p.Rules().FilterAsks {
			return rest > 0
		}
		return p.hasMatch(n, &c)
	})
}

// maxLook bounds the messages whose tags are looked at.
const maxLook = 32

// hasMatch reports whether one of the next messages of a queue passes a filter by tags.
func (p *pop) hasMatch(n *notifying, c *candidate) bool {
	queue, err := p.Store.Queues.Load(c.topic, c.queueID)
	if queue == nil || err != nil {
		return err != nil // whoever pops will see
	}
	var units [maxLook]consumequeue.Unit
	found, err := queue.Read(c.offset, units[:])
	return err != nil || slices.ContainsFunc(units[:found], func(u consumequeue.Unit) bool {
		return u.Valid() && !u.Filler() && n.filter.MatchTagsCode(u.TagsCode)
	})
}

// resume looks again.
func (n *notifying) resume(p *pop) { n.look(p) }

func (n *notifying) unlist() {
	remove(n.sub.asks, n.QueueID, n)
}

func (n *notifying) peer() *messages.Peer { return n.ticket.Peer }
