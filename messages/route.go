package messages

// MasterID is the broker id of a master; slaves have others (RocketMQ: MixAll.MASTER_ID).
const MasterID = 0

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
	whole.BrokerDatas, whole.QueueDatas = list(r.BrokerDatas), list(r.QueueDatas)
	whole.FilterServerTable = table(r.FilterServerTable)
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
func (c *ClusterInfo) Encode() ([]byte, error) {
	return encode(ClusterInfo{table(c.BrokerAddrTable), table(c.ClusterAddrTable)})
}

// DecodeClusterInfo decodes a ClusterInfo in either dialect.
func DecodeClusterInfo(b []byte) (*ClusterInfo, error) { return decode[ClusterInfo](b, "cluster info") }

// BrokerMemberGroup is the processes of one broker.
type BrokerMemberGroup struct {
	BrokerAddrs map[int64]string `json:"brokerAddrs"`
	BrokerName  string           `json:"brokerName"`
	Cluster     string           `json:"cluster"`
}

// Encode returns the JSON text of the answer to GET_BROKER_MEMBER_GROUP.
func (g BrokerMemberGroup) Encode() ([]byte, error) {
	g.BrokerAddrs = table(g.BrokerAddrs)
	return encode(struct {
		BrokerMemberGroup BrokerMemberGroup `json:"brokerMemberGroup"`
	}{g})
}

// DecodeBrokerMemberGroup decodes the answer to GET_BROKER_MEMBER_GROUP.
func DecodeBrokerMemberGroup(b []byte) (*BrokerMemberGroup, error) {
	body, err := decode[struct {
		BrokerMemberGroup BrokerMemberGroup `json:"brokerMemberGroup"`
	}](b, "broker member group")
	if err != nil {
		return nil, err
	}
	return &body.BrokerMemberGroup, nil
}
