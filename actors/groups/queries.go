package groups

import (
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// checkConfig tells a client before it starts whether its filter is supported, and
// whether its expression is right.
func (g *groups) checkConfig(r *front.Request) (*messages.Command, error) {
	check, err := messages.DecodeCheckClient(r.Command.Body)
	if err != nil {
		return nil, err
	}
	sub := check.SubscriptionData
	if sub == nil || messages.IsTagExpression(sub.ExpressionType) {
		return r.Response(messages.Success, ""), nil
	}
	if !g.PropertyFilter {
		return nil, messages.Refuse(messages.SystemError,
			"The broker does not support consumer to filter message by %s", sub.ExpressionType)
	}
	if _, err := Compile(sub); err != nil {
		return nil, messages.Refuse(messages.SubscriptionParseFailed, "%s", err)
	}
	return r.Response(messages.Success, ""), nil
}

func (g *groups) consumerList(r *front.Request) (*messages.Command, error) {
	name, err := r.Command.Ext.RequiredText("consumerGroup")
	if err != nil {
		return nil, err
	}
	in := g.consumers[name]
	if in == nil {
		return nil, messages.Refuse(messages.SystemError, "no consumer for this group, %s", name)
	}
	body := &messages.ConsumerList{}
	for _, m := range in.members {
		body.ConsumerIDList = append(body.ConsumerIDList, m.ClientID)
	}
	response := r.Response(messages.Success, "")
	response.Body, err = body.Encode()
	return response, err
}

func (g *groups) consumerConnections(r *front.Request) (*messages.Command, error) {
	name, err := r.Command.Ext.RequiredText("consumerGroup")
	if err != nil {
		return nil, err
	}
	in := g.consumers[name]
	if in == nil {
		return nil, messages.Refuse(messages.ConsumerNotOnline, "the consumer group[%s] not online", name)
	}
	body := &messages.ConsumerConnection{
		ConnectionSet:     connections(in),
		ConsumeType:       in.consumeType,
		MessageModel:      in.model,
		ConsumeFromWhere:  in.from,
		SubscriptionTable: in.subscriptions,
	}
	response := r.Response(messages.Success, "")
	response.Body, err = body.Encode()
	return response, err
}

func (g *groups) producerConnections(r *front.Request) (*messages.Command, error) {
	name, err := r.Command.Ext.RequiredText("producerGroup")
	if err != nil {
		return nil, err
	}
	in := g.producers[name]
	if in == nil {
		return nil, messages.Refuse(messages.SystemError, "the producer group[%s] not exist", name)
	}
	response := r.Response(messages.Success, "")
	response.Body, err = (&messages.ProducerConnection{ConnectionSet: connections(in)}).Encode()
	return response, err
}

func connections(in *group) []messages.Connection {
	all := make([]messages.Connection, 0, len(in.members))
	for _, m := range in.members {
		all = append(all, messages.Connection{
			ClientAddr: m.Peer.Remote.String(),
			ClientID:   m.ClientID,
			Language:   m.Language.String(),
			Version:    m.Version,
		})
	}
	return all
}

// producerTable lists the members of every producer group.
func (g *groups) producerTable(r *front.Request) (*messages.Command, error) {
	table := &messages.ProducerTable{Data: make(map[string][]messages.ProducerInfo)}
	for name, in := range g.producers {
		for _, m := range in.members {
			table.Data[name] = append(table.Data[name], messages.ProducerInfo{
				ClientID: m.ClientID, Language: m.Language.String(), LastUpdateTimestamp: m.seen,
				RemoteIP: "/" + m.Peer.Remote.String(), Version: m.Version,
			})
		}
	}
	response := r.Response(messages.Success, "")
	var err error
	response.Body, err = table.Encode()
	return response, err
}

// subscriptionOf tells what a group wants of a topic, as far as its members say.
func (g *groups) subscriptionOf(r *front.Request) (*messages.Command, error) {
	body := &messages.GroupSubscription{}
	var err error
	if body.Group, err = r.Command.Ext.RequiredText("group"); err != nil {
		return nil, err
	}
	if body.Topic, err = r.Command.Ext.RequiredText("topic"); err != nil {
		return nil, err
	}
	if in := g.consumers[body.Group]; in != nil {
		body.SubscriptionData = in.subscriptions[body.Topic]
	}
	response := r.Response(messages.Success, "")
	response.Body, err = body.Encode()
	return response, err
}
