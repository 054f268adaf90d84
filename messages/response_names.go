package messages

import "strconv"

// String returns Apache's name of the code, such as SYSTEM_ERROR.
func (c ResponseCode) String() string {
	if name, ok := responseCodeNames[c]; ok {
		return name
	}
	return "UNKNOWN_" + strconv.Itoa(int(c))
}

// responseCodeNames has the names of RocketMQ 5.5.0's codes, also of those that
// nothing here answers with.
var responseCodeNames = map[ResponseCode]string{
	-1006:                    "RPC_TIME_OUT",
	-1004:                    "RPC_SEND_TO_CHANNEL_FAILED",
	-1002:                    "RPC_ADDR_IS_NULL",
	-1000:                    "RPC_UNKNOWN",
	Success:                  "SUCCESS",
	SystemError:              "SYSTEM_ERROR",
	SystemBusy:               "SYSTEM_BUSY",
	RequestCodeNotSupported:  "REQUEST_CODE_NOT_SUPPORTED",
	TransactionFailed:        "TRANSACTION_FAILED",
	FlushDiskTimeout:         "FLUSH_DISK_TIMEOUT",
	SlaveNotAvailable:        "SLAVE_NOT_AVAILABLE",
	FlushSlaveTimeout:        "FLUSH_SLAVE_TIMEOUT",
	MessageIllegal:           "MESSAGE_ILLEGAL",
	ServiceNotAvailable:      "SERVICE_NOT_AVAILABLE",
	VersionNotSupported:      "VERSION_NOT_SUPPORTED",
	NoPermission:             "NO_PERMISSION",
	TopicNotExist:            "TOPIC_NOT_EXIST",
	TopicExistAlready:        "TOPIC_EXIST_ALREADY",
	PullNotFound:             "PULL_NOT_FOUND",
	PullRetryImmediately:     "PULL_RETRY_IMMEDIATELY",
	PullOffsetMoved:          "PULL_OFFSET_MOVED",
	QueryNotFound:            "QUERY_NOT_FOUND",
	SubscriptionParseFailed:  "SUBSCRIPTION_PARSE_FAILED",
	SubscriptionNotExist:     "SUBSCRIPTION_NOT_EXIST",
	SubscriptionNotLatest:    "SUBSCRIPTION_NOT_LATEST",
	SubscriptionGroupUnknown: "SUBSCRIPTION_GROUP_NOT_EXIST",
	FilterDataNotExist:       "FILTER_DATA_NOT_EXIST",
	FilterDataNotLatest:      "FILTER_DATA_NOT_LATEST",
	InvalidParameter:         "INVALID_PARAMETER",
	200:                      "TRANSACTION_SHOULD_COMMIT",
	201:                      "TRANSACTION_SHOULD_ROLLBACK",
	202:                      "TRANSACTION_STATE_UNKNOW",
	203:                      "TRANSACTION_STATE_GROUP_WRONG",
	204:                      "NO_BUYER_ID",
	205:                      "NOT_IN_CURRENT_UNIT",
	ConsumerNotOnline:        "CONSUMER_NOT_ONLINE",
	ConsumeMessageTimeout:    "CONSUME_MSG_TIMEOUT",
	NoMessage:                "NO_MESSAGE",
	PollingFull:              "POLLING_FULL",
	PollingTimeout:           "POLLING_TIMEOUT",
	BrokerNotExist:           "BROKER_NOT_EXIST",
	DispatchNotComplete:      "BROKER_DISPATCH_NOT_COMPLETE",
	BroadcastConsumption:     "BROADCAST_CONSUMPTION",
	FlowControl:              "FLOW_CONTROL",
	NotLeaderForQueue:        "NOT_LEADER_FOR_QUEUE",
	IllegalOperation:         "ILLEGAL_OPERATION",
	GoAway:                   "GO_AWAY",
	2000:                     "CONTROLLER_FENCED_MASTER_EPOCH",
	2001:                     "CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH",
	2002:                     "CONTROLLER_INVALID_MASTER",
	2003:                     "CONTROLLER_INVALID_REPLICAS",
	2004:                     "CONTROLLER_MASTER_NOT_AVAILABLE",
	2005:                     "CONTROLLER_INVALID_REQUEST",
	2006:                     "CONTROLLER_BROKER_NOT_ALIVE",
	2007:                     "CONTROLLER_NOT_LEADER",
	2008:                     "CONTROLLER_BROKER_METADATA_NOT_EXIST",
	2009:                     "CONTROLLER_INVALID_CLEAN_BROKER_METADATA",
	2010:                     "CONTROLLER_BROKER_NEED_TO_BE_REGISTERED",
	2011:                     "CONTROLLER_MASTER_STILL_EXIST",
	2012:                     "CONTROLLER_ELECT_MASTER_FAILED",
	2013:                     "CONTROLLER_ALTER_SYNC_STATE_SET_FAILED",
	2014:                     "CONTROLLER_BROKER_ID_INVALID",
	2015:                     "CONTROLLER_JRAFT_INTERNAL_ERROR",
	2016:                     "CONTROLLER_BROKER_LIVE_INFO_NOT_EXISTS",
	2017:                     "LMQ_QUOTA_EXCEEDED",
	2018:                     "LITE_SUBSCRIPTION_QUOTA_EXCEEDED",
	3001:                     "USER_NOT_EXIST",
	3002:                     "POLICY_NOT_EXIST",
}
