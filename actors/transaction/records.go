package transaction

import (
	"net/netip"
	"strconv"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// target returns where a half is to go. It reports false for a record that is no
// half, or does not say.
func target(h *record.Record) (topic string, queueID int32, ok bool) {
	if string(h.Topic) != messages.TopicTransHalf {
		return "", 0, false
	}
	topic = string(messages.FindProperty(h.Properties, messages.PropertyRealTopic))
	id, err := strconv.ParseInt(string(messages.FindProperty(h.Properties, messages.PropertyRealQueueID)), 10, 32)
	return topic, int32(id), topic != "" && err == nil && id >= 0
}

// add appends a record and its send to a.
func add(a *messages.Append, r *record.Record, topic string, delay int64, s messages.Send) {
	s.First, s.Count = len(a.Records), 1
	commitlog.Add(a, r, topic, delay)
	a.Sends = append(a.Sends, s)
}

// overhead bounds what a record needs beyond its body and properties, in bytes.
const overhead = 512

// until is when a message is out that waits for a time.
type until struct {
	out   int64
	waits bool
}

// commit appends the message of a half to its real topic; a delay begins now. It
// keeps TRAN_MSG and the id of the transaction, by which consumers see that it
// comes from one (RocketMQ: EndTransactionProcessor.endMessageTransaction).
func commit(a *messages.Append, h *record.Record, topic string, queueID int32, delays messages.DelayLevels, time until, s messages.Send) {
	m := *h
	m.QueueID, m.PreparedOffset = queueID, h.PhysOffset
	m.SysFlag = h.SysFlag&^messages.SysFlagTransactionMask | messages.SysFlagCommit
	m.Properties = messages.RemoveProperties(nil, h.Properties, messages.PropertyRealTopic, messages.PropertyRealQueueID)
	s.Wait = string(messages.FindProperty(h.Properties, messages.PropertyWait)) != "false"
	var delay int64
	wanted := max(number(messages.FindProperty(h.Properties, messages.PropertyDelay)), 0)
	if level := delays.Clamp(int(min(wanted, 1<<20))); level == 0 && time.waits {
		m.Properties = messages.AppendTimer(m.Properties, topic, queueID, time.out)
		topic, m.QueueID = messages.TopicTimer, 0
	} else if level > 0 {
		m.Properties = messages.AppendProperty(m.Properties, messages.PropertyRealTopic, topic)
		m.Properties = messages.AppendPropertyInt(m.Properties, messages.PropertyRealQueueID, int64(queueID))
		topic, m.QueueID, delay = messages.TopicSchedule, int32(level-1), delays.Millis(level)
	}
	add(a, &m, topic, delay, s)
}

// again appends a half once more. One that was checked counts it; one that is
// immune names its first offset. (RocketMQ: renewHalfMessageInner, which forgets
// the flag, and renewImmunityHalfMessageInner)
func again(a *messages.Append, h *record.Record, v verdict) {
	m := *h
	switch v {
	case ask:
		checks := messages.FindProperty(h.Properties, messages.PropertyTransactionCheckTimes)
		times := int64(1)
		if checks != nil {
			times = number(checks) + 1
		}
		m.Properties = withTimes(h.Properties, times)
	case renew:
		m.Properties = messages.RemoveProperties(nil, h.Properties)
		if messages.FindProperty(h.Properties, messages.PropertyTransactionPreparedQueueOffset) == nil {
			m.Properties = messages.AppendPropertyInt(m.Properties, messages.PropertyTransactionPreparedQueueOffset, h.QueueOffset)
		}
	}
	add(a, &m, messages.TopicTransHalf, 0, messages.Send{})
}

func withTimes(properties []byte, times int64) []byte {
	properties = messages.RemoveProperties(nil, properties, messages.PropertyTransactionCheckTimes)
	return messages.AppendPropertyInt(properties, messages.PropertyTransactionCheckTimes, times)
}

// putAway appends a half that is given up to the topic where operators look for it
// (RocketMQ: DefaultTransactionalMessageCheckListener.toMessageExtBrokerInner).
func putAway(a *messages.Append, h *record.Record) {
	m := *h
	m.QueueID, m.Properties = 0, messages.RemoveProperties(nil, h.Properties)
	add(a, &m, messages.TopicTransCheckMax, 0, messages.Send{})
}

// resume appends a half that was put away to the half topic, as one that was never
// checked (RocketMQ: AdminBrokerProcessor.resumeCheckHalfMessage).
func resume(a *messages.Append, m *record.Record) {
	h := *m
	h.QueueID, h.Properties = 0, withTimes(m.Properties, 0)
	add(a, &h, messages.TopicTransHalf, 0, messages.Send{})
}

// op appends the op message of one queue's body
// (RocketMQ: TransactionalMessageBridge.makeOpMessageInner).
func op(a *messages.Append, queueID int32, body []byte, host netip.AddrPort, now int64) {
	properties := messages.AppendProperty(nil, messages.PropertyWait, "true")
	properties = messages.AppendProperty(properties, messages.PropertyTags, messages.TagEnded)
	add(a, &record.Record{
		QueueID: queueID, BornTimestamp: now, BornHost: host, StoreHost: host, Body: body, Properties: properties,
	}, messages.TopicTransOpHalf, 0, messages.Send{})
}

// question is the request that asks a producer about a half that was appended at
// phys, as the record of its real topic and queue. It is nil if the half does not
// name them. (RocketMQ: AbstractTransactionalMessageCheckListener.sendCheckMessage)
func question(raw []byte, r *messages.AppendRecord, broker string) (request *messages.Command, group string) {
	var h record.Record
	if _, err := record.Decode(raw, &h); err != nil {
		return nil, ""
	}
	topic, queueID, ok := target(&h)
	if !ok {
		return nil, ""
	}
	id := string(messages.FindProperty(h.Properties, messages.PropertyUniqKey))
	header := messages.CheckTransaction{
		Topic: messages.TopicTransHalf, TableOffset: r.QueueOffset, LogOffset: r.Phys, MsgID: id, TransactionID: id,
		OffsetMsgID: messages.EncodeOffsetMsgID(h.StoreHost, r.Phys), Broker: broker,
	}
	h.Topic, h.QueueID = []byte(topic), queueID
	h.QueueOffset, h.PhysOffset, h.StoreTimestamp = r.QueueOffset, r.Phys, r.StoreTime
	request = &messages.Command{Code: int32(messages.CodeCheckTransactionState), Body: h.Append(nil)}
	header.Set(&request.Ext)
	return request, string(messages.FindProperty(h.Properties, messages.PropertyProducerGroup))
}
