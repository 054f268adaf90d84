// Package consumequeue is the ConsumeQueues: for each queue of each topic, where
// in the CommitLog its messages are (RocketMQ: ConsumeQueue). A queue is a
// sequence of 20-byte units, big-endian, in files of equal size below
// <dir>/<topic>/<queueId>:
//
//	offset  bytes  meaning
//	0       8      physical offset of the record
//	8       4      size of the record
//	12      8      tags code: hash of the tags; time of delivery in the delay topic
//
// The unit of logical offset n is at byte 20·n of the queue. A queue that does
// not begin at 0 is filled up, within its first file, with units (0, 0x7FFFFFFF,
// 0), which are no messages.
//
// # Writing
//
// One goroutine, Dispatch, appends. Units collect in the queue's tail in memory,
// where readers see them as soon as max says so, and go to the file when the tail
// is full, when the CommitLog has grown by Options.Lag since, or when Write is
// told to write everything (docs/adr/0006). Write reaches the page cache only;
// Sync, on a goroutine of its own, makes it durable, so that no fsync delays
// Dispatch. What a crash takes from a queue, Dispatch adds again from the
// CommitLog, from the record on that Write returned before the last Sync.
//
// # Reading
//
// Any number of goroutines read and never wait for Dispatch's appends. A reader
// takes max, then pins the tail: units below max lie in the tail, or else were in
// the file before max or the tail said so. Tails are used again once nobody has
// them pinned, hence appending allocates nothing.
//
// # Opening
//
// Open lists the topics, nothing more. A topic's queues are listed when it is
// first used, and a queue's files are looked at when it is: 80,000 queues cost
// nothing at the start, and an idle one has neither an open file nor a tail. The
// end of a queue is then the first unit that is none, or that lies behind the
// recovered CommitLog; and, since a power loss can leave units whose records the
// log has lost, the last units are compared with the records that they speak of.
package consumequeue
