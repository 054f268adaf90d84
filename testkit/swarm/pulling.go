package swarm

import (
	"fmt"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/script"
)

// holdTime is how long brokers may hold a pull.
const holdTime = 4 * time.Second

// retryPause is the time between two tries of what did not work.
const retryPause = 300 * time.Millisecond

// flow pulls one queue, from an offset on, one pull at a time.
type flow struct {
	actor *actor
	life  int // of the actor
	node  *node
	group string
	topic string
	queue int32
	next  int64
	end   int64 // of the queue, as the last answer had it
	known bool  // end is from after the last fault
	dead  bool
	asked int64 // when the pull under way was sent, Unix milliseconds by the broker's clock
	// take handles messages and then has the flow go on, by calling more.
	take func(f *flow, found []record.Record)
}

func (f *flow) name() string { return fmt.Sprintf("%s/%d of %s", f.topic, f.queue, f.node.name) }

func (f *flow) ended() bool { return f.dead || f.life != f.actor.life || f.actor.run.err != nil }

// more pulls.
func (f *flow) more() {
	if f.ended() {
		return
	}
	f.asked = f.node.host.Now().UnixMilli()
	f.actor.peers[f.node.index].call(pull(f.group, f.topic, f.queue, f.next, holdTime), holdTime+callLimit, f.pulled)
}

func (f *flow) later() { f.actor.again(retryPause, f.more) }

func (f *flow) pulled(response *messages.Command, err error) {
	if f.ended() {
		return
	}
	if err != nil {
		f.later()
		return
	}
	found, err := script.Pulled(response)
	if err != nil {
		if !f.node.ailing() && !f.refusable(messages.ResponseCode(response.Code)) {
			f.actor.run.fail(fmt.Errorf("swarm: a pull of %s at %d: %w", f.name(), f.next, err))
		}
		f.later()
		return
	}
	f.end, f.known = found.Max, f.actor.run.ending
	if len(found.Records) == 0 {
		if found.Next != f.next {
			f.moved(found)
		}
		f.more()
		return
	}
	for i := range found.Records {
		m := &found.Records[i]
		if m.QueueOffset != f.next+int64(i) || string(m.Topic) != f.topic || m.QueueID != f.queue {
			f.actor.run.fail(fmt.Errorf("swarm: a pull of %s at %d brought %s/%d offset %d at place %d",
				f.name(), f.next, m.Topic, m.QueueID, m.QueueOffset, i))
			return
		}
	}
	f.judgeWaiting(found.Records)
	f.take(f, found.Records)
}

// wakeLimit is the time in which a message that a pull waits for must be there,
// where nothing disturbs.
const wakeLimit = 500 // milliseconds

// judgeWaiting checks that a pull that waited was answered when the message came.
func (f *flow) judgeWaiting(found []record.Record) {
	stored := found[0].StoreTimestamp
	late := f.node.host.Now().UnixMilli() - max(stored, f.asked)
	if late > wakeLimit && len(f.actor.run.plan.Faults) == 0 {
		f.actor.run.fail(fmt.Errorf("swarm: %s offset %d came %d ms late to a pull that waited", f.name(), found[0].QueueOffset, late))
	}
}

// refusable are the codes that a pull may get at any time.
func (f *flow) refusable(code messages.ResponseCode) bool {
	switch code {
	case messages.SystemBusy, messages.ServiceNotAvailable:
		return true
	case messages.TopicNotExist: // until the first message was sent back
		return messages.IsRetryTopic([]byte(f.topic))
	}
	return false
}

// moved follows a broker that says the offset is none of its queue. That must only
// be after it lost the end of the queue.
func (f *flow) moved(found *script.Messages) {
	if f.next > found.Max && f.actor.run.plan.SyncFlush && f.topic != topicHasty && !messages.IsRetryTopic([]byte(f.topic)) && !f.node.ailing() {
		f.actor.run.fail(fmt.Errorf("swarm: %s ends at %d, and has been read to %d", f.name(), found.Max, f.next))
	}
	f.next = found.Next
}

// idle reports whether everything in the queue was taken.
func (f *flow) idle() bool { return f.known && f.next >= f.end }

// saw tells the history of messages of an ordinary topic, and the other judges of
// all others.
func (a *actor) saw(n *node, topic string, queueID int32, found []record.Record) []history.ID {
	r := a.run
	q := n.queue(topic, queueID)
	ids := make([]history.ID, 0, len(found))
	for i := range found {
		m := &found[i]
		var id history.ID
		var err error
		switch {
		case topic == topicDelayed:
			id, err = r.delays.visible(n, m)
		case messages.IsRetryTopic([]byte(topic)):
			id, err = history.Identify(m.Body)
		default:
			id, err = history.Identify(m.Body)
			if err == nil {
				err = r.history.Read(q, m.QueueOffset, m.Body)
			}
			r.consumed.seen(q, m.QueueOffset)
		}
		if err != nil {
			r.fail(err)
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// reader reads every queue of every topic from the beginning on.
type reader struct {
	actor
	flows []*flow
}

func (c *reader) start() {
	c.begin()
	c.flows = nil
	for _, n := range c.run.nodes {
		for _, topic := range topics {
			for q := range c.run.plan.Queues {
				f := &flow{actor: &c.actor, life: c.life, node: n, group: "readers", topic: topic, queue: q}
				f.take = func(f *flow, found []record.Record) {
					if c.saw(f.node, f.topic, f.queue, found) != nil {
						f.next += int64(len(found))
						f.more()
					}
				}
				c.flows = append(c.flows, f)
				f.more()
			}
		}
	}
}

func (c *reader) busy() string {
	for _, f := range c.flows {
		if !f.idle() {
			return fmt.Sprintf("is at %d of %d of %s", f.next, f.end, f.name())
		}
	}
	return ""
}

// listener is a broadcasting consumer: it keeps its offsets itself, and is told
// every message while it runs.
type listener struct{ reader }

func (c *listener) start() {
	c.reader.start()
	for _, f := range c.flows {
		f.group = groupListener
	}
}
