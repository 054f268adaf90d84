package pop

import (
	"fmt"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/send"
	"github.com/actormq/actormq/messages"
)

// answers is the Token of an Append of acknowledgements: what to answer when each of
// its sends is stored.
type answers []*messages.Command

// ack acknowledges a message (RocketMQ: AckMessageProcessor). It is answered when it is
// stored; Apache's broker says yes to what its log has refused, too.
func (p *pop) ack(r *front.Request) (*messages.Command, error) {
	h, err := messages.ParseAck(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if p.Slave {
		return nil, send.ErrSlave
	}
	if err := p.acknowledgeable(r, &h); err != nil {
		return nil, err
	}
	first, last, err := p.Store.Bounds(h.Topic, h.QueueID)
	if err != nil {
		return nil, err
	}
	if h.Offset < first || h.Offset > last {
		return nil, messages.Refuse(messages.NoMessage, "offset is illegal, key:%s@%d, commit:%d, store:%d~%d", h.Topic, h.QueueID, h.Offset, first, last)
	}
	handle, err := p.handle(h.Handle)
	if err != nil {
		return nil, err
	}
	if handle.ReviveQueue == messages.ReviveQueueOrderly {
		p.of(h.Topic, h.ConsumerGroup).add(p, &orderly{
			sub: p.of(h.Topic, h.ConsumerGroup), ticket: r.Ticket, queueID: h.QueueID, offsets: []int64{h.Offset}, popTime: handle.PopTime,
		})
		return nil, nil
	}
	return nil, p.acknowledge(r.Response(messages.Success, ""), r.Ticket, func(a *messages.Append) error {
		return p.addAck(a, &h, &handle)
	})
}

// acknowledge has what add adds stored, and response sent then.
func (p *pop) acknowledge(response *messages.Command, ticket messages.Ticket, add func(a *messages.Append) error) error {
	if p.acks == nil {
		p.acks = messages.NewAppend(typicalRecord)
	}
	a := p.acks
	first, at := len(a.Records), len(a.Buf)
	if err := add(a); err != nil {
		a.Records, a.Buf = a.Records[:first], a.Buf[:at]
		return err
	}
	if len(a.Records) == first {
		front.Reply(p.Env, ticket, response)
		return nil
	}
	all, _ := a.Token.(answers)
	a.Token = append(all, response)
	a.Sends = append(a.Sends, messages.Send{Ticket: ticket, First: first, Count: len(a.Records) - first, Wait: true})
	return nil
}

// flushAcks sends what the requests of a burst acknowledge to the log, as the broker's
// own: it is taken also when the disk is too full for messages.
func (p *pop) flushAcks() {
	a := p.acks
	if a == nil {
		return
	}
	p.acks = nil
	if len(a.Sends) == 0 {
		a.Release()
		return
	}
	a.ReplyTo = p.self
	p.Env.Send(p.CommitLog, a)
}

// acked answers what is stored, or was refused.
func (p *pop) acked(a *messages.Append, all answers) {
	for i, response := range all {
		s := &a.Sends[i]
		if !s.Stored() {
			response = s.Ticket.Response(s.Code, s.Remark)
		}
		front.Reply(p.Env, s.Ticket, response)
	}
}

// addAck appends the record of an acknowledgement, which comes to the revive log when
// its message would be visible again.
func (p *pop) addAck(a *messages.Append, h *messages.AckHeader, handle *messages.PopHandle) error {
	ack := messages.PopAck{
		Offset: h.Offset, Broker: handle.Broker, Group: h.ConsumerGroup, PopTime: handle.PopTime, QueueID: h.QueueID,
		StartOffset: handle.StartOffset, Topic: h.Topic,
	}
	return p.Log.Ack(a, &ack, handle.ReviveQueue, handle.PopTime+handle.Invisible, p.Env.Millis())
}

// batchAck acknowledges messages of several checkpoints. Those that do not exist are
// left out.
func (p *pop) batchAck(r *front.Request) (*messages.Command, error) {
	if p.Slave {
		return nil, send.ErrSlave
	}
	if len(r.Command.Body) == 0 {
		return nil, messages.Refuse(messages.NoMessage, "")
	}
	body, err := messages.DecodeBatchAck(r.Command.Body)
	if err != nil {
		return nil, err
	}
	if len(body.Acks) == 0 {
		return nil, messages.Refuse(messages.NoMessage, "")
	}
	return nil, p.acknowledge(r.Response(messages.Success, ""), r.Ticket, func(a *messages.Append) error {
		for i := range body.Acks {
			if err := p.addBatch(a, &body.Acks[i], body.BrokerName); err != nil {
				return err
			}
		}
		return nil
	})
}

// maxBatchAck bounds the messages of one BatchAck. Those of one checkpoint are fewer.
const maxBatchAck = 4096

func (p *pop) addBatch(a *messages.Append, b *messages.BatchAck, broker string) error {
	handle := messages.PopHandle{
		StartOffset: b.StartOffset, PopTime: b.PopTime, Invisible: b.Invisible, ReviveQueue: b.ReviveQueue,
		Mark: b.Mark, Broker: broker, QueueID: b.QueueID,
	}
	if err := p.checkHandle(&handle); err != nil {
		return err
	}
	topic := handle.Topic(b.Topic, b.ConsumerGroup)
	t := p.Topics.Load().Find(topic)
	if t == nil || b.QueueID < 0 || b.QueueID >= t.ReadQueueNums {
		return nil
	}
	first, last, err := p.Store.Bounds(topic, b.QueueID)
	if err != nil {
		return err
	}
	var all []int64
	b.Each(func(offset int64) {
		if offset >= first && offset <= last && len(all) < maxBatchAck {
			all = append(all, offset)
		}
	})
	if len(all) == 0 {
		return nil
	}
	if handle.ReviveQueue == messages.ReviveQueueOrderly {
		sub := p.of(topic, b.ConsumerGroup)
		sub.add(p, &orderly{sub: sub, silent: true, queueID: b.QueueID, offsets: all, popTime: b.PopTime})
		return nil
	}
	ack := messages.PopAck{
		Offset: -1, Offsets: all, Broker: broker, Group: b.ConsumerGroup, PopTime: b.PopTime, QueueID: b.QueueID,
		StartOffset: b.StartOffset, Topic: topic,
	}
	return p.Log.Ack(a, &ack, b.ReviveQueue, b.PopTime+b.Invisible, p.Env.Millis())
}

// changeInvisible moves the time when a message is visible again: it gets a checkpoint
// of its own, and the one that it was popped with is acknowledged (RocketMQ:
// ChangeInvisibleTimeProcessor).
func (p *pop) changeInvisible(r *front.Request) (*messages.Command, error) {
	h, err := messages.ParseChangeInvisible(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if p.Slave {
		return nil, send.ErrSlave
	}
	if err := p.acknowledgeable(r, &h.AckHeader); err != nil {
		return nil, err
	}
	first, last, err := p.Store.Bounds(h.Topic, h.QueueID)
	if err != nil {
		return nil, err
	}
	if h.Offset < first || h.Offset >= last {
		return nil, messages.Refuse(messages.NoMessage, "not set any response code") // as at Apache
	}
	h.Invisible = p.bounded(h.Invisible)
	handle, err := p.handle(h.Handle)
	if err != nil {
		return nil, err
	}
	if handle.ReviveQueue == messages.ReviveQueueOrderly {
		sub := p.of(h.Topic, h.ConsumerGroup)
		sub.add(p, &orderly{sub: sub, ticket: r.Ticket, queueID: h.QueueID, offsets: []int64{h.Offset}, popTime: handle.PopTime, postpones: true, invisible: h.Invisible})
		return nil, nil
	}
	// The new checkpoint needs another name than the old one, which is acknowledged.
	now := max(p.Env.Millis(), handle.PopTime+1)
	response := changed(r.Ticket, now, h.Invisible, handle.ReviveQueue)
	return nil, p.acknowledge(response, r.Ticket, func(a *messages.Append) error {
		checkpoint := &messages.PopCheckpoint{
			Broker: handle.Broker, Group: h.ConsumerGroup, Topic: h.Topic, QueueID: h.QueueID, StartOffset: h.Offset,
			Count: 1, Diffs: []int32{0}, PopTime: now, Invisible: h.Invisible, Suspended: h.Suspend,
		}
		if err := p.Log.Checkpoint(a, checkpoint, handle.ReviveQueue, now); err != nil {
			return err
		}
		return p.addAck(a, &h.AckHeader, &handle)
	})
}

func changed(t messages.Ticket, popTime, invisible int64, reviveQueue int32) *messages.Command {
	response := t.Response(messages.Success, "")
	response.Ext.SetInt("popTime", popTime)
	response.Ext.SetInt("invisibleTime", invisible)
	response.Ext.SetInt("reviveQid", int64(reviveQueue))
	return response
}

// orderly is a turn that acknowledges messages that were popped in order, or, with
// postpones, moves the time when they are visible again.
type orderly struct {
	sub       *subscription
	ticket    messages.Ticket
	silent    bool // nobody waits for an answer
	queueID   int32
	offsets   []int64
	popTime   int64
	postpones bool
	invisible int64 // from now on
}

func (o *orderly) begin(p *pop) {
	clear(o.sub.floors) // Offsets knows of those by then
	p.lookup(o.sub.key.group, []string{o.sub.key.topic}, turn(o))
}

func (o *orderly) located(p *pop, positions []map[int32]int64) {
	topic, group := o.sub.key.topic, o.sub.key.group
	at, known := positions[0][o.queueID]
	if !known {
		at = -1
	}
	var response *messages.Command
	for _, offset := range o.offsets {
		switch {
		case offset < at: // it is behind the group
			if o.postpones {
				response = changed(o.ticket, 0, 0, 0)
			}
		case o.postpones:
			visible := p.Env.Millis() + o.invisible
			p.orders.postpone(topic, group, o.queueID, offset, o.popTime, visible)
			response = changed(o.ticket, o.popTime, visible-o.popTime, messages.ReviveQueueOrderly)
		default:
			next := p.orders.acknowledge(topic, group, o.queueID, offset, o.popTime)
			if next == offsetIllegal {
				response = o.ticket.Response(messages.MessageIllegal, fmt.Sprintf("offset is illegal, key:%s@%s@%d, old:%d, commit:%d, next:%d, %s",
					topic, group, o.queueID, at, offset, next, remote(o.ticket)))
			}
			if next >= 0 {
				p.commit(group, topic, o.queueID, next)
				at = next
			}
		}
	}
	if response == nil {
		response = o.ticket.Response(messages.Success, "")
	}
	if !o.silent {
		front.Reply(p.Env, o.ticket, response)
	}
	p.wakeOne(o.sub, o.queueID, nil)
	o.sub.next(p)
}

func remote(t messages.Ticket) string {
	if t.Peer == nil {
		return ""
	}
	return t.Peer.Remote.String()
}
