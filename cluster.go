package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/messages"
)

// send sends a request and calls done with the response, or why there is none,
// once and within limit. It does not wait; the response is valid during the call.
func (c *Client) send(addr string, request *messages.Command, limit time.Duration, done func(*messages.Command, error)) {
	var ended atomic.Bool
	timer := time.AfterFunc(limit, func() {
		if ended.CompareAndSwap(false, true) {
			done(nil, fmt.Errorf("actormq: no answer from %s: %w", addr, context.DeadlineExceeded))
		}
	})
	finish := func(response *messages.Command, err error) {
		if !ended.CompareAndSwap(false, true) {
			return
		}
		timer.Stop()
		if err != nil {
			err = c.explain(err)
		}
		done(response, err)
	}
	c.conns.with(addr, func(conn *conn, err error) {
		if err != nil {
			finish(nil, err)
			return
		}
		conn.Go(request, func(response *messages.Command, err error) {
			if err != nil {
				err = conn.explain(c.ctx, err)
			}
			finish(response, err)
		})
	})
}

// sendMaster is send to the master of a queue, as far as it is known, that takes
// every code but success for an error.
func (m *membership) sendMaster(q consumer.Queue, request *messages.Command, done func(error)) {
	addr := m.client.routes.master(q.BrokerName)
	if addr == "" {
		m.renew(q.Topic)
		done(fmt.Errorf("%w: no master of %s is known", ErrNoQueue, q.BrokerName))
		return
	}
	m.client.send(addr, request, requestTimeout, func(response *messages.Command, err error) {
		switch {
		case err != nil:
			m.renew(q.Topic)
		case messages.ResponseCode(response.Code) != messages.Success:
			err = refusal(addr, response)
		}
		done(err)
	})
}

// renew asks for a route because the one that is known may not be true any more.
func (m *membership) renew(topic string) {
	m.errands.run(func() { _, _ = m.client.routes.renew(m.ctx, m.client.wrap(topic)) })
}

// Shares implements consumer.Cluster.
func (m *membership) Shares(done func(consumer.Shares)) {
	m.errands.run(func() {
		m.mu.Lock()
		topics := slices.Clone(m.topics)
		m.mu.Unlock()
		s := consumer.Shares{Topics: make(map[string][]consumer.Queue), Settled: true}
		for _, topic := range topics {
			mine, settled, err := m.share(m.ctx, topic.Topic)
			s.Settled = s.Settled && settled
			if err != nil {
				// A retry topic comes into being with the first heartbeat of its group.
				if m.ctx.Err() == nil && !(errors.Is(err, ErrUnknownTopic) && messages.IsRetryTopic([]byte(topic.Topic))) {
					m.trouble(err)
				}
				continue
			}
			s.Topics[topic.Topic] = m.client.names(mine)
		}
		done(s)
	})
}

// share returns this consumer's queues of a topic. They are settled unless the
// group does not know the consumer yet.
func (m *membership) share(ctx context.Context, topic string) (mine []Queue, settled bool, err error) {
	route, err := m.client.routes.get(ctx, topic)
	if err == nil && route.template {
		route, err = m.client.routes.renew(ctx, topic)
	}
	if err != nil {
		return nil, false, err
	}
	if route.template {
		return nil, false, fmt.Errorf("%w: %s", ErrUnknownTopic, topic)
	}
	if len(route.readable) == 0 {
		return nil, true, nil
	}
	members, err := m.members(ctx, route)
	if err != nil {
		return nil, false, err
	}
	if m.o.broadcasting {
		return m.client.outside(route.readable), true, nil
	}
	if _, fixed := m.o.strategy.(ByConfig); !fixed && !slices.Contains(members, m.client.id) {
		return nil, false, nil
	}
	queues := m.client.outside(route.readable)
	if _, hashed := m.o.strategy.(ConsistentHash); hashed {
		queues = route.readable // their names are hashed, as they are by the group's Java members
	}
	mine, err = m.o.strategy.Allocate(m.o.group, m.client.id, queues, members)
	return mine, err == nil, err
}

// members returns the ids of the group's members, sorted, as one of the topic's
// brokers knows them. Members send heartbeats to all.
func (m *membership) members(ctx context.Context, r *route) ([]string, error) {
	brokers := r.members()
	failed := fmt.Errorf("%w: none of the topic's brokers is known", ErrNoQueue)
	for _, addr := range brokers {
		if err := m.introduce(ctx, addr); err != nil {
			failed = err
		}
	}
	for _, addr := range brokers {
		request := newRequest(messages.CodeGetConsumerListByGroup)
		request.Ext.Set("consumerGroup", m.group)
		response, err := m.client.ask(ctx, addr, request)
		if err != nil {
			failed = err
			continue
		}
		list, err := messages.DecodeConsumerList(response.Body)
		if err != nil {
			failed = fmt.Errorf("actormq: members of %s from %s: %w", m.o.group, addr, err)
			continue
		}
		members := slices.Clone(list.ConsumerIDList)
		slices.Sort(members)
		return slices.Compact(members), nil
	}
	return nil, failed
}

// introduce makes sure that a broker knows this consumer before it is asked about
// the group or for messages.
func (m *membership) introduce(ctx context.Context, addr string) error {
	conn, err := m.client.conns.get(ctx, addr)
	if err != nil {
		return m.client.explain(err)
	}
	if conn.knows(m.group) {
		return nil
	}
	request, _ := m.client.heartbeat()
	if request == nil {
		return nil
	}
	if _, err := m.client.ask(ctx, addr, request); err != nil {
		return err
	}
	conn.learn(m.group)
	return nil
}

// Begin implements consumer.Cluster.
func (m *membership) Begin(q consumer.Queue, done func(consumer.Beginning, error)) {
	m.errands.run(func() {
		at := consumer.Beginning{Committed: consumer.None}
		next, err := m.committed(m.ctx, m.client.queue(q))
		if err == nil {
			at.Committed = next
		} else if errors.Is(err, ErrNoOffset) {
			next, err = m.client.firstOffset(m.ctx, m.client.queue(q), m.o.from, m.o.time)
		}
		at.Next = next
		done(at, err)
	})
}

// committed returns the group's offset for a queue, or ErrNoOffset.
func (m *membership) committed(ctx context.Context, q Queue) (int64, error) {
	if m.offsets == nil {
		return m.client.QueryOffset(ctx, m.group, q)
	}
	if offset, known := m.offsets.get(m.client.name(q)); known {
		return offset, nil
	}
	return 0, ErrNoOffset
}

// firstOffset returns where a group without an offset begins.
func (c *Client) firstOffset(ctx context.Context, q Queue, from From, at time.Time) (int64, error) {
	switch {
	case from == FromFirst || messages.IsRetryTopic([]byte(q.Topic)):
		return c.MinOffset(ctx, q)
	case from == FromTime:
		return c.SearchOffset(ctx, q, at)
	}
	return c.MaxOffset(ctx, q)
}

// byBroker groups queues by the broker that has them.
func byBroker(queues []consumer.Queue) map[string][]consumer.Queue {
	all := make(map[string][]consumer.Queue)
	for _, q := range queues {
		all[q.BrokerName] = append(all[q.BrokerName], q)
	}
	return all
}

// Lock implements consumer.Cluster.
func (m *membership) Lock(queues []consumer.Queue, done func(consumer.Locks)) {
	var mu sync.Mutex
	var all consumer.Locks
	brokers := byBroker(queues)
	left := len(brokers)
	for _, wanted := range brokers {
		m.errands.run(func() {
			granted, err := m.lock(m.ctx, wanted)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				m.fault(err)
			}
			for _, q := range wanted {
				switch {
				case err != nil:
				case slices.Contains(granted, q):
					all.Granted = append(all.Granted, q)
				default:
					all.Refused = append(all.Refused, q)
				}
			}
			if left--; left == 0 {
				done(all)
			}
		})
	}
}

// lock asks a broker for the locks of some of its queues, and returns those that
// it granted.
func (m *membership) lock(ctx context.Context, queues []consumer.Queue) ([]consumer.Queue, error) {
	response, err := m.askLocks(ctx, messages.CodeLockBatchMQ, queues)
	if err != nil {
		return nil, err
	}
	granted, err := messages.DecodeLockBatchResponse(response.Body)
	if err != nil {
		return nil, fmt.Errorf("actormq: locks of %s: %w", queues[0].BrokerName, err)
	}
	return granted.LockOKMQSet, nil
}

func (m *membership) askLocks(ctx context.Context, code messages.RequestCode, queues []consumer.Queue) (*messages.Command, error) {
	addr, err := m.client.masterOf(ctx, m.client.queue(queues[0]))
	if err != nil {
		return nil, err
	}
	body := messages.LockBatch{ClientID: m.client.id, ConsumerGroup: m.group, Queues: queues}
	request := newRequest(code)
	if request.Body, err = body.Encode(); err != nil {
		return nil, err
	}
	return m.client.ask(ctx, addr, request)
}

// Unlock implements consumer.Cluster. Brokers forget locks that nobody renews.
func (m *membership) Unlock(queues []consumer.Queue) {
	for _, held := range byBroker(queues) {
		m.errands.run(func() {
			if _, err := m.askLocks(m.ctx, messages.CodeUnlockBatchMQ, held); err != nil {
				m.fault(err)
			}
		})
	}
}

// Commit implements consumer.Cluster.
func (m *membership) Commit(offsets []consumer.Offset, done func(error)) {
	if m.offsets != nil {
		m.errands.run(func() { done(m.offsets.set(offsets)) })
		return
	}
	var mu sync.Mutex
	var failed []error
	left := len(offsets)
	for _, o := range offsets {
		m.sendMaster(o.Queue, m.client.commitRequest(m.group, m.client.queue(o.Queue), o.Offset), func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("actormq: offset of %s: %w", m.client.queue(o.Queue), err))
			}
			if left--; left == 0 {
				done(errors.Join(failed...))
			}
		})
	}
}

// SendBack implements consumer.Cluster. A message that its broker does not take back
// is sent to the group's retry topic at any broker (RocketMQ:
// DefaultMQPushConsumerImpl.sendMessageBack).
func (m *membership) SendBack(q consumer.Queue, item *consumer.Item, level int, done func(error)) {
	r := item.Message.(*Received)
	m.askBack(q, r, level, func(err error) {
		if err == nil || errors.Is(err, ErrClosed) {
			done(err)
			return
		}
		m.errands.run(func() {
			if failed := m.sendBack(r, item.Attempts, level); failed != nil {
				done(errors.Join(err, failed))
				return
			}
			done(nil)
		})
	})
}

// askBack has the broker that a message came from put it into the retry topic.
func (m *membership) askBack(q consumer.Queue, r *Received, level int, done func(error)) {
	request := newRequest(messages.CodeConsumerSendMsgBack)
	request.Ext.SetInt("offset", r.PhysicalOffset)
	request.Ext.Set("group", m.group)
	request.Ext.SetInt("delayLevel", int64(level))
	request.Ext.Set("originMsgId", r.ID)
	request.Ext.Set("originTopic", m.client.wrap(r.Topic))
	request.Ext.SetBool("unitMode", m.client.unit)
	request.Ext.SetInt("maxReconsumeTimes", int64(max(m.o.retries, 0)))
	request.Ext.Set("bname", q.BrokerName)
	m.sendMaster(q, request, done)
}

// Pull implements consumer.Cluster.
func (m *membership) Pull(p consumer.Pull, done func(consumer.Pulled)) {
	began := time.Now()
	q := m.client.queue(p.Queue)
	failed := func(err error) { done(consumer.Pulled{Status: consumer.Failed, Err: err}) }
	subscription := m.subscription(p.Queue.Topic)
	addr := m.client.routes.any(q.Broker, p.BrokerID)
	if subscription == nil || addr == "" {
		m.renew(q.Topic)
		failed(fmt.Errorf("%w: broker %s is not known", ErrNoQueue, q.Broker))
		return
	}
	request := PullRequest{Group: m.group, Queue: q, Offset: p.Next, Max: p.Max, Hold: holdTime}
	m.client.send(addr, m.client.pullRequest(&request, subscription), holdTime+pullSlack, func(response *messages.Command, err error) {
		if err != nil {
			m.renew(q.Topic) // the broker may have moved
			failed(err)
			return
		}
		pulled := m.pulled(addr, q, p.Next, subscription, response)
		pulled.Elapsed = time.Since(began)
		done(pulled)
	})
}

// pulled reads the response to a pull from an offset. A batch may begin before that.
func (m *membership) pulled(addr string, q Queue, from int64, subscription *messages.SubscriptionData, response *messages.Command) consumer.Pulled {
	var result PullResult
	var pulled consumer.Pulled
	err := result.decode(addr, q, subscription, response, func(r *Received, size int) {
		if r.Offset < from {
			return
		}
		r.Topic = m.client.unwrap(r.Topic)
		pulled.Items = append(pulled.Items, consumer.Item{Offset: r.Offset, Size: size, Attempts: r.Attempts, Message: r})
	})
	if err != nil {
		return m.refused(addr, err)
	}
	pulled.Next, pulled.End, pulled.BrokerID = result.Next, result.Max, result.suggested
	if result.Status == PullMoved {
		pulled.Status = consumer.Moved
	}
	return pulled
}

// refused says what the refusal of a pull means.
func (m *membership) refused(addr string, err error) consumer.Pulled {
	var refused *Error
	if errors.As(err, &refused) {
		switch messages.ResponseCode(refused.Code) {
		case messages.FlowControl:
			return consumer.Pulled{Status: consumer.Busy}
		case messages.SubscriptionNotExist, messages.SubscriptionNotLatest, messages.SubscriptionParseFailed:
			// The broker has forgotten the consumer: it gets a heartbeat.
			if conn := m.client.conns.current(addr); conn != nil {
				conn.unlearn(m.group)
			}
			m.rebalanceSoon()
		}
	}
	return consumer.Pulled{Status: consumer.Failed, Err: err}
}
