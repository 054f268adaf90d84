package messages

// ConsumerOffsets is the offsets of all groups, as consumerOffset.json and
// GET_ALL_CONSUMER_OFFSET hold them: by topic@group, then by queue
// (RocketMQ: ConsumerOffsetSerializeWrapper).
type ConsumerOffsets struct {
	DataVersion DataVersion                `json:"dataVersion"`
	OffsetTable map[string]map[int32]int64 `json:"offsetTable"`
}

// Encode returns the JSON text.
func (o *ConsumerOffsets) Encode() ([]byte, error) {
	return encode(ConsumerOffsets{o.DataVersion, table(o.OffsetTable)})
}

// DecodeConsumerOffsets decodes the answer to GET_ALL_CONSUMER_OFFSET.
func DecodeConsumerOffsets(b []byte) (*ConsumerOffsets, error) {
	return decode[ConsumerOffsets](b, "consumer offsets")
}

// ResetOffsetBody lists the offsets that a reset set: the answer to
// INVOKE_BROKER_TO_RESET_OFFSET and the body of RESET_CONSUMER_CLIENT_OFFSET.
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

// EncodeList returns the JSON text for clients in C++, which read a list
// (RocketMQ: ResetOffsetBodyForC).
func (r *ResetOffsetBody) EncodeList() ([]byte, error) {
	type entry struct {
		BrokerName string `json:"brokerName"`
		Offset     int64  `json:"offset"`
		QueueID    int32  `json:"queueId"`
		Topic      string `json:"topic"`
	}
	entries := make([]entry, 0, len(r.OffsetTable))
	for _, e := range r.OffsetTable {
		entries = append(entries, entry{e.Queue.BrokerName, e.Value, e.Queue.QueueID, e.Queue.Topic})
	}
	return encode(struct {
		OffsetTable []entry `json:"offsetTable"`
	}{entries})
}

// DecodeResetOffset decodes a ResetOffsetBody.
func DecodeResetOffset(b []byte) (*ResetOffsetBody, error) {
	return decode[ResetOffsetBody](b, "reset offsets")
}

// ConsumerStatusBody is where a client, or each client of a group by id, stands
// in its queues: the answer to GET_CONSUMER_STATUS_FROM_CLIENT and to
// INVOKE_BROKER_TO_GET_CONSUMER_STATUS (RocketMQ: GetConsumerStatusBody).
type ConsumerStatusBody struct {
	ConsumerTable     map[string]QueueTable[int64] `json:"consumerTable"`
	MessageQueueTable QueueTable[int64]            `json:"messageQueueTable"`
}

// Encode returns the text in fastjson's form.
func (s *ConsumerStatusBody) Encode() ([]byte, error) {
	b := []byte(`{"consumerTable":{`)
	for i, id := range SortedKeys(s.ConsumerTable) {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := encode(id)
		if err != nil {
			return nil, err
		}
		if b, err = s.ConsumerTable[id].append(append(append(b, name...), ':')); err != nil {
			return nil, err
		}
	}
	b, err := s.MessageQueueTable.append(append(b, `},"messageQueueTable":`...))
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// DecodeConsumerStatus decodes a ConsumerStatusBody.
func DecodeConsumerStatus(b []byte) (*ConsumerStatusBody, error) {
	return decode[ConsumerStatusBody](b, "consumer status")
}

// QueryCorrectionOffsetBody is the answer to QUERY_CORRECTION_OFFSET: an offset
// for each queue.
type QueryCorrectionOffsetBody struct {
	CorrectionOffsets map[int32]int64 `json:"correctionOffsets"`
}

// Encode returns the JSON text.
func (q *QueryCorrectionOffsetBody) Encode() ([]byte, error) {
	return encode(QueryCorrectionOffsetBody{table(q.CorrectionOffsets)})
}
