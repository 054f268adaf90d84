package cluster

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// Orderly is a producer, and the members of a group that pop what it sends in order.
// They see to it that, of each queue,
//
//   - nobody gets a message while an earlier one is not acknowledged, or one is with
//     somebody else,
//   - no message is left out.
//
// A crash may take what is out, and offsets that were not saved: messages come again
// then, in their order.
type Orderly struct {
	Careful bool // members acknowledge everything at once

	broker  *Broker
	random  *rand.Rand
	topic   string
	queues  []line
	sender  *sim.Client
	sends   []*sim.Call
	members []*taker
	crashed int64 // Unix milliseconds of the last time

	Came, Again int
}

// line is a queue.
type line struct {
	sent  int64          // messages that are stored for sure
	tried map[int64]bool // offsets that somebody tried to acknowledge
	until int64          // when what is out is visible again; 0 after a crash
	out   []int64        // that is not acknowledged, as far as is known
	seen  map[int64]bool
}

// taker is a member.
type taker struct {
	client *sim.Client
	pop    *sim.Call
	held   []script.PoppedMessage
	acks   []*sim.Call
}

// NewOrderly returns a producer and so many members, for a topic that exists.
func NewOrderly(b *Broker, topic string, queues, members int) *Orderly {
	o := &Orderly{
		broker: b, topic: topic, random: rand.New(rand.NewPCG(b.world.Seed(), 0x6f72646572)),
		queues: make([]line, queues), members: make([]*taker, members),
	}
	for i := range o.queues {
		o.queues[i] = line{tried: make(map[int64]bool), seen: make(map[int64]bool)}
	}
	for i := range o.members {
		o.members[i] = &taker{}
	}
	return o
}

// Crashed says that the broker is being stopped, one way or another.
func (o *Orderly) Crashed() {
	o.crashed = o.now()
	for i := range o.queues {
		o.queues[i].until = 0
	}
}

func (o *Orderly) now() int64 { return o.broker.Host.Now().UnixMilli() }

func (o *Orderly) connect() {
	world := o.broker.world
	if closed, _ := isClosed(o.sender); closed {
		o.sender, o.sends = o.broker.Dial(world.Host("producer")), nil
	}
	for i, m := range o.members {
		if closed, _ := isClosed(m.client); closed {
			o.members[i] = &taker{client: o.broker.Dial(world.Host(fmt.Sprintf("member-%d", i)))}
		}
	}
}

// Load sends and pops for so long.
func (o *Orderly) Load(span time.Duration) { o.run(span, false) }

// Settle acknowledges all that comes, and sends nothing, for so long.
func (o *Orderly) Settle(span time.Duration) {
	o.Careful = true
	o.run(span, true)
	o.Careful = false
}

func (o *Orderly) run(span time.Duration, settle bool) {
	for end := o.broker.world.Elapsed() + span; o.broker.world.Elapsed() < end; {
		o.connect()
		if !settle && o.random.IntN(5) == 0 {
			o.sends = append(o.sends, o.sender.Send(script.Send(o.topic, int32(o.random.IntN(len(o.queues))), []byte("ordered"))))
		}
		o.collectSends()
		for _, m := range o.members {
			o.collect(m)
			o.act(m)
		}
		o.broker.world.Advance(time.Duration(1+o.random.IntN(40)) * time.Millisecond)
		require.NoError(o.broker.t, o.broker.world.Err())
	}
}

func (o *Orderly) collectSends() {
	left := o.sends[:0]
	for _, call := range o.sends {
		if call.Response == nil {
			left = append(left, call)
			continue
		}
		if queue, offset, err := script.Sent(call.Response); err == nil {
			o.queues[queue].sent = max(o.queues[queue].sent, offset+1)
		}
	}
	o.sends = left
}

func (o *Orderly) collect(m *taker) {
	if m.pop == nil || m.pop.Response == nil {
		return
	}
	all, err := script.Popped(m.pop.Response)
	require.NoError(o.broker.t, err)
	m.pop = nil
	o.check(all)
	m.held = append(m.held, all...)
}

// check holds what a member got against what is known of the queues.
func (o *Orderly) check(all []script.PoppedMessage) {
	last := make(map[int32]int64)
	for i := range all {
		r := &all[i]
		q := &o.queues[r.QueueID]
		if before, ok := last[r.QueueID]; ok {
			require.Equal(o.broker.t, before+1, r.QueueOffset, "queue %d is out of order", r.QueueID)
		} else {
			o.checkFirst(q, r)
		}
		last[r.QueueID] = r.QueueOffset
		if q.seen[r.QueueOffset] {
			o.Again++
		} else {
			o.Came++
		}
		q.seen[r.QueueOffset] = true
		q.out = append(q.out, r.QueueOffset)
	}
}

func (o *Orderly) checkFirst(q *line, r *script.PoppedMessage) {
	for offset := range r.QueueOffset {
		require.True(o.broker.t, q.tried[offset], "queue %d goes on at %d, and nobody has acknowledged %d", r.QueueID, r.QueueOffset, offset)
	}
	for _, offset := range q.out {
		require.False(o.broker.t, !q.tried[offset] && r.Handle.PopTime < q.until,
			"queue %d was popped at %d, and %d was out until %d", r.QueueID, r.Handle.PopTime, offset, q.until)
	}
	q.until, q.out = r.Handle.PopTime+r.Handle.Invisible, nil
	if r.Handle.PopTime <= o.crashed { // its answer was still under way then
		q.until = 0
	}
}

// act has a member do something. It acknowledges in the order in which it got messages,
// and forgets some.
func (o *Orderly) act(m *taker) {
	if m.pop == nil && len(m.held) == 0 {
		m.pop = m.client.Send(script.PopInOrder(o.topic, -1, int32(1+o.random.IntN(4)), int64(500+o.random.IntN(3000)), int64(o.random.IntN(800)), o.now(), ""))
	}
	if len(m.held) == 0 {
		return
	}
	switch h := m.held[0]; {
	case o.Careful || o.random.IntN(10) > 0:
		o.queues[h.QueueID].tried[h.QueueOffset] = true
		m.acks = append(m.acks, m.client.Send(script.Ack(o.topic, h.Handle)))
		m.held = m.held[1:]
	case o.random.IntN(4) == 0:
		m.held = nil
	}
}

// Check asserts that everything that was stored came.
func (o *Orderly) Check() {
	for id := range o.queues {
		for offset := range o.queues[id].sent {
			require.True(o.broker.t, o.queues[id].seen[offset], "%d of queue %d was stored and never came", offset, id)
		}
	}
}
