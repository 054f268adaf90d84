package messages

import (
	"fmt"
	"strconv"
	"strings"
)

// Number is a JSON number that may stand in quotes, as the Go client writes it.
type Number int64

// UnmarshalJSON accepts 7, "7" and null.
func (n *Number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" || text == "" {
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("messages: %q is not a number", text)
	}
	*n = Number(v)
	return nil
}

// MessageQueue names a queue of a broker. It is compared as it was sent.
type MessageQueue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic"`
}

// SubscriptionData is what a group wants of a topic (RocketMQ: SubscriptionData).
// A published one is immutable.
type SubscriptionData struct {
	ClassFilterMode bool     `json:"classFilterMode"`
	CodeSet         []Number `json:"codeSet"`
	ExpressionType  string   `json:"expressionType"`
	SubString       string   `json:"subString"`
	SubVersion      Number   `json:"subVersion"`
	TagsSet         []string `json:"tagsSet"`
	Topic           string   `json:"topic"`
}

// SubscribeAll is the expression that matches every message.
const SubscribeAll = "*"

// IsTagExpression reports whether an expression type is that of tags, which is
// also the default.
func IsTagExpression(expressionType string) bool {
	return expressionType == "" || expressionType == "TAG"
}

// BuildSubscription parses a tag expression such as "A || B"; "" and "*" match
// all. Expressions of other types are kept as they are (RocketMQ: FilterAPI).
func BuildSubscription(topic, expression, expressionType string) (*SubscriptionData, error) {
	s := &SubscriptionData{Topic: topic, SubString: expression, ExpressionType: expressionType, CodeSet: []Number{}, TagsSet: []string{}}
	if !IsTagExpression(expressionType) {
		if expression == "" {
			return nil, fmt.Errorf("messages: an empty %s expression", expressionType)
		}
		return s, nil
	}
	s.ExpressionType = "TAG"
	if expression == "" || expression == SubscribeAll {
		s.SubString = SubscribeAll
		return s, nil
	}
	for _, tag := range strings.Split(expression, "||") {
		if tag = strings.TrimSpace(tag); tag != "" {
			s.TagsSet = append(s.TagsSet, tag)
			s.CodeSet = append(s.CodeSet, Number(TagsCode([]byte(tag))))
		}
	}
	if len(s.TagsSet) == 0 {
		return nil, fmt.Errorf("messages: the expression %q has no tag", expression)
	}
	return s, nil
}

// MatchesAll reports whether the subscription wants every message.
func (s *SubscriptionData) MatchesAll() bool {
	return IsTagExpression(s.ExpressionType) && (s.SubString == "" || s.SubString == SubscribeAll)
}

// TagCodes returns the hashes of the tags. They are computed from the expression:
// the Go client hashes bytes where Java hashes UTF-16 units, so that its own
// codes find no message with a tag beyond ASCII.
func (s *SubscriptionData) TagCodes() []int64 {
	built, err := BuildSubscription(s.Topic, s.SubString, "TAG")
	if err != nil {
		return nil
	}
	codes := make([]int64, len(built.CodeSet))
	for i, c := range built.CodeSet {
		codes[i] = int64(c)
	}
	return codes
}

// HeartbeatData is what a client says of itself (RocketMQ: HeartbeatData).
type HeartbeatData struct {
	ClientID    string         `json:"clientID"`
	Producers   []ProducerData `json:"producerDataSet"`
	Consumers   []ConsumerData `json:"consumerDataSet"`
	Fingerprint int32          `json:"heartbeatFingerprint"`
	WithoutSub  bool           `json:"withoutSub"`
}

// ProducerData names a producer group.
type ProducerData struct {
	GroupName string `json:"groupName"`
}

// ConsumerData is a consumer group and what it subscribes to. Enumerations are
// strings: one that is unknown must not fail a heartbeat.
type ConsumerData struct {
	GroupName        string             `json:"groupName"`
	ConsumeType      string             `json:"consumeType"`
	MessageModel     string             `json:"messageModel"`
	ConsumeFromWhere string             `json:"consumeFromWhere"`
	Subscriptions    []SubscriptionData `json:"subscriptionDataSet"`
	UnitMode         bool               `json:"unitMode"`
}

// DecodeHeartbeat decodes the body of a heartbeat.
func DecodeHeartbeat(b []byte) (*HeartbeatData, error) { return decode[HeartbeatData](b, "heartbeat") }

// CheckClient asks whether a subscription is supported.
type CheckClient struct {
	ClientID         string            `json:"clientId"`
	Group            string            `json:"group"`
	SubscriptionData *SubscriptionData `json:"subscriptionData"`
	Namespace        string            `json:"namespace,omitempty"`
}

// DecodeCheckClient decodes the body of CHECK_CLIENT_CONFIG.
func DecodeCheckClient(b []byte) (*CheckClient, error) { return decode[CheckClient](b, "client check") }

// ConsumerList is the ids of a group's members.
type ConsumerList struct {
	ConsumerIDList []string `json:"consumerIdList"`
}

// Encode returns the JSON text.
func (l *ConsumerList) Encode() ([]byte, error) { return encode(l) }

// Connection is one member of a group.
type Connection struct {
	ClientAddr string `json:"clientAddr"`
	ClientID   string `json:"clientId"`
	Language   string `json:"language"`
	Version    int32  `json:"version"`
}

// ConsumerConnection is a consumer group's members and settings.
type ConsumerConnection struct {
	ConnectionSet     []Connection                 `json:"connectionSet"`
	ConsumeFromWhere  string                       `json:"consumeFromWhere"`
	ConsumeType       string                       `json:"consumeType"`
	MessageModel      string                       `json:"messageModel"`
	SubscriptionTable map[string]*SubscriptionData `json:"subscriptionTable"`
}

// Encode returns the JSON text.
func (c *ConsumerConnection) Encode() ([]byte, error) { return encode(c) }

// ProducerConnection is a producer group's members.
type ProducerConnection struct {
	ConnectionSet []Connection `json:"connectionSet"`
}

// Encode returns the JSON text.
func (c *ProducerConnection) Encode() ([]byte, error) { return encode(c) }

// LockBatch asks for, or gives back, the locks of queues.
type LockBatch struct {
	ConsumerGroup  string         `json:"consumerGroup"`
	ClientID       string         `json:"clientId"`
	OnlyThisBroker bool           `json:"onlyThisBroker"`
	Queues         []MessageQueue `json:"mqSet"`
}

// DecodeLockBatch decodes the body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ.
func DecodeLockBatch(b []byte) (*LockBatch, error) { return decode[LockBatch](b, "lock request") }

// LockBatchResponse lists the locks that were granted.
type LockBatchResponse struct {
	LockOKMQSet []MessageQueue `json:"lockOKMQSet"`
}

// Encode returns the JSON text.
func (r *LockBatchResponse) Encode() ([]byte, error) { return encode(r) }
