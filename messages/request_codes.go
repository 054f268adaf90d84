package messages

import (
	"maps"
	"slices"
	"strconv"
)

// RequestCode says what a request frame asks for (RocketMQ: RequestCode). Codes
// above 32767 do not fit the binary header encoding.
type RequestCode int32

// The request codes of RocketMQ 5.5.0. docs/compatibility.md tells which of them
// are served.
const (
	CodeSendMessage                          RequestCode = 10
	CodePullMessage                          RequestCode = 11
	CodeQueryMessage                         RequestCode = 12
	CodeQueryBrokerOffset                    RequestCode = 13
	CodeQueryConsumerOffset                  RequestCode = 14
	CodeUpdateConsumerOffset                 RequestCode = 15
	CodeUpdateAndCreateTopic                 RequestCode = 17
	CodeUpdateAndCreateTopicList             RequestCode = 18
	CodeGetAllTopicConfig                    RequestCode = 21
	CodeGetTopicConfigList                   RequestCode = 22
	CodeGetTopicNameList                     RequestCode = 23
	CodeUpdateBrokerConfig                   RequestCode = 25
	CodeGetBrokerConfig                      RequestCode = 26
	CodeTriggerDeleteFiles                   RequestCode = 27
	CodeGetBrokerRuntimeInfo                 RequestCode = 28
	CodeSearchOffsetByTimestamp              RequestCode = 29
	CodeGetMaxOffset                         RequestCode = 30
	CodeGetMinOffset                         RequestCode = 31
	CodeGetEarliestMsgStoreTime              RequestCode = 32
	CodeViewMessageByID                      RequestCode = 33
	CodeHeartBeat                            RequestCode = 34
	CodeUnregisterClient                     RequestCode = 35
	CodeConsumerSendMsgBack                  RequestCode = 36
	CodeEndTransaction                       RequestCode = 37
	CodeGetConsumerListByGroup               RequestCode = 38
	CodeCheckTransactionState                RequestCode = 39
	CodeNotifyConsumerIDsChanged             RequestCode = 40
	CodeLockBatchMQ                          RequestCode = 41
	CodeUnlockBatchMQ                        RequestCode = 42
	CodeGetAllConsumerOffset                 RequestCode = 43
	CodeGetAllDelayOffset                    RequestCode = 45
	CodeCheckClientConfig                    RequestCode = 46
	CodeGetClientConfig                      RequestCode = 47
	CodeGetTimerCheckPoint                   RequestCode = 60
	CodeGetTimerMetrics                      RequestCode = 61
	CodePutKVConfig                          RequestCode = 100
	CodeGetKVConfig                          RequestCode = 101
	CodeDeleteKVConfig                       RequestCode = 102
	CodeRegisterBroker                       RequestCode = 103
	CodeUnregisterBroker                     RequestCode = 104
	CodeGetRouteInfoByTopic                  RequestCode = 105
	CodeGetBrokerClusterInfo                 RequestCode = 106
	CodeUpdateAndCreateSubscriptionGroup     RequestCode = 200
	CodeGetAllSubscriptionGroupConfig        RequestCode = 201
	CodeGetTopicStatsInfo                    RequestCode = 202
	CodeGetConsumerConnectionList            RequestCode = 203
	CodeGetProducerConnectionList            RequestCode = 204
	CodeWipeWritePermOfBroker                RequestCode = 205
	CodeGetAllTopicListFromNameServer        RequestCode = 206
	CodeDeleteSubscriptionGroup              RequestCode = 207
	CodeGetConsumeStats                      RequestCode = 208
	CodeSuspendConsumer                      RequestCode = 209
	CodeResumeConsumer                       RequestCode = 210
	CodeResetConsumerOffsetInConsumer        RequestCode = 211
	CodeResetConsumerOffsetInBroker          RequestCode = 212
	CodeAdjustConsumerThreadPool             RequestCode = 213
	CodeWhoConsumeTheMessage                 RequestCode = 214
	CodeDeleteTopicInBroker                  RequestCode = 215
	CodeDeleteTopicInNamesrv                 RequestCode = 216
	CodeRegisterTopicInNamesrv               RequestCode = 217
	CodeGetKVListByNamespace                 RequestCode = 219
	CodeResetConsumerClientOffset            RequestCode = 220
	CodeGetConsumerStatusFromClient          RequestCode = 221
	CodeInvokeBrokerToResetOffset            RequestCode = 222
	CodeInvokeBrokerToGetConsumerStatus      RequestCode = 223
	CodeGetTopicsByCluster                   RequestCode = 224
	CodeUpdateAndCreateSubscriptionGroupList RequestCode = 225
	CodeQueryTopicConsumeByWho               RequestCode = 300
	CodeRegisterFilterServer                 RequestCode = 301
	CodeRegisterMessageFilterClass           RequestCode = 302
	CodeQueryConsumeTimeSpan                 RequestCode = 303
	CodeGetSystemTopicListFromNS             RequestCode = 304
	CodeGetSystemTopicListFromBroker         RequestCode = 305
	CodeCleanExpiredConsumeQueue             RequestCode = 306
	CodeGetConsumerRunningInfo               RequestCode = 307
	CodeQueryCorrectionOffset                RequestCode = 308
	CodeConsumeMessageDirectly               RequestCode = 309
	CodeSendMessageV2                        RequestCode = 310
	CodeGetUnitTopicList                     RequestCode = 311
	CodeGetHasUnitSubTopicList               RequestCode = 312
	CodeGetHasUnitSubUnunitTopicList         RequestCode = 313
	CodeCloneGroupOffset                     RequestCode = 314
	CodeViewBrokerStatsData                  RequestCode = 315
	CodeCleanUnusedTopic                     RequestCode = 316
	CodeGetBrokerConsumeStats                RequestCode = 317
	CodeUpdateNamesrvConfig                  RequestCode = 318
	CodeGetNamesrvConfig                     RequestCode = 319
	CodeSendBatchMessage                     RequestCode = 320
	CodeQueryConsumeQueue                    RequestCode = 321
	CodeQueryDataVersion                     RequestCode = 322
	CodeResumeCheckHalfMessage               RequestCode = 323
	CodeSendReplyMessage                     RequestCode = 324
	CodeSendReplyMessageV2                   RequestCode = 325
	CodePushReplyMessageToClient             RequestCode = 326
	CodeAddWritePermOfBroker                 RequestCode = 327
	CodeGetAllProducerInfo                   RequestCode = 328
	CodeDeleteExpiredCommitLog               RequestCode = 329
	CodeQueryTopicsByConsumer                RequestCode = 343
	CodeQuerySubscriptionByConsumer          RequestCode = 345
	CodeGetTopicConfig                       RequestCode = 351
	CodeGetSubscriptionGroupConfig           RequestCode = 352
	CodeUpdateAndGetGroupForbidden           RequestCode = 353
	CodeCheckRocksDBCQWriteProgress          RequestCode = 354
	CodeExportRocksDBConfigToJSON            RequestCode = 355
	CodeLitePullMessage                      RequestCode = 361
	CodeRecallMessage                        RequestCode = 370
	CodeQueryAssignment                      RequestCode = 400
	CodeSetMessageRequestMode                RequestCode = 401
	CodeGetAllMessageRequestMode             RequestCode = 402
	CodeUpdateAndCreateStaticTopic           RequestCode = 513
	CodeGetBrokerMemberGroup                 RequestCode = 901
	CodeAddBroker                            RequestCode = 902
	CodeRemoveBroker                         RequestCode = 903
	CodeBrokerHeartbeat                      RequestCode = 904
	CodeNotifyMinBrokerIDChange              RequestCode = 905
	CodeExchangeBrokerHAInfo                 RequestCode = 906
	CodeGetBrokerHAStatus                    RequestCode = 907
	CodeResetMasterFlushOffset               RequestCode = 908
	CodeControllerAlterSyncStateSet          RequestCode = 1001
	CodeControllerElectMaster                RequestCode = 1002
	CodeControllerRegisterBroker             RequestCode = 1003
	CodeControllerGetReplicaInfo             RequestCode = 1004
	CodeControllerGetMetadataInfo            RequestCode = 1005
	CodeControllerGetSyncStateData           RequestCode = 1006
	CodeGetBrokerEpochCache                  RequestCode = 1007
	CodeNotifyBrokerRoleChanged              RequestCode = 1008
	CodeUpdateControllerConfig               RequestCode = 1009
	CodeGetControllerConfig                  RequestCode = 1010
	CodeCleanBrokerData                      RequestCode = 1011
	CodeControllerGetNextBrokerID            RequestCode = 1012
	CodeControllerApplyBrokerID              RequestCode = 1013
	CodeBrokerCloseChannel                   RequestCode = 1014
	CodeCheckNotActiveBroker                 RequestCode = 1015
	CodeGetBrokerLiveInfo                    RequestCode = 1016
	CodeGetSyncStateData                     RequestCode = 1017
	CodeRaftBrokerHeartbeatEvent             RequestCode = 1018
	CodeUpdateColdDataFlowCtrConfig          RequestCode = 2001
	CodeRemoveColdDataFlowCtrConfig          RequestCode = 2002
	CodeGetColdDataFlowCtrInfo               RequestCode = 2003
	CodeSetCommitLogReadMode                 RequestCode = 2004
	CodeAuthCreateUser                       RequestCode = 3001
	CodeAuthUpdateUser                       RequestCode = 3002
	CodeAuthDeleteUser                       RequestCode = 3003
	CodeAuthGetUser                          RequestCode = 3004
	CodeAuthListUser                         RequestCode = 3005
	CodeAuthCreateACL                        RequestCode = 3006
	CodeAuthUpdateACL                        RequestCode = 3007
	CodeAuthDeleteACL                        RequestCode = 3008
	CodeAuthGetACL                           RequestCode = 3009
	CodeAuthListACL                          RequestCode = 3010
	CodeSwitchTimerEngine                    RequestCode = 5001
	CodePopMessage                           RequestCode = 200050
	CodeAckMessage                           RequestCode = 200051
	CodePeekMessage                          RequestCode = 200052
	CodeChangeMessageInvisibleTime           RequestCode = 200053
	CodeNotification                         RequestCode = 200054
	CodePollingInfo                          RequestCode = 200055
	CodePopRollback                          RequestCode = 200056
	CodePopLiteMessage                       RequestCode = 200070
	CodeLiteSubscriptionCtl                  RequestCode = 200071
	CodeAckLiteMessage                       RequestCode = 200072
	CodeNotifyUnsubscribeLite                RequestCode = 200073
	CodeGetBrokerLiteInfo                    RequestCode = 200074
	CodeGetParentTopicInfo                   RequestCode = 200075
	CodeGetLiteTopicInfo                     RequestCode = 200076
	CodeGetLiteClientInfo                    RequestCode = 200077
	CodeGetLiteGroupInfo                     RequestCode = 200078
	CodeTriggerLiteDispatch                  RequestCode = 200079
	CodeBatchAckMessage                      RequestCode = 200151
)

// String returns Apache's name of the code, such as SEND_MESSAGE.
func (c RequestCode) String() string {
	if name, ok := requestCodeNames[c]; ok {
		return name
	}
	return "UNKNOWN_" + strconv.Itoa(int(c))
}

// RequestCodes returns every code of RocketMQ 5.5.0 in ascending order.
func RequestCodes() []RequestCode { return slices.Sorted(maps.Keys(requestCodeNames)) }

var requestCodeNames = map[RequestCode]string{
	CodeSendMessage:                          "SEND_MESSAGE",
	CodePullMessage:                          "PULL_MESSAGE",
	CodeQueryMessage:                         "QUERY_MESSAGE",
	CodeQueryBrokerOffset:                    "QUERY_BROKER_OFFSET",
	CodeQueryConsumerOffset:                  "QUERY_CONSUMER_OFFSET",
	CodeUpdateConsumerOffset:                 "UPDATE_CONSUMER_OFFSET",
	CodeUpdateAndCreateTopic:                 "UPDATE_AND_CREATE_TOPIC",
	CodeUpdateAndCreateTopicList:             "UPDATE_AND_CREATE_TOPIC_LIST",
	CodeGetAllTopicConfig:                    "GET_ALL_TOPIC_CONFIG",
	CodeGetTopicConfigList:                   "GET_TOPIC_CONFIG_LIST",
	CodeGetTopicNameList:                     "GET_TOPIC_NAME_LIST",
	CodeUpdateBrokerConfig:                   "UPDATE_BROKER_CONFIG",
	CodeGetBrokerConfig:                      "GET_BROKER_CONFIG",
	CodeTriggerDeleteFiles:                   "TRIGGER_DELETE_FILES",
	CodeGetBrokerRuntimeInfo:                 "GET_BROKER_RUNTIME_INFO",
	CodeSearchOffsetByTimestamp:              "SEARCH_OFFSET_BY_TIMESTAMP",
	CodeGetMaxOffset:                         "GET_MAX_OFFSET",
	CodeGetMinOffset:                         "GET_MIN_OFFSET",
	CodeGetEarliestMsgStoreTime:              "GET_EARLIEST_MSG_STORETIME",
	CodeViewMessageByID:                      "VIEW_MESSAGE_BY_ID",
	CodeHeartBeat:                            "HEART_BEAT",
	CodeUnregisterClient:                     "UNREGISTER_CLIENT",
	CodeConsumerSendMsgBack:                  "CONSUMER_SEND_MSG_BACK",
	CodeEndTransaction:                       "END_TRANSACTION",
	CodeGetConsumerListByGroup:               "GET_CONSUMER_LIST_BY_GROUP",
	CodeCheckTransactionState:                "CHECK_TRANSACTION_STATE",
	CodeNotifyConsumerIDsChanged:             "NOTIFY_CONSUMER_IDS_CHANGED",
	CodeLockBatchMQ:                          "LOCK_BATCH_MQ",
	CodeUnlockBatchMQ:                        "UNLOCK_BATCH_MQ",
	CodeGetAllConsumerOffset:                 "GET_ALL_CONSUMER_OFFSET",
	CodeGetAllDelayOffset:                    "GET_ALL_DELAY_OFFSET",
	CodeCheckClientConfig:                    "CHECK_CLIENT_CONFIG",
	CodeGetClientConfig:                      "GET_CLIENT_CONFIG",
	CodeGetTimerCheckPoint:                   "GET_TIMER_CHECK_POINT",
	CodeGetTimerMetrics:                      "GET_TIMER_METRICS",
	CodePutKVConfig:                          "PUT_KV_CONFIG",
	CodeGetKVConfig:                          "GET_KV_CONFIG",
	CodeDeleteKVConfig:                       "DELETE_KV_CONFIG",
	CodeRegisterBroker:                       "REGISTER_BROKER",
	CodeUnregisterBroker:                     "UNREGISTER_BROKER",
	CodeGetRouteInfoByTopic:                  "GET_ROUTEINFO_BY_TOPIC",
	CodeGetBrokerClusterInfo:                 "GET_BROKER_CLUSTER_INFO",
	CodeUpdateAndCreateSubscriptionGroup:     "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP",
	CodeGetAllSubscriptionGroupConfig:        "GET_ALL_SUBSCRIPTIONGROUP_CONFIG",
	CodeGetTopicStatsInfo:                    "GET_TOPIC_STATS_INFO",
	CodeGetConsumerConnectionList:            "GET_CONSUMER_CONNECTION_LIST",
	CodeGetProducerConnectionList:            "GET_PRODUCER_CONNECTION_LIST",
	CodeWipeWritePermOfBroker:                "WIPE_WRITE_PERM_OF_BROKER",
	CodeGetAllTopicListFromNameServer:        "GET_ALL_TOPIC_LIST_FROM_NAMESERVER",
	CodeDeleteSubscriptionGroup:              "DELETE_SUBSCRIPTIONGROUP",
	CodeGetConsumeStats:                      "GET_CONSUME_STATS",
	CodeSuspendConsumer:                      "SUSPEND_CONSUMER",
	CodeResumeConsumer:                       "RESUME_CONSUMER",
	CodeResetConsumerOffsetInConsumer:        "RESET_CONSUMER_OFFSET_IN_CONSUMER",
	CodeResetConsumerOffsetInBroker:          "RESET_CONSUMER_OFFSET_IN_BROKER",
	CodeAdjustConsumerThreadPool:             "ADJUST_CONSUMER_THREAD_POOL",
	CodeWhoConsumeTheMessage:                 "WHO_CONSUME_THE_MESSAGE",
	CodeDeleteTopicInBroker:                  "DELETE_TOPIC_IN_BROKER",
	CodeDeleteTopicInNamesrv:                 "DELETE_TOPIC_IN_NAMESRV",
	CodeRegisterTopicInNamesrv:               "REGISTER_TOPIC_IN_NAMESRV",
	CodeGetKVListByNamespace:                 "GET_KVLIST_BY_NAMESPACE",
	CodeResetConsumerClientOffset:            "RESET_CONSUMER_CLIENT_OFFSET",
	CodeGetConsumerStatusFromClient:          "GET_CONSUMER_STATUS_FROM_CLIENT",
	CodeInvokeBrokerToResetOffset:            "INVOKE_BROKER_TO_RESET_OFFSET",
	CodeInvokeBrokerToGetConsumerStatus:      "INVOKE_BROKER_TO_GET_CONSUMER_STATUS",
	CodeGetTopicsByCluster:                   "GET_TOPICS_BY_CLUSTER",
	CodeUpdateAndCreateSubscriptionGroupList: "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST",
	CodeQueryTopicConsumeByWho:               "QUERY_TOPIC_CONSUME_BY_WHO",
	CodeRegisterFilterServer:                 "REGISTER_FILTER_SERVER",
	CodeRegisterMessageFilterClass:           "REGISTER_MESSAGE_FILTER_CLASS",
	CodeQueryConsumeTimeSpan:                 "QUERY_CONSUME_TIME_SPAN",
	CodeGetSystemTopicListFromNS:             "GET_SYSTEM_TOPIC_LIST_FROM_NS",
	CodeGetSystemTopicListFromBroker:         "GET_SYSTEM_TOPIC_LIST_FROM_BROKER",
	CodeCleanExpiredConsumeQueue:             "CLEAN_EXPIRED_CONSUMEQUEUE",
	CodeGetConsumerRunningInfo:               "GET_CONSUMER_RUNNING_INFO",
	CodeQueryCorrectionOffset:                "QUERY_CORRECTION_OFFSET",
	CodeConsumeMessageDirectly:               "CONSUME_MESSAGE_DIRECTLY",
	CodeSendMessageV2:                        "SEND_MESSAGE_V2",
	CodeGetUnitTopicList:                     "GET_UNIT_TOPIC_LIST",
	CodeGetHasUnitSubTopicList:               "GET_HAS_UNIT_SUB_TOPIC_LIST",
	CodeGetHasUnitSubUnunitTopicList:         "GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST",
	CodeCloneGroupOffset:                     "CLONE_GROUP_OFFSET",
	CodeViewBrokerStatsData:                  "VIEW_BROKER_STATS_DATA",
	CodeCleanUnusedTopic:                     "CLEAN_UNUSED_TOPIC",
	CodeGetBrokerConsumeStats:                "GET_BROKER_CONSUME_STATS",
	CodeUpdateNamesrvConfig:                  "UPDATE_NAMESRV_CONFIG",
	CodeGetNamesrvConfig:                     "GET_NAMESRV_CONFIG",
	CodeSendBatchMessage:                     "SEND_BATCH_MESSAGE",
	CodeQueryConsumeQueue:                    "QUERY_CONSUME_QUEUE",
	CodeQueryDataVersion:                     "QUERY_DATA_VERSION",
	CodeResumeCheckHalfMessage:               "RESUME_CHECK_HALF_MESSAGE",
	CodeSendReplyMessage:                     "SEND_REPLY_MESSAGE",
	CodeSendReplyMessageV2:                   "SEND_REPLY_MESSAGE_V2",
	CodePushReplyMessageToClient:             "PUSH_REPLY_MESSAGE_TO_CLIENT",
	CodeAddWritePermOfBroker:                 "ADD_WRITE_PERM_OF_BROKER",
	CodeGetAllProducerInfo:                   "GET_ALL_PRODUCER_INFO",
	CodeDeleteExpiredCommitLog:               "DELETE_EXPIRED_COMMITLOG",
	CodeQueryTopicsByConsumer:                "QUERY_TOPICS_BY_CONSUMER",
	CodeQuerySubscriptionByConsumer:          "QUERY_SUBSCRIPTION_BY_CONSUMER",
	CodeGetTopicConfig:                       "GET_TOPIC_CONFIG",
	CodeGetSubscriptionGroupConfig:           "GET_SUBSCRIPTIONGROUP_CONFIG",
	CodeUpdateAndGetGroupForbidden:           "UPDATE_AND_GET_GROUP_FORBIDDEN",
	CodeCheckRocksDBCQWriteProgress:          "CHECK_ROCKSDB_CQ_WRITE_PROGRESS",
	CodeExportRocksDBConfigToJSON:            "EXPORT_ROCKSDB_CONFIG_TO_JSON",
	CodeLitePullMessage:                      "LITE_PULL_MESSAGE",
	CodeRecallMessage:                        "RECALL_MESSAGE",
	CodeQueryAssignment:                      "QUERY_ASSIGNMENT",
	CodeSetMessageRequestMode:                "SET_MESSAGE_REQUEST_MODE",
	CodeGetAllMessageRequestMode:             "GET_ALL_MESSAGE_REQUEST_MODE",
	CodeUpdateAndCreateStaticTopic:           "UPDATE_AND_CREATE_STATIC_TOPIC",
	CodeGetBrokerMemberGroup:                 "GET_BROKER_MEMBER_GROUP",
	CodeAddBroker:                            "ADD_BROKER",
	CodeRemoveBroker:                         "REMOVE_BROKER",
	CodeBrokerHeartbeat:                      "BROKER_HEARTBEAT",
	CodeNotifyMinBrokerIDChange:              "NOTIFY_MIN_BROKER_ID_CHANGE",
	CodeExchangeBrokerHAInfo:                 "EXCHANGE_BROKER_HA_INFO",
	CodeGetBrokerHAStatus:                    "GET_BROKER_HA_STATUS",
	CodeResetMasterFlushOffset:               "RESET_MASTER_FLUSH_OFFSET",
	CodeControllerAlterSyncStateSet:          "CONTROLLER_ALTER_SYNC_STATE_SET",
	CodeControllerElectMaster:                "CONTROLLER_ELECT_MASTER",
	CodeControllerRegisterBroker:             "CONTROLLER_REGISTER_BROKER",
	CodeControllerGetReplicaInfo:             "CONTROLLER_GET_REPLICA_INFO",
	CodeControllerGetMetadataInfo:            "CONTROLLER_GET_METADATA_INFO",
	CodeControllerGetSyncStateData:           "CONTROLLER_GET_SYNC_STATE_DATA",
	CodeGetBrokerEpochCache:                  "GET_BROKER_EPOCH_CACHE",
	CodeNotifyBrokerRoleChanged:              "NOTIFY_BROKER_ROLE_CHANGED",
	CodeUpdateControllerConfig:               "UPDATE_CONTROLLER_CONFIG",
	CodeGetControllerConfig:                  "GET_CONTROLLER_CONFIG",
	CodeCleanBrokerData:                      "CLEAN_BROKER_DATA",
	CodeControllerGetNextBrokerID:            "CONTROLLER_GET_NEXT_BROKER_ID",
	CodeControllerApplyBrokerID:              "CONTROLLER_APPLY_BROKER_ID",
	CodeBrokerCloseChannel:                   "BROKER_CLOSE_CHANNEL_REQUEST",
	CodeCheckNotActiveBroker:                 "CHECK_NOT_ACTIVE_BROKER_REQUEST",
	CodeGetBrokerLiveInfo:                    "GET_BROKER_LIVE_INFO_REQUEST",
	CodeGetSyncStateData:                     "GET_SYNC_STATE_DATA_REQUEST",
	CodeRaftBrokerHeartbeatEvent:             "RAFT_BROKER_HEART_BEAT_EVENT_REQUEST",
	CodeUpdateColdDataFlowCtrConfig:          "UPDATE_COLD_DATA_FLOW_CTR_CONFIG",
	CodeRemoveColdDataFlowCtrConfig:          "REMOVE_COLD_DATA_FLOW_CTR_CONFIG",
	CodeGetColdDataFlowCtrInfo:               "GET_COLD_DATA_FLOW_CTR_INFO",
	CodeSetCommitLogReadMode:                 "SET_COMMITLOG_READ_MODE",
	CodeAuthCreateUser:                       "AUTH_CREATE_USER",
	CodeAuthUpdateUser:                       "AUTH_UPDATE_USER",
	CodeAuthDeleteUser:                       "AUTH_DELETE_USER",
	CodeAuthGetUser:                          "AUTH_GET_USER",
	CodeAuthListUser:                         "AUTH_LIST_USER",
	CodeAuthCreateACL:                        "AUTH_CREATE_ACL",
	CodeAuthUpdateACL:                        "AUTH_UPDATE_ACL",
	CodeAuthDeleteACL:                        "AUTH_DELETE_ACL",
	CodeAuthGetACL:                           "AUTH_GET_ACL",
	CodeAuthListACL:                          "AUTH_LIST_ACL",
	CodeSwitchTimerEngine:                    "SWITCH_TIMER_ENGINE",
	CodePopMessage:                           "POP_MESSAGE",
	CodeAckMessage:                           "ACK_MESSAGE",
	CodePeekMessage:                          "PEEK_MESSAGE",
	CodeChangeMessageInvisibleTime:           "CHANGE_MESSAGE_INVISIBLETIME",
	CodeNotification:                         "NOTIFICATION",
	CodePollingInfo:                          "POLLING_INFO",
	CodePopRollback:                          "POP_ROLLBACK",
	CodePopLiteMessage:                       "POP_LITE_MESSAGE",
	CodeLiteSubscriptionCtl:                  "LITE_SUBSCRIPTION_CTL",
	CodeAckLiteMessage:                       "ACK_LITE_MESSAGE",
	CodeNotifyUnsubscribeLite:                "NOTIFY_UNSUBSCRIBE_LITE",
	CodeGetBrokerLiteInfo:                    "GET_BROKER_LITE_INFO",
	CodeGetParentTopicInfo:                   "GET_PARENT_TOPIC_INFO",
	CodeGetLiteTopicInfo:                     "GET_LITE_TOPIC_INFO",
	CodeGetLiteClientInfo:                    "GET_LITE_CLIENT_INFO",
	CodeGetLiteGroupInfo:                     "GET_LITE_GROUP_INFO",
	CodeTriggerLiteDispatch:                  "TRIGGER_LITE_DISPATCH",
	CodeBatchAckMessage:                      "BATCH_ACK_MESSAGE",
}
