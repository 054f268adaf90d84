package admin

import (
	"fmt"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/consumequeue"
)

// consumeTimeSpan tells for each queue of a topic when its messages were stored, and
// up to when a group has consumed.
func (a *admin) consumeTimeSpan(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	name, err := ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	group, err := ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	topic := a.Topics.Load().Find(name)
	if topic == nil {
		return nil, messages.Refuse(messages.TopicNotExist, "topic[%s] not exist", name)
	}
	return a.askOffsets(r, offsets.Query{Group: group, Topic: name}, func(found *offsets.Found) (encoder, error) {
		body := &messages.QueryConsumeTimeSpanBody{}
		for id := range topic.WriteQueueNums {
			at, known := found.Offsets[name][id]
			if !known {
				at = -1
			}
			span, err := a.timeSpan(name, id, at)
			if err != nil {
				return nil, err
			}
			body.ConsumeTimeSpanSet = append(body.ConsumeTimeSpanSet, span)
		}
		return body, nil
	})
}

// timeSpan describes one queue. at is the group's offset, -1 if it has none; times of
// messages that are not there are -1.
func (a *admin) timeSpan(topic string, id int32, at int64) (messages.QueueTimeSpan, error) {
	_, end, err := a.Store.Bounds(topic, id)
	if err != nil {
		return messages.QueueTimeSpan{}, err
	}
	span := messages.QueueTimeSpan{
		MessageQueue: a.queue(topic, id), MinTimeStamp: a.Store.EarliestStoreTime(topic, id), MaxTimeStamp: -1,
	}
	if end > 0 {
		span.MaxTimeStamp = a.Store.StoreTimeAt(topic, id, end-1)
	}
	span.ConsumeTimeStamp = span.MinTimeStamp
	if at > 0 {
		span.ConsumeTimeStamp = a.Store.StoreTimeAt(topic, id, at-1)
	}
	if at < end {
		if next := a.Store.StoreTimeAt(topic, id, max(at, 0)); next > 0 {
			span.DelayTime = a.Env.Millis() - next
		}
	}
	return span, nil
}

// maxUnits bounds the units of one QUERY_CONSUME_QUEUE.
const maxUnits = 4096

// consumeQueue shows units of a ConsumeQueue as they are.
func (a *admin) consumeQueue(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	topic, id, err := queueOf(ext)
	if err != nil {
		return nil, err
	}
	index, err := ext.Int64("index")
	if err != nil {
		return nil, err
	}
	count, err := ext.Int32("count")
	if err != nil {
		return nil, err
	}
	q, err := a.Store.Queues.Load(topic, id)
	if err != nil {
		return nil, err
	}
	if q == nil {
		return nil, messages.Refuse(messages.SystemError, "%d@%s is not exist!", id, topic)
	}
	body := &messages.QueryConsumeQueueResponseBody{MaxQueueIndex: q.MaxOffset(), MinQueueIndex: q.MinOffset()}
	if group := ext.Text("consumerGroup"); group != "" {
		body.FilterData = fmt.Sprintf("%s@%s is not online!", group, topic)
		if g := a.Groups.Consumers(group); g != nil && g.Subscriptions[topic] != nil {
			body.SubscriptionData, body.FilterData = g.Subscriptions[topic], "null"
		}
	}
	units, err := read(q, index, int(min(max(count, 0), maxUnits)))
	if err != nil {
		return nil, err
	}
	if len(units) == 0 && (index < q.MinOffset() || index >= q.MaxOffset()) {
		return r.Response(messages.Success, fmt.Sprintf("Index %d of %d@%s is not exist!", index, id, topic)), nil
	}
	for _, u := range units {
		body.QueueData = append(body.QueueData, messages.ConsumeQueueData{PhysicOffset: u.Phys, PhysicSize: u.Size, TagsCode: u.TagsCode})
	}
	response := r.Response(messages.Success, "")
	response.Body, err = body.Encode()
	return response, err
}

// read returns up to count units from an offset on. One read ends with a file.
func read(q *consumequeue.Queue, offset int64, count int) ([]consumequeue.Unit, error) {
	units := make([]consumequeue.Unit, 0, count)
	for len(units) < count {
		n, err := q.Read(offset+int64(len(units)), units[len(units):count])
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		units = units[:len(units)+n]
	}
	return units, nil
}
