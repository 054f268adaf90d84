package groups

import (
	"errors"
	"slices"

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

// relayTimeout is how long a consumer has to answer, in milliseconds
// (RocketMQ: AdminBrokerProcessor.callConsumer).
const relayTimeout = 10_000

// relayRunningInfo passes an operator's question to the consumer it is about.
func (g *groups) relayRunningInfo(r *front.Request) (*messages.Command, error) {
	name, err := r.Command.Ext.RequiredText("consumerGroup")
	if err != nil {
		return nil, err
	}
	client := r.Command.Ext.Text("clientId")
	in := g.consumers[name]
	i := -1
	if in != nil {
		i = slices.IndexFunc(in.members, func(m *member) bool { return m.ClientID == client })
	}
	if i < 0 {
		return nil, messages.Refuse(messages.SystemError, "The Consumer <%s> <%s> not online", name, client)
	}
	g.Env.Send(in.members[i].Peer.PID, &messages.Ask{
		Command: r.Command.Clone(), ReplyTo: g.self, Token: r.Ticket, Timeout: relayTimeout,
	})
	return nil, nil
}

// relayed passes the consumer's answer back unchanged.
func (g *groups) relayed(m *messages.Answer) {
	ticket := m.Token.(messages.Ticket)
	switch {
	case m.Err == nil:
		front.Reply(g.Env, ticket, m.Command)
	case errors.Is(m.Err, front.ErrNoAnswer):
		front.Reply(g.Env, ticket, ticket.Response(messages.ConsumeMessageTimeout, "the consumer did not answer in time"))
	default:
		front.Reply(g.Env, ticket, ticket.Response(messages.SystemError, m.Err.Error()))
	}
}
