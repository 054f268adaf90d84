package messages

import (
	"encoding/json"
	"strconv"
)

// QueueTable is a map from queues to values in fastjson's form, whose keys are
// objects: {{"brokerName":"b","queueId":0,"topic":"T"}:value}. Java 5.5 reads no
// other. Entries are written in the order of the slice.
type QueueTable[V any] []QueueEntry[V]

// QueueEntry is one entry of a QueueTable.
type QueueEntry[V any] struct {
	Queue MessageQueue
	Value V
}

// append writes the table. It cannot be a json.Marshaler: the result is not JSON.
func (t QueueTable[V]) append(dst []byte) ([]byte, error) {
	dst = append(dst, '{')
	for i, e := range t {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, err := encode(e.Queue)
		if err != nil {
			return nil, err
		}
		value, err := encode(e.Value)
		if err != nil {
			return nil, err
		}
		dst = append(append(append(dst, key...), ':'), value...)
	}
	return append(dst, '}'), nil
}

// UnmarshalJSON reads a table that fastjson.Standard has made JSON of: its keys
// are strings that hold the text of an object.
func (t *QueueTable[V]) UnmarshalJSON(b []byte) error {
	var table map[string]V
	if err := json.Unmarshal(b, &table); err != nil {
		return err
	}
	*t = (*t)[:0]
	for _, key := range SortedKeys(table) {
		e := QueueEntry[V]{Value: table[key]}
		if err := json.Unmarshal([]byte(key), &e.Queue); err != nil {
			return err
		}
		*t = append(*t, e)
	}
	return nil
}

// TopicOffset is the bounds of a queue and the store time of its last message.
type TopicOffset struct {
	LastUpdateTimestamp int64 `json:"lastUpdateTimestamp"`
	MaxOffset           int64 `json:"maxOffset"`
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
	return appendDouble(append(b, `,"topicPutTps":`...), t.TopicPutTPS), nil
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
func (s *ConsumeStats) Encode() ([]byte, error) {
	b := appendDouble([]byte(`{"consumeTps":`), s.ConsumeTPS)
	b, err := s.OffsetTable.append(append(b[:len(b)-1], `,"offsetTable":`...))
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// ResetOffsetBody lists the offsets that a reset set.
type ResetOffsetBody struct {
	OffsetTable QueueTable[int64] `json:"offsetTable"`
}

// Encode returns the text in fastjson's form.
func (r *ResetOffsetBody) Encode() ([]byte, error) {
	b, err := r.OffsetTable.append([]byte(`{"offsetTable":`))
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// appendDouble writes a number with a fraction, as Java writes doubles, and the
// end of the object.
func appendDouble(dst []byte, v float64) []byte {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	dst = append(dst, text...)
	for i := range text {
		if text[i] == '.' {
			return append(dst, '}')
		}
	}
	return append(dst, '.', '0', '}')
}

// KVTable is a flat table of strings.
type KVTable struct {
	Table map[string]string `json:"table"`
}

// Encode returns the JSON text.
func (t *KVTable) Encode() ([]byte, error) { return encode(t) }

// DecodeKVTable decodes a KVTable.
func DecodeKVTable(b []byte) (*KVTable, error) { return decode[KVTable](b, "table") }

// GroupList is a list of group names.
type GroupList struct {
	GroupList []string `json:"groupList"`
}

// Encode returns the JSON text.
func (l *GroupList) Encode() ([]byte, error) { return encode(l) }

// TopicList is a list of topic names.
type TopicList struct {
	BrokerAddr string   `json:"brokerAddr,omitempty"`
	TopicList  []string `json:"topicList"`
}

// Encode returns the JSON text.
func (l *TopicList) Encode() ([]byte, error) { return encode(l) }
