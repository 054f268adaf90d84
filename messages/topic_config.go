package messages

import (
	"encoding/json"
	"maps"
	"slices"
)

// DataVersion orders the states of a table of configuration. Equality compares
// all three fields (RocketMQ: DataVersion).
type DataVersion struct {
	Counter      int64 `json:"counter"`
	StateVersion int64 `json:"stateVersion"`
	Timestamp    int64 `json:"timestamp"` // Unix milliseconds
}

// Next moves the version on for a change at time now, in Unix milliseconds.
func (v *DataVersion) Next(now int64) {
	v.Timestamp = now
	v.Counter++
}

// Newer reports whether v is of a later state than o.
func (v DataVersion) Newer(o DataVersion) bool {
	switch {
	case v.StateVersion != o.StateVersion:
		return v.StateVersion > o.StateVersion
	case v.Counter != o.Counter:
		return v.Counter > o.Counter
	}
	return v.Timestamp > o.Timestamp
}

// TopicConfig is the configuration of a topic on one broker. A published one is
// immutable (RocketMQ: TopicConfig).
type TopicConfig struct {
	TopicName       string            `json:"topicName"`
	ReadQueueNums   int32             `json:"readQueueNums"`
	WriteQueueNums  int32             `json:"writeQueueNums"`
	Perm            int32             `json:"perm"`
	TopicFilterType string            `json:"topicFilterType"`
	TopicSysFlag    int32             `json:"topicSysFlag"`
	Order           bool              `json:"order"`
	Attributes      map[string]string `json:"attributes"`
}

// The filter types of topics.
const (
	SingleTag = "SINGLE_TAG"
	MultiTag  = "MULTI_TAG"
)

// DefaultQueueNums is the number of queues of a topic that does not say.
const DefaultQueueNums = 16

// NewTopicConfig returns a plain topic.
func NewTopicConfig(name string, readQueues, writeQueues, perm int32) *TopicConfig {
	return &TopicConfig{
		TopicName: name, ReadQueueNums: readQueues, WriteQueueNums: writeQueues, Perm: perm,
		TopicFilterType: SingleTag, Attributes: map[string]string{},
	}
}

// UnmarshalJSON gives missing fields Java's defaults.
func (c *TopicConfig) UnmarshalJSON(b []byte) error {
	type plain TopicConfig
	p := plain(*NewTopicConfig("", DefaultQueueNums, DefaultQueueNums, PermRead|PermWrite))
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	if p.Attributes == nil {
		p.Attributes = map[string]string{}
	}
	*c = TopicConfig(p)
	return nil
}

// Equal reports whether two configurations are the same.
func (c *TopicConfig) Equal(o *TopicConfig) bool {
	a, b := *c, *o
	a.Attributes, b.Attributes = nil, nil
	return a.TopicName == b.TopicName && a.ReadQueueNums == b.ReadQueueNums && a.WriteQueueNums == b.WriteQueueNums &&
		a.Perm == b.Perm && a.TopicFilterType == b.TopicFilterType && a.TopicSysFlag == b.TopicSysFlag && a.Order == b.Order &&
		maps.Equal(c.Attributes, o.Attributes)
}

// Clone returns a copy that may be changed.
func (c *TopicConfig) Clone() *TopicConfig {
	clone := *c
	clone.Attributes = maps.Clone(c.Attributes)
	return &clone
}

// TopicTable is a broker's topics, as topics.json, registrations and answers to
// GET_ALL_TOPIC_CONFIG hold them. The mapping tables belong to static topics,
// which are not supported; Java needs them to be there.
// (RocketMQ: TopicConfigAndMappingSerializeWrapper)
type TopicTable struct {
	DataVersion              DataVersion             `json:"dataVersion"`
	TopicConfigTable         map[string]*TopicConfig `json:"topicConfigTable"`
	MappingDataVersion       DataVersion             `json:"mappingDataVersion"`
	TopicQueueMappingInfoMap map[string]struct{}     `json:"topicQueueMappingInfoMap"`
	TopicQueueMappingDetails map[string]struct{}     `json:"topicQueueMappingDetailMap"`
}

// NewTopicTable returns a table whose empty maps are {} rather than null.
func NewTopicTable(version DataVersion, topics map[string]*TopicConfig) *TopicTable {
	if topics == nil {
		topics = map[string]*TopicConfig{}
	}
	return &TopicTable{
		DataVersion: version, TopicConfigTable: topics,
		TopicQueueMappingInfoMap: map[string]struct{}{}, TopicQueueMappingDetails: map[string]struct{}{},
	}
}

// Names returns the names of the topics, sorted.
func (t *TopicTable) Names() []string { return slices.Sorted(maps.Keys(t.TopicConfigTable)) }
