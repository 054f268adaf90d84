package messages

import (
	"cmp"
	"encoding/json"
	"slices"
)

// MessageQueue names a queue of a broker. It is compared as it was sent
// (RocketMQ: MessageQueue).
type MessageQueue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic"`
}

// Compare orders queues as Java does: by topic, broker, id.
func (q MessageQueue) Compare(o MessageQueue) int {
	return cmp.Or(cmp.Compare(q.Topic, o.Topic), cmp.Compare(q.BrokerName, o.BrokerName), cmp.Compare(q.QueueID, o.QueueID))
}

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
// are strings that hold the text of an object. The entries are sorted by queue.
func (t *QueueTable[V]) UnmarshalJSON(b []byte) error {
	var table map[string]V
	if err := json.Unmarshal(b, &table); err != nil {
		return err
	}
	*t = make(QueueTable[V], 0, len(table))
	for key, value := range table {
		e := QueueEntry[V]{Value: value}
		if err := json.Unmarshal([]byte(key), &e.Queue); err != nil {
			return err
		}
		*t = append(*t, e)
	}
	slices.SortFunc(*t, func(a, b QueueEntry[V]) int { return a.Queue.Compare(b.Queue) })
	return nil
}
