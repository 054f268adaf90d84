package config

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
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

// Broker is the configuration of a broker (RocketMQ: BrokerConfig,
// MessageStoreConfig, NettyServerConfig). Times without a unit in their name are
// milliseconds, as in Apache's files.
type Broker struct {
	// Identity.
	BrokerClusterName string `conf:"brokerClusterName"`
	BrokerName        string `conf:"brokerName"`
	BrokerID          int64  `conf:"brokerId"` // 0 for a master
	BrokerRole        string `conf:"brokerRole"`
	// BrokerIP1 is the address that clients reach the broker at, BrokerIP2 the one
	// that slaves do.
	BrokerIP1 string `conf:"brokerIP1"`
	BrokerIP2 string `conf:"brokerIP2"`
	// BindAddress is the address to listen on.
	BindAddress string `conf:"bindAddress"`
	// ListenPort is the port for clients; ListenPort-2 is the second one, the
	// "VIP channel". It is part of every message id, and so cannot be left to the
	// system to pick.
	ListenPort   int `conf:"listenPort"`
	HAListenPort int `conf:"haListenPort"` // 0 means ListenPort+1
	// NamesrvAddr lists the name servers, host:port separated by semicolons.
	NamesrvAddr              string `conf:"namesrvAddr"`
	RegisterNameServerPeriod int64  `conf:"registerNameServerPeriod"` // 10,000 to 60,000
	RegionID                 string `conf:"regionId"`

	// Topics and groups.
	AutoCreateTopicEnable           bool   `conf:"autoCreateTopicEnable"`
	DefaultTopicQueueNums           int32  `conf:"defaultTopicQueueNums"`
	AutoCreateSubscriptionGroup     bool   `conf:"autoCreateSubscriptionGroup"`
	BrokerPermission                int32  `conf:"brokerPermission"` // 2 write, 4 read, 6 both
	ClusterTopicEnable              bool   `conf:"clusterTopicEnable"`
	BrokerTopicEnable               bool   `conf:"brokerTopicEnable"`
	TraceTopicEnable                bool   `conf:"traceTopicEnable"`
	TraceOn                         bool   `conf:"traceOn"`
	EnableMixedMessageType          bool   `conf:"enableMixedMessageType"`
	FlushConsumerOffsetInterval     int64  `conf:"flushConsumerOffsetInterval"`
	FlushDelayOffsetInterval        int64  `conf:"flushDelayOffsetInterval"`
	MessageDelayLevel               string `conf:"messageDelayLevel"`
	RejectTransactionMessage        bool   `conf:"rejectTransactionMessage"`
	ServerChannelMaxIdleTimeSeconds int    `conf:"serverChannelMaxIdleTimeSeconds"`
	// FrameMaxLength bounds a frame in bytes; Apache has it as the system property
	// com.rocketmq.remoting.frameMaxLength.
	FrameMaxLength int `conf:"frameMaxLength"`

	// Pulling.
	LongPollingEnable                 bool  `conf:"longPollingEnable"`
	ShortPollingTimeMills             int64 `conf:"shortPollingTimeMills"`
	LitePullMessageEnable             bool  `conf:"litePullMessageEnable"`
	RejectPullConsumerEnable          bool  `conf:"rejectPullConsumerEnable"`
	MaxTransferBytesOnMessageInMemory int   `conf:"maxTransferBytesOnMessageInMemory"`
	MaxTransferCountOnMessageInMemory int   `conf:"maxTransferCountOnMessageInMemory"`
	MaxTransferBytesOnMessageInDisk   int   `conf:"maxTransferBytesOnMessageInDisk"`
	MaxTransferCountOnMessageInDisk   int   `conf:"maxTransferCountOnMessageInDisk"`
	AccessMessageInMemoryMaxRatio     int   `conf:"accessMessageInMemoryMaxRatio"` // percent of the machine's memory
	DefaultQueryMaxNum                int   `conf:"defaultQueryMaxNum"`

	// Store.
	StorePathRootDir           string `conf:"storePathRootDir"`
	StorePathCommitLog         string `conf:"storePathCommitLog"` // empty means <root>/commitlog
	MappedFileSizeCommitLog    int64  `conf:"mappedFileSizeCommitLog"`
	MappedFileSizeConsumeQueue int64  `conf:"mappedFileSizeConsumeQueue"`
	MaxMessageSize             int    `conf:"maxMessageSize"` // bytes of body
	CheckCRCOnRecover          bool   `conf:"checkCRCOnRecover"`
	MessageIndexEnable         bool   `conf:"messageIndexEnable"`
	MaxHashSlotNum             int    `conf:"maxHashSlotNum"`
	MaxIndexNum                int    `conf:"maxIndexNum"`
	FlushDiskType              string `conf:"flushDiskType"`
	FlushIntervalCommitLog     int64  `conf:"flushIntervalCommitLog"`
	FlushIntervalConsumeQueue  int64  `conf:"flushIntervalConsumeQueue"`
	SyncFlushTimeout           int64  `conf:"syncFlushTimeout"`
	OSPageCacheBusyTimeOut     int64  `conf:"osPageCacheBusyTimeOutMills"`

	// Expiry. Ratios are percent of the disk.
	CleanResourceInterval       int64  `conf:"cleanResourceInterval"`
	DeleteWhen                  string `conf:"deleteWhen"`       // hours of the day, separated by semicolons
	FileReservedTime            int    `conf:"fileReservedTime"` // hours
	DeleteFileBatchMax          int    `conf:"deleteFileBatchMax"`
	DiskMaxUsedSpaceRatio       int    `conf:"diskMaxUsedSpaceRatio"`
	DiskSpaceCleanForciblyRatio int    `conf:"diskSpaceCleanForciblyRatio"`
	DiskSpaceWarningLevelRatio  int    `conf:"diskSpaceWarningLevelRatio"`
	CleanFileForciblyEnable     bool   `conf:"cleanFileForciblyEnable"`
}

// DefaultBroker returns Apache's defaults, except that the broker's name and
// addresses do not depend on the host: they are those of a broker on loopback.
func DefaultBroker() Broker {
	return Broker{
		BrokerClusterName: "DefaultCluster", BrokerName: "broker-a", BrokerRole: AsyncMaster,
		BrokerIP1: "127.0.0.1", BindAddress: "0.0.0.0", ListenPort: 10911,
		RegisterNameServerPeriod: 30_000, RegionID: "DefaultRegion",
		AutoCreateTopicEnable: true, DefaultTopicQueueNums: 8, AutoCreateSubscriptionGroup: true, BrokerPermission: 6,
		ClusterTopicEnable: true, BrokerTopicEnable: true, TraceOn: true,
		FlushConsumerOffsetInterval: 5_000, FlushDelayOffsetInterval: 10_000, MessageDelayLevel: messages.DefaultDelayLevels,
		ServerChannelMaxIdleTimeSeconds: 120, FrameMaxLength: 16 << 20,
		LongPollingEnable: true, ShortPollingTimeMills: 1_000, LitePullMessageEnable: true,
		MaxTransferBytesOnMessageInMemory: 256 << 10, MaxTransferCountOnMessageInMemory: 32,
		MaxTransferBytesOnMessageInDisk: 64 << 10, MaxTransferCountOnMessageInDisk: 8,
		AccessMessageInMemoryMaxRatio: 40, DefaultQueryMaxNum: 32,
		StorePathRootDir: "data", MappedFileSizeCommitLog: 1 << 30, MappedFileSizeConsumeQueue: 6_000_000,
		MaxMessageSize: 4 << 20, CheckCRCOnRecover: true, MessageIndexEnable: true, MaxHashSlotNum: 5_000_000, MaxIndexNum: 20_000_000,
		FlushDiskType: AsyncFlush, FlushIntervalCommitLog: 500, FlushIntervalConsumeQueue: 1_000,
		SyncFlushTimeout: 5_000, OSPageCacheBusyTimeOut: 1_000,
		CleanResourceInterval: 10_000, DeleteWhen: "04", FileReservedTime: 72, DeleteFileBatchMax: 10,
		DiskMaxUsedSpaceRatio: 75, DiskSpaceCleanForciblyRatio: 85, DiskSpaceWarningLevelRatio: 90, CleanFileForciblyEnable: true,
	}
}

// LoadBroker reads a broker.conf over the defaults. name is the file's, for
// errors and warnings. It fails with a *ValueError, which names the line.
func LoadBroker(r io.Reader, name string) (Broker, []Warning, error) {
	c := DefaultBroker()
	warnings, err := load(r, name, &c, knownBroker)
	return c, warnings, err
}

// Properties returns the configuration as the text of a broker.conf, sorted.
func (c Broker) Properties() string { return properties(&c) }

// Validate checks what does not fit together.
func (c *Broker) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.BrokerName != "", "brokerName is empty")
	check(c.BrokerClusterName != "", "brokerClusterName is empty")
	check(c.BrokerRole == AsyncMaster || c.BrokerRole == SyncMaster, "brokerRole=%s: only ASYNC_MASTER and SYNC_MASTER are supported", c.BrokerRole)
	check(c.BrokerID == 0, "brokerId=%d: a master's is 0", c.BrokerID)
	check(c.FlushDiskType == AsyncFlush || c.FlushDiskType == SyncFlush, "flushDiskType=%s is neither ASYNC_FLUSH nor SYNC_FLUSH", c.FlushDiskType)
	check(c.ListenPort > 2 && c.ListenPort <= 65535, "listenPort=%d is no port with room for listenPort-2", c.ListenPort)
	_, err := netip.ParseAddr(c.BrokerIP1)
	check(err == nil, "brokerIP1=%s is not an IP address", c.BrokerIP1)
	check(c.BrokerPermission >= 0 && c.BrokerPermission <= 7, "brokerPermission=%d is not between 0 and 7", c.BrokerPermission)
	check(c.MaxMessageSize > 0 && c.MaxMessageSize <= 1<<28, "maxMessageSize=%d is not between 1 and 256 MiB", c.MaxMessageSize)
	check(c.FrameMaxLength >= 64<<10 && c.FrameMaxLength <= 0x16<<24, "frameMaxLength=%d is not between 64 KiB and 352 MiB", c.FrameMaxLength)
	check(c.MappedFileSizeCommitLog >= int64(min(c.MaxMessageSize, 1<<20)), "mappedFileSizeCommitLog=%d is too small", c.MappedFileSizeCommitLog)
	check(c.MappedFileSizeConsumeQueue >= 20, "mappedFileSizeConsumeQueue=%d is too small", c.MappedFileSizeConsumeQueue)
	check(c.StorePathRootDir != "", "storePathRootDir is empty")
	check(!strings.Contains(c.StorePathCommitLog, ","), "storePathCommitLog=%s: several paths are not supported", c.StorePathCommitLog)
	for key, ratio := range map[string]int{
		"diskMaxUsedSpaceRatio": c.DiskMaxUsedSpaceRatio, "diskSpaceCleanForciblyRatio": c.DiskSpaceCleanForciblyRatio,
		"diskSpaceWarningLevelRatio": c.DiskSpaceWarningLevelRatio, "accessMessageInMemoryMaxRatio": c.AccessMessageInMemoryMaxRatio,
	} {
		check(ratio > 0 && ratio <= 100, "%s=%d is no percentage", key, ratio)
	}
	for key, period := range map[string]int64{
		"flushIntervalCommitLog": c.FlushIntervalCommitLog, "flushIntervalConsumeQueue": c.FlushIntervalConsumeQueue,
		"syncFlushTimeout": c.SyncFlushTimeout, "flushConsumerOffsetInterval": c.FlushConsumerOffsetInterval,
		"flushDelayOffsetInterval": c.FlushDelayOffsetInterval, "cleanResourceInterval": c.CleanResourceInterval,
	} {
		check(period > 0, "%s=%d is not positive", key, period)
	}
	if _, err := messages.ParseDelayLevels(c.MessageDelayLevel); err != nil {
		errs = append(errs, fmt.Errorf("messageDelayLevel: %w", err))
	}
	return errors.Join(errs...)
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
