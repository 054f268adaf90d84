package messages

// Bits of a message's sysFlag (RocketMQ: MessageSysFlag).
const (
	SysFlagCompressed      int32 = 1 << 0
	SysFlagMultiTags       int32 = 1 << 1
	SysFlagTransactionMask int32 = 3 << 2
	SysFlagPrepared        int32 = 1 << 2
	SysFlagCommit          int32 = 2 << 2
	SysFlagRollback        int32 = 3 << 2
	SysFlagBornHostV6      int32 = 1 << 4 // the born host takes 20 bytes instead of 8
	SysFlagStoreHostV6     int32 = 1 << 5
	SysFlagNeedUnwrap      int32 = 1 << 6
	SysFlagInnerBatch      int32 = 1 << 7
	SysFlagCompressionMask int32 = 7 << 8 // 0 and 3 zlib, 1 LZ4 frame, 2 zstd
)

// Bits of a topic's or broker's permission (RocketMQ: PermName).
const (
	PermPriority int32 = 1 << 3
	PermRead     int32 = 1 << 2
	PermWrite    int32 = 1 << 1
	PermInherit  int32 = 1 << 0
)
