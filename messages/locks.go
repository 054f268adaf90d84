package messages

// LockBatch asks for, or gives back, the locks of queues
// (RocketMQ: LockBatchRequestBody, UnlockBatchRequestBody).
type LockBatch struct {
	ClientID      string         `json:"clientId"`
	ConsumerGroup string         `json:"consumerGroup"`
	Queues        []MessageQueue `json:"mqSet"`
	// OnlyThisBroker is set by a broker that passes a request on to the others.
	OnlyThisBroker bool `json:"onlyThisBroker"`
}

// DecodeLockBatch decodes the body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ.
func DecodeLockBatch(b []byte) (*LockBatch, error) { return decode[LockBatch](b, "lock request") }

// Encode returns the JSON text.
func (l *LockBatch) Encode() ([]byte, error) {
	whole := *l
	whole.Queues = list(l.Queues)
	return encode(&whole)
}

// LockBatchResponse lists the locks that were granted
// (RocketMQ: LockBatchResponseBody).
type LockBatchResponse struct {
	LockOKMQSet []MessageQueue `json:"lockOKMQSet"`
}

// DecodeLockBatchResponse decodes the answer to LOCK_BATCH_MQ.
func DecodeLockBatchResponse(b []byte) (*LockBatchResponse, error) {
	return decode[LockBatchResponse](b, "locks")
}

// Encode returns the JSON text.
func (r *LockBatchResponse) Encode() ([]byte, error) {
	return encode(LockBatchResponse{list(r.LockOKMQSet)})
}
