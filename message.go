package actormq

import (
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
	// Flag is kept and delivered as it is.
	Flag int32
	// Properties are kept and delivered as they are. Names that RocketMQ reserves
	// are an error, as are empty names or values, which do not survive.
	Properties map[string]string
}

// reserved are the properties that have fields of their own or that the system
// sets.
var reserved = []string{
	messages.PropertyKeys, messages.PropertyTags, messages.PropertyDelay, messages.PropertyUniqKey,
	messages.PropertyWait, messages.PropertyRetryTopic, messages.PropertyRealTopic, messages.PropertyRealQueueID,
	messages.PropertyTransactionPrepared, messages.PropertyProducerGroup, messages.PropertyOriginMessageID,
	messages.PropertyReconsumeTime, messages.PropertyMaxReconsumeTimes, messages.PropertyMsgRegion,
	messages.PropertyTraceSwitch, messages.PropertyCluster, messages.PropertyMinOffset, messages.PropertyMaxOffset,
	messages.PropertyPopCK,
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
	case m.DelayLevel < 0:
		return fmt.Errorf("actormq: delay level %d is negative", m.DelayLevel)
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
		case slices.Contains(reserved, name):
			return fmt.Errorf("actormq: property %q is reserved", name)
		}
	}
	return nil
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
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		dst = messages.AppendProperty(dst, name, m.Properties[name])
	}
	return dst
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
