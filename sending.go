package actormq

import (
	"context"
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
	topic      string // with the namespace
	shown      string // without
	ids        string // of the messages, separated by commas
	count      int    // of the messages
	flag       int32
	sysFlag    int32
	properties string
	body       []byte
	batch      bool
	unit       bool
	pinned     *Queue                   // the only queue to send to, or nil
	place      func(queues []Queue) int // chooses the only queue, or nil
	prefer     string                   // the broker to try first, or ""
	seen       []*observed              // for each message, or nil if nobody wants to know
}

// fixed reports whether s goes to one queue and no other.
func (s *sending) fixed() bool { return s.pinned != nil || s.place != nil }

// property is one that a message gets besides its own.
type property struct{ name, value string }

// encode encodes one message with further properties. Its delivery must follow:
// who observes the message is told of the end.
func (p *Producer) encode(ctx context.Context, m *Message, further ...property) (*sending, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	return p.encodeValid(ctx, m, further...)
}

// encodeValid is encode for a message of this package's own making.
func (p *Producer) encodeValid(ctx context.Context, m *Message, further ...property) (*sending, error) {
	s := p.newSending(messages.CodeSendMessageV2, m.Topic)
	s.ids, s.count, s.flag, s.body = p.client.uniq.make(time.Now()), 1, m.Flag, m.Body
	seen, further := p.observe(ctx, m, s.ids, further)
	if seen != nil {
		s.seen = []*observed{seen}
	}
	properties, err := p.properties(m, s.ids, further...)
	if err != nil {
		abandoned(s.seen, err)
		return nil, err
	}
	s.properties = string(properties)
	p.compress(s)
	if m.OrderKey != "" {
		s.place = byKey(m.OrderKey)
	}
	return s, nil
}

// compress compresses the body of one message if it is large enough.
func (p *Producer) compress(s *sending) {
	if p.o.CompressFrom >= 0 && len(s.body) >= p.o.CompressFrom {
		s.body, s.sysFlag = compress(p.o.Compression, s.body)
	}
}

func (p *Producer) newSending(code messages.RequestCode, topic string) *sending {
	return &sending{
		code: code, group: p.client.wrap(p.o.Group), topic: p.client.wrap(topic), shown: topic, unit: p.client.unit,
	}
}

func (p *Producer) properties(m *Message, id string, further ...property) ([]byte, error) {
	properties := m.appendProperties(nil, id)
	if p.client.namespace != "" {
		properties = messages.AppendProperty(properties, messages.PropertyInstanceID, p.client.namespace)
	}
	for _, f := range further {
		properties = messages.AppendProperty(properties, f.name, f.value)
	}
	if len(properties) > messages.MaxPropertiesSize {
		return nil, fmt.Errorf("actormq: properties of %d bytes; %d are allowed", len(properties), messages.MaxPropertiesSize)
	}
	return properties, nil
}

// encodeBatch encodes messages as one body. Its delivery must follow.
func (p *Producer) encodeBatch(ctx context.Context, batch []*Message) (*sending, error) {
	if err := validateBatch(batch); err != nil {
		return nil, err
	}
	now := time.Now()
	s := p.newSending(messages.CodeSendBatchMessage, batch[0].Topic)
	s.batch, s.count = true, len(batch)
	var carried []property
	s.seen, carried = p.observeBatch(ctx, batch)
	ids := make([]string, len(batch))
	for i, m := range batch {
		ids[i] = p.client.uniq.make(now)
		if s.seen != nil {
			s.seen[i].id = ids[i]
		}
		properties, err := p.properties(m, ids[i], carried...)
		if err != nil {
			err = fmt.Errorf("message %d of a batch: %w", i, err)
			abandoned(s.seen, err)
			return nil, err
		}
		s.body = messages.AppendBatchRecord(s.body, &messages.BatchRecord{Flag: m.Flag, Body: m.Body, Properties: properties})
	}
	if key := batch[0].OrderKey; key != "" {
		s.place = byKey(key)
	}
	p.finishBatch(s, ids, now)
	return s, nil
}

// validateBatch checks that messages may be sent as one.
func validateBatch(batch []*Message) error {
	if len(batch) == 0 {
		return errors.New("actormq: an empty batch")
	}
	for i, m := range batch {
		if err := m.validate(); err != nil {
			return fmt.Errorf("message %d of a batch: %w", i, err)
		}
		switch {
		case m.Topic != batch[0].Topic:
			return fmt.Errorf("actormq: topics %q and %q in a batch", batch[0].Topic, m.Topic)
		case m.delays() > 0:
			return errors.New("actormq: a delayed message in a batch")
		case m.OrderKey != batch[0].OrderKey:
			return fmt.Errorf("actormq: order keys %q and %q in a batch", batch[0].OrderKey, m.OrderKey)
		}
	}
	return nil
}

// finishBatch gives a batch the ids of its messages, and one of its own, which
// brokers ignore and which Java sends.
func (p *Producer) finishBatch(s *sending, ids []string, now time.Time) {
	s.ids = strings.Join(ids, ",")
	own := messages.AppendProperty(nil, messages.PropertyUniqKey, p.client.uniq.make(now))
	s.properties = string(messages.AppendProperty(own, messages.PropertyWait, "true"))
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
	c.Ext.SetInt("f", int64(s.sysFlag))
	c.Ext.SetInt("g", time.Now().UnixMilli())
	c.Ext.SetInt("h", int64(s.flag))
	c.Ext.Set("i", s.properties)
	c.Ext.SetInt("j", 0) // reconsumeTimes
	c.Ext.SetBool("k", s.unit)
	c.Ext.SetBool("m", s.batch)
	c.Ext.Set("n", q.Broker)
	c.Body = s.body
	return c
}

// result reads the response to a request of s.
func (s *sending) result(a *attempt, response *messages.Command) (Sent, error) {
	sent := Sent{ID: s.ids, Queue: Queue{Topic: s.shown, Broker: a.queue.Broker}}
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
