package messages

// ConsumerList is the ids of a group's members
// (RocketMQ: GetConsumerListByGroupResponseBody).
type ConsumerList struct {
	ConsumerIDList []string `json:"consumerIdList"`
}

// Encode returns the JSON text.
func (l *ConsumerList) Encode() ([]byte, error) {
	return encode(ConsumerList{list(l.ConsumerIDList)})
}

// DecodeConsumerList decodes the answer to GET_CONSUMER_LIST_BY_GROUP.
func DecodeConsumerList(b []byte) (*ConsumerList, error) {
	return decode[ConsumerList](b, "consumer list")
}

// Connection is one member of a group.
type Connection struct {
	ClientAddr string `json:"clientAddr"`
	ClientID   string `json:"clientId"`
	Language   string `json:"language"`
	Version    int32  `json:"version"`
}

// ConsumerConnection is a consumer group's members and settings. Settings that
// are "" are left out: Java has no such values.
type ConsumerConnection struct {
	ConnectionSet     []Connection                 `json:"connectionSet"`
	ConsumeFromWhere  string                       `json:"consumeFromWhere,omitempty"`
	ConsumeType       string                       `json:"consumeType,omitempty"`
	MessageModel      string                       `json:"messageModel,omitempty"`
	SubscriptionTable map[string]*SubscriptionData `json:"subscriptionTable"`
}

// Encode returns the JSON text.
func (c *ConsumerConnection) Encode() ([]byte, error) {
	whole := *c
	whole.ConnectionSet, whole.SubscriptionTable = list(c.ConnectionSet), table(c.SubscriptionTable)
	return encode(&whole)
}

// DecodeConsumerConnection decodes the answer to GET_CONSUMER_CONNECTION_LIST.
func DecodeConsumerConnection(b []byte) (*ConsumerConnection, error) {
	return decode[ConsumerConnection](b, "consumer connections")
}

// ProducerConnection is a producer group's members.
type ProducerConnection struct {
	ConnectionSet []Connection `json:"connectionSet"`
}

// Encode returns the JSON text.
func (c *ProducerConnection) Encode() ([]byte, error) {
	return encode(ProducerConnection{list(c.ConnectionSet)})
}

// DecodeProducerConnection decodes the answer to GET_PRODUCER_CONNECTION_LIST.
func DecodeProducerConnection(b []byte) (*ProducerConnection, error) {
	return decode[ProducerConnection](b, "producer connections")
}

// ProducerInfo is one member of a producer group.
type ProducerInfo struct {
	ClientID            string `json:"clientId"`
	Language            string `json:"language"`
	LastUpdateTimestamp int64  `json:"lastUpdateTimestamp"` // of the last heartbeat, Unix milliseconds
	RemoteIP            string `json:"remoteIP"`            // with the port
	Version             int32  `json:"version"`
}

// ProducerTable is the members of all producer groups, by group: the answer to
// GET_ALL_PRODUCER_INFO (RocketMQ: ProducerTableInfo).
type ProducerTable struct {
	Data map[string][]ProducerInfo `json:"data"`
}

// Encode returns the JSON text.
func (t *ProducerTable) Encode() ([]byte, error) { return encode(ProducerTable{table(t.Data)}) }

// DecodeProducerTable decodes the answer to GET_ALL_PRODUCER_INFO.
func DecodeProducerTable(b []byte) (*ProducerTable, error) {
	return decode[ProducerTable](b, "producers")
}

// GroupSubscription is what a group wants of one topic: the answer to
// QUERY_SUBSCRIPTION_BY_CONSUMER (RocketMQ: QuerySubscriptionResponseBody).
type GroupSubscription struct {
	Group            string            `json:"group"`
	SubscriptionData *SubscriptionData `json:"subscriptionData,omitempty"`
	Topic            string            `json:"topic"`
}

// Encode returns the JSON text.
func (s *GroupSubscription) Encode() ([]byte, error) { return encode(s) }
