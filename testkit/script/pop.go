package script

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// Pop asks for messages of a queue, or of all with queue -1, for Group. born is the
// client's clock, in Unix milliseconds; invisible and poll are milliseconds.
func Pop(topic string, queueID, maxMessages int32, invisible, poll, born int64) *messages.Command {
	c := request(messages.CodePopMessage)
	h := messages.PopHeader{
		ConsumerGroup: Group, Topic: topic, QueueID: queueID, MaxMsgNums: maxMessages, Invisible: invisible, PollTime: poll, BornTime: born,
	}
	h.Set(&c.Ext)
	return c
}

// PopInOrder is Pop for messages in the order of their queue. attempt names a pop that is
// repeated, if it is not empty.
func PopInOrder(topic string, queueID, maxMessages int32, invisible, poll, born int64, attempt string) *messages.Command {
	c := Pop(topic, queueID, maxMessages, invisible, poll, born)
	h := messages.PopHeader{
		ConsumerGroup: Group, Topic: topic, QueueID: queueID, MaxMsgNums: maxMessages, Invisible: invisible, PollTime: poll, BornTime: born,
		Order: true, AttemptID: attempt,
	}
	c.Ext = messages.Ext{}
	h.Set(&c.Ext)
	return c
}

// PoppedMessage is a message and what it is acknowledged by.
type PoppedMessage struct {
	record.Record
	Handle messages.PopHandle
}

// Popped takes the response to a Pop apart. No messages is no error.
func Popped(response *messages.Command) ([]PoppedMessage, error) {
	switch code := messages.ResponseCode(response.Code); code {
	case messages.Success:
	case messages.PollingTimeout, messages.PollingFull:
		return nil, nil
	default:
		return nil, &Refused{Code: code, Remark: response.Remark}
	}
	h, err := messages.ParsePopResponse(&response.Ext)
	if err != nil {
		return nil, err
	}
	starts, err := startOffsets(h.StartOffsets)
	if err != nil {
		return nil, err
	}
	broker := response.Ext.Text("brokerName")
	var all []PoppedMessage
	for rest := response.Body; len(rest) > 0; {
		var m PoppedMessage
		n, err := record.Decode(rest, &m.Record)
		if err == nil {
			err = m.CheckCRC()
		}
		if err != nil {
			return nil, fmt.Errorf("script: record %d of a pop: %w", len(all), err)
		}
		rest = rest[n:]
		if text := messages.FindProperty(m.Properties, messages.PropertyPopCK); text != nil {
			m.Handle, err = messages.ParsePopHandle(string(text))
		} else {
			mark := messages.PopMark(string(m.Topic))
			start, ok := starts[mark+" "+strconv.Itoa(int(m.QueueID))]
			if !ok {
				err = fmt.Errorf("script: a pop does not tell where queue %d of mark %s begins: %q", m.QueueID, mark, h.StartOffsets)
			}
			m.Handle = messages.PopHandle{
				StartOffset: start, PopTime: h.PopTime, Invisible: h.Invisible, ReviveQueue: h.ReviveQueue, Mark: mark,
				Broker: broker, QueueID: m.QueueID, Offset: m.QueueOffset,
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func startOffsets(text string) (map[string]int64, error) {
	all := make(map[string]int64)
	for _, part := range strings.Split(text, ";") {
		i := strings.LastIndexByte(part, ' ')
		if i < 0 {
			continue
		}
		offset, err := strconv.ParseInt(part[i+1:], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("script: start offsets %q: %w", text, err)
		}
		all[part[:i]] = offset
	}
	return all, nil
}

// Ack acknowledges a message that was popped from topic.
func Ack(topic string, h messages.PopHandle) *messages.Command {
	c := request(messages.CodeAckMessage)
	header := ackHeader(topic, h)
	header.Set(&c.Ext)
	return c
}

// ChangeInvisible has a message that was popped from topic visible again so many
// milliseconds from now.
func ChangeInvisible(topic string, h messages.PopHandle, invisible int64) *messages.Command {
	c := request(messages.CodeChangeMessageInvisibleTime)
	header := messages.ChangeInvisibleHeader{AckHeader: ackHeader(topic, h), Invisible: invisible}
	header.Set(&c.Ext)
	return c
}

func ackHeader(topic string, h messages.PopHandle) messages.AckHeader {
	return messages.AckHeader{
		ConsumerGroup: Group, Topic: h.Topic(topic, Group), QueueID: h.QueueID, Handle: h.String(), Offset: h.Offset,
	}
}
