// Package wire has the lines of JSON that drive the workers of both languages.
package wire

// Message is what a producer is told to send.
type Message struct {
	Topic string            `json:"topic"`
	Body  []byte            `json:"body"` // base64
	Tags  string            `json:"tags,omitempty"`
	Keys  string            `json:"keys,omitempty"` // separated by blanks
	Flag  int32             `json:"flag"`
	Props map[string]string `json:"props,omitempty"`
	Queue int               `json:"queue"`
}

// Kinds of events.
const (
	Ready    = "ready"
	Sent     = "sent"
	Received = "message"
)

// Event is what a worker prints. A received message has its tags and keys among
// the properties.
type Event struct {
	Event string `json:"event"`
	Message
	Status         string `json:"status,omitempty"` // of Sent
	MsgID          string `json:"msgId,omitempty"`
	OffsetMsgID    string `json:"offsetMsgId,omitempty"`
	Offset         int64  `json:"offset"` // in the queue
	LogOffset      int64  `json:"logOffset,omitempty"`
	BornTimestamp  int64  `json:"bornTimestamp,omitempty"` // ms
	StoreTimestamp int64  `json:"storeTimestamp,omitempty"`
	StoreSize      int32  `json:"storeSize,omitempty"`
	BodyCRC        int32  `json:"bodyCRC,omitempty"`
	ReconsumeTimes int32  `json:"reconsumeTimes,omitempty"`
}
