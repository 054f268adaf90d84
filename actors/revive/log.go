package revive

import (
	"net/netip"
	"strconv"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// Log writes records of the revive log, which are timer messages.
type Log struct {
	Topic     string
	Timers    messages.TimerRules
	StoreHost netip.AddrPort
}

// ahead is how long before its acknowledgements a checkpoint comes to the log, in
// milliseconds (RocketMQ: PopAckConstants.ackTimeInterval).
const ahead = 1000

// Checkpoint appends a checkpoint to a, for a queue of the log. now is in Unix
// milliseconds. It fails for a time that timers do not reach, and leaves a as it is.
func (l *Log) Checkpoint(a *messages.Append, c *messages.PopCheckpoint, queueID int32, now int64) error {
	body, err := c.Body()
	if err != nil {
		return err
	}
	id := uniqueID(c.Topic, c.QueueID, c.StartOffset, c.Group, c.PopTime, c.Broker, messages.TagCheckpoint)
	return l.add(a, body, messages.TagCheckpoint, id, queueID, c.ReviveTime()-ahead, now)
}

// Ack appends an acknowledgement of messages that are visible again at a time; see
// Checkpoint.
func (l *Log) Ack(a *messages.Append, ack *messages.PopAck, queueID int32, visible, now int64) error {
	body, err := ack.Body()
	if err != nil {
		return err
	}
	tag := messages.TagPopAck
	if len(ack.Offsets) > 0 {
		tag = messages.TagPopAcks
	}
	id := uniqueID(ack.Topic, ack.QueueID, ack.Offset, ack.Group, ack.PopTime, ack.Broker, messages.TagPopAck)
	return l.add(a, body, tag, id, queueID, visible, now)
}

func (l *Log) add(a *messages.Append, body []byte, tag, id string, queueID int32, deliver, now int64) error {
	properties := messages.AppendProperty(nil, messages.PropertyTags, tag)
	properties = messages.AppendPropertyInt(properties, messages.PropertyTimerDeliverMs, deliver)
	properties = messages.AppendProperty(properties, messages.PropertyUniqKey, id)
	wanted := messages.TimerOf(properties)
	out, waits, err := l.Timers.Out(&wanted, now, false)
	if err != nil {
		return err
	}
	r := record.Record{QueueID: queueID, BornTimestamp: now, BornHost: l.StoreHost, StoreHost: l.StoreHost, Body: body}
	topic := l.Topic
	if waits {
		properties = messages.AppendTimer(properties, topic, queueID, out)
		topic, r.QueueID = messages.TopicTimer, 0
	}
	r.Properties = properties
	commitlog.Add(a, &r, topic, 0)
	return nil
}

// uniqueID is the id of a record, as Apache's broker makes it (RocketMQ:
// PopMessageProcessor.genCkUniqueId, genAckUniqueId).
func uniqueID(topic string, queueID int32, offset int64, group string, popTime int64, broker, tag string) string {
	b := make([]byte, 0, 128)
	b = append(append(b, topic...), '@')
	b = append(strconv.AppendInt(b, int64(queueID), 10), '@')
	b = append(strconv.AppendInt(b, offset, 10), '@')
	b = append(append(b, group...), '@')
	b = append(strconv.AppendInt(b, popTime, 10), '@')
	b = append(append(b, broker...), '@')
	return string(append(b, tag...))
}
