package admin

import (
	"errors"
	"slices"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/messages"
)

// How long a client has to answer, in milliseconds (RocketMQ: Broker2Client).
const (
	callTimeout   = 10_000
	statusTimeout = 5_000
)

// The first versions of clients, by their number in Java's MQVersion, that answer
// what is relayed.
const (
	statusVersion = 28 // V3_0_7_SNAPSHOT
	callVersion   = 62 // V3_1_8_SNAPSHOT
)

// relayed is an operator's request that a consumer answers.
type relayed struct {
	ticket        messages.Ticket
	group, client string
}

// runningInfo passes an operator's question to the consumer that it is about.
func (a *admin) runningInfo(r *front.Request) (*messages.Command, error) {
	return a.call(r, r.Command.Clone())
}

// consumeDirectly has a consumer consume one message outside of its turn, and passes
// on what came of it. The message goes along as it is in the log.
func (a *admin) consumeDirectly(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	_, phys, err := messages.DecodeOffsetMsgID(ext.Text("msgId"))
	if err != nil {
		return nil, messages.Refuse(messages.SystemError, "msgId[%s] is no offset message id", ext.Text("msgId"))
	}
	raw, err := a.Store.Log.Record(phys, nil)
	if err != nil {
		return nil, messages.Refuse(messages.SystemError, "find message by the offset failed, %d", phys)
	}
	call := r.Command.Clone()
	call.Body = raw
	call.Ext.Set("brokerName", a.Config().BrokerName)
	if topic := a.Topics.Load().Find(ext.Text("topic")); topic != nil {
		call.Ext.SetInt("topicSysFlag", int64(topic.TopicSysFlag))
	}
	if group := a.Subs.Load().Find(ext.Text("consumerGroup")); group != nil {
		call.Ext.SetInt("groupSysFlag", int64(group.GroupSysFlag))
	}
	return a.call(r, call)
}

// call asks the consumer that r names, which answers in place of the broker
// (RocketMQ: AdminBrokerProcessor.callConsumer).
func (a *admin) call(r *front.Request, command *messages.Command) (*messages.Command, error) {
	group, err := r.Command.Ext.RequiredText("consumerGroup")
	if err != nil {
		return nil, err
	}
	client := r.Command.Ext.Text("clientId")
	var members []groups.Member
	if g := a.Groups.Consumers(group); g != nil {
		members = g.Members
	}
	i := slices.IndexFunc(members, func(m groups.Member) bool { return m.ClientID == client })
	if i < 0 {
		return nil, messages.Refuse(messages.SystemError, "The Consumer <%s> <%s> not online", group, client)
	}
	if members[i].Version < callVersion {
		return nil, messages.Refuse(messages.SystemError,
			"The Consumer <%s> Version <%d> too low to finish, please upgrade it to V3_1_8_SNAPSHOT", client, members[i].Version)
	}
	a.Env.Send(members[i].Peer.PID, &messages.Ask{
		Command: command, ReplyTo: a.self, Token: relayed{r.Ticket, group, client}, Timeout: callTimeout,
	})
	return nil, nil
}

// answered goes on with the request that asked a consumer.
func (a *admin) answered(m *messages.Answer) {
	switch t := m.Token.(type) {
	case relayed:
		a.passOn(t, m)
	case surveyed:
		a.surveyed(t, m)
	}
}

// passOn gives the operator the consumer's answer as it is.
func (a *admin) passOn(t relayed, m *messages.Answer) {
	switch {
	case m.Err == nil:
		front.Reply(a.Env, t.ticket, m.Command)
	case errors.Is(m.Err, front.ErrNoAnswer):
		front.Reply(a.Env, t.ticket, front.Refusal(t.ticket, messages.Refuse(messages.ConsumeMessageTimeout,
			"consumer <%s> <%s> Timeout: no answer within %d ms", t.group, t.client, callTimeout)))
	default:
		front.Reply(a.Env, t.ticket, front.Refusal(t.ticket, messages.Refuse(messages.SystemError,
			"invoke consumer <%s> <%s> Exception: %s", t.group, t.client, m.Err)))
	}
}

// survey is an INVOKE_BROKER_TO_GET_CONSUMER_STATUS that waits for the members of a
// group.
type survey struct {
	ticket messages.Ticket
	open   int // members that have not answered
	found  messages.ConsumerStatusBody
}

// surveyed is the part of one member in a survey.
type surveyed struct {
	*survey
	client string
}

// consumerStatus asks the members of a group, or the one whose id is clientAddr, how
// far they are in the queues of a topic. Those that do not answer are left out.
func (a *admin) consumerStatus(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	topic, err := ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	group, err := ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	g := a.Groups.Consumers(group)
	if g == nil {
		return nil, messages.Refuse(messages.SystemError, "No Any Consumer online in the consumer group: [%s]", group)
	}
	if err := supports(g, statusVersion); err != nil {
		return nil, err
	}
	client := ext.Text("clientAddr")
	s := &survey{ticket: r.Ticket, found: messages.ConsumerStatusBody{ConsumerTable: make(map[string]messages.QueueTable[int64])}}
	for _, m := range g.Members {
		if client != "" && client != m.ClientID {
			continue
		}
		command := &messages.Command{Code: int32(messages.CodeGetConsumerStatusFromClient)}
		command.Ext.Set("topic", topic)
		command.Ext.Set("group", group)
		s.open++
		a.Env.Send(m.Peer.PID, &messages.Ask{
			Command: command, ReplyTo: a.self, Token: surveyed{s, m.ClientID}, Timeout: statusTimeout,
		})
	}
	if s.open == 0 {
		a.finish(s)
	}
	return nil, nil
}

// supports refuses a group that has a member older than version.
func supports(g *groups.Consumers, version int32) error {
	for _, m := range g.Members {
		if m.Version < version {
			return messages.Refuse(messages.SystemError, "the client does not support this feature. version=%d", m.Version)
		}
	}
	return nil
}

// surveyed takes what one member answered.
func (a *admin) surveyed(s surveyed, m *messages.Answer) {
	if m.Err == nil && m.Command.Code == int32(messages.Success) && len(m.Command.Body) > 0 {
		if status, err := messages.DecodeConsumerStatus(m.Command.Body); err == nil {
			s.found.ConsumerTable[s.client] = status.MessageQueueTable
		} else {
			a.Env.Log.Warn().Err(err).Str("client", s.client).Msg("a consumer's status cannot be read")
		}
	}
	if s.open--; s.open == 0 {
		a.finish(s.survey)
	}
}

func (a *admin) finish(s *survey) { a.answer(s.ticket, &s.found) }
