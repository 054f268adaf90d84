package messages

import "encoding/json"

// HeartbeatData is what a client says of itself (RocketMQ: HeartbeatData).
type HeartbeatData struct {
	ClientID    string         `json:"clientID"`
	Consumers   []ConsumerData `json:"consumerDataSet"`
	Fingerprint int32          `json:"heartbeatFingerprint"` // 0 unless the client uses heartbeat V2
	Producers   []ProducerData `json:"producerDataSet"`
	// WithoutSub says that the subscriptions are left out, not that there are none.
	WithoutSub bool `json:"withoutSub"`
}

// ProducerData names a producer group.
type ProducerData struct {
	GroupName string `json:"groupName"`
}

// The values of ConsumerData.ConsumeType, MessageModel and ConsumeFromWhere.
const (
	ConsumeActively  = "CONSUME_ACTIVELY"  // pull, lite pull
	ConsumePassively = "CONSUME_PASSIVELY" // push
	ConsumePop       = "CONSUME_POP"

	Broadcasting = "BROADCASTING"
	Clustering   = "CLUSTERING"

	ConsumeFromLastOffset  = "CONSUME_FROM_LAST_OFFSET"
	ConsumeFromFirstOffset = "CONSUME_FROM_FIRST_OFFSET"
	ConsumeFromTimestamp   = "CONSUME_FROM_TIMESTAMP"
)

// In the order of Java's enumerations.
var (
	consumeTypes  = []string{ConsumeActively, ConsumePassively, ConsumePop}
	messageModels = []string{Broadcasting, Clustering}
	consumeFrom   = []string{
		ConsumeFromLastOffset, "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
		"CONSUME_FROM_MIN_OFFSET", "CONSUME_FROM_MAX_OFFSET", ConsumeFromFirstOffset, ConsumeFromTimestamp,
	}
)

// ConsumerData is a consumer group and what it subscribes to. Values of
// enumerations that are not known are "".
type ConsumerData struct {
	ConsumeFromWhere string             `json:"consumeFromWhere"`
	ConsumeType      string             `json:"consumeType"`
	GroupName        string             `json:"groupName"`
	MessageModel     string             `json:"messageModel"`
	Subscriptions    []SubscriptionData `json:"subscriptionDataSet"`
	UnitMode         bool               `json:"unitMode"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *ConsumerData) UnmarshalJSON(b []byte) error {
	type plain ConsumerData
	var p struct {
		plain
		ConsumeFromWhere json.RawMessage `json:"consumeFromWhere"`
		ConsumeType      json.RawMessage `json:"consumeType"`
		MessageModel     json.RawMessage `json:"messageModel"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*c = ConsumerData(p.plain)
	c.ConsumeFromWhere = enumName(p.ConsumeFromWhere, consumeFrom)
	c.ConsumeType = enumName(p.ConsumeType, consumeTypes)
	c.MessageModel = enumName(p.MessageModel, messageModels)
	return nil
}

// DecodeHeartbeat decodes the body of a heartbeat.
func DecodeHeartbeat(b []byte) (*HeartbeatData, error) { return decode[HeartbeatData](b, "heartbeat") }

// Encode returns the JSON text.
func (h *HeartbeatData) Encode() ([]byte, error) {
	whole := *h
	whole.Producers, whole.Consumers = list(h.Producers), append([]ConsumerData{}, h.Consumers...)
	for i := range whole.Consumers {
		c := &whole.Consumers[i]
		c.Subscriptions = list(c.Subscriptions)
	}
	return encode(&whole)
}

// CheckClient asks whether a subscription is supported
// (RocketMQ: CheckClientRequestBody).
type CheckClient struct {
	ClientID         string            `json:"clientId"`
	Group            string            `json:"group"`
	Namespace        string            `json:"namespace,omitempty"`
	SubscriptionData *SubscriptionData `json:"subscriptionData,omitempty"`
}

// DecodeCheckClient decodes the body of CHECK_CLIENT_CONFIG.
func DecodeCheckClient(b []byte) (*CheckClient, error) { return decode[CheckClient](b, "client check") }

// Encode returns the JSON text.
func (c *CheckClient) Encode() ([]byte, error) { return encode(c) }
