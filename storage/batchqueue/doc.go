// Package batchqueue is the ConsumeQueues of topics with queue.type=BatchCQ, where
// one record can hold a whole batch of messages and takes as many logical offsets
// (RocketMQ: BatchConsumeQueue). A queue is a sequence of 46-byte units, big-endian,
// in files of equal size below <dir>/<topic>/<queueId>:
//
//	offset  bytes  meaning
//	0       8      physical offset of the record
//	8       4      size of the record
//	12      8      tags code of the record
//	20      8      store time of the record, Unix milliseconds
//	28      8      logical offset of the first message
//	36      2      number of messages, from 1
//	38      4      place in a compacted log, always -1
//	42      4      0
//
// Unlike in package consumequeue a logical offset does not tell where its unit is:
// readers look for it by bisection. Logical and physical offsets both ascend.
//
// # Writing
//
// One goroutine, Dispatch, appends. A unit goes to its file at once, as it stands
// for many messages; Sync, on another goroutine, makes it durable. Before a file is
// followed by the next one it is durable as a whole, so that only the last file of a
// queue can have lost something in a crash. What was lost Dispatch adds again from
// the CommitLog, and what is there already it passes over.
//
// # Reading
//
// Any number of goroutines read. They take the queue's bounds, which are published
// after the units that they speak of, and read the files positionally.
//
// # Opening
//
// Open lists the topics, nothing more; a queue's files are looked at when it is first
// used. Its end is then the first place that holds no unit, or one that lies behind
// the recovered CommitLog. The units before that are compared with the records that
// they speak of, as a power loss can keep units of records that it took.
package batchqueue
