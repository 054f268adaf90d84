package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/actormq/actormq/messages"
)

// allocate returns the share of member id of queues, as every member computes it
// for itself from the same sorted lists: contiguous runs whose lengths differ by
// one at most, the longer ones first. A member that is not in the list has none
// (RocketMQ: AllocateMessageQueueAveragely).
func allocate(queues []Queue, members []string, id string) []Queue {
	i := slices.Index(members, id)
	if i < 0 {
		return nil
	}
	share, longer := len(queues)/len(members), len(queues)%len(members)
	start := i*share + min(i, longer)
	if i < longer {
		share++
	}
	return queues[start : start+share]
}

// rebalance finds out which queues are this consumer's, drops those that are not
// any more and begins those that are new. It reports whether everything could be
// found out; what could not stays as it is.
func (c *Consumer) rebalance(ctx context.Context, work chan<- *task) (settled bool) {
	settled = true
	for _, topic := range c.topics {
		mine, err := c.share(ctx, topic.Topic)
		if err != nil {
			// A retry topic comes into being with the first heartbeat of its group.
			if ctx.Err() == nil && !(errors.Is(err, ErrUnknownTopic) && messages.IsRetryTopic([]byte(topic.Topic))) {
				c.trouble(err)
			}
			settled = false
			continue
		}
		c.drop(func(q Queue) bool { return q.Topic == topic.Topic && !slices.Contains(mine, q) })
		for _, q := range mine {
			if c.has(q) {
				continue
			}
			if err := c.begin(ctx, q, topic, work); err != nil {
				if ctx.Err() == nil {
					c.trouble(err)
				}
				settled = false
			}
		}
	}
	return settled
}

// share returns this consumer's queues of a topic.
func (c *Consumer) share(ctx context.Context, topic string) ([]Queue, error) {
	route, err := c.client.routes.get(ctx, topic)
	if err == nil && route.template {
		route, err = c.client.routes.renew(ctx, topic)
	}
	if err != nil {
		return nil, err
	}
	if route.template {
		return nil, fmt.Errorf("%w: %s", ErrUnknownTopic, topic)
	}
	if len(route.readable) == 0 {
		return nil, nil
	}
	members, err := c.members(ctx, route)
	if err != nil {
		return nil, err
	}
	return allocate(route.readable, members, c.client.id), nil
}

// members returns the ids of the group's members, sorted, as one of the topic's
// brokers knows them. Members send heartbeats to all.
func (c *Consumer) members(ctx context.Context, r *route) ([]string, error) {
	masters := r.masters()
	var failed error
	for _, addr := range masters {
		if err := c.introduce(ctx, addr); err != nil {
			failed = err
		}
	}
	for _, addr := range masters {
		request := newRequest(messages.CodeGetConsumerListByGroup)
		request.Ext.Set("consumerGroup", c.o.Group)
		response, err := c.client.ask(ctx, addr, request)
		if err != nil {
			failed = err
			continue
		}
		list, err := messages.DecodeConsumerList(response.Body)
		if err != nil {
			failed = fmt.Errorf("actormq: members of %s from %s: %w", c.o.Group, addr, err)
			continue
		}
		members := slices.Clone(list.ConsumerIDList)
		slices.Sort(members)
		return slices.Compact(members), nil
	}
	if failed == nil {
		failed = fmt.Errorf("%w: none of the topic's brokers has a master", ErrNoQueue)
	}
	return nil, failed
}

// introduce makes sure that a broker knows this consumer before it is asked about
// the group or for messages.
func (c *Consumer) introduce(ctx context.Context, addr string) error {
	conn, err := c.client.conns.get(ctx, addr)
	if err != nil {
		return c.client.explain(err)
	}
	if conn.knows(c.o.Group) {
		return nil
	}
	request, _ := c.client.heartbeat()
	if request == nil {
		return nil
	}
	if _, err := c.client.ask(ctx, addr, request); err != nil {
		return err
	}
	conn.learn(c.o.Group)
	return nil
}

// has reports whether q is being consumed.
func (c *Consumer) has(q Queue) bool { return c.queues[q] != nil }

// begin consumes a queue from the group's offset on.
func (c *Consumer) begin(ctx context.Context, q Queue, topic *messages.SubscriptionData, work chan<- *task) error {
	committed, err := c.client.QueryOffset(ctx, c.o.Group, q)
	next := committed
	if errors.Is(err, ErrNoOffset) {
		committed = none
		next, err = c.firstOffset(ctx, q)
	}
	if err != nil {
		return err
	}
	a := &assigned{queue: q, topic: topic, next: next, committed: committed, stopped: make(chan struct{})}
	ctx, a.cancel = context.WithCancel(ctx)
	c.queues[q] = a
	go func() {
		defer close(a.stopped)
		c.pull(ctx, a, work)
	}()
	return nil
}

// firstOffset returns where a group without an offset begins.
func (c *Consumer) firstOffset(ctx context.Context, q Queue) (int64, error) {
	switch {
	case c.o.From == FromFirst || messages.IsRetryTopic([]byte(q.Topic)):
		return c.client.MinOffset(ctx, q)
	case c.o.From == FromTime:
		return c.client.SearchOffset(ctx, q, c.o.Time)
	}
	return c.client.MaxOffset(ctx, q)
}

// drop stops consuming the queues that match, and commits how far they were
// consumed. Messages of theirs that are being handled come again elsewhere.
func (c *Consumer) drop(match func(Queue) bool) {
	for q, a := range c.queues {
		if !match(q) {
			continue
		}
		a.stop()
		delete(c.queues, q)
		if offset, due := a.due(); due {
			// Also when the consumer's context has ended; bounded by the request's limit.
			if err := c.client.CommitOffset(c.client.ctx, c.o.Group, q, offset); err != nil && c.client.ctx.Err() == nil {
				c.trouble(err)
			}
		}
	}
}

// commit tells the brokers how far the queues are consumed.
func (c *Consumer) commit(ctx context.Context) {
	for q, a := range c.queues {
		offset, due := a.due()
		if !due {
			continue
		}
		if addr := c.client.routes.master(q.Broker); addr != "" {
			if err := c.client.tell(ctx, addr, commitRequest(c.o.Group, q, offset)); err == nil {
				a.told(offset)
			}
		}
	}
}
