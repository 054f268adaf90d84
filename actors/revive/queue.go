package revive

import (
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
)

// queue is a queue of the revive log.
type queue struct {
	id      int32
	next    int64         // offset that is read next
	pause   env.Timer     // before another try to read; nil if there is none
	open    []*open       // in the order of the queue, until their messages are stored again
	keys    map[key]*open // of those that are not begun
	asked   int64         // time that Timer is asked about; 0 if it is not
	reached int64         // what was due before has been delivered
}

// key names a checkpoint.
type key struct {
	topic, group string
	queueID      int32
	start        int64
	popTime      int64
	broker       string
}

// open is a checkpoint whose messages are not all acknowledged or stored again.
type open struct {
	queue      *queue
	checkpoint *messages.PopCheckpoint
	offset     int64   // in the revive log
	left       []int64 // offsets of the messages that are to be stored again, once begun
	begun      bool
	done       bool
}

// maxScans bounds what is read of a queue at a time, between which others are served.
const maxScans = 16

// scan reads what is new in a queue, and then revives what is ripe.
func (r *revive) scan(q *queue) {
	if r.self == nil || q.pause != nil {
		return
	}
	for range maxScans {
		got := r.Store.Get(r.Log.Topic, q.id, q.next, 32, nil, r.buffer[:0])
		if cap(got.Body) <= maxBuffer {
			r.buffer = got.Body
		}
		r.take(q, got.Body)
		switch got.Status {
		case storage.Found, storage.MessageWasRemoving, storage.NoMatchedMessage:
			if got.Next > q.next {
				q.next = got.Next
				continue
			}
		case storage.OffsetTooSmall, storage.OffsetOverflowBadly:
			r.Env.Log.Warn().Int32("queue", q.id).Int64("from", q.next).Int64("to", got.Next).Msg("the offset of the revive log is outside of it and is corrected")
			q.next = got.Next
			continue
		}
		if got.Err != nil {
			r.Env.Log.Error().Err(got.Err).Int32("queue", q.id).Msg("the revive log cannot be read; it is tried again")
			q.pause = r.Env.Tell(r.self, retryAfter, &scan{q})
			return
		}
		r.ripen(q)
		return
	}
	r.Env.Send(r.self, &scan{q})
}

// maxBuffer bounds the buffer that is kept from one read to the next, in bytes.
const maxBuffer = 256 << 10

// take takes the records of a read.
func (r *revive) take(q *queue, body []byte) {
	for len(body) > 0 {
		var m record.Record
		n, err := record.Decode(body, &m)
		if err != nil {
			panic(err) // the store checks what it returns
		}
		body = body[n:]
		switch string(messages.FindProperty(m.Properties, messages.PropertyTags)) {
		case messages.TagCheckpoint:
			err = r.checkpoint(q, &m)
		case messages.TagPopAck, messages.TagPopAcks:
			err = r.acknowledge(q, &m)
		}
		if err != nil {
			r.Env.Log.Error().Err(err).Int32("queue", q.id).Int64("offset", m.QueueOffset).Msg("a record of the revive log is damaged and is skipped")
		}
	}
}

func (r *revive) checkpoint(q *queue, m *record.Record) error {
	c, err := messages.ParsePopCheckpoint(m.Body)
	if err != nil {
		return err
	}
	if c.Topic == "" || c.Group == "" {
		return nil
	}
	k := key{c.Topic, c.Group, c.QueueID, c.StartOffset, c.PopTime, c.Broker}
	o := &open{queue: q, checkpoint: c, offset: m.QueueOffset}
	q.open = append(q.open, o)
	if q.keys[k] != nil { // Timer delivers some twice after a crash; the first has the acknowledgements
		o.begun, o.done = true, true
		return nil
	}
	q.keys[k] = o
	return nil
}

func (r *revive) acknowledge(q *queue, m *record.Record) error {
	a, err := messages.ParsePopAck(m.Body)
	if err != nil {
		return err
	}
	if a.Broker == "" {
		a.Broker = r.Broker
	}
	all := a.Offsets
	if len(all) == 0 {
		all = []int64{a.Offset}
	}
	k := key{a.Topic, a.Group, a.QueueID, a.StartOffset, a.PopTime, a.Broker}
	o := q.keys[k]
	if o == nil {
		return nil // it came too late: Timer delivers no checkpoint behind its acknowledgements
	}
	for _, offset := range all {
		o.acknowledge(offset)
	}
	return nil
}

func (o *open) acknowledge(offset int64) {
	if i := o.checkpoint.Index(offset); i >= 0 {
		o.checkpoint.Acked |= 1 << i
	}
}

// ripen revives the checkpoints whose time is over, the oldest first, and asks about the
// next one. It is called when all of the queue is read.
func (r *revive) ripen(q *queue) {
	under := 0
	for _, o := range q.open {
		if o.begun {
			if !o.done {
				under++
			}
			continue
		}
		if under >= maxUnder || o.checkpoint.ReviveTime()+grace > q.reached {
			break
		}
		r.revive(o)
		if !o.done {
			under++
		}
	}
	r.settle(q)
	r.ask(q)
}

// maxUnder bounds the checkpoints of a queue whose messages are being stored.
const maxUnder = 64

// revive has stored again what was not acknowledged of a checkpoint.
func (r *revive) revive(o *open) {
	c := o.checkpoint
	o.begun = true
	delete(o.queue.keys, key{c.Topic, c.Group, c.QueueID, c.StartOffset, c.PopTime, c.Broker})
	if !r.wanted(c) {
		o.done = true
		return
	}
	for i := range int(c.Count) {
		if c.Acked&(1<<i) == 0 {
			o.left = append(o.left, c.Offset(i))
		}
	}
	r.again(o)
}

// wanted reports whether a topic and a group still exist.
func (r *revive) wanted(c *messages.PopCheckpoint) bool {
	return r.Topics.Load().Find(normalTopic(c)) != nil && r.Subs.Load().Find(c.Group) != nil
}

// settle commits the offset behind the checkpoints that are done with, up to the first
// that is not.
func (r *revive) settle(q *queue) {
	n := 0
	for n < len(q.open) && q.open[n].done {
		n++
	}
	if n == 0 {
		return
	}
	r.Env.Send(r.Offsets, &offsets.Commit{Group: messages.GroupRevive, Topic: r.Log.Topic, QueueID: q.id, Offset: q.open[n-1].offset})
	clear(q.open[:n])
	q.open = q.open[n:]
}
