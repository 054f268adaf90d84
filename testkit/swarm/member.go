package swarm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/testkit/history"
)

// The intervals of a member. A real client's are longer; what matters is that they
// are shorter than the broker's patience.
const (
	heartbeatInterval = 10 * time.Second
	rebalanceInterval = 5 * time.Second
	commitInterval    = 2 * time.Second
	lockInterval      = 15 * time.Second
	// lockLife is the time for which a lock is good without renewal, as clients have
	// it: half of what the broker grants.
	lockLife = 30 * time.Second
)

// member is a push consumer that shares the queues of its topics with the other
// members of its group.
type member struct {
	actor
	orderly bool
	id      string
	shares  map[share]*holding
	settled bool // the last rebalance knew everybody, in the end phase
}

type share struct {
	node  *node
	topic string
	queue int32
}

// holding is a queue that the member consumes.
type holding struct {
	*flow
	member  *member
	pending []record.Record // not yet handled
	ids     []history.ID    // theirs
	lockEnd time.Duration   // an orderly member handles nothing after that
	handled int             // the handler's turns, to tell a late one
}

func (m *member) group() string {
	if m.orderly {
		return groupOrderly
	}
	return groupMembers
}

func (m *member) topics() []string {
	if m.orderly {
		return []string{topicOrdered}
	}
	return []string{topicPlain, topicDelayed, messages.RetryTopic(groupMembers)}
}

func (m *member) start() {
	m.begin()
	m.id = fmt.Sprintf("member-%d", m.index)
	m.shares = make(map[share]*holding)
	m.settled = false
	for i, p := range m.peers {
		p.requested = func(c *messages.Command) {
			if c.Code == int32(messages.CodeNotifyConsumerIDsChanged) {
				// Others may have heard of it sooner, or hear of it later.
				m.again(time.Second, func() { m.rebalance(m.run.nodes[i]) })
			}
		}
	}
	m.beat()
	m.again(rebalanceInterval/5, m.rebalanceAll)
	m.again(commitInterval, m.commitAll)
	if m.orderly {
		m.again(lockInterval, m.lockAll)
	}
}

func (m *member) busy() string {
	if !m.settled {
		return "has not divided the queues"
	}
	for _, s := range m.sorted() {
		if h := m.shares[s]; !h.idle() || len(h.pending) > 0 {
			return fmt.Sprintf("is at %d of %d of %s", h.next, h.end, h.name())
		}
	}
	if first := m.run.consumed.missing(m.group(), m.topics()[0]); first != "" {
		return "has not consumed " + first
	}
	return ""
}

func (m *member) sorted() []share {
	all := make([]share, 0, len(m.shares))
	for s := range m.shares {
		all = append(all, s)
	}
	slices.SortFunc(all, compareShares)
	return all
}

func compareShares(a, b share) int {
	return cmp.Or(cmp.Compare(a.node.index, b.node.index), cmp.Compare(a.topic, b.topic), cmp.Compare(a.queue, b.queue))
}

// beat tells all brokers that the member is there.
func (m *member) beat() {
	data := messages.HeartbeatData{ClientID: m.id, Consumers: []messages.ConsumerData{{
		GroupName: m.group(), ConsumeType: messages.ConsumePassively, MessageModel: messages.Clustering,
		ConsumeFromWhere: messages.ConsumeFromFirstOffset,
	}}}
	for _, topic := range m.topics() {
		s, err := messages.BuildSubscription(topic, "*", "TAG")
		if err != nil {
			m.run.fail(err)
			return
		}
		s.SubVersion = 1
		data.Consumers[0].Subscriptions = append(data.Consumers[0].Subscriptions, *s)
	}
	body, err := data.Encode()
	if err != nil {
		m.run.fail(err)
		return
	}
	for _, p := range m.peers {
		c := request(messages.CodeHeartBeat)
		c.Body = body
		p.call(c, callLimit, func(*messages.Command, error) {})
	}
	m.again(heartbeatInterval, m.beat)
}

func (m *member) rebalanceAll() {
	for _, n := range m.run.nodes {
		m.rebalance(n)
	}
	m.again(rebalanceInterval, m.rebalanceAll)
}

// rebalance divides the queues of one broker among the members that it knows.
func (m *member) rebalance(n *node) {
	c := request(messages.CodeGetConsumerListByGroup, "consumerGroup", m.group())
	life := m.life
	m.peers[n.index].call(c, callLimit, func(response *messages.Command, err error) {
		if err != nil || response.Code != int32(messages.Success) || life != m.life {
			return // the heartbeat may not have come yet
		}
		list, err := messages.DecodeConsumerList(response.Body)
		if err != nil {
			m.run.fail(fmt.Errorf("swarm: members of %s: %w", m.group(), err))
			return
		}
		m.divide(n, list.ConsumerIDList)
		m.settled = m.run.ending
	})
}

// divide takes the member's part of a broker's queues (RocketMQ:
// AllocateMessageQueueAveragely, by turns).
func (m *member) divide(n *node, ids []string) {
	slices.Sort(ids)
	at := slices.Index(ids, m.id)
	if at < 0 {
		return
	}
	var mine []share
	for _, topic := range m.topics() {
		queues := m.run.plan.Queues
		if messages.IsRetryTopic([]byte(topic)) {
			queues = 1
		}
		for q := range queues {
			if int(q)%len(ids) == at {
				mine = append(mine, share{n, topic, q})
			}
		}
	}
	for _, s := range m.sorted() {
		if s.node == n && !slices.Contains(mine, s) {
			m.drop(s)
		}
	}
	for _, s := range mine {
		if m.shares[s] == nil {
			m.acquire(s)
		}
	}
}

// drop gives a queue up: the offset is committed, the lock given back.
func (m *member) drop(s share) {
	h := m.shares[s]
	delete(m.shares, s)
	h.dead = true
	h.commit()
	if m.orderly {
		m.peers[s.node.index].call(m.lockRequest(messages.CodeUnlockBatchMQ, s), callLimit, func(*messages.Command, error) {})
	}
}

// acquire begins with a queue: with its lock, if it needs one, at the group's
// offset.
func (m *member) acquire(s share) {
	h := &holding{member: m}
	h.flow = &flow{actor: &m.actor, life: m.life, node: s.node, group: m.group(), topic: s.topic, queue: s.queue}
	h.take = func(_ *flow, found []record.Record) {
		if h.ids = m.saw(s.node, s.topic, s.queue, found); h.ids != nil {
			h.pending = found
			h.handle()
		}
	}
	m.shares[s] = h
	if m.orderly {
		m.lock(s, h, func() { h.locate() })
		return
	}
	h.locate()
}

// locate asks where the group is in the queue, and goes on there.
func (h *holding) locate() {
	if h.ended() {
		return
	}
	c := request(messages.CodeQueryConsumerOffset, "consumerGroup", h.group, "topic", h.topic, "queueId", h.queue)
	h.actor.peers[h.node.index].call(c, callLimit, func(response *messages.Command, err error) {
		switch {
		case err != nil:
			h.actor.again(retryPause, h.locate)
			return
		case response.Code == int32(messages.QueryNotFound):
			h.next = 0
		case response.Code != int32(messages.Success):
			h.actor.again(retryPause, h.locate)
			return
		default:
			h.next, err = response.Ext.Int64("offset")
			h.actor.run.fail(err)
		}
		h.more()
	})
}

// handle works on the messages that were pulled, one after the other.
func (h *holding) handle() {
	if h.ended() {
		return
	}
	if len(h.pending) == 0 {
		h.more()
		return
	}
	if h.member.orderly && h.actor.run.world.Elapsed() >= h.lockEnd {
		h.actor.again(retryPause, h.handle)
		return
	}
	h.handled++
	turn := h.handled
	h.actor.run.exclusive(h, true)
	h.actor.again(time.Duration(1+h.actor.run.rand.IntN(20))*time.Millisecond, func() {
		h.actor.run.exclusive(h, false)
		if !h.ended() && turn == h.handled {
			h.finish(h.ids[0], &h.pending[0])
		}
	})
}

// finish is after the handler has returned.
func (h *holding) finish(id history.ID, m *record.Record) {
	r := h.actor.run
	rate := h.actor.plan.FailRate
	retried := messages.IsRetryTopic([]byte(h.topic))
	if retried != (m.ReconsumeTimes > 0) || m.ReconsumeTimes > maxRetries {
		r.fail(fmt.Errorf("swarm: %v in %s has been tried %d times", id, h.name(), m.ReconsumeTimes))
		return
	}
	switch {
	case rate == 0 || r.rand.IntN(rate) != 0:
		r.consumed.consumed(h.group, id)
		h.done()
	case h.member.orderly:
		h.actor.again(retryPause, h.handle) // the same one again
	default:
		h.sendBack(id, m)
	}
}

func (h *holding) done() {
	h.pending, h.ids = h.pending[1:], h.ids[1:]
	h.next++
	h.handle()
}

// sendBack has the broker bring a message again, later.
func (h *holding) sendBack(id history.ID, m *record.Record) {
	r := h.actor.run
	c := request(messages.CodeConsumerSendMsgBack, "group", h.group, "offset", m.PhysOffset, "delayLevel", 0,
		"originMsgId", "", "originTopic", h.topic, "unitMode", false, "maxReconsumeTimes", maxRetries)
	h.actor.peers[h.node.index].call(c, callLimit, func(response *messages.Command, err error) {
		if err != nil || response.Code != int32(messages.Success) {
			h.actor.again(retryPause, h.handle)
			return
		}
		if m.ReconsumeTimes >= maxRetries {
			r.consumed.consumed(h.group, id) // by the dead letters
		} else {
			r.consumed.sentBack[id] = r.world.Elapsed()
		}
		if !h.ended() {
			h.done()
		}
	})
}

func (m *member) commitAll() {
	for _, s := range m.sorted() {
		m.shares[s].commit()
	}
	m.again(commitInterval, m.commitAll)
}

func (h *holding) commit() {
	c := request(messages.CodeUpdateConsumerOffset, "consumerGroup", h.group, "topic", h.topic, "queueId", h.queue, "commitOffset", h.next)
	h.actor.peers[h.node.index].call(c, callLimit, func(*messages.Command, error) {})
}

func (m *member) lockAll() {
	for _, s := range m.sorted() {
		m.lock(s, m.shares[s], nil)
	}
	m.again(lockInterval, m.lockAll)
}

// lock renews the lock of a queue; with then, it tries until it has it and goes on.
func (m *member) lock(s share, h *holding, then func()) {
	asked := m.run.world.Elapsed()
	m.peers[s.node.index].call(m.lockRequest(messages.CodeLockBatchMQ, s), callLimit, func(response *messages.Command, err error) {
		if h.ended() {
			return
		}
		granted := false
		if err == nil && response.Code == int32(messages.Success) {
			body, err := messages.DecodeLockBatchResponse(response.Body)
			m.run.fail(err)
			granted = err == nil && len(body.LockOKMQSet) == 1
		}
		if granted {
			h.lockEnd = asked + lockLife
		} else if err == nil {
			h.lockEnd = 0
		}
		switch {
		case then == nil:
			return
		case granted:
			then()
			return
		}
		m.again(time.Second, func() {
			if !h.ended() {
				m.lock(s, h, then)
			}
		})
	})
}

func (m *member) lockRequest(code messages.RequestCode, s share) *messages.Command {
	c := request(code)
	queue := messages.MessageQueue{Topic: s.topic, BrokerName: s.node.name, QueueID: s.queue}
	var err error
	c.Body, err = (&messages.LockBatch{ConsumerGroup: m.group(), ClientID: m.id, Queues: []messages.MessageQueue{queue}}).Encode()
	m.run.fail(err)
	return c
}
