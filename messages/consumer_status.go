package messages

// ConsumerRunningInfo is what a consumer says of its own state: the answer to
// GET_CONSUMER_RUNNING_INFO. A broker relays it untouched.
type ConsumerRunningInfo struct {
	JStack           string                       `json:"jstack,omitempty"`
	MQPopTable       QueueTable[PopProcessQueue]  `json:"mqPopTable"`
	MQTable          QueueTable[ProcessQueueInfo] `json:"mqTable"`
	Properties       map[string]string            `json:"properties"`  // see the Prop constants
	StatusTable      map[string]ConsumeStatus     `json:"statusTable"` // by topic
	SubscriptionSet  []SubscriptionData           `json:"subscriptionSet"`
	UserConsumerInfo map[string]string            `json:"userConsumerInfo"`
}

// The properties of a ConsumerRunningInfo.
const (
	PropNameServerAddr         = "PROP_NAMESERVER_ADDR"
	PropThreadPoolCoreSize     = "PROP_THREADPOOL_CORE_SIZE"
	PropConsumeOrderly         = "PROP_CONSUMEORDERLY" // true or false
	PropConsumeType            = "PROP_CONSUME_TYPE"   // ConsumeActively, ConsumePassively
	PropClientVersion          = "PROP_CLIENT_VERSION"
	PropConsumerStartTimestamp = "PROP_CONSUMER_START_TIMESTAMP" // Unix milliseconds
)

// ProcessQueueInfo is a queue that a consumer works on. Times are Unix
// milliseconds, offsets those of the queue.
type ProcessQueueInfo struct {
	CachedMsgCount          int32 `json:"cachedMsgCount"`
	CachedMsgMaxOffset      int64 `json:"cachedMsgMaxOffset"`
	CachedMsgMinOffset      int64 `json:"cachedMsgMinOffset"`
	CachedMsgSizeInMiB      int32 `json:"cachedMsgSizeInMiB"`
	CommitOffset            int64 `json:"commitOffset"`
	Dropped                 bool  `json:"droped"` // as Java spells it
	LastConsumeTimestamp    int64 `json:"lastConsumeTimestamp"`
	LastLockTimestamp       int64 `json:"lastLockTimestamp"`
	LastPullTimestamp       int64 `json:"lastPullTimestamp"`
	Locked                  bool  `json:"locked"`
	TransactionMsgCount     int32 `json:"transactionMsgCount"`
	TransactionMsgMaxOffset int64 `json:"transactionMsgMaxOffset"`
	TransactionMsgMinOffset int64 `json:"transactionMsgMinOffset"`
	TryUnlockTimes          int64 `json:"tryUnlockTimes"`
}

// PopProcessQueue is a queue that a consumer pops from.
type PopProcessQueue struct {
	Dropped          bool  `json:"droped"` // as Java spells it
	LastPopTimestamp int64 `json:"lastPopTimestamp"`
	WaitAckCount     int32 `json:"waitAckCount"`
}

// ConsumeStatus is a consumer's rates in a topic: times in milliseconds, rates per
// second.
type ConsumeStatus struct {
	ConsumeFailedMsgs int64  `json:"consumeFailedMsgs"` // within the last hour
	ConsumeFailedTPS  Double `json:"consumeFailedTPS"`
	ConsumeOKTPS      Double `json:"consumeOKTPS"`
	ConsumeRT         Double `json:"consumeRT"`
	PullRT            Double `json:"pullRT"`
	PullTPS           Double `json:"pullTPS"`
}

// DecodeConsumerRunningInfo decodes the answer to GET_CONSUMER_RUNNING_INFO. Java
// clients before 5.4 write a queue that they have written before as a reference;
// such a queue has no name here.
func DecodeConsumerRunningInfo(b []byte) (*ConsumerRunningInfo, error) {
	return decode[ConsumerRunningInfo](b, "consumer running info")
}

// Encode returns the text in fastjson's form.
func (c *ConsumerRunningInfo) Encode() ([]byte, error) {
	rest, err := encode(struct {
		Properties       map[string]string        `json:"properties"`
		StatusTable      map[string]ConsumeStatus `json:"statusTable"`
		SubscriptionSet  []SubscriptionData       `json:"subscriptionSet"`
		UserConsumerInfo map[string]string        `json:"userConsumerInfo"`
	}{table(c.Properties), table(c.StatusTable), list(c.SubscriptionSet), table(c.UserConsumerInfo)})
	if err != nil {
		return nil, err
	}
	b := []byte{'{'}
	if c.JStack != "" {
		text, err := encode(c.JStack)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, `"jstack":`...), text...), ',')
	}
	if b, err = c.MQPopTable.append(append(b, `"mqPopTable":`...)); err != nil {
		return nil, err
	}
	if b, err = c.MQTable.append(append(b, `,"mqTable":`...)); err != nil {
		return nil, err
	}
	return append(append(b, ','), rest[1:]...), nil
}

// Results of consuming one message (RocketMQ: CMResult).
const (
	ConsumeSuccess        = "CR_SUCCESS"
	ConsumeLater          = "CR_LATER"
	ConsumeRollback       = "CR_ROLLBACK"
	ConsumeCommit         = "CR_COMMIT"
	ConsumeThrewException = "CR_THROW_EXCEPTION"
	ConsumeReturnedNull   = "CR_RETURN_NULL"
)

// ConsumeMessageDirectlyResult is a consumer's answer to CONSUME_MESSAGE_DIRECTLY.
type ConsumeMessageDirectlyResult struct {
	AutoCommit     bool   `json:"autoCommit"`
	ConsumeResult  string `json:"consumeResult,omitempty"`
	Order          bool   `json:"order"`
	Remark         string `json:"remark,omitempty"`
	SpentTimeMills int64  `json:"spentTimeMills"`
}

// Encode returns the JSON text.
func (r *ConsumeMessageDirectlyResult) Encode() ([]byte, error) { return encode(r) }

// DecodeConsumeMessageDirectlyResult decodes the answer to
// CONSUME_MESSAGE_DIRECTLY.
func DecodeConsumeMessageDirectlyResult(b []byte) (*ConsumeMessageDirectlyResult, error) {
	return decode[ConsumeMessageDirectlyResult](b, "result of consuming")
}
