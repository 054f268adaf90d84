package messages

// QueueData is the queues that a broker has of a topic.
type QueueData struct {
	BrokerName     string `json:"brokerName"`
	Perm           int32  `json:"perm"`
	ReadQueueNums  int32  `json:"readQueueNums"`
	TopicSysFlag   int32  `json:"topicSysFlag"`
	WriteQueueNums int32  `json:"writeQueueNums"`
}

// BrokerData is the processes of a broker: its master, id 0, and its slaves. The
// Go client takes BrokerAddrs apart as text: no blanks may stand in it.
type BrokerData struct {
	BrokerAddrs        map[int64]string `json:"brokerAddrs"`
	BrokerName         string           `json:"brokerName"`
	Cluster            string           `json:"cluster"`
	EnableActingMaster bool             `json:"enableActingMaster"`
	ZoneName           string           `json:"zoneName,omitempty"`
}

// TopicRouteData is where a topic's queues are (RocketMQ: TopicRouteData).
type TopicRouteData struct {
	BrokerDatas       []BrokerData        `json:"brokerDatas"`
	FilterServerTable map[string][]string `json:"filterServerTable"`
	OrderTopicConf    string              `json:"orderTopicConf,omitempty"`
	QueueDatas        []QueueData         `json:"queueDatas"`
}

// Encode returns the JSON text, with the empty members that clients need.
func (r *TopicRouteData) Encode() ([]byte, error) {
	whole := *r
	if whole.FilterServerTable == nil {
		whole.FilterServerTable = map[string][]string{}
	}
	if whole.BrokerDatas == nil {
		whole.BrokerDatas = []BrokerData{}
	}
	if whole.QueueDatas == nil {
		whole.QueueDatas = []QueueData{}
	}
	return encode(&whole)
}

// DecodeTopicRoute decodes a route in either dialect.
func DecodeTopicRoute(b []byte) (*TopicRouteData, error) {
	return decode[TopicRouteData](b, "topic route")
}

// ClusterInfo is all brokers and which clusters they are in.
type ClusterInfo struct {
	BrokerAddrTable  map[string]BrokerData `json:"brokerAddrTable"`
	ClusterAddrTable map[string][]string   `json:"clusterAddrTable"`
}

// Encode returns the JSON text.
func (c *ClusterInfo) Encode() ([]byte, error) { return encode(c) }

// DecodeClusterInfo decodes a ClusterInfo in either dialect.
func DecodeClusterInfo(b []byte) (*ClusterInfo, error) { return decode[ClusterInfo](b, "cluster info") }

// BrokerMemberGroup is the processes of one broker.
type BrokerMemberGroup struct {
	BrokerAddrs map[int64]string `json:"brokerAddrs"`
	BrokerName  string           `json:"brokerName"`
	Cluster     string           `json:"cluster"`
}

// DecodeDataVersion decodes a DataVersion.
func DecodeDataVersion(b []byte) (*DataVersion, error) { return decode[DataVersion](b, "data version") }

// Encode returns the JSON text.
func (v DataVersion) Encode() ([]byte, error) { return encode(v) }

// DecodeTopicTable decodes a broker's topics.
func DecodeTopicTable(b []byte) (*TopicTable, error) { return decode[TopicTable](b, "topics") }

// Encode returns the JSON text.
func (t *TopicTable) Encode() ([]byte, error) { return encode(t) }

// Encode returns the JSON text of the answer to GET_BROKER_MEMBER_GROUP.
func (g BrokerMemberGroup) Encode() ([]byte, error) {
	return encode(struct {
		BrokerMemberGroup BrokerMemberGroup `json:"brokerMemberGroup"`
	}{g})
}
