package actormq

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
)

// sending is one or more messages, encoded to be sent to any queue.
type sending struct {
	code       messages.RequestCode
	group      string
	topic      string
	ids        string // of the messages, separated by commas
	flag       int32
	properties string
	body       []byte
	batch      bool
	pinned     *Queue // the only queue to send to, or nil
}

func (p *Producer) encode(m *Message) (*sending, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	s := &sending{
		code: messages.CodeSendMessageV2, group: p.o.Group, topic: m.Topic,
		ids: p.client.uniq.make(time.Now()), flag: m.Flag, body: m.Body,
	}
	properties, err := propertiesOf(m, s.ids)
	if err != nil {
		return nil, err
	}
	s.properties = string(properties)
	return s, nil
}

func propertiesOf(m *Message, id string) ([]byte, error) {
	properties := m.appendProperties(nil, id)
	if len(properties) > messages.MaxPropertiesSize {
		return nil, fmt.Errorf("actormq: properties of %d bytes; %d are allowed", len(properties), messages.MaxPropertiesSize)
	}
	return properties, nil
}

// encodeBatch encodes messages as one body. The batch has a message id of its
// own, which brokers ignore and which Java sends.
func (p *Producer) encodeBatch(batch []*Message) (*sending, error) {
	if len(batch) == 0 {
		return nil, errors.New("actormq: an empty batch")
	}
	now := time.Now()
	s := &sending{code: messages.CodeSendBatchMessage, group: p.o.Group, topic: batch[0].Topic, batch: true}
	ids := make([]string, len(batch))
	for i, m := range batch {
		if err := m.validate(); err != nil {
			return nil, fmt.Errorf("message %d of a batch: %w", i, err)
		}
		switch {
		case m.Topic != s.topic:
			return nil, fmt.Errorf("actormq: topics %q and %q in a batch", s.topic, m.Topic)
		case m.DelayLevel != 0:
			return nil, errors.New("actormq: a delayed message in a batch")
		}
		ids[i] = p.client.uniq.make(now)
		properties, err := propertiesOf(m, ids[i])
		if err != nil {
			return nil, fmt.Errorf("message %d of a batch: %w", i, err)
		}
		s.body = messages.AppendBatchRecord(s.body, &messages.BatchRecord{Flag: m.Flag, Body: m.Body, Properties: properties})
	}
	s.ids = strings.Join(ids, ",")
	own := messages.AppendProperty(nil, messages.PropertyUniqKey, p.client.uniq.make(now))
	s.properties = string(messages.AppendProperty(own, messages.PropertyWait, "true"))
	return s, nil
}

// request returns a request that sends s to a queue, with the one-letter names of
// fields (RocketMQ: SendMessageRequestHeaderV2).
func (s *sending) request(q Queue) *messages.Command {
	c := newRequest(s.code)
	c.Ext.Set("a", s.group)
	c.Ext.Set("b", s.topic)
	c.Ext.Set("c", messages.TopicDefault)
	c.Ext.SetInt("d", templateQueues)
	c.Ext.SetInt("e", int64(q.ID))
	c.Ext.SetInt("f", 0) // sysFlag
	c.Ext.SetInt("g", time.Now().UnixMilli())
	c.Ext.SetInt("h", int64(s.flag))
	c.Ext.Set("i", s.properties)
	c.Ext.SetInt("j", 0)      // reconsumeTimes
	c.Ext.SetBool("k", false) // unitMode
	c.Ext.SetBool("m", s.batch)
	c.Ext.Set("n", q.Broker)
	c.Body = s.body
	return c
}

// result reads the response to a request of s.
func (s *sending) result(a *attempt, response *messages.Command) (Sent, error) {
	sent := Sent{ID: s.ids, Queue: a.queue}
	switch messages.ResponseCode(response.Code) {
	case messages.Success:
		sent.Status = SendOK
	case messages.FlushDiskTimeout:
		sent.Status = FlushDiskTimeout
	case messages.FlushSlaveTimeout:
		sent.Status = FlushSlaveTimeout
	case messages.SlaveNotAvailable:
		sent.Status = SlaveNotAvailable
	default:
		return Sent{}, refusal(a.conn.addr, response)
	}
	id, err := response.Ext.Int32("queueId")
	if err != nil {
		return Sent{}, fmt.Errorf("actormq: answer of %s to a send: %w", a.conn.addr, err)
	}
	sent.Queue.ID = int(id)
	if sent.Offset, err = response.Ext.Int64("queueOffset"); err != nil {
		return Sent{}, fmt.Errorf("actormq: answer of %s to a send: %w", a.conn.addr, err)
	}
	sent.OffsetID = response.Ext.Text("msgId")
	return sent, nil
}
