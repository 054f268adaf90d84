package messages

import "encoding/json"

// Modes of consuming a topic (RocketMQ: MessageRequestMode).
const (
	ModePull = "PULL"
	ModePop  = "POP"
)

// QueryAssignment is the body of QUERY_ASSIGNMENT: which queues are this client's?
type QueryAssignment struct {
	ClientID      string `json:"clientId"`
	ConsumerGroup string `json:"consumerGroup"`
	MessageModel  string `json:"messageModel"`
	StrategyName  string `json:"strategyName"` // AVG, AVG_BY_CIRCLE
	Topic         string `json:"topic"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (q *QueryAssignment) UnmarshalJSON(b []byte) error {
	type plain QueryAssignment
	var p struct {
		plain
		MessageModel json.RawMessage `json:"messageModel"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*q = QueryAssignment(p.plain)
	q.MessageModel = enumName(p.MessageModel, messageModels)
	return nil
}

// Encode returns the JSON text.
func (q *QueryAssignment) Encode() ([]byte, error) { return encode(q) }

// DecodeQueryAssignment decodes the body of QUERY_ASSIGNMENT.
func DecodeQueryAssignment(b []byte) (*QueryAssignment, error) {
	return decode[QueryAssignment](b, "assignment query")
}

// MessageQueueAssignment is a queue that a client shall consume, and how. Queue
// id -1 stands for all queues of the broker, in mode POP.
type MessageQueueAssignment struct {
	Attachments  map[string]string `json:"attachments,omitempty"`
	MessageQueue MessageQueue      `json:"messageQueue"`
	Mode         string            `json:"mode"`
}

// Assignment is the answer to QUERY_ASSIGNMENT. A nil list tells the client to
// keep what it has, an empty one to give up all queues
// (RocketMQ: QueryAssignmentResponseBody).
type Assignment struct {
	MessageQueueAssignments []MessageQueueAssignment `json:"messageQueueAssignments,omitzero"`
}

// Encode returns the JSON text.
func (a *Assignment) Encode() ([]byte, error) { return encode(a) }

// DecodeAssignment decodes the answer to QUERY_ASSIGNMENT.
func DecodeAssignment(b []byte) (*Assignment, error) { return decode[Assignment](b, "assignment") }

// SetMessageRequestMode is the body of SET_MESSAGE_REQUEST_MODE.
type SetMessageRequestMode struct {
	ConsumerGroup    string `json:"consumerGroup"`
	Mode             string `json:"mode"`
	PopShareQueueNum int32  `json:"popShareQueueNum"` // queues shared among consumers; 0 or less: all
	Topic            string `json:"topic"`
}

// UnmarshalJSON implements json.Unmarshaler. The mode is ModePull unless the text
// says otherwise.
func (m *SetMessageRequestMode) UnmarshalJSON(b []byte) error {
	type plain SetMessageRequestMode
	p := plain{Mode: ModePull}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*m = SetMessageRequestMode(p)
	return nil
}

// Encode returns the JSON text.
func (m *SetMessageRequestMode) Encode() ([]byte, error) { return encode(m) }

// DecodeSetMessageRequestMode decodes the body of SET_MESSAGE_REQUEST_MODE.
func DecodeSetMessageRequestMode(b []byte) (*SetMessageRequestMode, error) {
	return decode[SetMessageRequestMode](b, "message request mode")
}
