package messages

import (
	"encoding/json"
	"maps"
	"slices"
)

// SubscriptionGroupConfig is the configuration of a consumer group. A published
// one is immutable (RocketMQ: SubscriptionGroupConfig).
type SubscriptionGroupConfig struct {
	Attributes                     map[string]string `json:"attributes"`
	BrokerID                       int64             `json:"brokerId"`
	ConsumeBroadcastEnable         bool              `json:"consumeBroadcastEnable"`
	ConsumeEnable                  bool              `json:"consumeEnable"`
	ConsumeFromMinEnable           bool              `json:"consumeFromMinEnable"`
	ConsumeMessageOrderly          bool              `json:"consumeMessageOrderly"`
	ConsumeTimeoutMinute           int32             `json:"consumeTimeoutMinute"`
	GroupName                      string            `json:"groupName"`
	GroupRetryPolicy               json.RawMessage   `json:"groupRetryPolicy"`
	GroupSysFlag                   int32             `json:"groupSysFlag"`
	NotifyConsumerIDsChangedEnable bool              `json:"notifyConsumerIdsChangedEnable"`
	RetryMaxTimes                  int32             `json:"retryMaxTimes"`
	RetryQueueNums                 int32             `json:"retryQueueNums"`
	SubscriptionDataSet            json.RawMessage   `json:"subscriptionDataSet,omitempty"`
	WhichBrokerWhenConsumeSlowly   int64             `json:"whichBrokerWhenConsumeSlowly"`
}

// NewSubscriptionGroupConfig returns the defaults of a group.
func NewSubscriptionGroupConfig(name string) *SubscriptionGroupConfig {
	return &SubscriptionGroupConfig{
		Attributes: map[string]string{}, ConsumeBroadcastEnable: true, ConsumeEnable: true, ConsumeFromMinEnable: true,
		ConsumeTimeoutMinute: 15, GroupName: name, GroupRetryPolicy: json.RawMessage(`{"type":"CUSTOMIZED"}`),
		NotifyConsumerIDsChangedEnable: true, RetryMaxTimes: 16, RetryQueueNums: 1, WhichBrokerWhenConsumeSlowly: 1,
	}
}

// UnmarshalJSON gives missing fields the defaults.
func (c *SubscriptionGroupConfig) UnmarshalJSON(b []byte) error {
	type plain SubscriptionGroupConfig
	p := plain(*NewSubscriptionGroupConfig(""))
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	if p.Attributes == nil {
		p.Attributes = map[string]string{}
	}
	*c = SubscriptionGroupConfig(p)
	return nil
}

// Encode returns the JSON text.
func (c *SubscriptionGroupConfig) Encode() ([]byte, error) { return encode(c) }

// DecodeSubscriptionGroupConfig decodes one group's configuration.
func DecodeSubscriptionGroupConfig(b []byte) (*SubscriptionGroupConfig, error) {
	return decode[SubscriptionGroupConfig](b, "subscription group")
}

// SubscriptionGroups is the table of all groups, as subscriptionGroup.json and
// GET_ALL_SUBSCRIPTIONGROUP_CONFIG hold it.
type SubscriptionGroups struct {
	DataVersion            DataVersion                         `json:"dataVersion"`
	ForbiddenTable         map[string]map[string]int32         `json:"forbiddenTable"`
	SubscriptionGroupTable map[string]*SubscriptionGroupConfig `json:"subscriptionGroupTable"`
}

// Encode returns the JSON text.
func (g *SubscriptionGroups) Encode() ([]byte, error) { return encode(g) }

// ConsumerOffsets is the offsets of all groups, as consumerOffset.json and
// GET_ALL_CONSUMER_OFFSET hold them: by topic@group, then by queue.
type ConsumerOffsets struct {
	DataVersion DataVersion                `json:"dataVersion"`
	OffsetTable map[string]map[int32]int64 `json:"offsetTable"`
}

// Encode returns the JSON text.
func (o *ConsumerOffsets) Encode() ([]byte, error) { return encode(o) }

// QueryMessageHeader is the header of QUERY_MESSAGE.
type QueryMessageHeader struct {
	Topic, Key string
	MaxNum     int32
	Begin, End int64 // Unix milliseconds
	UniqueKey  bool  // the key is a producer's message id
	Tags       bool  // the key is a tags string
}

// ParseQueryMessage parses the header of QUERY_MESSAGE.
func ParseQueryMessage(ext *Ext) (q QueryMessageHeader, err error) {
	if q.Topic, err = ext.RequiredText("topic"); err != nil {
		return q, err
	}
	if q.Key, err = ext.RequiredText("key"); err != nil {
		return q, err
	}
	if q.MaxNum, err = ext.Int32("maxNum"); err != nil {
		return q, err
	}
	if q.Begin, err = ext.Int64("beginTimestamp"); err != nil {
		return q, err
	}
	if q.End, err = ext.Int64("endTimestamp"); err != nil {
		return q, err
	}
	q.UniqueKey = ext.Bool("_UNIQUE_KEY_QUERY")
	q.Tags = ext.Text("indexType") == "T"
	return q, nil
}

// SortedKeys returns the keys of a table in order: what is sent must not depend
// on the order of a map.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
