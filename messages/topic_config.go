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

// DecodeDataVersion decodes a DataVersion.
func DecodeDataVersion(b []byte) (*DataVersion, error) { return decode[DataVersion](b, "data version") }

// Encode returns the JSON text.
func (v DataVersion) Encode() ([]byte, error) { return encode(v) }

// TopicConfig is the configuration of a topic on one broker. A published one is
// immutable (RocketMQ: TopicConfig).
type TopicConfig struct {
	Attributes      map[string]string `json:"attributes"`
	Order           bool              `json:"order"`
	Perm            int32             `json:"perm"` // bits PermRead, PermWrite, PermInherit
	ReadQueueNums   int32             `json:"readQueueNums"`
	TopicFilterType string            `json:"topicFilterType"`
	TopicName       string            `json:"topicName"`
	TopicSysFlag    int32             `json:"topicSysFlag"`
	WriteQueueNums  int32             `json:"writeQueueNums"`
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

// The attribute that says what the queues of a topic are, and its values
// (RocketMQ: CQType).
const (
	QueueType       = "queue.type"
	SimpleQueueType = "SimpleCQ"
	BatchQueueType  = "BatchCQ" // a batch is one record
)

// Batch reports whether the topic's queues are batch queues.
func (c *TopicConfig) Batch() bool {
	return len(c.Attributes) > 0 && c.Attributes[QueueType] == BatchQueueType
}

// UnmarshalJSON gives missing fields Java's defaults.
func (c *TopicConfig) UnmarshalJSON(b []byte) error {
	type plain TopicConfig
	p := plain(*NewTopicConfig("", DefaultQueueNums, DefaultQueueNums, PermRead|PermWrite))
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	p.Attributes = table(p.Attributes)
	*c = TopicConfig(p)
	return nil
}

// Encode returns the JSON text.
func (c *TopicConfig) Encode() ([]byte, error) {
	whole := *c
	whole.Attributes = table(c.Attributes)
	return encode(&whole)
}

// DecodeTopicConfig decodes one topic's configuration.
func DecodeTopicConfig(b []byte) (*TopicConfig, error) { return decode[TopicConfig](b, "topic") }

// Equal reports whether two configurations are the same.
func (c *TopicConfig) Equal(o *TopicConfig) bool {
	return c.TopicName == o.TopicName && c.ReadQueueNums == o.ReadQueueNums && c.WriteQueueNums == o.WriteQueueNums &&
		c.Perm == o.Perm && c.TopicFilterType == o.TopicFilterType && c.TopicSysFlag == o.TopicSysFlag && c.Order == o.Order &&
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
	MappingDataVersion       DataVersion             `json:"mappingDataVersion"`
	TopicConfigTable         map[string]*TopicConfig `json:"topicConfigTable"`
	TopicQueueMappingDetails map[string]struct{}     `json:"topicQueueMappingDetailMap"`
	TopicQueueMappingInfoMap map[string]struct{}     `json:"topicQueueMappingInfoMap"`
}

// NewTopicTable returns a table whose empty maps are {} rather than null.
func NewTopicTable(version DataVersion, topics map[string]*TopicConfig) *TopicTable {
	return &TopicTable{
		DataVersion: version, TopicConfigTable: table(topics),
		TopicQueueMappingInfoMap: map[string]struct{}{}, TopicQueueMappingDetails: map[string]struct{}{},
	}
}

// Names returns the names of the topics, sorted.
func (t *TopicTable) Names() []string { return slices.Sorted(maps.Keys(t.TopicConfigTable)) }

// DecodeTopicTable decodes a broker's topics. Topics without a configuration are
// left out.
func DecodeTopicTable(b []byte) (*TopicTable, error) {
	t, err := decode[TopicTable](b, "topics")
	if err != nil {
		return nil, err
	}
	t.dropNil()
	return t.whole(), nil
}

func (t *TopicTable) dropNil() {
	maps.DeleteFunc(t.TopicConfigTable, func(_ string, c *TopicConfig) bool { return c == nil })
}

// whole returns t, without nil maps.
func (t *TopicTable) whole() *TopicTable {
	t.TopicConfigTable = table(t.TopicConfigTable)
	t.TopicQueueMappingInfoMap, t.TopicQueueMappingDetails = table(t.TopicQueueMappingInfoMap), table(t.TopicQueueMappingDetails)
	return t
}

// Encode returns the JSON text.
func (t *TopicTable) Encode() ([]byte, error) {
	whole := *t
	return encode(whole.whole())
}

// TopicConfigList is the body of UPDATE_AND_CREATE_TOPIC_LIST
// (RocketMQ: CreateTopicListRequestBody).
type TopicConfigList struct {
	TopicConfigList []*TopicConfig `json:"topicConfigList"`
}

// Encode returns the JSON text.
func (l *TopicConfigList) Encode() ([]byte, error) {
	return encode(TopicConfigList{list(l.TopicConfigList)})
}
