package pop

import (
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// readable checks what every request for messages must meet, in Apache's order. verb is
// what its refusals call the request.
func (p *pop) readable(r *front.Request, verb, topic, group string, queueID int32) (*messages.TopicConfig, error) {
	if p.Permission()&messages.PermRead == 0 {
		return nil, messages.Refuse(messages.NoPermission, "the broker[%s] %s message is forbidden", p.BrokerIP, verb)
	}
	t, err := p.topic(topic)
	if err != nil {
		return nil, err
	}
	if t.Perm&messages.PermRead == 0 {
		return nil, messages.Refuse(messages.NoPermission, "the topic[%s] peeking message is forbidden", topic)
	}
	if queueID >= t.ReadQueueNums {
		return nil, p.illegalQueue(r, messages.InvalidParameter, t, queueID)
	}
	g := p.Subs.Find(p.Env, p.SubsOwner, group)
	if g == nil {
		return nil, messages.UnknownGroup(group)
	}
	if !g.ConsumeEnable {
		return nil, messages.Refuse(messages.NoPermission, "subscription group no permission, %s", group)
	}
	return t, nil
}

func (p *pop) topic(name string) (*messages.TopicConfig, error) {
	t := p.Topics.Load().Find(name)
	if t == nil {
		return nil, messages.UnknownTopic(name)
	}
	return t, nil
}

func (p *pop) illegalQueue(r *front.Request, code messages.ResponseCode, t *messages.TopicConfig, queueID int32) error {
	return messages.Refuse(code, "queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[/%s]",
		queueID, t.TopicName, t.ReadQueueNums, r.Peer.Remote)
}

// acknowledgeable checks the topic and the queue of an acknowledgement.
func (p *pop) acknowledgeable(r *front.Request, h *messages.AckHeader) error {
	t, err := p.topic(h.Topic)
	if err != nil {
		return err
	}
	if h.QueueID < 0 || h.QueueID >= t.ReadQueueNums {
		return p.illegalQueue(r, messages.MessageIllegal, t, h.QueueID)
	}
	if h.LiteTopic != "" {
		return messages.Refuse(messages.InvalidParameter, "lite topics are not supported")
	}
	return nil
}

// handle parses the handle of a message, and checks what becomes part of a record.
func (p *pop) handle(text string) (messages.PopHandle, error) {
	h, err := messages.ParsePopHandle(text)
	if err != nil {
		return h, messages.Refuse(messages.SystemError, "%s", err)
	}
	return h, p.checkHandle(&h)
}

func (p *pop) checkHandle(h *messages.PopHandle) error {
	ordered := h.ReviveQueue == messages.ReviveQueueOrderly
	if h.ReviveQueue < 0 || h.ReviveQueue >= p.ReviveQueues && !ordered || h.PopTime < 0 || h.Invisible < 0 || h.StartOffset < 0 {
		return messages.Refuse(messages.MessageIllegal, "the handle of a message is illegal, reviveQid[%d] popTime[%d] invisibleTime[%d]", h.ReviveQueue, h.PopTime, h.Invisible)
	}
	return nil
}
