package messages

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/bits"
)

// BatchAck acknowledges messages of one checkpoint (RocketMQ: BatchAck). Its offsets
// are bits: bit i of byte j stands for the message at StartOffset+8*j+i.
type BatchAck struct {
	Bits          []byte `json:"b"`
	ConsumerGroup string `json:"c"`
	Invisible     int64  `json:"it"`
	PopTime       int64  `json:"pt"`
	QueueID       int32  `json:"q"`
	Mark          string `json:"r"` // of the topic that the messages are in, see PopHandle
	ReviveQueue   int32  `json:"rq"`
	StartOffset   int64  `json:"so"`
	Topic         string `json:"t"` // that was popped
}

// maxAckBits bounds the bits of a BatchAck, in bytes. Clients gather the messages of
// one checkpoint, whose offsets may lie apart by what a filter left out.
const maxAckBits = 64 << 10

// UnmarshalJSON implements json.Unmarshaler: members have a short name, or a long one.
func (a *BatchAck) UnmarshalJSON(b []byte) error {
	type plain BatchAck
	var v struct {
		plain
		Group  *string `json:"consumerGroup"`
		Topic  *string `json:"topic"`
		Retry  *string `json:"retry"`
		Start  *int64  `json:"startOffset"`
		Queue  *int32  `json:"queueId"`
		Revive *int32  `json:"reviveQueueId"`
		Pop    *int64  `json:"popTime"`
		Time   *int64  `json:"invisibleTime"`
		Bits   *string `json:"b"`
		Set    *string `json:"bitSet"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*a = BatchAck(v.plain)
	given(&a.ConsumerGroup, v.Group)
	given(&a.Topic, v.Topic)
	given(&a.Mark, v.Retry)
	given(&a.StartOffset, v.Start)
	given(&a.QueueID, v.Queue)
	given(&a.ReviveQueue, v.Revive)
	given(&a.PopTime, v.Pop)
	given(&a.Invisible, v.Time)
	var text string
	given(&text, v.Set)
	given(&text, v.Bits)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) > maxAckBits {
		return fmt.Errorf("messages: the bits of a batch ack are %d bytes of base64: %w", len(text), err)
	}
	a.Bits = raw
	return nil
}

func given[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// Each calls visit for the queue offset of each message, in ascending order.
func (a *BatchAck) Each(visit func(offset int64)) {
	for j, b := range a.Bits {
		for ; b != 0; b &= b - 1 {
			visit(a.StartOffset + int64(8*j+bits.TrailingZeros8(b)))
		}
	}
}

// Add adds the message at a queue offset from StartOffset on.
func (a *BatchAck) Add(offset int64) {
	i := offset - a.StartOffset
	for int64(len(a.Bits)) <= i/8 {
		a.Bits = append(a.Bits, 0)
	}
	a.Bits[i/8] |= 1 << (i % 8)
}

// BatchAckBody is the body of BATCH_ACK_MESSAGE (RocketMQ:
// BatchAckMessageRequestBody).
type BatchAckBody struct {
	Acks       []BatchAck `json:"acks"`
	BrokerName string     `json:"brokerName"`
}

// Encode returns the JSON text.
func (b *BatchAckBody) Encode() ([]byte, error) { return encode(b) }

// DecodeBatchAck decodes the body of BATCH_ACK_MESSAGE.
func DecodeBatchAck(b []byte) (*BatchAckBody, error) { return decode[BatchAckBody](b, "batch ack") }

// PopOrder is what a group has of a queue that it pops in order. It is a member of
// OrderTable (RocketMQ: QueueLevelConsumerManager.OrderInfo).
type PopOrder struct {
	AttemptID string `json:"a,omitempty"`
	Acked     uint64 `json:"cm"` // bits, by the index in Offsets
	Invisible int64  `json:"i"`
	// LastConsumed is when messages were popped last, in Unix milliseconds.
	LastConsumed int64 `json:"l"`
	// Offsets are the offset of the first message, and the distances from it of the others.
	Offsets []int64 `json:"o"`
	// Times are how often messages were popped before, by offset, of those that were.
	Times map[int64]int32 `json:"oc,omitempty"`
	// Visible is when messages become visible again whose time was changed, by offset.
	Visible map[int64]int64 `json:"ot,omitempty"`
	PopTime int64           `json:"popTime"`
}

// OrderTable is the file consumerOrderInfo.json: by topic@group and queue
// (RocketMQ: QueueLevelConsumerManager).
type OrderTable struct {
	Table map[string]map[int32]*PopOrder `json:"table"`
}

// Encode returns the JSON text.
func (t *OrderTable) Encode() ([]byte, error) { return encode(t) }

// DecodeOrderTable decodes the text of the file.
func DecodeOrderTable(b []byte) (*OrderTable, error) { return decode[OrderTable](b, "order table") }

// RequestModes are the modes of all groups by topic and group: the file
// messageRequestMode.json, and the answer to GET_ALL_MESSAGE_REQUEST_MODE
// (RocketMQ: MessageRequestModeManager).
type RequestModes struct {
	Modes map[string]map[string]*SetMessageRequestMode `json:"messageRequestModeMap"`
}

// Encode returns the JSON text.
func (m *RequestModes) Encode() ([]byte, error) { return encode(m) }

// DecodeRequestModes decodes the answer to GET_ALL_MESSAGE_REQUEST_MODE.
func DecodeRequestModes(b []byte) (*RequestModes, error) {
	return decode[RequestModes](b, "message request modes")
}
