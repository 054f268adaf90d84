package actormq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
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
	properties []byte
	body       []byte
	batch      bool
	unit       bool
	pinned     *Queue                   // the only queue to send to, or nil
	place      func(queues []Queue) int // chooses the only queue, or nil
	prefer     string                   // the broker to try first, or ""
	// Of a message that a consumer sends back: how often it will have come again, and
	// how often it may.
	reconsumed, maxReconsumed int
	seen                      []*observed // for each message, or nil if nobody wants to know
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
	s.properties = properties
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
	properties := m.appendProperties(make([]byte, 0, m.propertiesSize()), id)
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

// finishBatch gives a batch the ids of its messages, and one of its own, by which it
// becomes one record in a topic of queue type BatchCQ.
func (p *Producer) finishBatch(s *sending, ids []string, now time.Time) {
	s.ids = strings.Join(ids, ",")
	own := messages.AppendProperty(nil, messages.PropertyUniqKey, p.client.uniq.make(now))
	s.properties = messages.AppendProperty(own, messages.PropertyWait, "true")
}

// outgoing is the request of a send, which may be used again.
type outgoing struct {
	command messages.Command
	text    []byte // of the fields
}

// outgoings are those that nobody uses.
var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

// maxOutgoing bounds the text that is kept for another request, in bytes.
const maxOutgoing = 8 << 10

func (r *outgoing) reset() {
	r.command.Reset()
	if r.text = r.text[:0]; cap(r.text) > maxOutgoing {
		r.text = nil
	}
}

// field adds the text from at on as a field's value.
func (r *outgoing) field(name []byte, at int) {
	r.command.Ext.Append(name, r.text[at:len(r.text):len(r.text)])
}

func (r *outgoing) set(name []byte, value string) {
	at := len(r.text)
	r.text = append(r.text, value...)
	r.field(name, at)
}

func (r *outgoing) setInt(name []byte, value int64) {
	at := len(r.text)
	r.text = strconv.AppendInt(r.text, value, 10)
	r.field(name, at)
}

func (r *outgoing) setBool(name []byte, value bool) {
	at := len(r.text)
	r.text = strconv.AppendBool(r.text, value)
	r.field(name, at)
}

// The one-letter names of a send's fields (RocketMQ: SendMessageRequestHeaderV2).
var (
	sendGroup         = []byte("a")
	sendTopic         = []byte("b")
	sendTemplate      = []byte("c")
	sendTemplateQueue = []byte("d")
	sendQueue         = []byte("e")
	sendSysFlag       = []byte("f")
	sendBorn          = []byte("g")
	sendFlag          = []byte("h")
	sendProperties    = []byte("i")
	sendReconsumed    = []byte("j")
	sendUnit          = []byte("k")
	sendMaxReconsumed = []byte("l")
	sendBatch         = []byte("m")
	sendBroker        = []byte("n")
)

// request makes r a request that sends s to a queue. It aliases s, and r.
func (s *sending) request(q Queue, r *outgoing) *messages.Command {
	c := &r.command
	c.Code, c.Language, c.Version = int32(s.code), messages.Go, messages.ProtocolVersion
	r.set(sendGroup, s.group)
	r.set(sendTopic, s.topic)
	r.set(sendTemplate, messages.TopicDefault)
	r.setInt(sendTemplateQueue, templateQueues)
	r.setInt(sendQueue, int64(q.ID))
	r.setInt(sendSysFlag, int64(s.sysFlag))
	r.setInt(sendBorn, time.Now().UnixMilli())
	r.setInt(sendFlag, int64(s.flag))
	c.Ext.Append(sendProperties, s.properties)
	r.setInt(sendReconsumed, int64(s.reconsumed))
	r.setBool(sendUnit, s.unit)
	if s.reconsumed > 0 {
		r.setInt(sendMaxReconsumed, int64(s.maxReconsumed))
	}
	r.setBool(sendBatch, s.batch)
	r.set(sendBroker, q.Broker)
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
	sent.OffsetID, sent.RecallHandle = response.Ext.Text("msgId"), response.Ext.Text("recallHandle")
	return sent, nil
}
