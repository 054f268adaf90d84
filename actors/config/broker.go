package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
)

// Values of FlushDiskType.
const (
	AsyncFlush = "ASYNC_FLUSH" // a send is answered when it is in the page cache
	SyncFlush  = "SYNC_FLUSH"  // a send is answered when it is on disk
)

// Values of BrokerRole.
const (
	AsyncMaster = "ASYNC_MASTER"
	SyncMaster  = "SYNC_MASTER"
	Slave       = "SLAVE"
)

// Values of MetricsExporterType.
const (
	MetricsDisable = "DISABLE"
	MetricsProm    = "PROM" // Prometheus scrapes the broker
)

// Broker is the configuration of a broker (RocketMQ: BrokerConfig,
// MessageStoreConfig, NettyServerConfig). Times without a unit in their name are
// milliseconds, sizes are bytes, as in Apache's files. Operators may change what is
// live while the broker runs.
type Broker struct {
	// File is where the configuration came from, and where operators' changes go; ""
	// keeps them in memory.
	File string
	// ConfigBlackList is the keys, separated by semicolons, that operators may not set
	// over the network, besides itself and the paths.
	ConfigBlackList string `conf:"configBlackList"`

	// BrokerClusterName is the cluster that the broker registers in.
	BrokerClusterName string `conf:"brokerClusterName"`
	// BrokerName is shared by a master and its slaves. Clients know queues by it.
	BrokerName string `conf:"brokerName"`
	// BrokerID is 0 for a master, and another number for each of its slaves.
	BrokerID int64 `conf:"brokerId" range:"0,"`
	// BrokerRole is AsyncMaster, SyncMaster or Slave. A SyncMaster waits for slaves as
	// far as InSyncReplicas says, which is not at all by default.
	BrokerRole string `conf:"brokerRole" oneof:"ASYNC_MASTER SYNC_MASTER SLAVE"`
	// BrokerIP1 is the IP address that clients reach the broker at. It is part of
	// message ids.
	BrokerIP1 string `conf:"brokerIP1"`
	// BrokerIP2 is the address that slaves reach the broker at; "" means BrokerIP1.
	BrokerIP2 string `conf:"brokerIP2"`
	// BindAddress is the address to listen on.
	BindAddress string `conf:"bindAddress"`
	// ListenPort is the port for clients; ListenPort-2 is the second one, the
	// "VIP channel". It is part of every message id, and so cannot be left to the
	// system to pick.
	ListenPort int `conf:"listenPort" range:"3,65535"`
	// HAListenPort is the port that slaves connect to; 0 means ListenPort+1.
	HAListenPort int `conf:"haListenPort" range:"0,65535"`
	// NamesrvAddr lists the name servers, host:port separated by semicolons.
	NamesrvAddr string `conf:"namesrvAddr"`
	// RegisterNameServerPeriod is the time between two registrations of all topics.
	// It is kept between 10,000 and 60,000.
	RegisterNameServerPeriod int64 `conf:"registerNameServerPeriod" range:"1,"`
	// RegionID is put into every message, in MSG_REGION.
	RegionID string `conf:"regionId"`

	// AutoCreateTopicEnable has topics created by the first message to them.
	AutoCreateTopicEnable bool `conf:"autoCreateTopicEnable" live:"true"`
	// DefaultTopicQueueNums is the number of queues of the template for them, TBW102.
	DefaultTopicQueueNums int32 `conf:"defaultTopicQueueNums" range:"1,"`
	// AutoCreateSubscriptionGroup has consumer groups created by their first member.
	AutoCreateSubscriptionGroup bool `conf:"autoCreateSubscriptionGroup" live:"true"`
	// BrokerPermission bounds the permissions of the topics: 2 write, 4 read, 6 both.
	BrokerPermission int32 `conf:"brokerPermission" live:"true" range:"0,7"`
	// ClusterTopicEnable and BrokerTopicEnable have topics made that are named after
	// the cluster and the broker.
	ClusterTopicEnable bool `conf:"clusterTopicEnable"`
	BrokerTopicEnable  bool `conf:"brokerTopicEnable"`
	// TraceTopicEnable has the topic for message traces made, under the name
	// MsgTraceTopicName.
	TraceTopicEnable  bool   `conf:"traceTopicEnable"`
	MsgTraceTopicName string `conf:"msgTraceTopicName"`
	// StoreReplyMessageEnable keeps a copy of each reply in the cluster's reply topic.
	StoreReplyMessageEnable bool `conf:"storeReplyMessageEnable" live:"true"`
	// TraceOn tells producers and consumers that traces are wanted.
	TraceOn bool `conf:"traceOn"`
	// EnableMixedMessageType allows topics of message.type MIXED.
	EnableMixedMessageType bool `conf:"enableMixedMessageType" live:"true"`
	// UseServerSideResetOffset has the broker keep the offsets that an operator resets a
	// group to until its members ask; without it, the members are told.
	UseServerSideResetOffset bool `conf:"useServerSideResetOffset" live:"true"`
	// FlushConsumerOffsetInterval is the time between two writes of consumerOffset.json.
	FlushConsumerOffsetInterval int64 `conf:"flushConsumerOffsetInterval" range:"1,"`
	// FlushDelayOffsetInterval is the time between two writes of delayOffset.json.
	FlushDelayOffsetInterval int64 `conf:"flushDelayOffsetInterval" range:"1,"`
	// MessageDelayLevel lists the delays of the levels from 1 on, such as "1s 5m 2h".
	MessageDelayLevel string `conf:"messageDelayLevel"`
	// RejectTransactionMessage has transactional messages refused.
	RejectTransactionMessage bool `conf:"rejectTransactionMessage" live:"true"`
	// TransactionTimeOut is how old a transaction is that its producer is asked about,
	// unless the message names a time of its own.
	TransactionTimeOut int64 `conf:"transactionTimeOut" live:"true" range:"0,"`
	// TransactionCheckInterval is the time between two looks for such transactions.
	TransactionCheckInterval int64 `conf:"transactionCheckInterval" range:"1,"`
	// TransactionCheckMax is how often a producer is asked until its message is put
	// away in TRANS_CHECK_MAX_TIME_TOPIC.
	TransactionCheckMax int `conf:"transactionCheckMax" live:"true" range:"0,"`
	// TransactionOpMsgMaxSize is the size, in bytes, at which a list of decided
	// transactions is written; TransactionOpBatchInterval is how long it may wait.
	TransactionOpMsgMaxSize    int   `conf:"transactionOpMsgMaxSize" range:"1,1048576"`
	TransactionOpBatchInterval int64 `conf:"transactionOpBatchInterval" range:"1,"`
	// ServerChannelMaxIdleTimeSeconds is how long a connection may be silent.
	ServerChannelMaxIdleTimeSeconds int `conf:"serverChannelMaxIdleTimeSeconds" range:"1,"`
	// ChannelExpiredTimeout is how long a member of a group may go without a heartbeat.
	ChannelExpiredTimeout int64 `conf:"channelExpiredTimeout" live:"true" range:"1,"`
	// FrameMaxLength bounds a frame; Apache has it as the system property
	// com.rocketmq.remoting.frameMaxLength. A frame's first byte must stay below 22,
	// which announces TLS.
	FrameMaxLength int `conf:"frameMaxLength" range:"65536,369098752"`

	// LongPollingEnable has a pull that finds nothing wait as long as its client asks
	// for; without it, for ShortPollingTimeMills.
	LongPollingEnable     bool  `conf:"longPollingEnable" live:"true"`
	ShortPollingTimeMills int64 `conf:"shortPollingTimeMills" live:"true" range:"1,"`
	// LitePullMessageEnable allows the pulls of lite pull consumers.
	LitePullMessageEnable bool `conf:"litePullMessageEnable" live:"true"`
	// RejectPullConsumerEnable keeps pull consumers from registering.
	RejectPullConsumerEnable bool `conf:"rejectPullConsumerEnable" live:"true"`
	// EnablePropertyFilter lets consumers filter by SQL92.
	EnablePropertyFilter bool `conf:"enablePropertyFilter"`
	// FilterSupportRetry has a condition on a retry topic replaced by those that the
	// group has on the topics that the messages come from.
	FilterSupportRetry bool `conf:"filterSupportRetry" live:"true"`
	// MaxTransfer… bound the answer to a pull, whose first message is always sent;
	// what is not in memory any more has bounds of its own.
	MaxTransferBytesOnMessageInMemory int `conf:"maxTransferBytesOnMessageInMemory" range:"1,"`
	MaxTransferCountOnMessageInMemory int `conf:"maxTransferCountOnMessageInMemory" range:"1,"`
	MaxTransferBytesOnMessageInDisk   int `conf:"maxTransferBytesOnMessageInDisk" range:"1,"`
	MaxTransferCountOnMessageInDisk   int `conf:"maxTransferCountOnMessageInDisk" range:"1,"`
	// AccessMessageInMemoryMaxRatio is the share of the machine's memory, in percent,
	// that the end of the log is taken to be in.
	AccessMessageInMemoryMaxRatio int `conf:"accessMessageInMemoryMaxRatio" range:"1,100"`
	// ColdDataFlowControlEnable limits what groups read that is not in memory any more,
	// in bytes in five seconds: CGColdReadThreshold for each, GlobalColdReadThreshold for
	// all of them.
	ColdDataFlowControlEnable bool  `conf:"coldDataFlowControlEnable" live:"true"`
	CGColdReadThreshold       int64 `conf:"cgColdReadThreshold" live:"true" range:"1,"`
	GlobalColdReadThreshold   int64 `conf:"globalColdReadThreshold" live:"true" range:"1,"`
	// DefaultQueryMaxNum bounds the messages that a query by key finds.
	DefaultQueryMaxNum int `conf:"defaultQueryMaxNum" range:"1,"`

	// StorePathRootDir is the directory of all that is stored.
	StorePathRootDir string `conf:"storePathRootDir"`
	// StorePathCommitLog is the directory of the CommitLog; "" means commitlog in
	// StorePathRootDir.
	StorePathCommitLog string `conf:"storePathCommitLog"`
	// MappedFileSizeCommitLog is the size of a segment of the log, and has room for
	// the largest message. A store keeps the size that it began with.
	MappedFileSizeCommitLog int64 `conf:"mappedFileSizeCommitLog" range:"1,2147483647"`
	// MappedFileSizeConsumeQueue is the size of a segment of a ConsumeQueue, rounded
	// up to units of 20 bytes.
	MappedFileSizeConsumeQueue int64 `conf:"mappedFileSizeConsumeQueue" range:"20,2147483647"`
	// MapperFileSizeBatchConsumeQueue is the same for the queues of batch topics, whose
	// units have 46 bytes.
	MapperFileSizeBatchConsumeQueue int64 `conf:"mapperFileSizeBatchConsumeQueue" range:"46,2147483647"`
	// MaxMessageSize bounds a message's body.
	MaxMessageSize int `conf:"maxMessageSize" live:"true" range:"1,268435456"`
	// CheckCRCOnRecover has the bodies' checksums checked after a crash.
	CheckCRCOnRecover bool `conf:"checkCRCOnRecover"`
	// MessageIndexEnable has messages indexed by their keys.
	MessageIndexEnable bool `conf:"messageIndexEnable"`
	// MaxHashSlotNum and MaxIndexNum are the slots and entries of an index file.
	MaxHashSlotNum int `conf:"maxHashSlotNum" range:"1,50000000"`
	MaxIndexNum    int `conf:"maxIndexNum" range:"2,100000000"`
	// FlushDiskType is AsyncFlush or SyncFlush.
	FlushDiskType string `conf:"flushDiskType" oneof:"ASYNC_FLUSH SYNC_FLUSH"`
	// FlushIntervalCommitLog is the time between two flushes of the log, which is
	// what a power loss may cost with AsyncFlush.
	FlushIntervalCommitLog int64 `conf:"flushIntervalCommitLog" range:"1,"`
	// FlushIntervalConsumeQueue is the time between two writes of the ConsumeQueues.
	// A crash costs nothing: they are built from the log.
	FlushIntervalConsumeQueue int64 `conf:"flushIntervalConsumeQueue" range:"1,"`
	// SyncFlushTimeout is how long a send waits for its flush.
	SyncFlushTimeout int64 `conf:"syncFlushTimeout" range:"1,"`
	// InSyncReplicas is the number of brokers, this one included, that must have a
	// message before a SyncMaster answers its sender.
	InSyncReplicas int `conf:"inSyncReplicas" range:"1,100"`
	// MinInSyncReplicas is the number of brokers in sync below which a SyncMaster
	// refuses messages that wait for them.
	MinInSyncReplicas int `conf:"minInSyncReplicas" range:"1,100"`
	// EnableAutoInSyncReplicas has a SyncMaster wait for no more brokers than are in
	// sync, but at least for MinInSyncReplicas.
	EnableAutoInSyncReplicas bool `conf:"enableAutoInSyncReplicas"`
	// AllAckInSyncStateSet has a SyncMaster wait for all slaves that are in sync.
	AllAckInSyncStateSet bool `conf:"allAckInSyncStateSet"`
	// SlaveTimeout is how long a send waits for slaves.
	SlaveTimeout int64 `conf:"slaveTimeout" range:"1,"`
	// HAMaxGapNotInSync is how far, in bytes, a slave may be behind and be in sync.
	HAMaxGapNotInSync int64 `conf:"haMaxGapNotInSync" range:"1,"`
	// HASendHeartbeatInterval is the time without a frame, or a report, after which one
	// is sent as a sign of life.
	HASendHeartbeatInterval int64 `conf:"haSendHeartbeatInterval" range:"1,"`
	// HAHousekeepingInterval is the silence after which the other side is taken for
	// dead.
	HAHousekeepingInterval int64 `conf:"haHousekeepingInterval" range:"1,"`
	// HAMasterAddress is where a slave finds its master's HA port, "host:port"; "" has
	// it ask the name servers.
	HAMasterAddress string `conf:"haMasterAddress"`
	// SlaveReadEnable has a master send consumers that are far behind to a slave, and
	// a slave answer pulls; without it, it refuses them.
	SlaveReadEnable bool `conf:"slaveReadEnable" live:"true"`
	// HATransferBatchSize bounds the bytes of log in one frame; a slave reads up to
	// 4 MiB with the header.
	HATransferBatchSize int `conf:"haTransferBatchSize" range:"1,4194292"`
	// MaxHATransferByteInSecond bounds what one slave is sent in a second, if
	// HAFlowControlEnable is set.
	MaxHATransferByteInSecond int64 `conf:"maxHaTransferByteInSecond" range:"1,"`
	HAFlowControlEnable       bool  `conf:"haFlowControlEnable"`
	// SendThreadPoolQueueCapacity is how many sends may wait to be appended; others are
	// refused. BrokerFastFailureEnable has those refused, too, that have waited for
	// WaitTimeMillsInSendQueue.
	SendThreadPoolQueueCapacity int64 `conf:"sendThreadPoolQueueCapacity" range:"1,"`
	BrokerFastFailureEnable     bool  `conf:"brokerFastFailureEnable" live:"true"`
	WaitTimeMillsInSendQueue    int64 `conf:"waitTimeMillsInSendQueue" live:"true" range:"1,"`
	// OSPageCacheBusyTimeOut is how long a write may take before sends are refused.
	OSPageCacheBusyTimeOut int64 `conf:"osPageCacheBusyTimeOutMills" live:"true" range:"1,"`

	// CleanResourceInterval is the time between two looks for what has expired.
	CleanResourceInterval int64 `conf:"cleanResourceInterval" range:"1,"`
	// DeleteWhen is the hours of the day, 0 to 23 and separated by semicolons, in
	// which expired segments go.
	DeleteWhen string `conf:"deleteWhen" live:"true"`
	// FileReservedTime is the age in hours at which a segment expires.
	FileReservedTime int `conf:"fileReservedTime" live:"true" range:"0,"`
	// DeleteFileBatchMax bounds the segments that go in one round.
	DeleteFileBatchMax int `conf:"deleteFileBatchMax" live:"true" range:"1,"`
	// Shares of the disk in use, in percent: above the first, expired segments go at
	// any hour; above the second, the oldest go, expired or not, if
	// CleanFileForciblyEnable is set; above the third, sends are refused.
	DiskMaxUsedSpaceRatio       int  `conf:"diskMaxUsedSpaceRatio" live:"true" range:"1,100"`
	DiskSpaceCleanForciblyRatio int  `conf:"diskSpaceCleanForciblyRatio" live:"true" range:"1,100"`
	DiskSpaceWarningLevelRatio  int  `conf:"diskSpaceWarningLevelRatio" live:"true" range:"1,100"`
	CleanFileForciblyEnable     bool `conf:"cleanFileForciblyEnable" live:"true"`

	// TimerWheelEnable lets messages wait for a time that they name.
	TimerWheelEnable bool `conf:"timerWheelEnable"`
	// TimerPrecisionMs is the step in which they come. A store keeps it for ever.
	TimerPrecisionMs int64 `conf:"timerPrecisionMs" range:"1,1000"`
	// TimerMaxDelaySec is how far away, in seconds, that time may be.
	TimerMaxDelaySec int64 `conf:"timerMaxDelaySec" range:"1,31536000"`
	// TimerRollWindowSlot is how many steps ahead a message is put; one that is further
	// away is stored again on its way.
	TimerRollWindowSlot int64 `conf:"timerRollWindowSlot" range:"2,"`
	// TimerWheelSlots is the size of the wheel, in steps. Apache's broker opens the store
	// only with the default.
	TimerWheelSlots int64 `conf:"timerWheelSlots" range:"128,604800"`
	// TimerFlushIntervalMs is how soon a change of the timers is made durable.
	TimerFlushIntervalMs int64 `conf:"timerFlushIntervalMs" range:"1,"`
	// MappedFileSizeTimerLog is the size of a file of the timer log.
	MappedFileSizeTimerLog int64 `conf:"mappedFileSizeTimerLog" range:"1024,"`
	// RecallMessageEnable lets producers recall messages that wait for their time.
	RecallMessageEnable bool `conf:"recallMessageEnable"`
	// AppendTopicForTimerDeleteKey has a recall name the topic, too: by default, ids of
	// all topics are taken for one.
	AppendTopicForTimerDeleteKey bool `conf:"appendTopicForTimerDeleteKey"`

	// ReviveQueueNum is the number of queues of the revive log, which says what was popped
	// and acknowledged. A store keeps the number that it began with, or a larger one.
	ReviveQueueNum int32 `conf:"reviveQueueNum" range:"1,998"`
	// PopPollingSize bounds the pops of a group that wait for one queue, or for all of a
	// topic; MaxPopPollingSize, those that wait at all.
	PopPollingSize    int `conf:"popPollingSize" live:"true" range:"0,"`
	MaxPopPollingSize int `conf:"maxPopPollingSize" live:"true" range:"0,"`
	// EnableRetryTopicV2 has what is popped and not acknowledged come back in a topic whose
	// name is not ambiguous; RetrieveMessageFromPopRetryTopicV1 has pops look for it in the
	// other one, too.
	EnableRetryTopicV2                 bool `conf:"enableRetryTopicV2" live:"true"`
	RetrieveMessageFromPopRetryTopicV1 bool `conf:"retrieveMessageFromPopRetryTopicV1" live:"true"`
	// PopFromRetryProbability is the share of pops, in percent, that look there first.
	PopFromRetryProbability int `conf:"popFromRetryProbability" live:"true" range:"0,100"`
	// PopResponseReturnActualRetryTopic has clients see the name of that topic.
	PopResponseReturnActualRetryTopic bool `conf:"popResponseReturnActualRetryTopic" live:"true"`
	// InitPopOffsetByCheckMsgInMem has a new group that wants to begin at the end begin a
	// queue that is young at its first message.
	InitPopOffsetByCheckMsgInMem bool `conf:"initPopOffsetByCheckMsgInMem" live:"true"`
	// UseMessageFilterForNotification has clients told of messages only that they filter for,
	// as long as fewer than MaxMessageFilterNumForNotification are left in a queue.
	UseMessageFilterForNotification    bool  `conf:"useMessageFilterForNotification" live:"true"`
	MaxMessageFilterNumForNotification int64 `conf:"maxMessageFilterNumForNotification" live:"true" range:"0,1024"`
	// ServerLoadBalancerEnable divides queues among the members of a group that leave that
	// to the broker; without it everyone gets all of them.
	ServerLoadBalancerEnable bool `conf:"serverLoadBalancerEnable" live:"true"`
	// DefaultMessageRequestMode is how groups consume for which no mode is set, PULL or POP,
	// and DefaultPopShareQueueNum how many others share the queues of each member then.
	DefaultMessageRequestMode string `conf:"defaultMessageRequestMode" live:"true" oneof:"PULL POP"`
	DefaultPopShareQueueNum   int32  `conf:"defaultPopShareQueueNum" live:"true"`

	// MetricsExporterType is MetricsProm or MetricsDisable. Apache's OTLP_GRPC and LOG are
	// not built.
	MetricsExporterType string `conf:"metricsExporterType" oneof:"DISABLE PROM"`
	// MetricsPromExporterHost and MetricsPromExporterPort are where /metrics is served;
	// the host "" means BrokerIP1.
	MetricsPromExporterHost string `conf:"metricsPromExporterHost"`
	MetricsPromExporterPort int    `conf:"metricsPromExporterPort" range:"0,65535"`
	// MetricsLabel adds labels to all metrics: "name:value,name:value".
	MetricsLabel string `conf:"metricsLabel"`
}

// DefaultBroker returns Apache's defaults, except that the broker's name and
// addresses do not depend on the host: they are those of a broker on loopback.
func DefaultBroker() Broker {
	return Broker{
		ConfigBlackList:   "configBlackList;brokerConfigPath",
		BrokerClusterName: "DefaultCluster", BrokerName: "broker-a", BrokerRole: AsyncMaster,
		BrokerIP1: "127.0.0.1", BindAddress: "0.0.0.0", ListenPort: 10911,
		RegisterNameServerPeriod: 30_000, RegionID: "DefaultRegion",
		AutoCreateTopicEnable: true, DefaultTopicQueueNums: 8, AutoCreateSubscriptionGroup: true, BrokerPermission: 6,
		ClusterTopicEnable: true, BrokerTopicEnable: true, UseServerSideResetOffset: true, TraceOn: true, StoreReplyMessageEnable: true, MsgTraceTopicName: messages.TopicTrace,
		FlushConsumerOffsetInterval: 5_000, FlushDelayOffsetInterval: 10_000, MessageDelayLevel: messages.DefaultDelayLevels,
		TransactionTimeOut: 6_000, TransactionCheckInterval: 30_000, TransactionCheckMax: 15,
		TransactionOpMsgMaxSize: 4096, TransactionOpBatchInterval: 3_000,
		ServerChannelMaxIdleTimeSeconds: 120, ChannelExpiredTimeout: 120_000, FrameMaxLength: 16 << 20,
		LongPollingEnable: true, ShortPollingTimeMills: 1_000, LitePullMessageEnable: true,
		MaxTransferBytesOnMessageInMemory: 256 << 10, MaxTransferCountOnMessageInMemory: 32,
		MaxTransferBytesOnMessageInDisk: 64 << 10, MaxTransferCountOnMessageInDisk: 8,
		AccessMessageInMemoryMaxRatio: 40, CGColdReadThreshold: 3 << 20, GlobalColdReadThreshold: 100 << 20, DefaultQueryMaxNum: 32,
		StorePathRootDir: "data", MappedFileSizeCommitLog: 1 << 30, MappedFileSizeConsumeQueue: 6_000_000, MapperFileSizeBatchConsumeQueue: 13_800_000,
		MaxMessageSize: 4 << 20, CheckCRCOnRecover: true, MessageIndexEnable: true, MaxHashSlotNum: 5_000_000, MaxIndexNum: 20_000_000,
		FlushDiskType: AsyncFlush, FlushIntervalCommitLog: 500, FlushIntervalConsumeQueue: 1_000,
		SendThreadPoolQueueCapacity: 10_000, BrokerFastFailureEnable: true, WaitTimeMillsInSendQueue: 200,
		SyncFlushTimeout: 5_000, OSPageCacheBusyTimeOut: 1_000,
		InSyncReplicas: 1, MinInSyncReplicas: 1, SlaveTimeout: 3_000, HAMaxGapNotInSync: 256 << 20,
		HASendHeartbeatInterval: 5_000, HAHousekeepingInterval: 20_000, HATransferBatchSize: 32 << 10, MaxHATransferByteInSecond: 100 << 20,
		CleanResourceInterval: 10_000, DeleteWhen: "04", FileReservedTime: 72, DeleteFileBatchMax: 10,
		DiskMaxUsedSpaceRatio: 75, DiskSpaceCleanForciblyRatio: 85, DiskSpaceWarningLevelRatio: 90, CleanFileForciblyEnable: true,
		TimerWheelEnable: true, TimerPrecisionMs: 1000, TimerMaxDelaySec: 3 * 24 * 3600, TimerRollWindowSlot: 2 * 24 * 3600,
		TimerWheelSlots: 7 * 24 * 3600, TimerFlushIntervalMs: 1000, MappedFileSizeTimerLog: 100 << 20,
		ReviveQueueNum: 8, PopPollingSize: 1024, MaxPopPollingSize: 100_000, RetrieveMessageFromPopRetryTopicV1: true,
		PopFromRetryProbability: 20, InitPopOffsetByCheckMsgInMem: true,
		UseMessageFilterForNotification: true, MaxMessageFilterNumForNotification: 64,
		ServerLoadBalancerEnable: true, DefaultMessageRequestMode: messages.ModePull, DefaultPopShareQueueNum: -1,
		MetricsExporterType: MetricsDisable, MetricsPromExporterPort: 5557,
	}
}

// LoadBroker reads a broker.conf over the defaults. name is the file's, for
// errors and warnings. It fails with a *ValueError, which names the line.
func LoadBroker(r io.Reader, name string) (Broker, []Warning, error) {
	c := DefaultBroker()
	warnings, err := load(r, name, &c, knownBroker)
	return c, warnings, err
}

// Set sets the property of a key, as a line of a broker.conf does. It fails with a
// *ValueError, and for keys that the broker does not know.
func (c *Broker) Set(key, value string) error {
	field, ok := fieldsOf(c)[key]
	if !ok {
		return fmt.Errorf("%s: unknown key", key)
	}
	if want := set(field, value); want != "" {
		return &ValueError{Key: key, Value: value, Want: want}
	}
	return nil
}

// Properties returns the configuration as the text of a broker.conf, sorted.
func (c Broker) Properties() string { return properties(&c) }

// Validate checks the fields' values, and what does not fit together. The error
// names every key that is wrong.
func (c *Broker) Validate() error {
	errs := outOfRange(c)
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.BrokerName != "", "brokerName is empty")
	check(c.BrokerClusterName != "", "brokerClusterName is empty")
	check(c.BrokerID == 0 || c.BrokerRole == Slave, "brokerId=%d: a master's is 0", c.BrokerID)
	check(c.BrokerID != 0 || c.BrokerRole != Slave, "brokerId=0 is a master's; a slave has another one")
	if c.HAMasterAddress != "" {
		_, _, err := net.SplitHostPort(c.HAMasterAddress)
		check(err == nil, "haMasterAddress=%s is not host:port", c.HAMasterAddress)
	}
	_, err := netip.ParseAddr(c.BrokerIP1)
	check(err == nil, "brokerIP1=%s is not an IP address", c.BrokerIP1)
	check(c.MappedFileSizeCommitLog >= int64(min(c.MaxMessageSize, 1<<20)), "mappedFileSizeCommitLog=%d is too small", c.MappedFileSizeCommitLog)
	check(c.StorePathRootDir != "", "storePathRootDir is empty")
	check(!strings.Contains(c.StorePathCommitLog, ","), "storePathCommitLog=%s: several paths are not supported", c.StorePathCommitLog)
	check(c.TimerWheelSlots%64 == 0, "timerWheelSlots=%d is no multiple of 64", c.TimerWheelSlots)
	for hour := range strings.SplitSeq(c.DeleteWhen, ";") {
		n, err := strconv.Atoi(strings.TrimSpace(hour))
		check(err == nil && n >= 0 && n <= 23, "deleteWhen=%s has no hour of the day in %q", c.DeleteWhen, hour)
	}
	if err := messages.CheckTopicBytes([]byte(c.MsgTraceTopicName)); err != nil && c.TraceTopicEnable {
		errs = append(errs, fmt.Errorf("msgTraceTopicName=%s: %w", c.MsgTraceTopicName, err))
	}
	if _, err := messages.ParseDelayLevels(c.MessageDelayLevel); err != nil {
		errs = append(errs, fmt.Errorf("messageDelayLevel: %w", err))
	}
	return errors.Join(errs...)
}

// TraceTopic returns the name of the topic for message traces, or "" if it is not
// wanted (RocketMQ: TopicConfigManager.init).
func (c *Broker) TraceTopic() string {
	if !c.TraceTopicEnable {
		return ""
	}
	return c.MsgTraceTopicName
}

// NameServers returns the addresses in NamesrvAddr.
func (c *Broker) NameServers() []string { return split(c.NamesrvAddr) }

func split(list string) []string {
	var out []string
	for _, addr := range strings.FieldsFunc(list, func(r rune) bool { return r == ';' || r == ',' }) {
		if addr = strings.TrimSpace(addr); addr != "" {
			out = append(out, addr)
		}
	}
	return out
}

// Millis is a number of milliseconds as a duration.
func Millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
