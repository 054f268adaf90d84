package messages

import (
	"encoding/json"
	"maps"
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
	GroupRetryPolicy               json.RawMessage   `json:"groupRetryPolicy"` // of POP consumers
	GroupSysFlag                   int32             `json:"groupSysFlag"`
	NotifyConsumerIDsChangedEnable bool              `json:"notifyConsumerIdsChangedEnable"`
	RetryMaxTimes                  int32             `json:"retryMaxTimes"`
	RetryQueueNums                 int32             `json:"retryQueueNums"`
	SubscriptionDataSet            json.RawMessage   `json:"subscriptionDataSet,omitempty"`
	WhichBrokerWhenConsumeSlowly   int64             `json:"whichBrokerWhenConsumeSlowly"`
}

const defaultRetryPolicy = `{"type":"CUSTOMIZED"}`

// NewSubscriptionGroupConfig returns the defaults of a group.
func NewSubscriptionGroupConfig(name string) *SubscriptionGroupConfig {
	return &SubscriptionGroupConfig{
		Attributes: map[string]string{}, ConsumeBroadcastEnable: true, ConsumeEnable: true, ConsumeFromMinEnable: true,
		ConsumeTimeoutMinute: 15, GroupName: name, GroupRetryPolicy: json.RawMessage(defaultRetryPolicy),
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
	*c = SubscriptionGroupConfig(p)
	c.fill()
	return nil
}

// Encode returns the JSON text.
func (c *SubscriptionGroupConfig) Encode() ([]byte, error) {
	whole := *c
	whole.fill()
	return encode(&whole)
}

// fill replaces what is nil by its default.
func (c *SubscriptionGroupConfig) fill() {
	c.Attributes = table(c.Attributes)
	if len(c.GroupRetryPolicy) == 0 || string(c.GroupRetryPolicy) == "null" {
		c.GroupRetryPolicy = json.RawMessage(defaultRetryPolicy)
	}
	if string(c.SubscriptionDataSet) == "null" {
		c.SubscriptionDataSet = nil
	}
}

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
func (g *SubscriptionGroups) Encode() ([]byte, error) {
	return encode(SubscriptionGroups{g.DataVersion, table(g.ForbiddenTable), table(g.SubscriptionGroupTable)})
}

// DecodeSubscriptionGroups decodes the answer to
// GET_ALL_SUBSCRIPTIONGROUP_CONFIG. Groups without a configuration are left out.
func DecodeSubscriptionGroups(b []byte) (*SubscriptionGroups, error) {
	g, err := decode[SubscriptionGroups](b, "subscription groups")
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(g.SubscriptionGroupTable, func(_ string, c *SubscriptionGroupConfig) bool { return c == nil })
	g.ForbiddenTable, g.SubscriptionGroupTable = table(g.ForbiddenTable), table(g.SubscriptionGroupTable)
	return g, nil
}

// SubscriptionGroupList is the body of UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST.
type SubscriptionGroupList struct {
	GroupConfigList []*SubscriptionGroupConfig `json:"groupConfigList"`
}

// Encode returns the JSON text.
func (l *SubscriptionGroupList) Encode() ([]byte, error) {
	return encode(SubscriptionGroupList{list(l.GroupConfigList)})
}

// DecodeSubscriptionGroupList decodes the body of
// UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST.
func DecodeSubscriptionGroupList(b []byte) (*SubscriptionGroupList, error) {
	return decode[SubscriptionGroupList](b, "subscription groups")
}
