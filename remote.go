package actormq

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/transport/remoting"
)

// What brokers, and operators through them, ask consumers
// (RocketMQ: ClientRemotingProcessor). The connection's reading goroutine calls;
// what takes time answers later.

// asksConsumer takes a request of a broker to a consumer. It reports false for
// other requests.
func (c *Client) asksConsumer(conn *remoting.Client, request *messages.Command) (response *messages.Command, taken bool) {
	field := "group"
	switch messages.RequestCode(request.Code) {
	case messages.CodeNotifyConsumerIDsChanged, messages.CodeGetConsumerRunningInfo, messages.CodeConsumeMessageDirectly:
		field = "consumerGroup"
	case messages.CodeResetConsumerClientOffset, messages.CodeGetConsumerStatusFromClient:
	default:
		return nil, false
	}
	group := request.Ext.Text(field)
	c.mu.Lock()
	m := c.consumers[group]
	c.mu.Unlock()
	switch messages.RequestCode(request.Code) {
	case messages.CodeNotifyConsumerIDsChanged:
		if m != nil {
			m.rebalanceSoon()
		}
		return nil, true
	case messages.CodeResetConsumerClientOffset:
		if m != nil {
			m.resetBy(request)
		}
		return nil, true
	}
	if m == nil {
		return respond(request, messages.SystemError, fmt.Sprintf("The Consumer Group <%s> not exist in this consumer", group)), true
	}
	switch messages.RequestCode(request.Code) {
	case messages.CodeGetConsumerRunningInfo:
		response = m.runningInfo(conn, request)
	case messages.CodeGetConsumerStatusFromClient:
		response = m.status(conn, request)
	default:
		response = m.consumeDirectly(conn, request)
	}
	return response, true
}

func respond(request *messages.Command, code messages.ResponseCode, remark string) *messages.Command {
	response := request.Respond(code, remark)
	response.Language = messages.Go
	return response
}

// resetBy has the consumer go on at the offsets of a request, which has no answer.
func (m *membership) resetBy(request *messages.Command) {
	body, err := messages.DecodeResetOffset(request.Body)
	if err != nil {
		m.fault(fmt.Errorf("actormq: a broker resets offsets: %w", err))
		return
	}
	topic := request.Ext.Text("topic")
	reset := &consumer.Reset{}
	for _, e := range body.OffsetTable {
		if e.Queue.Topic == topic && e.Value >= 0 {
			reset.Offsets = append(reset.Offsets, consumer.Offset{Queue: e.Queue, Offset: e.Value})
		}
	}
	m.tell(reset)
}

// answer sends a response whose body the actor's state makes.
func (m *membership) answer(conn *remoting.Client, request *messages.Command, body func(consumer.State) ([]byte, error)) *messages.Command {
	response := respond(request, messages.Success, "")
	runs := m.tell(&consumer.Inspect{Done: func(s consumer.State) {
		text, err := body(s)
		if err != nil {
			response.Code, response.Remark = int32(messages.SystemError), err.Error()
		}
		response.Body = text
		_ = conn.Reply(response) // the connection's end is the asker's trouble
	}})
	if !runs {
		return respond(request, messages.SystemError, "The consumer is not running")
	}
	return nil
}

// status answers where the consumer stands in a topic's queues.
func (m *membership) status(conn *remoting.Client, request *messages.Command) *messages.Command {
	topic := request.Ext.Text("topic")
	return m.answer(conn, request, func(s consumer.State) ([]byte, error) {
		var body messages.ConsumerStatusBody
		for _, q := range s.Queues {
			if topic == "" || q.Queue.Topic == topic {
				body.MessageQueueTable = append(body.MessageQueueTable, messages.QueueEntry[int64]{Queue: q.Queue, Value: q.Low})
			}
		}
		return body.Encode()
	})
}

func (m *membership) runningInfo(conn *remoting.Client, request *messages.Command) *messages.Command {
	stacks := request.Ext.Text("jstackEnable") == "true"
	return m.answer(conn, request, func(s consumer.State) ([]byte, error) {
		info := m.info(s)
		if stacks {
			info.JStack = goroutines()
		}
		return info.Encode()
	})
}

// maxStacks bounds what a running info says of goroutines, in bytes.
const maxStacks = 1 << 20

func goroutines() string {
	buf := make([]byte, maxStacks)
	return string(buf[:runtime.Stack(buf, true)])
}

// info says what the consumer does, in Java's words.
func (m *membership) info(s consumer.State) *messages.ConsumerRunningInfo {
	info := &messages.ConsumerRunningInfo{
		Properties: map[string]string{
			messages.PropNameServerAddr:         strings.Join(m.client.servers.known(), ";"),
			messages.PropConsumeOrderly:         strconv.FormatBool(m.o.ordered),
			messages.PropConsumeType:            m.data.ConsumeType,
			messages.PropThreadPoolCoreSize:     strconv.Itoa(m.o.concurrency),
			messages.PropClientVersion:          clientVersion,
			messages.PropConsumerStartTimestamp: strconv.FormatInt(m.began.UnixMilli(), 10),
		},
		StatusTable: make(map[string]messages.ConsumeStatus),
	}
	m.mu.Lock()
	for _, t := range m.topics {
		info.SubscriptionSet = append(info.SubscriptionSet, *t)
	}
	m.mu.Unlock()
	for i := range s.Queues {
		q := &s.Queues[i]
		info.MQTable = append(info.MQTable, messages.QueueEntry[messages.ProcessQueueInfo]{Queue: q.Queue, Value: processQueue(q)})
	}
	for topic, r := range s.Topics {
		info.StatusTable[topic] = messages.ConsumeStatus{
			PullTPS: messages.Double(r.PullTPS), PullRT: milliseconds(r.PullTime),
			ConsumeOKTPS: messages.Double(r.OKTPS), ConsumeFailedTPS: messages.Double(r.FailedTPS),
			ConsumeRT: milliseconds(r.HandleTime), ConsumeFailedMsgs: r.FailedLastHour,
		}
	}
	return info
}

// clientVersion is the MQVersion whose protocol this client speaks.
const clientVersion = "V5_5_0"

func milliseconds(d time.Duration) messages.Double {
	return messages.Double(float64(d) / float64(time.Millisecond))
}

func processQueue(q *consumer.QueueState) messages.ProcessQueueInfo {
	p := messages.ProcessQueueInfo{
		CachedMsgCount: int32(q.Messages), CachedMsgSizeInMiB: int32(q.Bytes >> 20), CommitOffset: max(q.Committed, 0),
		LastConsumeTimestamp: millis(q.HandledAt), LastLockTimestamp: millis(q.LockedAt), LastPullTimestamp: millis(q.PulledAt),
		Locked: q.Locked,
	}
	if q.Messages > 0 {
		p.CachedMsgMinOffset, p.CachedMsgMaxOffset = q.Low, q.Next-1
	}
	return p
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// consumeDirectly has the handler take a message that an operator sends, outside
// of its queue, and answers what came of it.
func (m *membership) consumeDirectly(conn *remoting.Client, request *messages.Command) *messages.Command {
	h := m.direct.Load()
	if h == nil {
		return respond(request, messages.SystemError, fmt.Sprintf("The Consumer Group <%s> not exist in this consumer", m.o.group))
	}
	received, err := m.directMessage(request)
	if err != nil {
		return respond(request, messages.SystemError, err.Error())
	}
	response := respond(request, messages.Success, "")
	m.errands.run(func() {
		began := time.Now()
		err := h.call(h.ctx, []*Received{received})
		result := messages.ConsumeMessageDirectlyResult{
			Order: m.o.ordered, AutoCommit: true, ConsumeResult: messages.ConsumeSuccess,
			SpentTimeMills: time.Since(began).Milliseconds(),
		}
		if err != nil {
			result.ConsumeResult, result.Remark = messages.ConsumeLater, err.Error()
		}
		if response.Body, err = result.Encode(); err != nil {
			response.Code, response.Remark = int32(messages.SystemError), err.Error()
		}
		_ = conn.Reply(response)
	})
	return nil
}

// directMessage reads the message that a request carries.
func (m *membership) directMessage(request *messages.Command) (*Received, error) {
	var r record.Record
	if _, err := record.Decode(request.Body, &r); err != nil {
		return nil, fmt.Errorf("actormq: a message to consume directly: %w", err)
	}
	q := Queue{Topic: string(r.Topic), Broker: request.Ext.Text("brokerName"), ID: int(r.QueueID)}
	received, err := newReceived(q, &r)
	if err != nil {
		return nil, err
	}
	received.Topic = m.client.unwrap(received.Topic)
	received.Queue.Topic = m.client.unwrap(q.Topic)
	return received, nil
}
