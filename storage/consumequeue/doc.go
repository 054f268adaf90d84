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
// One goroutine, Dispatch, appends. Units collect in the queue's tail in memory,
// where readers see them at once through an atomic count, and go to the file in
// pieces (docs/adr/0006). Any number of goroutines read and never wait for
// Dispatch. An idle queue has neither an open file nor a tail, and its files are
// not looked at before somebody asks for it.
package consumequeue
