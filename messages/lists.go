package messages

// KVTable is a flat table of strings.
type KVTable struct {
	Table map[string]string `json:"table"`
}

// Encode returns the JSON text.
func (t *KVTable) Encode() ([]byte, error) { return encode(KVTable{table(t.Table)}) }

// DecodeKVTable decodes a KVTable.
func DecodeKVTable(b []byte) (*KVTable, error) { return decode[KVTable](b, "table") }

// GroupList is a list of group names.
type GroupList struct {
	GroupList []string `json:"groupList"`
}

// Encode returns the JSON text.
func (l *GroupList) Encode() ([]byte, error) { return encode(GroupList{list(l.GroupList)}) }

// DecodeGroupList decodes a GroupList.
func DecodeGroupList(b []byte) (*GroupList, error) { return decode[GroupList](b, "groups") }

// TopicList is a list of topic names.
type TopicList struct {
	BrokerAddr string   `json:"brokerAddr,omitempty"` // some broker's, of GET_SYSTEM_TOPIC_LIST_FROM_NS
	TopicList  []string `json:"topicList"`
}

// Encode returns the JSON text.
func (l *TopicList) Encode() ([]byte, error) {
	return encode(TopicList{l.BrokerAddr, list(l.TopicList)})
}

// DecodeTopicList decodes a TopicList.
func DecodeTopicList(b []byte) (*TopicList, error) { return decode[TopicList](b, "topics") }
