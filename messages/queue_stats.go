package messages

import "strconv"

// TopicOffset is the bounds of a queue and the store time of its last message.
type TopicOffset struct {
	LastUpdateTimestamp int64 `json:"lastUpdateTimestamp"` // Unix milliseconds, 0 for an empty queue
	MaxOffset           int64 `json:"maxOffset"`           // behind the last message
	MinOffset           int64 `json:"minOffset"`
}

// TopicStatsTable is the answer to GET_TOPIC_STATS_INFO.
type TopicStatsTable struct {
	OffsetTable QueueTable[TopicOffset] `json:"offsetTable"`
	TopicPutTPS float64                 `json:"topicPutTps"`
}

// Encode returns the text in fastjson's form.
func (t *TopicStatsTable) Encode() ([]byte, error) {
	b, err := t.OffsetTable.append([]byte(`{"offsetTable":`))
	if err != nil {
		return nil, err
	}
	return append(appendDouble(append(b, `,"topicPutTps":`...), t.TopicPutTPS), '}'), nil
}

// DecodeTopicStatsTable decodes the answer to GET_TOPIC_STATS_INFO.
func DecodeTopicStatsTable(b []byte) (*TopicStatsTable, error) {
	return decode[TopicStatsTable](b, "topic statistics")
}

// OffsetWrapper is where a group stands in a queue.
type OffsetWrapper struct {
	BrokerOffset   int64 `json:"brokerOffset"`
	ConsumerOffset int64 `json:"consumerOffset"`
	LastTimestamp  int64 `json:"lastTimestamp"` // store time of the last consumed message
	PullOffset     int64 `json:"pullOffset"`
}

// ConsumeStats is the answer to GET_CONSUME_STATS.
type ConsumeStats struct {
	ConsumeTPS  float64                   `json:"consumeTps"`
	OffsetTable QueueTable[OffsetWrapper] `json:"offsetTable"`
}

// Encode returns the text in fastjson's form.
func (s *ConsumeStats) Encode() ([]byte, error) { return s.append(nil) }

func (s *ConsumeStats) append(dst []byte) ([]byte, error) {
	dst = appendDouble(append(dst, `{"consumeTps":`...), s.ConsumeTPS)
	dst, err := s.OffsetTable.append(append(dst, `,"offsetTable":`...))
	if err != nil {
		return nil, err
	}
	return append(dst, '}'), nil
}

// DecodeConsumeStats decodes the answer to GET_CONSUME_STATS.
func DecodeConsumeStats(b []byte) (*ConsumeStats, error) {
	return decode[ConsumeStats](b, "consume statistics")
}

// ConsumeStatsList is the answer to GET_BROKER_CONSUME_STATS: each element has
// one group and its statistics, topic by topic.
type ConsumeStatsList struct {
	BrokerAddr        string                      `json:"brokerAddr"`
	ConsumeStatsList  []map[string][]ConsumeStats `json:"consumeStatsList"`
	TotalDiff         int64                       `json:"totalDiff"`         // messages not consumed
	TotalInflightDiff int64                       `json:"totalInflightDiff"` // messages pulled and not consumed
}

// Encode returns the text in fastjson's form.
func (l *ConsumeStatsList) Encode() ([]byte, error) {
	addr, err := encode(l.BrokerAddr)
	if err != nil {
		return nil, err
	}
	b := append(append([]byte(`{"brokerAddr":`), addr...), `,"consumeStatsList":[`...)
	for i, groups := range l.ConsumeStatsList {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendGroupStats(b, groups); err != nil {
			return nil, err
		}
	}
	b = strconv.AppendInt(append(b, `],"totalDiff":`...), l.TotalDiff, 10)
	b = strconv.AppendInt(append(b, `,"totalInflightDiff":`...), l.TotalInflightDiff, 10)
	return append(b, '}'), nil
}

func appendGroupStats(dst []byte, groups map[string][]ConsumeStats) ([]byte, error) {
	dst = append(dst, '{')
	for i, group := range SortedKeys(groups) {
		if i > 0 {
			dst = append(dst, ',')
		}
		name, err := encode(group)
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, name...), ':', '[')
		for j := range groups[group] {
			if j > 0 {
				dst = append(dst, ',')
			}
			if dst, err = groups[group][j].append(dst); err != nil {
				return nil, err
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}'), nil
}

// DecodeConsumeStatsList decodes the answer to GET_BROKER_CONSUME_STATS.
func DecodeConsumeStatsList(b []byte) (*ConsumeStatsList, error) {
	return decode[ConsumeStatsList](b, "consume statistics of a broker")
}

// BrokerStatsItem is what was counted in one span of time.
type BrokerStatsItem struct {
	AvgPT Double `json:"avgpt"` // mean value per event
	Sum   int64  `json:"sum"`
	TPS   Double `json:"tps"`
}

// BrokerStatsData is the answer to VIEW_BROKER_STATS_DATA.
type BrokerStatsData struct {
	StatsDay    BrokerStatsItem `json:"statsDay"`
	StatsHour   BrokerStatsItem `json:"statsHour"`
	StatsMinute BrokerStatsItem `json:"statsMinute"`
}

// Encode returns the JSON text.
func (d *BrokerStatsData) Encode() ([]byte, error) { return encode(d) }

// DecodeBrokerStatsData decodes the answer to VIEW_BROKER_STATS_DATA.
func DecodeBrokerStatsData(b []byte) (*BrokerStatsData, error) {
	return decode[BrokerStatsData](b, "broker statistics")
}

// QueueTimeSpan is how far back a group's consumption of a queue lies. Times are
// Unix milliseconds.
type QueueTimeSpan struct {
	ConsumeTimeStamp int64        `json:"consumeTimeStamp"` // store time of the next message to consume
	DelayTime        int64        `json:"delayTime"`        // milliseconds
	MaxTimeStamp     int64        `json:"maxTimeStamp"`
	MessageQueue     MessageQueue `json:"messageQueue"`
	MinTimeStamp     int64        `json:"minTimeStamp"`
}

// QueryConsumeTimeSpanBody is the answer to QUERY_CONSUME_TIME_SPAN. Java also
// writes its times as text, which no reader uses.
type QueryConsumeTimeSpanBody struct {
	ConsumeTimeSpanSet []QueueTimeSpan `json:"consumeTimeSpanSet"`
}

// Encode returns the JSON text.
func (q *QueryConsumeTimeSpanBody) Encode() ([]byte, error) {
	return encode(QueryConsumeTimeSpanBody{list(q.ConsumeTimeSpanSet)})
}

// DecodeQueryConsumeTimeSpan decodes the answer to QUERY_CONSUME_TIME_SPAN.
func DecodeQueryConsumeTimeSpan(b []byte) (*QueryConsumeTimeSpanBody, error) {
	return decode[QueryConsumeTimeSpanBody](b, "consume time span")
}

// ConsumeQueueData is one unit of a ConsumeQueue.
type ConsumeQueueData struct {
	BitMap         string `json:"bitMap,omitempty"`
	Eval           bool   `json:"eval"` // it matches the group's subscription
	ExtendDataJSON string `json:"extendDataJson,omitempty"`
	Msg            string `json:"msg,omitempty"` // what is wrong with it
	PhysicOffset   int64  `json:"physicOffset"`
	PhysicSize     int32  `json:"physicSize"`
	TagsCode       int64  `json:"tagsCode"`
}

// QueryConsumeQueueResponseBody is the answer to QUERY_CONSUME_QUEUE.
type QueryConsumeQueueResponseBody struct {
	FilterData       string             `json:"filterData,omitempty"`
	MaxQueueIndex    int64              `json:"maxQueueIndex"`
	MinQueueIndex    int64              `json:"minQueueIndex"`
	QueueData        []ConsumeQueueData `json:"queueData"`
	SubscriptionData *SubscriptionData  `json:"subscriptionData,omitempty"`
}

// Encode returns the JSON text.
func (q *QueryConsumeQueueResponseBody) Encode() ([]byte, error) {
	whole := *q
	whole.QueueData = list(q.QueueData)
	return encode(&whole)
}

// DecodeQueryConsumeQueue decodes the answer to QUERY_CONSUME_QUEUE.
func DecodeQueryConsumeQueue(b []byte) (*QueryConsumeQueueResponseBody, error) {
	return decode[QueryConsumeQueueResponseBody](b, "consume queue")
}
