package actormq

import (
	"context"
	"fmt"

	"github.com/actormq/actormq/messages"
)

// Recall takes back a message of a topic that waits for the time of its DeliverAt or
// Delay, by the handle that its send returned, and returns the message's id. The broker
// must allow it (recallMessageEnable): if not, and for a message whose time has come, it
// fails with an *Error. Success means that the recall is stored, not that there was
// such a message.
func (p *Producer) Recall(ctx context.Context, topic, handle string) (id string, err error) {
	h, err := messages.ParseRecallHandle(handle)
	if err != nil {
		return "", fmt.Errorf("actormq: %w", err)
	}
	addr, err := p.client.masterOf(ctx, Queue{Topic: topic, Broker: h.Broker})
	if err != nil {
		return "", err
	}
	ctx, cancel := p.client.bounded(ctx, p.o.Timeout)
	defer cancel()
	request := &messages.Command{Code: int32(messages.CodeRecallMessage)}
	request.Ext.Set("producerGroup", p.client.wrap(p.o.Group))
	request.Ext.Set("topic", p.client.wrap(topic))
	request.Ext.Set("recallHandle", handle)
	request.Ext.Set("bname", h.Broker)
	response, err := p.client.ask(ctx, addr, request)
	if err != nil {
		return "", err
	}
	return response.Ext.Text("msgId"), nil
}
