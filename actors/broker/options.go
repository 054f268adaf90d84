package broker

import (
	"time"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Version is what operators see as the broker's version: the release of RocketMQ
// that it stands in for, which tools take apart, and what it really is.
const Version = "V5_5_0-actormq"

// pullers is the number of actors that read for consumers: enough to keep a few
// cold reads from holding up the others.
const pullers = 8

// Bounds of what clients can make the broker hold, in bytes.
const (
	creditBytes     = 32 << 20 // requests in flight of all clients
	connectionBytes = 8 << 20  // requests in flight of one client, but at least a frame
	maxOwed         = 32 << 20 // answers that one client has not taken
)

// indexFlush is the time between two writes of the index. What a crash loses of
// it is indexed again from the log.
const indexFlush = 5 * time.Second

// firstClean is the time from the start to the first round of cleaning.
const firstClean = time.Minute

// inMemory is how much of the end of the log, in bytes, is taken to be in memory.
func inMemory(e *env.Env, c *config.Broker) int64 {
	return e.Memory / 100 * int64(c.AccessMessageInMemoryMaxRatio)
}

func storeOptions(e *env.Env, c config.Broker) storage.Options {
	delays, _ := messages.ParseDelayLevels(c.MessageDelayLevel)
	return storage.Options{
		FS: e.FS, Root: c.StorePathRootDir, CommitLogDir: c.StorePathCommitLog,
		SegmentSize: c.MappedFileSizeCommitLog, ConsumeQueueSize: c.MappedFileSizeConsumeQueue,
		BatchQueueSize: c.MapperFileSizeBatchConsumeQueue,
		IndexSlots:     c.MaxHashSlotNum, IndexEntries: c.MaxIndexNum, IndexEnabled: c.MessageIndexEnable,
		Delays: delays, CheckCRC: c.CheckCRCOnRecover, InMemoryBytes: inMemory(e, &c),
		MaxMessagesInMemory: c.MaxTransferCountOnMessageInMemory, MaxBytesInMemory: c.MaxTransferBytesOnMessageInMemory,
		MaxMessagesOnDisk: c.MaxTransferCountOnMessageInDisk, MaxBytesOnDisk: c.MaxTransferBytesOnMessageInDisk,
		Follower: c.BrokerRole == config.Slave,
		PID:      e.PID, Now: e.Clock.Now,
	}
}
