package messages

// DispatchRequest is what Dispatch needs to know of an appended record
// (RocketMQ: DispatchRequest).
type DispatchRequest struct {
	Topic       string
	QueueID     int32
	QueueOffset int64 // logical offset in the queue
	Phys        int64 // physical offset of the record
	Size        int32 // bytes of the record
	// Inner is the number of messages of an inner batch, which takes as many logical
	// offsets; 0 for a record that is none.
	Inner          int32
	TagsCode       int64 // hash of the tags; time of delivery in the delay topic
	StoreTime      int64 // Unix milliseconds
	SysFlag        int32
	PreparedOffset int64
	// UniqKey and Keys alias the buffer that the record is in and are valid as
	// long as that is. Tags likewise.
	UniqKey, Keys, Tags []byte
}

// Next returns the logical offset behind the record's.
func (d *DispatchRequest) Next() int64 { return d.QueueOffset + int64(max(d.Inner, 1)) }

// Consumable reports whether the record enters its ConsumeQueue: prepared and
// rolled back halves of transactions do not.
func (d *DispatchRequest) Consumable() bool {
	switch d.SysFlag & SysFlagTransactionMask {
	case 0, SysFlagCommit:
		return true
	}
	return false
}

// Indexed reports whether the record's keys are indexed: rollbacks are not.
func (d *DispatchRequest) Indexed() bool {
	return d.SysFlag&SysFlagTransactionMask != SysFlagRollback
}
