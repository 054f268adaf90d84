// Package script makes the requests of test clients and takes their responses
// apart, over the types of package messages. It holds no connection.
package script

import (
	"errors"
	"fmt"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// Group is the group of all test clients.
const Group = "test"

func request(code messages.RequestCode) *messages.Command {
	return &messages.Command{Code: int32(code), Language: messages.Go, Version: messages.ProtocolVersion}
}

// CreateTopic asks a broker for a topic that may be read and written.
func CreateTopic(topic string, queues int) *messages.Command {
	c := request(messages.CodeUpdateAndCreateTopic)
	c.Ext.Set("topic", topic)
	c.Ext.Set("defaultTopic", "TBW102")
	c.Ext.SetInt("readQueueNums", int64(queues))
	c.Ext.SetInt("writeQueueNums", int64(queues))
	c.Ext.SetInt("perm", 6)
	c.Ext.Set("topicFilterType", "SINGLE_TAG")
	c.Ext.SetInt("topicSysFlag", 0)
	c.Ext.SetBool("order", false)
	return c
}

// CreateBatchTopic is CreateTopic of a topic whose batches are one record.
func CreateBatchTopic(topic string, queues int) *messages.Command {
	c := CreateTopic(topic, queues)
	c.Ext.Set("attributes", "+"+messages.QueueType+"="+messages.BatchQueueType)
	return c
}

// Send asks a broker to keep body in a queue. Its wait property is unset, which
// means that the response waits for the configured durability.
func Send(topic string, queueID int32, body []byte) *messages.Command {
	c := request(messages.CodeSendMessage)
	c.Ext.Set("producerGroup", Group)
	c.Ext.Set("topic", topic)
	c.Ext.Set("defaultTopic", "TBW102")
	c.Ext.SetInt("defaultTopicQueueNums", 4)
	c.Ext.SetInt("queueId", int64(queueID))
	c.Ext.SetInt("sysFlag", 0)
	c.Ext.SetInt("bornTimestamp", 1_700_000_000_000)
	c.Ext.SetInt("flag", 0)
	c.Ext.Set("properties", "")
	c.Ext.SetInt("reconsumeTimes", 0)
	c.Ext.SetBool("unitMode", false)
	c.Ext.SetBool("batch", false)
	c.Body = body
	return c
}

// SendBatch asks a broker to keep bodies in a queue. id is the batch's own.
func SendBatch(topic string, queueID int32, id string, bodies [][]byte) *messages.Command {
	c := Send(topic, queueID, nil)
	c.Code = int32(messages.CodeSendBatchMessage)
	c.Ext.SetBool("batch", true)
	c.Ext.Set("properties", string(messages.AppendProperty(nil, messages.PropertyUniqKey, id)))
	for _, body := range bodies {
		c.Body = messages.AppendBatchRecord(c.Body, &messages.BatchRecord{Body: body})
	}
	return c
}

// SendWithoutWaiting is Send of a message whose response waits neither for the disk
// nor for slaves.
func SendWithoutWaiting(topic string, queueID int32, body []byte) *messages.Command {
	c := Send(topic, queueID, body)
	c.Ext.Set("properties", string(messages.AppendProperty(nil, messages.PropertyWait, "false")))
	return c
}

// HAStatus asks a broker for the state of its replication.
func HAStatus() *messages.Command { return request(messages.CodeGetBrokerHAStatus) }

// Sent is the response to a Send: where the message is. It fails with a *Refused
// unless the broker promised to keep it.
func Sent(response *messages.Command) (queueID int32, offset int64, err error) {
	if err := Succeeded(response); err != nil {
		return 0, 0, err
	}
	queueID, err = response.Ext.Int32("queueId")
	if err != nil {
		return 0, 0, err
	}
	offset, err = response.Ext.Int64("queueOffset")
	return queueID, offset, err
}

// Refused is a response with another code than success.
type Refused struct {
	Code   messages.ResponseCode
	Remark string
}

func (r *Refused) Error() string { return fmt.Sprintf("script: response %d: %s", r.Code, r.Remark) }

// Succeeded returns a *Refused if response has another code than success.
func Succeeded(response *messages.Command) error {
	if code := messages.ResponseCode(response.Code); code != messages.Success {
		return &Refused{Code: code, Remark: response.Remark}
	}
	return nil
}

// The bits of a pull request's system flag (RocketMQ: PullSysFlag).
const (
	pullSuspend      = 2
	pullSubscription = 4
)

// Pull asks for the messages of a queue from offset on. If there are none, the
// broker may hold the request for so many milliseconds; 0 means not at all.
func Pull(topic string, queueID int32, offset int64, holdMillis int64) *messages.Command {
	c := request(messages.CodePullMessage)
	flag := int64(pullSubscription)
	if holdMillis > 0 {
		flag |= pullSuspend
	}
	c.Ext.Set("consumerGroup", Group)
	c.Ext.Set("topic", topic)
	c.Ext.SetInt("queueId", int64(queueID))
	c.Ext.SetInt("queueOffset", offset)
	c.Ext.SetInt("maxMsgNums", 32)
	c.Ext.SetInt("sysFlag", flag)
	c.Ext.SetInt("commitOffset", 0)
	c.Ext.SetInt("suspendTimeoutMillis", holdMillis)
	c.Ext.Set("subscription", "*")
	c.Ext.SetInt("subVersion", 0)
	c.Ext.Set("expressionType", "TAG")
	return c
}

// Messages is the response to a Pull.
type Messages struct {
	Records        []record.Record
	Next, Min, Max int64
}

// Pulled takes the response to a Pull apart, and batches into messages. No messages
// is no error.
func Pulled(response *messages.Command) (*Messages, error) {
	m := &Messages{}
	switch code := messages.ResponseCode(response.Code); code {
	case messages.Success, messages.PullNotFound, messages.PullRetryImmediately, messages.PullOffsetMoved:
	default:
		return nil, &Refused{Code: code, Remark: response.Remark}
	}
	for _, field := range []struct {
		name string
		to   *int64
	}{{"nextBeginOffset", &m.Next}, {"minOffset", &m.Min}, {"maxOffset", &m.Max}} {
		n, err := response.Ext.Int64(field.name)
		if err != nil {
			return nil, err
		}
		*field.to = n
	}
	for rest := response.Body; len(rest) > 0; {
		var r record.Record
		n, err := record.Decode(rest, &r)
		if err == nil {
			err = r.CheckCRC()
		}
		if err != nil {
			return nil, fmt.Errorf("script: record %d of a pull: %w", len(m.Records), err)
		}
		rest = rest[n:]
		err = r.EachMessage(n, func(one *record.Record, _ int) error {
			m.Records = append(m.Records, *one)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if messages.ResponseCode(response.Code) == messages.Success && len(m.Records) == 0 {
		return nil, errors.New("script: a pull that found something brought nothing")
	}
	return m, nil
}

// MaxOffset asks for the end of a queue.
func MaxOffset(topic string, queueID int32) *messages.Command {
	c := request(messages.CodeGetMaxOffset)
	c.Ext.Set("topic", topic)
	c.Ext.SetInt("queueId", int64(queueID))
	return c
}

// Route asks a name server where a topic is.
func Route(topic string) *messages.Command {
	c := request(messages.CodeGetRouteInfoByTopic)
	c.Ext.Set("topic", topic)
	c.Ext.SetBool("acceptStandardJsonOnly", true)
	return c
}

// Routed is the response to a Route.
func Routed(response *messages.Command) (*messages.TopicRouteData, error) {
	if err := Succeeded(response); err != nil {
		return nil, err
	}
	return messages.DecodeTopicRoute(response.Body)
}

// Half asks a broker to keep body as the half of a transaction of Group, which is
// born at a time in Unix milliseconds. id is the client's id of the message.
func Half(topic string, queueID int32, id string, body []byte, born int64) *messages.Command {
	c := Send(topic, queueID, body)
	properties := messages.AppendProperty(nil, messages.PropertyTransactionPrepared, "true")
	properties = messages.AppendProperty(properties, messages.PropertyProducerGroup, Group)
	properties = messages.AppendProperty(properties, messages.PropertyUniqKey, id)
	c.Ext.Set("properties", string(properties))
	c.Ext.SetInt("bornTimestamp", born)
	return c
}

// End tells a broker what became of the transaction that it was sent a Half of; it
// gets no answer. outcome is messages.SysFlagCommit, SysFlagRollback or 0.
func End(half *messages.Command, outcome int32) (*messages.Command, error) {
	offset, err := half.Ext.Int64("queueOffset")
	if err != nil {
		return nil, err
	}
	_, phys, err := messages.DecodeOffsetMsgID(half.Ext.Text("msgId"))
	if err != nil {
		return nil, err
	}
	return end(&messages.EndTransaction{TableOffset: offset, LogOffset: phys, Outcome: outcome, MsgID: half.Ext.Text("transactionId")}), nil
}

// Checked answers a broker that asks what became of a transaction.
func Checked(check *messages.Command, outcome int32) (*messages.Command, error) {
	h, err := messages.ParseCheckTransaction(&check.Ext)
	if err != nil {
		return nil, err
	}
	return end(&messages.EndTransaction{TableOffset: h.TableOffset, LogOffset: h.LogOffset, Outcome: outcome, FromCheck: true, MsgID: h.MsgID}), nil
}

func end(h *messages.EndTransaction) *messages.Command {
	h.ProducerGroup = Group
	c := request(messages.CodeEndTransaction)
	c.Flag = messages.FlagOneway
	h.Set(&c.Ext)
	return c
}

// Heartbeat says that a client is a producer of Group.
func Heartbeat(clientID string) (*messages.Command, error) {
	beat := messages.HeartbeatData{ClientID: clientID, Producers: []messages.ProducerData{{GroupName: Group}}}
	body, err := beat.Encode()
	if err != nil {
		return nil, err
	}
	c := request(messages.CodeHeartBeat)
	c.Body = body
	return c, nil
}
