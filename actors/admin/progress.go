package admin

import (
	"maps"
	"slices"
	"strings"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/messages"
)

// encoder is the body of an answer.
type encoder interface{ Encode() ([]byte, error) }

// question is a request that waits for offsets, and goes on with them.
type question struct {
	ticket messages.Ticket
	then   func(*offsets.Found) (encoder, error) // an answer without a body if encoder is nil
}

// askOffsets has r answered with what then makes of the offsets that q asks for.
func (a *admin) askOffsets(r *front.Request, q offsets.Query, then func(*offsets.Found) (encoder, error)) (*messages.Command, error) {
	q.ReplyTo, q.Token = a.self, question{r.Ticket, then}
	a.Env.Send(a.Offsets, &q)
	return nil, nil
}

// found goes on with the request that asked for offsets.
func (a *admin) found(m *offsets.Found) {
	q := m.Token.(question)
	body, err := q.then(m)
	if err != nil {
		front.Reply(a.Env, q.ticket, front.Refusal(q.ticket, err))
		return
	}
	a.answer(q.ticket, body)
}

// answer answers with a body, if there is one.
func (a *admin) answer(t messages.Ticket, body encoder) {
	response := t.Response(messages.Success, "")
	if body != nil {
		encoded, err := body.Encode()
		if err != nil {
			response = front.Refusal(t, err)
		}
		response.Body = encoded
	}
	front.Reply(a.Env, t, response)
}

// topicSeparator is between the topics of GET_CONSUME_STATS.
const topicSeparator = ";"

// consumeStats tells how far a group is in each queue of its topics: of those that
// are listed, of the one that is named or of all. Of the latter two it leaves out what
// the group, if it has members, is not subscribed to.
func (a *admin) consumeStats(r *front.Request) (*messages.Command, error) {
	group, err := r.Command.Ext.RequiredText("consumerGroup")
	if err != nil {
		return nil, err
	}
	topic := strings.TrimSpace(r.Command.Ext.Text("topic"))
	listed := strings.FieldsFunc(r.Command.Ext.Text("topicList"), func(c rune) bool { return strings.ContainsRune(topicSeparator, c) })
	query := offsets.Query{Group: group, Topic: topic}
	if len(listed) > 0 {
		query.Topic = ""
	}
	return a.askOffsets(r, query, func(found *offsets.Found) (encoder, error) {
		names := listed
		if len(names) == 0 {
			names = slices.Sorted(maps.Keys(found.Offsets))
			if topic != "" {
				names = []string{topic}
			}
			names = slices.DeleteFunc(names, func(name string) bool { return !a.mayConsume(group, name) })
		}
		stats := &messages.ConsumeStats{}
		for _, name := range names {
			if config := a.Topics.Load().Find(name); config != nil {
				stats.OffsetTable = append(stats.OffsetTable, a.progress(group, name, config.ReadQueueNums, found.Offsets[name], found)...)
			}
		}
		return stats, nil
	})
}

// mayConsume reports whether a group, as far as its members tell, consumes a topic.
func (a *admin) mayConsume(group, topic string) bool {
	g := a.Groups.Consumers(group)
	return g == nil || len(g.Subscriptions) == 0 || g.Subscriptions[topic] != nil
}

// progress tells how far a group is in the first queues of a topic, given what it has
// committed there. A queue that cannot be read is left out.
func (a *admin) progress(group, topic string, queues int32, committed map[int32]int64, found *offsets.Found) messages.QueueTable[messages.OffsetWrapper] {
	var table messages.QueueTable[messages.OffsetWrapper]
	for id := range queues {
		_, end, err := a.Store.Bounds(topic, id)
		if err != nil {
			continue
		}
		at := max(committed[id], 0)
		w := messages.OffsetWrapper{BrokerOffset: end, ConsumerOffset: at, PullOffset: max(at, found.PulledBy(group, topic, id))}
		if at > 0 {
			w.LastTimestamp = max(a.Store.StoreTimeAt(topic, id, at-1), 0)
		}
		table = append(table, messages.QueueEntry[messages.OffsetWrapper]{Queue: a.queue(topic, id), Value: w})
	}
	return table
}

// brokerConsumeStats tells how far every group is, and how much all of them are
// behind together; with isOrder, of ordered topics only.
func (a *admin) brokerConsumeStats(r *front.Request) (*messages.Command, error) {
	ordered := r.Command.Ext.Bool("isOrder")
	return a.askOffsets(r, offsets.Query{}, func(found *offsets.Found) (encoder, error) {
		list := &messages.ConsumeStatsList{BrokerAddr: a.Addr}
		topics := a.Topics.Load()
		for _, group := range a.Subs.Load().Names() {
			var all []messages.ConsumeStats
			for _, topic := range slices.Sorted(maps.Keys(found.Groups[group])) {
				config := topics.Find(topic)
				if config == nil || ordered && !config.Order || !a.mayConsume(group, topic) {
					continue
				}
				stats := messages.ConsumeStats{OffsetTable: a.progress(group, topic, config.WriteQueueNums, found.Groups[group][topic], found)}
				for _, e := range stats.OffsetTable {
					list.TotalDiff += e.Value.BrokerOffset - e.Value.ConsumerOffset
					list.TotalInflightDiff += e.Value.PullOffset - e.Value.ConsumerOffset
				}
				all = append(all, stats)
			}
			list.ConsumeStatsList = append(list.ConsumeStatsList, map[string][]messages.ConsumeStats{group: all})
		}
		return list, nil
	})
}

// topicsOf lists the topics that a group has offsets of.
func (a *admin) topicsOf(r *front.Request) (*messages.Command, error) {
	group, err := r.Command.Ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	return a.askOffsets(r, offsets.Query{Group: group}, func(found *offsets.Found) (encoder, error) {
		return &messages.TopicList{TopicList: slices.Sorted(maps.Keys(found.Offsets))}, nil
	})
}

// consumedBy lists the groups that consume, or consumed, a topic.
func (a *admin) consumedBy(r *front.Request) (*messages.Command, error) {
	topic, err := r.Command.Ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	return a.askOffsets(r, offsets.Query{Topic: topic}, func(found *offsets.Found) (encoder, error) {
		known := slices.Collect(maps.Keys(found.Groups))
		for _, name := range a.Groups.Groups() {
			if g := a.Groups.Consumers(name); g != nil && g.Subscriptions[topic] != nil {
				known = append(known, name)
			}
		}
		slices.Sort(known)
		return &messages.GroupList{GroupList: slices.Compact(known)}, nil
	})
}

// cloneOffsets gives a group the offsets that another has of a topic, or of all. Unless
// the source is said to be offline, topics that it is not subscribed to are left out.
func (a *admin) cloneOffsets(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	from, err := ext.RequiredText("srcGroup")
	if err != nil {
		return nil, err
	}
	to, err := ext.RequiredText("destGroup")
	if err != nil {
		return nil, err
	}
	offline := ext.Bool("offline")
	return a.askOffsets(r, offsets.Query{Group: from, Topic: strings.TrimSpace(ext.Text("topic"))}, func(found *offsets.Found) (encoder, error) {
		for _, topic := range slices.Sorted(maps.Keys(found.Offsets)) {
			if a.Topics.Load().Find(topic) == nil || !offline && !a.mayConsume(from, topic) {
				continue
			}
			a.Env.Send(a.Offsets, &offsets.Adopt{Group: to, Topic: topic, Offsets: found.Offsets[topic]})
		}
		return nil, nil
	})
}
