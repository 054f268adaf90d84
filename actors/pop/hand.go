package pop

import (
	"strconv"
	"time"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// reading is what the turn of a pop is about.
type reading struct {
	topics      []string // the asked for is the last
	popTime     int64
	reviveQueue int32
	ends        map[queueKey]int64 // of the queues that nothing was found in
	rest        int64              // messages that are left
	visible     int64              // when the first of the blocked queues is free, Unix milliseconds; 0 if none is
}

// found ends the turn of a pop, or a peek.
func (p *pop) found(f *found) {
	if m, ok := f.token.(*peeking); ok {
		p.peeked(m, f)
		return
	}
	q := f.token.(*popping)
	if q.gone {
		buffers.Put(f.buffer)
		q.sub.next(p)
		return
	}
	q.reads.rest = f.rest
	for i := range f.taken {
		t := &f.taken[i]
		if t.begun || t.moved {
			p.commit(q.ConsumerGroup, t.topic, t.queueID, t.offset)
		}
		if f.count == 0 {
			if q.reads.ends == nil {
				q.reads.ends = make(map[queueKey]int64)
			}
			q.reads.ends[queueKey{t.topic, t.queueID}] = t.end
		}
	}
	if q.Order {
		p.handOrderly(q, f)
	} else {
		p.hand(q, f)
	}
	q.sub.next(p)
}

// hand has checkpoints stored of what was found, before it is answered.
func (p *pop) hand(q *popping, f *found) {
	c := &checkpoints{popping: q, found: f}
	for i := range f.taken {
		t := &f.taken[i]
		if t.next <= t.offset {
			continue
		}
		h := &handout{sub: q.sub, queue: queueKey{t.topic, t.queueID}, next: t.next, reviveQueue: q.reads.reviveQueue, stored: true}
		if len(t.offsets) > 0 {
			h.stored, h.checkpoint = false, p.checkpoint(q, t)
			c.handouts = append(c.handouts, h)
		}
		q.sub.queues[h.queue] = append(q.sub.queues[h.queue], h)
		p.settle(q.sub, h.queue)
	}
	if len(c.handouts) == 0 {
		buffers.Put(f.buffer)
		p.nothing(q)
		p.wakeNext(q, f.rest)
		return
	}
	p.closed(q)
	p.wakeNext(q, f.rest)
	p.note(c)
}

func (p *pop) checkpoint(q *popping, t *taken) *messages.PopCheckpoint {
	c := &messages.PopCheckpoint{
		Broker: p.Broker, Group: q.ConsumerGroup, Topic: t.topic, QueueID: t.queueID, StartOffset: t.offset,
		Count: int32(len(t.offsets)), PopTime: q.reads.popTime, Invisible: q.Invisible,
	}
	for _, offset := range t.offsets {
		c.Diffs = append(c.Diffs, int32(offset-t.offset))
	}
	return c
}

// checkpoints is the Token of the Append of a pop's.
type checkpoints struct {
	*popping
	found    *found // nil once the client has its answer
	handouts []*handout
}

type again struct{ *checkpoints }

// retryAfter is the pause after the log has refused a checkpoint.
const retryAfter = 500 * time.Millisecond

// note has checkpoints stored.
func (p *pop) note(c *checkpoints) {
	a := messages.NewAppend(len(c.handouts) * typicalRecord)
	a.ReplyTo, a.Token = p.self, c
	for _, h := range c.handouts {
		first := len(a.Records)
		if err := p.Log.Checkpoint(a, h.checkpoint, h.reviveQueue, p.Env.Millis()); err != nil {
			panic(err) // its fields were checked
		}
		a.Sends = append(a.Sends, messages.Send{First: first, Count: len(a.Records) - first, Wait: true})
	}
	p.Env.Send(p.CommitLog, a)
}

// noted answers a pop whose checkpoints are stored. If the log has refused one, the
// client gets nothing, and it is tried again: what it names comes back when it is
// visible, whoever else was given messages behind it.
func (p *pop) noted(a *messages.Append, c *checkpoints) {
	var refused []*handout
	var why *messages.Send
	for i, h := range c.handouts {
		if s := &a.Sends[i]; !s.Stored() {
			refused, why = append(refused, h), s
			continue
		}
		h.stored = true
		p.settle(h.sub, h.queue)
	}
	if f := c.found; f != nil {
		c.found = nil
		if why == nil {
			p.give(c.popping, f)
		} else {
			buffers.Put(f.buffer)
			front.Reply(p.Env, c.ticket, c.ticket.Response(messages.SystemError, why.Remark))
		}
	}
	if c.handouts = refused; len(refused) > 0 {
		p.retries[c] = p.Env.Tell(p.self, retryAfter, &again{c})
	}
}

func (p *pop) tryAgain(c *checkpoints) {
	delete(p.retries, c)
	p.note(c)
}

// handOrderly answers what was found of queues that are popped in order.
func (p *pop) handOrderly(q *popping, f *found) {
	var counts []byte
	for i := range f.taken {
		t := &f.taken[i]
		switch {
		case len(t.offsets) > 0:
			counts = p.orders.out(counts, q, t, p.Env.Millis())
			p.commit(q.ConsumerGroup, t.topic, t.queueID, t.offset)
		case t.next > t.offset: // nothing was wanted of it
			p.commit(q.ConsumerGroup, t.topic, t.queueID, t.next)
		}
	}
	if f.count == 0 {
		buffers.Put(f.buffer)
		p.nothing(q)
		p.wakeNext(q, f.rest)
		return
	}
	p.closed(q)
	p.wakeNext(q, f.rest)
	p.giveWith(q, f, string(counts))
}

func (p *pop) give(q *popping, f *found) { p.giveWith(q, f, "") }

// giveWith answers a pop.
func (p *pop) giveWith(q *popping, f *found, orderCounts string) {
	p.Counters.Found.Add(1)
	p.Counters.Get.Add(int64(f.count))
	p.Counters.GetBytes.Add(int64(len(f.body)))
	var starts, all []byte
	for i := range f.taken {
		t := &f.taken[i]
		if len(t.offsets) == 0 {
			continue
		}
		p.Traffic.Out(q.ConsumerGroup, t.topic).Add(len(t.offsets), t.size)
		starts = strconv.AppendInt(entry(starts, t), t.offset, 10)
		all = entry(all, t)
		for n, offset := range t.offsets {
			if n > 0 {
				all = append(all, ',')
			}
			all = strconv.AppendInt(all, offset, 10)
		}
	}
	response := q.ticket.Response(messages.Success, "FOUND")
	h := messages.PopResponse{
		PopTime: q.reads.popTime, Invisible: q.Invisible, ReviveQueue: q.reads.reviveQueue, RestNum: f.rest,
		StartOffsets: string(starts), MsgOffsets: string(all), OrderCounts: orderCounts,
	}
	h.Set(&response.Ext)
	buffer := f.buffer
	front.ReplyBody(p.Env, q.ticket, response, f.body, func() { buffers.Put(buffer) })
}

// entry begins a queue's part of PopResponse's lists.
func entry(dst []byte, t *taken) []byte {
	if len(dst) > 0 {
		dst = append(dst, ';')
	}
	dst = append(append(dst, messages.PopMark(t.topic)...), ' ')
	return append(strconv.AppendInt(dst, int64(t.queueID), 10), ' ')
}

// typicalRecord is about the size of a record of the revive log, in bytes.
const typicalRecord = 768
