// Package sendback takes the messages that a consumer failed on: it stores them
// again, for later, in the group's retry topic, or for good in its dead-letter
// topic (RocketMQ: AbstractSendMessageProcessor.consumerSendMsgBack).
package sendback

import (
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/send"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
)

// Options configures SendBack.
type Options struct {
	Env         *env.Env
	Store       *storage.Store
	Subs        *subscriptions.View
	SubsOwner   *actor.PID
	TopicsOwner *actor.PID
	CommitLog   *actor.PID
	StoreHost   netip.AddrPort
	BrokerIP    string
	Permission  func() int32
	Delays      messages.DelayLevels
	Slave       bool // answer everything with send.ErrSlave
	Traffic     *stats.Traffic
}

// firstRetryLevel is the delay level of a first retry, 10 s by default; each
// further one waits a level longer.
const firstRetryLevel = 3

// maxTimesVersion is the first MQVersion whose maxReconsumeTimes counts (V3_4_9).
const maxTimesVersion = 121

// Props returns the props of SendBack. It reads the failed message from the log,
// which may block, and holds no state but what is under way.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &sendBack{Options: o} })
}

// Codes lists the request codes that SendBack answers.
func Codes() []messages.RequestCode { return (*sendBack)(nil).routes().Codes() }

type sendBack struct {
	Options
	self     *actor.PID
	handlers front.Handlers
}

func (s *sendBack) routes() front.Handlers {
	return front.Handlers{messages.CodeConsumerSendMsgBack: s.sendBack}
}

func (s *sendBack) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.self, s.handlers = ctx.Self(), s.routes()
	case *messages.Requests:
		s.handlers.Serve(s.Env, m)
	case *messages.Append:
		s.stored(m)
	}
}

// back is a decided send-back.
type back struct {
	topic   string
	queueID int32
	level   int // of delay; 0 none
	tally   *messages.Tally
}

func (s *sendBack) sendBack(r *front.Request) (*messages.Command, error) {
	if s.Slave {
		return nil, send.ErrSlave
	}
	ext := &r.Command.Ext
	name, err := ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	phys, err := ext.Int64("offset")
	if err != nil {
		return nil, err
	}
	group := s.Subs.Find(s.Env, s.SubsOwner, name)
	if group == nil {
		return nil, messages.Refuse(messages.SubscriptionGroupUnknown, "subscription group not exist, %s", name)
	}
	if s.Permission()&messages.PermWrite == 0 {
		return nil, messages.Refuse(messages.NoPermission, "the broker[%s] sending message is forbidden", s.BrokerIP)
	}
	if group.RetryQueueNums <= 0 {
		return r.Response(messages.Success, ""), nil
	}
	var m record.Record
	raw, err := s.Store.Log.Record(phys, nil)
	if err == nil {
		_, err = record.Decode(raw, &m)
	}
	if err != nil {
		return nil, messages.Refuse(messages.SystemError, "look message by offset failed, %d", phys)
	}
	if m.SysFlag&messages.SysFlagInnerBatch != 0 {
		// It is more than what failed. The client sends its message anew, as it does
		// whenever it may not send back.
		return nil, messages.Refuse(messages.SystemError, "MESSAGE_ILLEGAL, the message at %d is one of a batch", phys)
	}
	to, err := s.decide(r, group, &m)
	if err != nil {
		return nil, err
	}
	s.append(r, &m, phys, to)
	return nil, nil
}

// decide between another try and the dead letters.
func (s *sendBack) decide(r *front.Request, group *messages.SubscriptionGroupConfig, m *record.Record) (back, error) {
	ext := &r.Command.Ext
	level, err := ext.Int32("delayLevel")
	if err != nil {
		return back{}, err
	}
	limit := group.RetryMaxTimes
	if r.Version >= maxTimesVersion {
		if limit, err = ext.Int32Or("maxReconsumeTimes", limit); err != nil {
			return back{}, err
		}
	}
	if m.ReconsumeTimes >= limit || level < 0 {
		to := back{topic: messages.DLQTopic(group.GroupName)}
		to.tally = s.Traffic.Dead(group.GroupName, to.topic)
		s.ensure(to.topic, 1)
		return to, nil
	}
	if level == 0 {
		level = firstRetryLevel + m.ReconsumeTimes
	}
	to := back{
		topic:   messages.RetryTopic(group.GroupName),
		queueID: int32(s.Env.Rand.IntN(int(group.RetryQueueNums))),
		level:   s.Delays.Clamp(int(level)),
	}
	s.ensure(to.topic, group.RetryQueueNums)
	return to, nil
}

func (s *sendBack) ensure(topic string, queues int32) {
	s.Env.Send(s.TopicsOwner, &topics.Ensure{Topic: topic, Queues: queues, Perm: messages.PermRead | messages.PermWrite})
}

// append stores the message again. It keeps the body, the flags, the birth and
// the properties, which remember where it first came from.
func (s *sendBack) append(r *front.Request, m *record.Record, phys int64, to back) {
	origin := messages.FindProperty(m.Properties, messages.PropertyOriginMessageID)
	if len(origin) == 0 {
		origin = []byte(messages.EncodeOffsetMsgID(m.StoreHost, phys))
	}
	retryOf := string(messages.FindProperty(m.Properties, messages.PropertyRetryTopic))
	if retryOf == "" {
		retryOf = string(m.Topic)
	}
	properties := messages.RemoveProperties(nil, m.Properties,
		messages.PropertyDelay, messages.PropertyRealTopic, messages.PropertyRealQueueID,
		messages.PropertyWait, messages.PropertyOriginMessageID, messages.PropertyRetryTopic,
		messages.PropertyInnerNum, messages.PropertyInnerBase)
	properties = messages.AppendProperty(properties, messages.PropertyRetryTopic, retryOf)
	properties = messages.AppendProperty(properties, messages.PropertyOriginMessageID, string(origin))
	properties = messages.AppendProperty(properties, messages.PropertyWait, "false")
	properties = messages.AppendPropertyInt(properties, messages.PropertyDelay, int64(to.level))

	topic, queueID, delay := to.topic, to.queueID, int64(0)
	if to.level > 0 {
		properties = messages.AppendProperty(properties, messages.PropertyRealTopic, topic)
		properties = messages.AppendPropertyInt(properties, messages.PropertyRealQueueID, int64(queueID))
		topic, queueID, delay = messages.TopicSchedule, int32(to.level-1), s.Delays.Millis(to.level)
	}
	next := *m
	next.QueueID, next.Properties, next.StoreHost = queueID, properties, s.StoreHost
	next.ReconsumeTimes++

	a := messages.NewAppend(len(m.Body) + len(properties) + 512)
	a.ReplyTo, a.Token = s.self, r.Ticket
	commitlog.Add(a, &next, topic, delay)
	a.Sends = append(a.Sends, messages.Send{Count: 1, Tally: to.tally})
	s.Env.Send(s.CommitLog, a)
}

func (s *sendBack) stored(a *messages.Append) {
	ticket := a.Token.(messages.Ticket)
	code, remark := messages.Success, ""
	if send := a.Sends[0]; send.Code != messages.Success {
		code, remark = messages.SystemError, send.Remark
	}
	a.Release()
	front.Reply(s.Env, ticket, ticket.Response(code, remark))
}
