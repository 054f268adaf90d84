package messages

// ResponseCode is the code of a response frame
// (RocketMQ: RemotingSysResponseCode, ResponseCode).
type ResponseCode int32

// The response codes that a name server or broker answers with.
const (
	Success                  ResponseCode = 0
	SystemError              ResponseCode = 1
	SystemBusy               ResponseCode = 2
	RequestCodeNotSupported  ResponseCode = 3
	TransactionFailed        ResponseCode = 4
	FlushDiskTimeout         ResponseCode = 10
	SlaveNotAvailable        ResponseCode = 11
	FlushSlaveTimeout        ResponseCode = 12
	MessageIllegal           ResponseCode = 13
	ServiceNotAvailable      ResponseCode = 14
	VersionNotSupported      ResponseCode = 15
	NoPermission             ResponseCode = 16
	TopicNotExist            ResponseCode = 17
	TopicExistAlready        ResponseCode = 18
	PullNotFound             ResponseCode = 19
	PullRetryImmediately     ResponseCode = 20
	PullOffsetMoved          ResponseCode = 21
	QueryNotFound            ResponseCode = 22
	SubscriptionParseFailed  ResponseCode = 23
	SubscriptionNotExist     ResponseCode = 24
	SubscriptionNotLatest    ResponseCode = 25
	SubscriptionGroupUnknown ResponseCode = 26
	FilterDataNotExist       ResponseCode = 27
	FilterDataNotLatest      ResponseCode = 28
	InvalidParameter         ResponseCode = 29
	ConsumerNotOnline        ResponseCode = 206
	ConsumeMessageTimeout    ResponseCode = 207
	NoMessage                ResponseCode = 208
	PollingFull              ResponseCode = 209
	PollingTimeout           ResponseCode = 210
	BrokerNotExist           ResponseCode = 211
	DispatchNotComplete      ResponseCode = 212
	BroadcastConsumption     ResponseCode = 213
	FlowControl              ResponseCode = 215
	NotLeaderForQueue        ResponseCode = 501
	IllegalOperation         ResponseCode = 604
	GoAway                   ResponseCode = 1500
)
