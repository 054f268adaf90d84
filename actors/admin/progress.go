package admin

import (
	"maps"
	"slices"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/messages"
)

// consumeStats tells how far a group is in each queue of its topics.
func (a *admin) consumeStats(r *front.Request) (*messages.Command, error) {
	group, err := r.Command.Ext.RequiredText("consumerGroup")
	if err != nil {
		return nil, err
	}
	topic := r.Command.Ext.Text("topic")
	a.Env.Send(a.Offsets, &offsets.Query{Group: group, Topic: topic, ReplyTo: a.self, Token: progress{r.Ticket, group, topic}})
	return nil, nil
}

// progress is a GET_CONSUME_STATS that waits for its offsets.
type progress struct {
	ticket       messages.Ticket
	group, topic string
}

// topicsAsked is a QUERY_TOPICS_BY_CONSUMER that waits for its offsets.
type topicsAsked struct{ ticket messages.Ticket }

// groupsAsked is a QUERY_TOPIC_CONSUME_BY_WHO that waits for its offsets.
type groupsAsked struct {
	ticket messages.Ticket
	topic  string
}

// found goes on with the request that asked for offsets.
func (a *admin) found(m *offsets.Found) {
	var body []byte
	var err error
	var ticket messages.Ticket
	switch q := m.Token.(type) {
	case progress:
		ticket = q.ticket
		body, err = a.stats(q, m.Offsets).Encode()
	case topicsAsked:
		ticket = q.ticket
		body, err = (&messages.TopicList{TopicList: slices.Sorted(maps.Keys(m.Offsets))}).Encode()
	case groupsAsked:
		ticket = q.ticket
		body, err = (&messages.GroupList{GroupList: a.groupsOf(q.topic, m.Groups)}).Encode()
	}
	if err != nil {
		front.Reply(a.Env, ticket, front.Refusal(ticket, err))
		return
	}
	response := ticket.Response(messages.Success, "")
	response.Body = body
	front.Reply(a.Env, ticket, response)
}

func (a *admin) stats(q progress, committed map[string]map[int32]int64) *messages.ConsumeStats {
	stats := &messages.ConsumeStats{}
	names := slices.Sorted(maps.Keys(committed))
	if q.topic != "" {
		names = []string{q.topic}
	}
	for _, name := range names {
		topic := a.Topics.Load().Find(name)
		if topic == nil {
			continue
		}
		for id := range topic.ReadQueueNums {
			_, end, err := a.Store.Bounds(name, id)
			if err != nil {
				continue // the queue is left out
			}
			at := max(committed[name][id], 0)
			w := messages.OffsetWrapper{BrokerOffset: end, ConsumerOffset: at, PullOffset: at}
			if at > 0 {
				w.LastTimestamp = max(a.Store.StoreTimeAt(name, id, at-1), 0)
			}
			stats.OffsetTable = append(stats.OffsetTable, messages.QueueEntry[messages.OffsetWrapper]{Queue: a.queue(name, id), Value: w})
		}
	}
	return stats
}

// topicsOf lists the topics that a group has offsets of.
func (a *admin) topicsOf(r *front.Request) (*messages.Command, error) {
	group, err := r.Command.Ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	a.Env.Send(a.Offsets, &offsets.Query{Group: group, ReplyTo: a.self, Token: topicsAsked{r.Ticket}})
	return nil, nil
}

// consumedBy lists the groups that consume, or consumed, a topic.
func (a *admin) consumedBy(r *front.Request) (*messages.Command, error) {
	topic, err := r.Command.Ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	a.Env.Send(a.Offsets, &offsets.Query{Topic: topic, ReplyTo: a.self, Token: groupsAsked{r.Ticket, topic}})
	return nil, nil
}

func (a *admin) groupsOf(topic string, known []string) []string {
	for _, name := range a.Groups.Groups() {
		if g := a.Groups.Consumers(name); g != nil && g.Subscriptions[topic] != nil {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// resetOffset sets a group's offsets to a time, or one queue's to an offset. A
// running consumer takes them with its next pull.
func (a *admin) resetOffset(r *front.Request) (*messages.Command, error) {
	if a.Config.BrokerRole == config.Slave {
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
	if timestamp < 0 {
		return maxOffset, nil
	}
	return a.Store.OffsetByTime(topic, id, timestamp, false)
}
