package pop

import (
	"github.com/actormq/actormq/actors/filter"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/send"
	"github.com/actormq/actormq/messages"
)

// peeking is a look at what a pop would give.
type peeking struct {
	messages.PeekHeader
	ticket messages.Ticket
	topics []string // the asked for is the last
}

// peek answers with messages, and nothing becomes of them (RocketMQ:
// PeekMessageProcessor).
func (p *pop) peek(r *front.Request) (*messages.Command, error) {
	h, err := messages.ParsePeek(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if p.Slave {
		return nil, send.ErrSlave
	}
	if _, err := p.readable(r, "peeking", h.Topic, h.ConsumerGroup, h.QueueID); err != nil {
		return nil, err
	}
	m := &peeking{PeekHeader: h, ticket: r.Ticket, topics: append(p.retryTopics(h.Topic, h.ConsumerGroup), h.Topic)}
	p.lookup(h.ConsumerGroup, m.topics, m)
	return nil, nil
}

func (p *pop) peekAt(m *peeking, positions []map[int32]int64) {
	from := p.candidates(m.topics, m.QueueID, positions)
	if s := p.subscriptions[subscriptionKey{m.Topic, m.ConsumerGroup}]; s != nil {
		for i := range from {
			from[i].offset = max(from[i].offset, s.handed(queueKey{from[i].topic, from[i].queueID}))
		}
	}
	p.read(&read{token: m, from: from, filter: filter.All(), max: int(min(m.MaxMsgNums, messages.MaxPopped)), peeks: true})
}

func (p *pop) peeked(m *peeking, f *found) {
	code, remark := messages.Success, "FOUND"
	if f.count == 0 {
		code, remark = messages.PullNotFound, "NO_MESSAGE_IN_QUEUE"
	}
	response := m.ticket.Response(code, remark)
	h := messages.PopResponse{RestNum: f.rest}
	h.Set(&response.Ext)
	buffer := f.buffer
	front.ReplyBody(p.Env, m.ticket, response, f.body, func() { buffers.Put(buffer) })
}

// pollingInfo tells how many pops of a group wait (RocketMQ: PollingInfoProcessor).
func (p *pop) pollingInfo(r *front.Request) (*messages.Command, error) {
	h, err := messages.ParsePollingInfo(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if _, err := p.readable(r, "peeking", h.Topic, h.ConsumerGroup, h.QueueID); err != nil {
		return nil, err
	}
	var polls int
	if s := p.subscriptions[subscriptionKey{h.Topic, h.ConsumerGroup}]; s != nil {
		polls = len(s.polls[h.QueueID])
	}
	response := r.Response(messages.Success, "")
	response.Ext.SetInt("pollingNum", int64(polls))
	return response, nil
}
