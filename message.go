package actormq

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
)

// Message is a message to send. The producer does not change it and keeps
// nothing of it after the send has ended.
type Message struct {
	Topic string
	Body  []byte // not empty; brokers take 4 MiB unless configured otherwise
	Tags  string // what consumers filter by; one tag
	Keys  []string
	// DelayLevel holds the message back at the broker, 1 to 18 by default
	// (messageDelayLevel: 1 s to 2 h); 0 delivers at once.
	DelayLevel int
	// Delay holds the message back for that long, and DeliverAt until that time, to
	// the millisecond; a time that has passed delivers at once. The broker must
	// have its timer wheel on (timerWheelEnable), or it refuses the message. At most
	// one of DelayLevel, Delay and DeliverAt may be set.
	Delay     time.Duration
	DeliverAt time.Time
	// OrderKey, if not empty, has the messages of one key go to one queue, in which
	// their order is kept, for as long as the topic has the same queues. Such a
	// message is not tried at another broker. Send one after the other, or by
	// SendAsync from one goroutine.
	OrderKey string
	// Flag is kept and delivered as it is.
	Flag int32
	// Properties are kept and delivered as they are. Names that RocketMQ reserves
	// are an error, as are empty names or values, which do not survive.
	Properties map[string]string
}

// reserved are the properties that have fields of their own or that the system
// sets.
var reserved = map[string]bool{
	messages.PropertyKeys: true, messages.PropertyTags: true, messages.PropertyDelay: true,
	messages.PropertyUniqKey: true, messages.PropertyWait: true, messages.PropertyShardingKey: true,
	messages.PropertyInstanceID: true, messages.PropertyRetryTopic: true, messages.PropertyRealTopic: true,
	messages.PropertyRealQueueID: true, messages.PropertyTransactionPrepared: true,
	messages.PropertyProducerGroup: true, messages.PropertyOriginMessageID: true,
	messages.PropertyReconsumeTime: true, messages.PropertyMaxReconsumeTimes: true,
	messages.PropertyMsgRegion: true, messages.PropertyTraceSwitch: true, messages.PropertyCluster: true,
	messages.PropertyMinOffset: true, messages.PropertyMaxOffset: true, messages.PropertyPopCK: true,
	messages.PropertyTimerDelayMs: true, messages.PropertyTimerDelaySec: true, messages.PropertyTimerDeliverMs: true,
	messages.PropertyCorrelationID: true, messages.PropertyReplyToClient: true, messages.PropertyTTL: true,
	messages.PropertyMessageType: true, messages.PropertyArriveTime: true, messages.PropertyPushReplyTime: true,
}

// separators would cut a property string in two.
const separators = "\x01\x02"

func (m *Message) validate() error {
	if err := messages.CheckTopicBytes([]byte(m.Topic)); err != nil {
		return fmt.Errorf("actormq: topic %q: %w", m.Topic, err)
	}
	if messages.IsForbiddenTopic([]byte(m.Topic)) {
		return fmt.Errorf("actormq: topic %q is the system's own", m.Topic)
	}
	switch {
	case len(m.Body) == 0:
		return fmt.Errorf("actormq: a message for topic %q has no body", m.Topic)
	case m.DelayLevel < 0 || m.Delay < 0:
		return fmt.Errorf("actormq: delay level %d or delay %v is negative", m.DelayLevel, m.Delay)
	case m.delays() > 1:
		return errors.New("actormq: more than one of DelayLevel, Delay and DeliverAt")
	case strings.ContainsAny(m.OrderKey, separators):
		return fmt.Errorf("actormq: order key %q contains a separator of properties", m.OrderKey)
	case strings.ContainsAny(m.Tags, separators):
		return fmt.Errorf("actormq: tags %q contain a separator of properties", m.Tags)
	}
	for _, key := range m.Keys {
		if key == "" || strings.ContainsAny(key, " "+separators) {
			return fmt.Errorf("actormq: key %q is empty or contains a blank or a separator of properties", key)
		}
	}
	for name, value := range m.Properties {
		switch {
		case name == "" || value == "":
			return fmt.Errorf("actormq: property %q=%q: an empty name or value does not survive", name, value)
		case strings.ContainsAny(name, separators) || strings.ContainsAny(value, separators):
			return fmt.Errorf("actormq: property %q=%q contains a separator of properties", name, value)
		case reserved[name]:
			return fmt.Errorf("actormq: property %q is reserved", name)
		}
	}
	return nil
}

// delays returns how many of the ways to hold the message back are used.
func (m *Message) delays() int {
	n := 0
	for _, used := range [...]bool{m.DelayLevel > 0, m.Delay > 0, !m.DeliverAt.IsZero()} {
		if used {
			n++
		}
	}
	return n
}

// appendProperties appends the property string of m under the id uniq.
func (m *Message) appendProperties(dst []byte, uniq string) []byte {
	dst = messages.AppendProperty(dst, messages.PropertyUniqKey, uniq)
	dst = messages.AppendProperty(dst, messages.PropertyWait, "true")
	if m.Tags != "" {
		dst = messages.AppendProperty(dst, messages.PropertyTags, m.Tags)
	}
	if len(m.Keys) > 0 {
		dst = messages.AppendProperty(dst, messages.PropertyKeys, strings.Join(m.Keys, " "))
	}
	if m.DelayLevel > 0 {
		dst = messages.AppendPropertyInt(dst, messages.PropertyDelay, int64(m.DelayLevel))
	}
	if m.Delay > 0 {
		ms := (m.Delay + time.Millisecond - 1) / time.Millisecond // not earlier
		dst = messages.AppendPropertyInt(dst, messages.PropertyTimerDelayMs, int64(ms))
	}
	if !m.DeliverAt.IsZero() {
		dst = messages.AppendPropertyInt(dst, messages.PropertyTimerDeliverMs, m.DeliverAt.UnixMilli())
	}
	if m.OrderKey != "" {
		dst = messages.AppendProperty(dst, messages.PropertyShardingKey, m.OrderKey)
	}
	if len(m.Properties) > 0 {
		for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
			dst = messages.AppendProperty(dst, name, m.Properties[name])
		}
	}
	return dst
}

// propertiesSize is about the size of the property string, in bytes.
func (m *Message) propertiesSize() int {
	size := 96 + len(m.Tags) + len(m.OrderKey)
	for _, key := range m.Keys {
		size += len(key) + 1
	}
	for name, value := range m.Properties {
		size += len(name) + len(value) + 2
	}
	return size
}

// Queue names one queue of a topic.
type Queue struct {
	Topic  string `json:"topic"`
	Broker string `json:"broker"` // the broker's name, not its address
	ID     int    `json:"queue"`
}

func (q Queue) String() string { return fmt.Sprintf("%s/%s/%d", q.Topic, q.Broker, q.ID) }

func (q Queue) compare(o Queue) int {
	if c := strings.Compare(q.Topic, o.Topic); c != 0 {
		return c
	}
	if c := strings.Compare(q.Broker, o.Broker); c != 0 {
		return c
	}
	return q.ID - o.ID
}

// Received is a message as a consumer gets it. It belongs to the receiver.
type Received struct {
	ID         string // the producer's message id (UNIQ_KEY)
	OffsetID   string // the broker's: where the message is stored
	Topic      string // of a retried message: the one it was sent to
	Tags       string
	Keys       []string
	Properties map[string]string // all of them, the reserved ones too
	Body       []byte            // decompressed
	Flag       int32

	Queue          Queue // where it was read; of a retried message a queue of the retry topic
	Offset         int64 // in that queue
	PhysicalOffset int64 // in the broker's commit log
	Born           time.Time
	BornHost       netip.AddrPort
	Stored         time.Time
	StoreHost      netip.AddrPort
	// Attempts is how often the message was delivered before and sent back.
	Attempts int
}
