package admin

import (
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/messages"
)

// resetAsked is an INVOKE_BROKER_TO_RESET_OFFSET that clients carry out
// (useServerSideResetOffset=false).
type resetAsked struct {
	ticket       messages.Ticket
	topic, group string
	timestamp    int64 // Unix milliseconds, -1 for the end of each queue
	force        bool
}

// resetClients has the members of a group go on at a time. Without force a queue goes
// only back.
func (a *admin) resetClients(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	q := &resetAsked{ticket: r.Ticket, force: ext.Bool("isForce")}
	var err error
	if q.topic, err = ext.RequiredText("topic"); err != nil {
		return nil, err
	}
	if q.group, err = ext.RequiredText("group"); err != nil {
		return nil, err
	}
	if q.timestamp, err = ext.Int64("timestamp"); err != nil {
		return nil, err
	}
	return a.askOffsets(r, offsets.Query{Group: q.group, Topic: q.topic}, func(found *offsets.Found) (encoder, error) {
		return a.resetFrom(q, found.Offsets[q.topic])
	})
}

// resetFrom goes on with a reset by clients, once it is known where the group is.
func (a *admin) resetFrom(q *resetAsked, committed map[int32]int64) (*messages.ResetOffsetBody, error) {
	topic := a.Topics.Load().Find(q.topic)
	if topic == nil {
		return nil, messages.Refuse(messages.TopicNotExist, "[reset-offset] reset offset failed, no topic in this broker. topic=%s", q.topic)
	}
	body := &messages.ResetOffsetBody{}
	for id := range topic.WriteQueueNums {
		at, known := committed[id]
		if !known {
			return nil, messages.Refuse(messages.SystemError, "THe consumer group <%s> not exist", q.group)
		}
		offset, err := a.offsetAt(q.topic, id, q.timestamp)
		if err != nil {
			return nil, err
		}
		if !q.force {
			offset = min(offset, at)
		}
		body.OffsetTable = append(body.OffsetTable, messages.QueueEntry[int64]{Queue: a.queue(q.topic, id), Value: offset})
	}
	g := a.Groups.Consumers(q.group)
	if g == nil {
		return nil, messages.Refuse(messages.ConsumerNotOnline,
			"Consumer not online, so can not reset offset, Group: %s Topic: %s Timestamp: %d", q.group, q.topic, q.timestamp)
	}
	if err := supports(g, statusVersion); err != nil {
		return nil, err
	}
	return body, a.tellReset(g, q, body)
}

// tellReset has the members of a group take the offsets that they were reset to
// (RocketMQ: Broker2Client.resetOffset). Where an operator's tool is in C++, so are
// the consumers.
func (a *admin) tellReset(g *groups.Consumers, q *resetAsked, body *messages.ResetOffsetBody) error {
	encode := body.Encode
	if q.ticket.Language == messages.CPP {
		encode = body.EncodeList
	}
	encoded, err := encode()
	if err != nil {
		return err
	}
	for _, m := range g.Members {
		command := &messages.Command{Code: int32(messages.CodeResetConsumerClientOffset), Body: encoded}
		command.Ext.Set("topic", q.topic)
		command.Ext.Set("group", q.group)
		command.Ext.SetInt("timestamp", q.timestamp)
		command.Ext.SetBool("isForce", false)
		command.Ext.SetInt("queueId", -1)
		a.Env.Send(m.Peer.PID, &messages.Ask{Command: command})
	}
	return nil
}

// resetOffset sets a group's offsets to a time, or one queue's to an offset. A
// running consumer takes them with its next pull.
func (a *admin) resetOffset(r *front.Request) (*messages.Command, error) {
	if !a.Config().UseServerSideResetOffset {
		return a.resetClients(r)
	}
	if a.Config().BrokerRole == config.Slave {
		return nil, messages.Refuse(messages.SystemError, "Can not reset offset in slave broker")
	}
	ext := &r.Command.Ext
	name, err := ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	group, err := ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	queueID, err := ext.Int32Or("queueId", -1)
	if err != nil {
		return nil, err
	}
	topic := a.Topics.Load().Find(name)
	if topic == nil {
		return nil, messages.Refuse(messages.TopicNotExist, "Topic %s does not exist", name)
	}
	if a.Subs.Load().Find(group) == nil {
		return nil, messages.Refuse(messages.SubscriptionGroupUnknown, "Group %s does not exist", group)
	}
	first, last := int32(0), topic.ReadQueueNums
	if queueID >= 0 {
		first, last = queueID, queueID+1
	}
	body := &messages.ResetOffsetBody{}
	for id := first; id < last; id++ {
		offset, err := a.resetTo(ext, name, id, queueID >= 0)
		if err != nil {
			return nil, err
		}
		a.Env.Send(a.Offsets, &offsets.Reset{Commit: offsets.Commit{Group: group, Topic: name, QueueID: id, Offset: offset}})
		body.OffsetTable = append(body.OffsetTable, messages.QueueEntry[int64]{Queue: a.queue(name, id), Value: offset})
	}
	response := r.Response(messages.Success, "")
	response.Body, err = body.Encode()
	return response, err
}

// resetTo returns the offset that a reset means for one queue. Time -1 is the
// queue's end.
func (a *admin) resetTo(ext *messages.Ext, topic string, id int32, single bool) (int64, error) {
	minOffset, maxOffset, err := a.Store.Bounds(topic, id)
	if err != nil {
		return 0, err
	}
	if offset, err := ext.Int64Or("offset", -1); err != nil {
		return 0, err
	} else if single && offset != -1 {
		if offset < minOffset || offset > maxOffset+1 {
			return 0, messages.Refuse(messages.SystemError, "Target offset %d not in consume queue range [%d-%d]", offset, minOffset, maxOffset)
		}
		return offset, nil
	}
	timestamp, err := ext.Int64("timestamp")
	if err != nil {
		return 0, err
	}
	return a.offsetAt(topic, id, timestamp)
}

// offsetAt returns the offset of a queue at a time. A negative time is its end.
func (a *admin) offsetAt(topic string, id int32, timestamp int64) (int64, error) {
	if timestamp < 0 {
		_, end, err := a.Store.Bounds(topic, id)
		return end, err
	}
	return a.Store.OffsetByTime(topic, id, timestamp, false)
}
