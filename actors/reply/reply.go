package reply

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// pushTimeout is how long a client has to answer, in milliseconds
// (RocketMQ: Broker2Client.callClient).
const pushTimeout = 10_000

// Options configures Reply.
type Options struct {
	Env       *env.Env
	Topics    *topics.View
	CommitLog *actor.PID
	StoreHost netip.AddrPort
	BrokerIP  string
	Region    string
	TraceOn   bool
	// Permission is the broker's; replies for the copy need to be written.
	Permission func() int32
	// MaxMessageSize bounds the copy that is stored, in bytes of body.
	MaxMessageSize func() int
	// Store has a copy of each reply stored.
	Store func() bool
	// Client returns the connection of a producer by its client id, or nil.
	Client func(clientID string) *messages.Peer
}

// Props returns the props of Reply, which holds no state but what is under way.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &reply{Options: o} })
}

// Codes lists the request codes that Reply answers.
func Codes() []messages.RequestCode { return (*reply)(nil).routes().Codes() }

type reply struct {
	Options
	self     *actor.PID
	handlers front.Handlers
}

// passing is a reply under way to its client.
type passing struct {
	ticket  messages.Ticket
	client  string
	queueID int32
	copied  *messages.Append // what is to be stored, or nil
}

func (r *reply) routes() front.Handlers {
	return front.Handlers{messages.CodeSendReplyMessage: r.reply, messages.CodeSendReplyMessageV2: r.reply}
}

func (r *reply) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.self, r.handlers = ctx.Self(), r.routes()
	case *messages.Requests:
		r.handlers.Serve(r.Env, m)
	case *messages.Answer:
		r.passed(m.Token.(*passing), m)
	case *messages.Append:
		m.Release() // the copy: nobody waits for it
	}
}

func (r *reply) reply(request *front.Request) (*messages.Command, error) {
	var h messages.SendHeader
	if err := messages.ParseSend(request.Command, &h); err != nil {
		return nil, err
	}
	queueID, err := r.check(request, &h)
	if err != nil {
		return r.answer(front.Refusal(request.Ticket, err)), nil
	}
	p := &passing{ticket: request.Ticket, queueID: queueID}
	if r.Store() {
		p.copied = r.copy(request, &h, queueID)
	}
	to := messages.FindProperty(h.Properties, messages.PropertyReplyToClient)
	if to == nil {
		r.failed(p, "reply message properties["+messages.PropertyReplyToClient+"] is null")
		return nil, nil
	}
	p.client = string(to)
	peer := r.Client(p.client)
	if peer == nil {
		r.failed(p, "push reply message fail, channel of <"+p.client+"> not found.")
		return nil, nil
	}
	r.Env.Send(peer.PID, &messages.Ask{
		Command: r.push(request, &h), ReplyTo: r.self, Token: p, Timeout: pushTimeout,
	})
	return nil, nil
}

// check decides as msgCheck does, except that the topic is not created: the
// cluster's reply topic always exists. It returns the queue of the copy.
func (r *reply) check(request *front.Request, h *messages.SendHeader) (int32, error) {
	if err := messages.CheckTopicBytes(h.Topic); err != nil {
		return 0, messages.Refuse(messages.InvalidParameter, "%s", err)
	}
	if messages.IsForbiddenTopic(h.Topic) {
		return 0, messages.Refuse(messages.NoPermission, "Sending message to topic[%s] is forbidden.", h.Topic)
	}
	topic := r.Topics.Load().Lookup(h.Topic)
	if topic == nil {
		return 0, messages.UnknownTopic(string(h.Topic))
	}
	if r.Permission()&messages.PermWrite == 0 && topic.Order {
		return 0, messages.Refuse(messages.NoPermission, "the broker[%s] sending message is forbidden", r.BrokerIP)
	}
	if h.QueueID >= max(topic.ReadQueueNums, topic.WriteQueueNums) {
		return 0, messages.Refuse(messages.InvalidParameter,
			"request queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] topicConfig.writeQueueNums:[%d] producer:[%s]",
			h.QueueID, h.Topic, topic.ReadQueueNums, topic.WriteQueueNums, request.Peer.Remote)
	}
	if h.QueueID < 0 {
		return int32(r.Env.Rand.IntN(int(max(topic.WriteQueueNums, 1)))), nil
	}
	return h.QueueID, nil
}

// push returns the request to the client that waits
// (RocketMQ: ReplyMessageRequestHeader).
func (r *reply) push(request *front.Request, h *messages.SendHeader) *messages.Command {
	now := r.Env.Millis()
	properties := messages.RemoveProperties(nil, h.Properties, messages.PropertyPushReplyTime)
	properties = messages.AppendPropertyInt(properties, messages.PropertyPushReplyTime, now)
	c := &messages.Command{Code: int32(messages.CodePushReplyMessageToClient), Body: bytes.Clone(request.Command.Body)}
	c.Ext.Set("producerGroup", string(h.ProducerGroup))
	c.Ext.Set("topic", string(h.Topic))
	c.Ext.Set("defaultTopic", string(h.DefaultTopic))
	c.Ext.SetInt("defaultTopicQueueNums", int64(h.DefaultTopicQueueNums))
	c.Ext.SetInt("queueId", int64(h.QueueID))
	c.Ext.SetInt("sysFlag", int64(h.SysFlag))
	c.Ext.SetInt("bornTimestamp", h.BornTimestamp)
	c.Ext.SetInt("flag", int64(h.Flag))
	c.Ext.Set("properties", string(properties))
	c.Ext.SetInt("reconsumeTimes", int64(h.ReconsumeTimes))
	c.Ext.SetBool("unitMode", false)
	c.Ext.Set("bornHost", request.Peer.Remote.String())
	c.Ext.Set("storeHost", r.StoreHost.String())
	c.Ext.SetInt("storeTimestamp", now)
	return c
}

// passed ends a reply whose client has answered, or has not.
func (r *reply) passed(p *passing, m *messages.Answer) {
	if m.Err != nil || m.Command.Code != int32(messages.Success) {
		err := m.Err
		if err == nil {
			err = errors.New(m.Command.Remark)
		}
		r.Env.Log.Info().Err(err).Str("client", p.client).Msg("a reply could not be passed on")
		r.failed(p, "push reply message to "+p.client+"fail.")
		return
	}
	response := p.ticket.Response(messages.Success, "")
	// Clients want to read an id and an offset; the reply has none.
	response.Ext.Set("msgId", "0")
	response.Ext.SetInt("queueId", int64(p.queueID))
	response.Ext.SetInt("queueOffset", 0)
	r.end(p, response)
}

func (r *reply) failed(p *passing, remark string) {
	r.end(p, p.ticket.Response(messages.SystemError, remark))
}

func (r *reply) end(p *passing, response *messages.Command) {
	front.Reply(r.Env, p.ticket, r.answer(response))
	if p.copied != nil {
		r.Env.Send(r.CommitLog, p.copied)
	}
}

// answer adds what every answer to a send carries.
func (r *reply) answer(response *messages.Command) *messages.Command {
	response.Ext.Set(messages.PropertyMsgRegion, r.Region)
	response.Ext.Set(messages.PropertyTraceSwitch, strconv.FormatBool(r.TraceOn))
	return response
}

// copy returns the record of a reply, nil if it cannot be stored.
func (r *reply) copy(request *front.Request, h *messages.SendHeader, queueID int32) *messages.Append {
	body := request.Command.Body
	if len(body) == 0 || len(body) > r.MaxMessageSize() || len(h.Properties) > messages.MaxPropertiesSize {
		return nil
	}
	a := messages.NewAppend(len(body) + len(h.Properties) + overhead)
	a.ReplyTo = r.self
	commitlog.Add(a, &record.Record{
		QueueID: queueID, Flag: h.Flag, SysFlag: h.SysFlag &^ messages.SysFlagBornHostV6 &^ messages.SysFlagStoreHostV6,
		BornTimestamp: h.BornTimestamp, BornHost: request.Peer.Remote, StoreHost: r.StoreHost,
		ReconsumeTimes: h.ReconsumeTimes, Body: body, Properties: h.Properties,
	}, string(h.Topic), 0)
	a.Sends = append(a.Sends, messages.Send{Count: 1})
	return a
}

// overhead is the room for the fixed fields and the topic of a record, in bytes.
const overhead = 512
